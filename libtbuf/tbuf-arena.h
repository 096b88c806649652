/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-dtype.h"
#include "tbuf-region.h"

G_BEGIN_DECLS

/**
 * TbufArenaFlags:
 * @TBUF_ARENA_NONE: none of these
 * @TBUF_ARENA_READ_ONLY: map the memory for reading only; such an arena takes no locks
 * @TBUF_ARENA_KEEP: who creates it: keep the name when the last participant leaves; who opens it: leave the name alone
 *   when this participant leaves
 * @TBUF_ARENA_OPEN_OR_CREATE: open the arena if the name is taken
 * @TBUF_ARENA_REPLACE_STALE: if the name is taken by an arena that nobody uses any more, put the new one in its place
 * @TBUF_ARENA_WAIT: wait for the name to appear
 * @TBUF_ARENA_FOREIGN: open the arena of another user, too, who could shrink its file
 *
 * How to create or open an arena.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  TBUF_ARENA_NONE           = 0,
  TBUF_ARENA_READ_ONLY      = 1 << 0,
  TBUF_ARENA_KEEP           = 1 << 1,
  TBUF_ARENA_OPEN_OR_CREATE = 1 << 2,
  TBUF_ARENA_REPLACE_STALE  = 1 << 3,
  TBUF_ARENA_WAIT           = 1 << 4,
  TBUF_ARENA_FOREIGN        = 1 << 5,
} TbufArenaFlags;

/**
 * TbufViewFlags:
 * @TBUF_VIEW_NONE: none of these
 * @TBUF_VIEW_UNALIGNED: let the items lie at any address
 *
 * How to create a view.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  TBUF_VIEW_NONE      = 0,
  TBUF_VIEW_UNALIGNED = 1 << 0,
} TbufViewFlags;

#define TBUF_TYPE_ARENA (tbuf_arena_get_type ())
TBUF_DECLARE_TYPE (TbufArena, tbuf_arena, ARENA)

TBUF_AVAILABLE_IN_ALL
TbufArena      *tbuf_arena_new                (gsize            size,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufArena      *tbuf_arena_new_for_layout     (TbufLayout      *layout,
                                               const char      *name,
                                               TbufArenaFlags   flags,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufArena      *tbuf_arena_create             (const char      *name,
                                               gsize            size,
                                               TbufArenaFlags   flags,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufArena      *tbuf_arena_open               (const char      *name,
                                               TbufArenaFlags   flags,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufArena      *tbuf_arena_open_fd            (int              fd,
                                               TbufArenaFlags   flags,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
gboolean        tbuf_arena_unlink             (const char      *name,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
gsize           tbuf_arena_get_size           (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
const char     *tbuf_arena_get_name           (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
TbufArenaFlags  tbuf_arena_get_flags          (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
int             tbuf_arena_get_fd             (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
TbufLayout     *tbuf_arena_get_layout         (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
const char     *tbuf_arena_get_phase          (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
guint           tbuf_arena_get_n_participants (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
gboolean        tbuf_arena_is_closed          (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
gboolean        tbuf_arena_set_phase          (TbufArena       *self,
                                               const char      *phase,
                                               gint64           timeout_us,
                                               GCancellable    *cancellable,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
void            tbuf_arena_set_phase_async    (TbufArena       *self,
                                               const char      *phase,
                                               gint64           timeout_us,
                                               GCancellable    *cancellable,
                                               GAsyncReadyCallback
                                                                callback,
                                               gpointer         user_data);
TBUF_AVAILABLE_IN_ALL
gboolean        tbuf_arena_set_phase_finish   (TbufArena       *self,
                                               GAsyncResult    *result,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufView       *tbuf_arena_get_view           (TbufArena       *self,
                                               const char      *array_name,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
char          **tbuf_arena_list_arrays        (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
char          **tbuf_arena_list_phases        (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
TbufView       *tbuf_arena_create_view        (TbufArena       *self,
                                               TbufDtype        dtype,
                                               gsize            offset,
                                               gsize            n_items,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufView       *tbuf_arena_create_view_full   (TbufArena       *self,
                                               TbufDtype        dtype,
                                               TbufByteOrder    byte_order,
                                               gsize            offset,
                                               const gsize     *shape,
                                               const gssize    *strides,
                                               guint            n_dims,
                                               TbufViewFlags    flags,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufView       *tbuf_arena_create_view_strided
                                              (TbufArena       *self,
                                               TbufDtype        dtype,
                                               TbufByteOrder    byte_order,
                                               gsize            offset,
                                               const gsize     *shape,
                                               guint            n_dims,
                                               const gssize    *strides,
                                               guint            n_strides,
                                               TbufViewFlags    flags,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
TbufView       *tbuf_arena_create_view_from_variant
                                              (TbufArena       *self,
                                               GVariant        *variant,
                                               GError         **error);
TBUF_AVAILABLE_IN_ALL
int             tbuf_arena_get_event_fd       (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
void            tbuf_arena_dispatch           (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
void            tbuf_arena_close              (TbufArena       *self);
TBUF_AVAILABLE_IN_ALL
void            tbuf_arena_leave_all          (void);

G_END_DECLS
