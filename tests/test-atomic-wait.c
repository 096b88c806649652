/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/syscall.h>
#include <tbuf.h>

#include "peer.h"

#define N_ROUNDS 1000

static TbufArena *
new_arena (void)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_new (64, &error);

  g_assert_no_error (error);
  return arena;
}

static TbufInt32View *
new_view (TbufArena *arena)
{
  g_autoptr (GError) error = NULL;
  TbufInt32View *view = tbuf_int32_view_new (arena, 0, 16, &error);

  g_assert_no_error (error);
  return view;
}

/* As another process would get it. */
static TbufArena *
reopen (TbufArena      *arena,
        TbufArenaFlags  flags)
{
  g_autoptr (GError) error = NULL;
  TbufArena *same = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), flags, &error);

  g_assert_no_error (error);
  return same;
}

static void
set_and_notify (TbufInt32View *view,
                gsize          index,
                gint32         value)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_int32_view_atomic_store (view, index, value, &error));
  g_assert_true (tbuf_int32_view_atomic_notify (view, index, &error));
  g_assert_no_error (error);
}

static void
assert_waits (TbufInt32View *view,
              gsize          index,
              gint32         expected)
{
  g_autoptr (GError) error = NULL;

  tbuf_int32_view_atomic_wait (view, index, expected, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_wait_fails (TbufInt32View *view,
                   gsize          index,
                   gint64         timeout_us,
                   TbufError      code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_int32_view_atomic_wait (view, index, 0, timeout_us, NULL, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
}

/* A thread that waits until item 0 is not 0, for as long as that takes. */
typedef struct
{
  TbufInt32View *view;
  GCancellable  *cancellable;
  gint64         timeout_us;
  pid_t          tid;          /* atomic */
  GError        *error;
  GThread       *thread;
} Waiter;

static gpointer
waiter_run (gpointer data)
{
  Waiter *self = data;

  g_atomic_int_set (&self->tid, (int) syscall (SYS_gettid));
  return GINT_TO_POINTER (tbuf_int32_view_atomic_wait (self->view, 0, 0, self->timeout_us, self->cancellable, &self->error));
}

static void
waiter_start (Waiter        *self,
              TbufInt32View *view,
              GCancellable  *cancellable,
              gint64         timeout_us)
{
  *self = (Waiter) { .view = view, .cancellable = cancellable, .timeout_us = timeout_us };
  self->thread = g_thread_new ("waiter", waiter_run, self);
}

/* Whether the kernel says that the thread sleeps, which it does nowhere else for long. */
static gboolean
waiter_is_asleep (Waiter *self)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat", g_atomic_int_get (&self->tid));
  g_autofree char *contents = NULL;
  char *state;

  if (g_atomic_int_get (&self->tid) == 0 || !g_file_get_contents (path, &contents, NULL, NULL))
    return FALSE;

  state = strrchr (contents, ')');
  return state != NULL && g_str_has_prefix (state, ") S");
}

static void
waiter_until_asleep (Waiter *self)
{
  while (!waiter_is_asleep (self))
    g_thread_yield ();
}

static gboolean
waiter_join (Waiter *self)
{
  return GPOINTER_TO_INT (g_thread_join (self->thread));
}

static void
test_returns_at_once_if_it_differs (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  g_autoptr (TbufUint32View) unsigned_view = tbuf_uint32_view_new (arena, 0, 16, NULL);
  g_autoptr (GError) error = NULL;

  tbuf_int32_view_atomic_store (view, 2, -1, NULL);
  assert_waits (view, 2, 0);
  g_assert_true (tbuf_uint32_view_atomic_wait (unsigned_view, 2, 0, -1, NULL, &error));
  g_assert_false (tbuf_uint32_view_atomic_wait (unsigned_view, 2, G_MAXUINT32, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT);
}

static void
test_times_out (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  assert_wait_fails (view, 0, 0, TBUF_ERROR_TIMED_OUT);
  assert_wait_fails (view, 0, 30000, TBUF_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 30000);

  tbuf_int32_view_atomic_wait (view, 3, 0, 10, NULL, &error);
  g_assert_cmpstr (error->message, ==, "Item 3 did not change within 10 µs");
}

/* Each waits while the other one works, over and over: not one wake may be lost. */
static void
answer (Peer     *parent,
        gpointer  data)
{
  g_autoptr (TbufArena) arena = reopen (data, TBUF_ARENA_NONE);
  g_autoptr (TbufInt32View) view = new_view (arena);

  for (gint32 i = 0; i < N_ROUNDS; i++)
    {
      assert_waits (view, 1, i);
      set_and_notify (view, 2, i + 1);
    }
}

static void
test_wakes_another_process (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  Peer peer = peer_start (answer, arena);

  for (gint32 i = 0; i < N_ROUNDS; i++)
    {
      set_and_notify (view, 1, i + 1);
      assert_waits (view, 2, i);
      g_assert_cmpint (tbuf_int32_view_atomic_load (view, 2, NULL), ==, i + 1);
    }

  peer_join (&peer);
}

static void
test_wakes_all_waiters (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) same = reopen (arena, TBUF_ARENA_NONE);
  g_autoptr (TbufInt32View) view = new_view (arena);
  g_autoptr (TbufInt32View) same_view = new_view (same);
  Waiter waiters[4];

  for (guint i = 0; i < G_N_ELEMENTS (waiters); i++)
    waiter_start (&waiters[i], i % 2 ? view : same_view, NULL, -1);
  for (guint i = 0; i < G_N_ELEMENTS (waiters); i++)
    waiter_until_asleep (&waiters[i]);

  set_and_notify (view, 0, 1);
  for (guint i = 0; i < G_N_ELEMENTS (waiters); i++)
    {
      g_assert_true (waiter_join (&waiters[i]));
      g_assert_no_error (waiters[i].error);
    }
}

static gpointer
notify_until (gpointer data)
{
  Waiter *waiter = data;

  while (g_atomic_int_get (&waiter->tid) >= 0)
    tbuf_int32_view_atomic_notify (waiter->view, 0, NULL);
  return NULL;
}

static void
test_waits_on_without_a_change (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  GThread *thread;
  Waiter waiter;

  waiter_start (&waiter, view, NULL, 20000);
  waiter_until_asleep (&waiter);
  thread = g_thread_new ("notifier", notify_until, &waiter);

  g_assert_false (waiter_join (&waiter));
  g_assert_error (waiter.error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT);
  g_clear_error (&waiter.error);
  g_atomic_int_set (&waiter.tid, -1);
  g_thread_join (thread);
}

static void
test_is_cancelled_from_another_thread (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);

  for (guint i = 0; i < N_ROUNDS / 5; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Waiter waiter;

      waiter_start (&waiter, view, cancellable, -1);
      if (i % 2 == 0)
        waiter_until_asleep (&waiter);
      g_cancellable_cancel (cancellable);

      g_assert_false (waiter_join (&waiter));
      g_assert_error (waiter.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&waiter.error);
    }
}

static void
test_is_cancelled_before (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (tbuf_int32_view_atomic_wait (view, 0, 0, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  /* As for everything cancellable, also where there would be nothing to wait for. */
  g_assert_false (tbuf_int32_view_atomic_wait (view, 0, 1, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_goes_on_if_nobody_cancels (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Waiter waiter;

  waiter_start (&waiter, view, cancellable, G_MAXINT64);
  waiter_until_asleep (&waiter);
  set_and_notify (view, 0, 5);
  g_assert_true (waiter_join (&waiter));
  g_assert_no_error (waiter.error);
}

static void
test_ends_with_the_arena (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  Waiter waiter;

  waiter_start (&waiter, view, NULL, -1);
  waiter_until_asleep (&waiter);
  tbuf_arena_close (arena);
  g_assert_false (waiter_join (&waiter));
  g_assert_error (waiter.error, TBUF_ERROR, TBUF_ERROR_CLOSED);
  g_clear_error (&waiter.error);

  assert_wait_fails (view, 0, -1, TBUF_ERROR_CLOSED);
  assert_waits (view, 0, 1);
}

static void
change_phase (Peer     *parent,
              gpointer  data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = reopen (data, TBUF_ARENA_NONE);

  g_assert_true (peer_wait (parent));
  g_assert_true (tbuf_arena_set_phase (arena, "second", -1, NULL, &error));
  g_assert_true (peer_wait (parent));
  g_assert_true (tbuf_arena_set_phase (arena, "third", -1, NULL, &error));
}

static void
test_ends_with_the_life_of_the_array (void)
{
  const gsize n_items = 16;
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = NULL;
  g_autoptr (TbufInt32View) view = NULL;
  Waiter waiter;
  Peer peer;

  tbuf_layout_add_phase (layout, "first", &error);
  tbuf_layout_add_phase (layout, "second", &error);
  tbuf_layout_add_phase (layout, "third", &error);
  tbuf_layout_add_array (layout, "A", TBUF_DTYPE_INT32, &n_items, 1, "first", "second", &error);
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  view = tbuf_int32_view_lookup (arena, "A", &error);
  g_assert_no_error (error);

  /* It is live in the next phase as well, and no longer in the one after that. */
  peer = peer_start (change_phase, arena);
  waiter_start (&waiter, view, NULL, -1);
  waiter_until_asleep (&waiter);
  peer_tell (&peer);
  while (g_strcmp0 (tbuf_arena_get_phase (arena), "second") != 0)
    g_thread_yield ();
  waiter_until_asleep (&waiter);
  peer_tell (&peer);

  g_assert_false (waiter_join (&waiter));
  g_assert_error (waiter.error, TBUF_ERROR, TBUF_ERROR_NOT_LIVE);
  g_clear_error (&waiter.error);
  peer_join (&peer);
  assert_wait_fails (view, 0, -1, TBUF_ERROR_NOT_LIVE);
}

static void
test_works_in_a_read_only_arena (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) read_only = reopen (arena, TBUF_ARENA_READ_ONLY);
  g_autoptr (TbufInt32View) view = new_view (arena);
  g_autoptr (TbufInt32View) read_only_view = new_view (read_only);
  g_autoptr (GError) error = NULL;
  Waiter waiter;

  waiter_start (&waiter, read_only_view, NULL, -1);
  waiter_until_asleep (&waiter);
  set_and_notify (view, 0, 1);
  g_assert_true (waiter_join (&waiter));

  /* Nothing is written by telling of it. */
  tbuf_int32_view_atomic_store (view, 0, 0, NULL);
  waiter_start (&waiter, view, NULL, -1);
  waiter_until_asleep (&waiter);
  tbuf_int32_view_atomic_store (view, 0, 1, NULL);
  g_assert_true (tbuf_int32_view_atomic_notify (read_only_view, 0, &error));
  g_assert_no_error (error);
  g_assert_true (waiter_join (&waiter));
}

static void
test_rejects_what_cannot_be_waited_for (void)
{
  const gsize n_items = 2;
  const gssize stride = 6;
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt32View) view = new_view (arena);
  g_autoptr (TbufView) unaligned = tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_NATIVE, 0,
                                                                &n_items, &stride, 1, TBUF_VIEW_UNALIGNED, NULL);
  g_autoptr (TbufView) foreign = tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT32,
                                                              G_BYTE_ORDER == G_LITTLE_ENDIAN ? TBUF_BYTE_ORDER_BIG : TBUF_BYTE_ORDER_LITTLE,
                                                              0, &n_items, NULL, 1, TBUF_VIEW_NONE, NULL);
  g_autoptr (TbufInt32View) empty = g_object_new (TBUF_TYPE_INT32_VIEW, NULL);
  const struct { TbufInt32View *view; gsize index; TbufError code; } cases[] = {
    { view, 16, TBUF_ERROR_RANGE },
    { TBUF_INT32_VIEW (unaligned), 1, TBUF_ERROR_ALIGNMENT },
    { TBUF_INT32_VIEW (foreign), 0, TBUF_ERROR_NOT_NATIVE },
    { empty, 0, TBUF_ERROR_INVALID },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      assert_wait_fails (cases[i].view, cases[i].index, -1, cases[i].code);
      g_assert_false (tbuf_int32_view_atomic_notify (cases[i].view, cases[i].index, &error));
      g_assert_error (error, TBUF_ERROR, (int) cases[i].code);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/atomic-wait/returns-at-once-if-it-differs", test_returns_at_once_if_it_differs);
  g_test_add_func ("/tbuf/atomic-wait/times-out", test_times_out);
  g_test_add_func ("/tbuf/atomic-wait/wakes-another-process", test_wakes_another_process);
  g_test_add_func ("/tbuf/atomic-wait/wakes-all-waiters", test_wakes_all_waiters);
  g_test_add_func ("/tbuf/atomic-wait/waits-on-without-a-change", test_waits_on_without_a_change);
  g_test_add_func ("/tbuf/atomic-wait/is-cancelled-from-another-thread", test_is_cancelled_from_another_thread);
  g_test_add_func ("/tbuf/atomic-wait/is-cancelled-before", test_is_cancelled_before);
  g_test_add_func ("/tbuf/atomic-wait/goes-on-if-nobody-cancels", test_goes_on_if_nobody_cancels);
  g_test_add_func ("/tbuf/atomic-wait/ends-with-the-arena", test_ends_with_the_arena);
  g_test_add_func ("/tbuf/atomic-wait/ends-with-the-life-of-the-array", test_ends_with_the_life_of_the_array);
  g_test_add_func ("/tbuf/atomic-wait/works-in-a-read-only-arena", test_works_in_a_read_only_arena);
  g_test_add_func ("/tbuf/atomic-wait/rejects-what-cannot-be-waited-for", test_rejects_what_cannot_be_waited_for);

  return g_test_run ();
}
