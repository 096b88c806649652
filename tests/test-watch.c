/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <malloc.h>
#include <poll.h>
#include <tbuf.h>

#include "peer.h"
#include "ranges.h"

/* What the signals of one region told, one line each. */
static void
on_locked (TbufRegion   *region,
           guint64       offset,
           guint64       n_bytes,
           TbufLockMode  mode,
           int           pid,
           GString      *log)
{
  g_string_append_printf (log, "locked %u+%u %s by %d\n", (guint) offset, (guint) n_bytes,
                          mode == TBUF_LOCK_MODE_SHARED ? "shared" : "exclusive", pid);
}

static void
on_unlocked (TbufRegion   *region,
             guint64       offset,
             guint64       n_bytes,
             TbufLockMode  mode,
             GString      *log)
{
  g_string_append_printf (log, "unlocked %u+%u %s\n", (guint) offset, (guint) n_bytes,
                          mode == TBUF_LOCK_MODE_SHARED ? "shared" : "exclusive");
}

static void
on_owner_died (TbufRegion *region,
               guint64     offset,
               guint64     n_bytes,
               int         pid,
               GString    *log)
{
  g_string_append_printf (log, "%d died over %u+%u\n", pid, (guint) offset, (guint) n_bytes);
}

static void
on_lock_state (TbufRegion *region,
               GParamSpec *pspec,
               GString    *log)
{
  g_string_append (log, "state\n");
}

static void
listen (TbufRegion *region,
        GString    *log)
{
  g_signal_connect (region, "locked", G_CALLBACK (on_locked), log);
  g_signal_connect (region, "unlocked", G_CALLBACK (on_unlocked), log);
  g_signal_connect (region, "owner-died", G_CALLBACK (on_owner_died), log);
  tbuf_region_set_watch (region, TRUE);
}

/* Runs the main context until the log has grown to what is expected. */
static void
wait_for_log (GMainContext *context,
              GString      *log,
              const char   *expected)
{
  while (log->len < strlen (expected))
    g_main_context_iteration (context, TRUE);

  g_assert_cmpstr (log->str, ==, expected);
  g_string_truncate (log, 0);
}

static void
lock_in_steps (Peer     *parent,
               gpointer  data)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (data), TBUF_ARENA_NONE, &error);
  TbufRegion *region = new_range (arena, 100, 50);
  TbufRegion *elsewhere = new_range (arena, 3000, 50);

  for (guint i = 0; i < 2; i++)
    {
      TbufLockMode mode = i == 0 ? TBUF_LOCK_MODE_EXCLUSIVE : TBUF_LOCK_MODE_SHARED;

      peer_wait (parent);
      g_assert_true (tbuf_region_lock (elsewhere, mode, -1, NULL, &error));
      g_assert_true (tbuf_region_unlock (elsewhere, &error));
      g_assert_true (tbuf_region_lock (region, mode, -1, NULL, &error));
      peer_wait (parent);
      g_assert_true (tbuf_region_unlock (region, &error));
    }

  peer_wait (parent);
  g_assert_true (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, &error));
  peer_wait (parent);
}

static void
test_tells_of_other_processes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 120, 8);
  g_autoptr (TbufRegion) elsewhere = new_range (arena, 200, 8);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GString) silence = g_string_new (NULL);
  Peer peer = peer_start (lock_in_steps, arena);
  g_autofree char *by_peer = g_strdup_printf ("locked 100+50 exclusive by %d\n", peer.pid);
  g_autofree char *shared_by_peer = g_strdup_printf ("locked 100+50 shared by %d\n", peer.pid);
  g_autofree char *died = g_strdup_printf ("%d died over 100+50\n", peer.pid);

  listen (region, log);
  listen (elsewhere, silence);
  g_assert_true (tbuf_region_get_watch (region));

  peer_tell (&peer);
  wait_for_log (NULL, log, by_peer);
  peer_tell (&peer);
  wait_for_log (NULL, log, "unlocked 100+50 exclusive\n");
  peer_tell (&peer);
  wait_for_log (NULL, log, shared_by_peer);
  peer_tell (&peer);
  wait_for_log (NULL, log, "unlocked 100+50 shared\n");
  peer_tell (&peer);
  wait_for_log (NULL, log, by_peer);

  /* Nobody wants the range, and still its owner's death is told. */
  peer_kill (&peer);
  wait_for_log (NULL, log, died);
  g_assert_cmpstr (silence->str, ==, "");
}

static void
test_tells_of_own_locks (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autofree char *locked = g_strdup_printf ("locked 0+8 shared by %d\n", (int) getpid ());

  listen (TBUF_REGION (arena), log);
  g_assert_true (tbuf_region_lock (region, TBUF_LOCK_MODE_SHARED, -1, NULL, NULL));
  g_assert_cmpstr (log->str, ==, "");
  wait_for_log (NULL, log, locked);
  g_assert_true (tbuf_region_unlock (region, NULL));
  g_assert_cmpstr (log->str, ==, "");
  wait_for_log (NULL, log, "unlocked 0+8 shared\n");
}

