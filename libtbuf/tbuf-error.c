/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-error.h"

G_DEFINE_QUARK (tbuf-error-quark, tbuf_error)
