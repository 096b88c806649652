/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define TBUF_GJS_PUBLIC __attribute__((visibility("default"))) extern

TBUF_GJS_PUBLIC
gboolean tbuf_gjs_install (GError **error);
TBUF_GJS_PUBLIC
void     tbuf_gjs_offer   (GBytes  *bytes);

G_END_DECLS