static void
test_notifies_lock_state (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) other = new_range (arena, 4, 8);
  g_autoptr (GString) log = g_string_new (NULL);

  g_signal_connect (other, "notify::lock-state", G_CALLBACK (on_lock_state), log);
  tbuf_region_set_watch (other, TRUE);
  g_assert_true (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  wait_for_log (NULL, log, "state\n");
  g_assert_cmpint (tbuf_region_get_lock_state (other), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  g_assert_true (tbuf_region_unlock (region, NULL));
  wait_for_log (NULL, log, "state\n");
  g_assert_cmpint (tbuf_region_get_lock_state (other), ==, TBUF_LOCK_STATE_FREE);
}

static void
test_says_nothing_unwatched (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) witness = new_range (arena, 0, 8);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GString) witnessed = g_string_new (NULL);
  g_autofree char *locked = g_strdup_printf ("locked 0+4096 shared by %d\n", (int) getpid ());

  listen (region, log);
  listen (witness, witnessed);
  tbuf_region_set_watch (region, FALSE);
  g_assert_false (tbuf_region_get_watch (region));
  g_assert_true (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, -1, NULL, NULL));
  wait_for_log (NULL, witnessed, locked);
  g_assert_cmpstr (log->str, ==, "");
  g_assert_true (tbuf_region_unlock (TBUF_REGION (arena), NULL));
}

static void
test_can_be_turned_on_and_off (void)
{
  g_autoptr (TbufArena) arena = new_arena ();

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (TbufRegion) region = new_range (arena, i, 1);

      tbuf_region_set_watch (region, TRUE);
      tbuf_region_set_watch (region, TRUE);
      if (i % 2 == 0)
        tbuf_region_set_watch (region, FALSE);
    }
}

static void
test_arrives_in_context_of_creation (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (TbufRegion) region = NULL;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autofree char *locked = g_strdup_printf ("locked 0+4096 shared by %d\n", (int) getpid ());

  g_main_context_push_thread_default (context);
  region = new_range (arena, 0, 8);
  g_main_context_pop_thread_default (context);

  listen (region, log);
  g_assert_true (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, -1, NULL, NULL));
  wait_for_log (context, log, locked);
  g_assert_true (tbuf_region_unlock (TBUF_REGION (arena), NULL));
}

static void
test_event_fd_and_dispatch (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autofree char *locked = g_strdup_printf ("locked 0+8 exclusive by %d\n", (int) getpid ());
  struct pollfd poll_fd = { .fd = tbuf_arena_get_event_fd (arena), .events = POLLIN };

  /* No main context runs here: this is how asyncio, Qt or libuv would do it. */
  tbuf_arena_dispatch (arena);
  listen (TBUF_REGION (arena), log);
  g_assert_true (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  while (log->len == 0)
    {
      g_assert_cmpint (poll (&poll_fd, 1, -1), ==, 1);
      tbuf_arena_dispatch (arena);
    }

  g_assert_cmpstr (log->str, ==, locked);
  g_assert_cmpint (poll (&poll_fd, 1, 0), ==, 0);
  g_assert_true (tbuf_region_unlock (region, NULL));
}

static void
test_reader_is_told (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) reader = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_READ_ONLY, NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autofree char *locked = g_strdup_printf ("locked 0+8 exclusive by %d\n", (int) getpid ());

  listen (TBUF_REGION (reader), log);
  g_assert_true (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  wait_for_log (NULL, log, locked);
  g_assert_true (tbuf_region_unlock (region, NULL));
  wait_for_log (NULL, log, "unlocked 0+8 exclusive\n");
}

static void
on_changed (TbufRegion *region,
            guint64     offset,
            guint64     n_bytes,
            GString    *log)
{
  g_string_append_printf (log, "changed %u+%u\n", (guint) offset, (guint) n_bytes);
}

static void
announce_twice (Peer     *parent,
                gpointer  data)
{
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (data), TBUF_ARENA_NONE, NULL);
  TbufRegion *elsewhere = new_range (arena, 500, 10);
  TbufRegion *region = new_range (arena, 100, 10);

  peer_wait (parent);
  tbuf_region_announce (elsewhere);
  tbuf_region_announce (region);
  peer_wait (parent);
  for (guint i = 0; i < 1000; i++)
    tbuf_region_announce (region);
}

static void
test_tells_of_announcements (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) reader = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_READ_ONLY, NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 105, 20);
  g_autoptr (TbufRegion) same = new_range (reader, 105, 20);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GString) reader_log = g_string_new (NULL);
  Peer peer = peer_start (announce_twice, arena);

  g_signal_connect (region, "changed", G_CALLBACK (on_changed), log);
  g_signal_connect (same, "changed", G_CALLBACK (on_changed), reader_log);
  tbuf_region_set_watch (region, TRUE);
  tbuf_region_set_watch (same, TRUE);
  peer_tell (&peer);
  wait_for_log (NULL, log, "changed 100+10\n");
  wait_for_log (NULL, reader_log, "changed 100+10\n");

  /* None is lost, but they may be summed up: at least one signal for the lot. */
  peer_tell (&peer);
  peer_join (&peer);
  while (log->len == 0 || reader_log->len == 0)
    g_main_context_iteration (NULL, TRUE);
}

