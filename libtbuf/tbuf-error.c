/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-error.h"

/**
 * tbuf_error_quark:
 *
 * The domain of [error@Tbuf.Error], for `TBUF_ERROR`.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
G_DEFINE_QUARK (tbuf-error-quark, tbuf_error)
