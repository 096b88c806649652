/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-mapping-private.h"

G_BEGIN_DECLS

gboolean tbuf_phase_enter (TbufMapping   *mapping,
                           TbufHold      *hold,
                           guint          phase,
                           gint64         timeout_us,
                           GCancellable  *cancellable,
                           GError       **error);
void     tbuf_phase_enter_async (TbufMapping *mapping,
                                 GTask       *task,
                                 guint        phase,
                                 gint64       timeout_us);

G_END_DECLS
