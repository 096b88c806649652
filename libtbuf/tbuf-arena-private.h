/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-arena.h"
#include "tbuf-region-private.h"

G_BEGIN_DECLS

struct _TbufArena
{
  TbufRegion parent_instance;
};

struct _TbufArenaClass
{
  TbufRegionClass parent_class;
};

gboolean   tbuf_arena_check_open      (TbufArena    *self,
                                       GError      **error);
TbufArena *tbuf_arena_new_for_mapping (TbufMapping  *mapping);

G_END_DECLS
