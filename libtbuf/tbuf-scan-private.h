/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many ranges are looked at together. */
#define TBUF_SCAN_BLOCK 16

guint32 tbuf_scan_for_overlap (const guint64 *starts,
                               const guint64 *ends,
                               guint32        index,
                               guint32        n,
                               guint64        start,
                               guint64        end);

G_END_DECLS
