/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-format-private.h"

G_BEGIN_DECLS

/* A mapping's proof that it lives: byte locks on an open file description that
 * nobody else has, so that the kernel drops them when the process ends. */
typedef struct
{
  int      live_fd;     /* (owned) -1 after a fork, in the child */
  guint32  id;          /* 0: has no slot (read-only, or detached by a fork) */
  gboolean read_only;
} TbufParticipant;

#define TBUF_PARTICIPANT_INIT { .live_fd = -1 }

gboolean tbuf_participant_join       (TbufParticipant  *self,
                                      int               fd,
                                      gboolean          read_only,
                                      GError          **error);
gboolean tbuf_participant_take_slot  (TbufParticipant  *self,
                                      TbufSlot         *slots,
                                      GError          **error);
gboolean tbuf_participant_is_alive   (TbufParticipant  *self,
                                      guint32           id);
guint    tbuf_participant_count      (TbufParticipant  *self);
gboolean tbuf_participant_leave_last (TbufParticipant  *self,
                                      int              *removal_fd);
void     tbuf_participant_close      (TbufParticipant  *self);

G_END_DECLS