#define N_CHANGES 1000000

/* Locks come and go, and one stays. */
static void
lock_without_end (Peer     *parent,
                  gpointer  data)
{
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (data), TBUF_ARENA_NONE, NULL);
  TbufRegion *region = new_range (arena, 100, 50);

  peer_wait (parent);
  for (guint i = 0; i < N_CHANGES / 2; i++)
    {
      assert_locks (region, TBUF_LOCK_MODE_SHARED);
      if (i % (N_CHANGES / 1000) == 0)
        tbuf_region_announce (region);
      assert_unlocks (region);
    }
  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  peer_tell (parent);
  peer_wait (parent);
}

static gsize
get_allocated (void)
{
  return mallinfo2 ().uordblks;
}

/* A context that nobody runs gathers nothing; when somebody does, it tells the
 * difference between then and now. */
static void
test_idle_context_gathers_nothing (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (TbufRegion) region = NULL;
  g_autoptr (TbufRegion) told = new_range (arena, 120, 8);
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GString) told_log = g_string_new (NULL);
  g_autoptr (GString) changed = g_string_new (NULL);
  Peer peer = peer_start (lock_without_end, arena);
  g_autofree char *locked = g_strdup_printf ("locked 100+50 exclusive by %d\n", peer.pid);
  gsize before, after;

  g_main_context_push_thread_default (context);
  region = new_range (arena, 120, 8);
  g_main_context_pop_thread_default (context);
  g_signal_connect (region, "changed", G_CALLBACK (on_changed), changed);
  listen (region, log);
  listen (told, told_log);

  before = get_allocated ();
  peer_tell (&peer);
  g_assert_true (peer_wait (&peer));
  after = get_allocated ();
  g_assert_cmpuint (after, <, before + 64 * 1024);

  /* What one watch has been told is known to the other, which began before it. */
  while (strstr (told_log->str, locked) == NULL)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_assert_cmpstr (log->str, ==, locked);
  g_assert_cmpstr (changed->str, ==, "changed 120+8\n");
  peer_tell (&peer);
  peer_join (&peer);
}

static void
on_phase (TbufArena  *arena,
          GParamSpec *pspec,
          GString    *log)
{
  g_string_append_printf (log, "phase %s\n", tbuf_arena_get_phase (arena));
}

static void
on_is_live (TbufView   *view,
            GParamSpec *pspec,
            GString    *log)
{
  g_string_append_printf (log, "live %d\n", tbuf_view_is_live (view));
}

static void
test_notifies_phase (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (TbufArena) arena = NULL;
  g_autoptr (TbufArena) other = NULL;
  g_autoptr (TbufView) view = NULL;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GString) view_log = g_string_new (NULL);
  gsize shape[] = { 10 };

  g_assert_true (tbuf_layout_add_phase (layout, "floats", &error));
  g_assert_true (tbuf_layout_add_phase (layout, "ints", &error));
  g_assert_true (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT64, shape, 1, "floats", "floats", &error));
  g_assert_true (tbuf_layout_add_array (layout, "D", TBUF_DTYPE_INT32, shape, 1, "ints", "ints", &error));
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  view = tbuf_arena_get_view (other, "A", &error);
  g_assert_no_error (error);

  g_signal_connect (other, "notify::phase", G_CALLBACK (on_phase), log);
  g_signal_connect (view, "notify::is-live", G_CALLBACK (on_is_live), view_log);
  tbuf_region_set_watch (TBUF_REGION (other), TRUE);
  tbuf_region_set_watch (TBUF_REGION (view), TRUE);

  g_assert_true (tbuf_arena_set_phase (arena, "ints", -1, NULL, &error));
  g_assert_cmpstr (tbuf_arena_get_phase (other), ==, "ints");
  wait_for_log (NULL, log, "phase ints\n");
  wait_for_log (NULL, view_log, "live 0\n");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/watch/tells-of-other-processes", test_tells_of_other_processes);
  g_test_add_func ("/tbuf/watch/tells-of-own-locks", test_tells_of_own_locks);
  g_test_add_func ("/tbuf/watch/notifies-lock-state", test_notifies_lock_state);
  g_test_add_func ("/tbuf/watch/says-nothing-unwatched", test_says_nothing_unwatched);
  g_test_add_func ("/tbuf/watch/can-be-turned-on-and-off", test_can_be_turned_on_and_off);
  g_test_add_func ("/tbuf/watch/arrives-in-context-of-creation", test_arrives_in_context_of_creation);
  g_test_add_func ("/tbuf/watch/event-fd-and-dispatch", test_event_fd_and_dispatch);
  g_test_add_func ("/tbuf/watch/reader-is-told", test_reader_is_told);
  g_test_add_func ("/tbuf/watch/tells-of-announcements", test_tells_of_announcements);
  g_test_add_func ("/tbuf/watch/idle-context-gathers-nothing", test_idle_context_gathers_nothing);
  g_test_add_func ("/tbuf/watch/notifies-phase", test_notifies_phase);

  return g_test_run ();
}
