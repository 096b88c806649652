/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What Vala's foreach keeps while it goes through a view. Only tbuf-1.vapi
 * refers to this: it has nothing for programs in C, nor for the scanner. */

#ifndef __GI_SCANNER__

#include <tbuf.h>

G_BEGIN_DECLS

typedef struct
{
  gpointer view;      /* (owned) which may be all that keeps it */
  gsize    position;  /* of the item after the current one */
} _TbufValaIterator;

static inline void
_tbuf_vala_iterator_init (gpointer           view,
                          _TbufValaIterator *self)
{
  self->view = g_object_ref (view);
  self->position = 0;
}

static inline void
_tbuf_vala_iterator_copy (const _TbufValaIterator *self,
                          _TbufValaIterator       *copy)
{
  *copy = *self;
  g_object_ref (copy->view);
}

static inline void
_tbuf_vala_iterator_destroy (_TbufValaIterator *self)
{
  g_clear_object (&self->view);
}

static inline gboolean
_tbuf_vala_iterator_next (_TbufValaIterator *self)
{
  return self->position++ < tbuf_view_get_n_items ((TbufView *) self->view);
}

G_END_DECLS

#endif /* __GI_SCANNER__ */
