/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tbuf.h>

/* Ranges of bytes to lock, for tests, and what is to come of locking them. */

#define ARENA_SIZE 4096

static inline G_GNUC_UNUSED TbufArena *
new_arena (void)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_new (ARENA_SIZE, &error);

  g_assert_no_error (error);
  return arena;
}

/* A region of some bytes, each time a new object. */
static inline G_GNUC_UNUSED TbufRegion *
new_range (TbufArena *arena,
           gsize      offset,
           gsize      n_bytes)
{
  g_autoptr (GError) error = NULL;
  TbufView *view = tbuf_arena_create_view (arena, TBUF_DTYPE_UINT8, offset, n_bytes, &error);

  g_assert_no_error (error);
  return TBUF_REGION (view);
}

static inline G_GNUC_UNUSED void
assert_locks (TbufRegion   *region,
              TbufLockMode  mode)
{
  g_autoptr (GError) error = NULL;

  tbuf_region_lock (region, mode, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, mode);
}

static inline G_GNUC_UNUSED void
assert_lock_fails (TbufRegion   *region,
                   TbufLockMode  mode,
                   gint64        timeout_us,
                   TbufError     code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_lock (region, mode, timeout_us, NULL, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
}

static inline G_GNUC_UNUSED void
assert_unlocks (TbufRegion *region)
{
  g_autoptr (GError) error = NULL;

  tbuf_region_unlock (region, &error);
  g_assert_no_error (error);
}

static inline G_GNUC_UNUSED void
assert_unlock_fails (TbufRegion *region,
                     TbufError   code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_unlock (region, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
}
