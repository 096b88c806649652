/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-arena.h"
#include "tbuf-participant-private.h"

G_BEGIN_DECLS

/* The names of arenas: files in /dev/shm. */

/* How often one call to open looked, and since when somebody has been removing the name. */
typedef struct
{
  gint64 busy_since;
} TbufNameOpening;

#define TBUF_NAME_OPENING_INIT { 0 }

gboolean tbuf_name_check    (const char        *name,
                             GError           **error);
gboolean tbuf_name_check_owner (int             fd,
                             TbufArenaFlags     flags,
                             GError           **error);
gboolean tbuf_name_check_fd (int                fd,
                             TbufArenaFlags     flags,
                             char             **name,
                             GError           **error);
gboolean tbuf_name_publish  (const char        *name,
                             int                fd,
                             const char        *temporary_path,
                             gboolean           replace_stale,
                             GError           **error);
int      tbuf_name_open     (TbufNameOpening   *opening,
                             const char        *name,
                             TbufArenaFlags     flags,
                             GError           **error);
gboolean tbuf_name_is_file  (const char        *name,
                             int                fd);
void     tbuf_name_leave    (const char        *name,
                             TbufParticipant   *participant);
gboolean tbuf_name_unlink   (const char        *name,
                             GError           **error);

G_END_DECLS
