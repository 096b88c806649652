/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-format-private.h"

G_BEGIN_DECLS

/* What can be seen of an arena from outside. Whoever opens an arena becomes a
 * participant: it is counted, and keeps others from being the last one. Here
 * the file is only read, and the kernel asked for the locks of the others. */
typedef struct
{
  char           *name;           /* (owned) */
  int             fd;             /* (owned) */
  TbufSuperblock  superblock;
  guint           n_participants;
  gboolean        in_use;
  char           *phase;          /* (owned) (nullable) */
} Sight;

GPtrArray  *sight_list       (GError      **error);
Sight      *sight_new        (const char   *name,
                              GError      **error);
void        sight_free       (Sight        *self);
gboolean    sight_is_kept    (Sight        *self);
gboolean    sight_is_stale   (Sight        *self);
const char *sight_get_state  (Sight        *self);
gboolean    sight_has_name   (Sight        *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sight, sight_free)

G_END_DECLS
