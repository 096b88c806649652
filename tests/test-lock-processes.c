/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <tbuf.h>

#include "peer.h"
#include "ranges.h"

/* The locks of several processes, and what becomes of them when one forks or dies. */

/* Opens the arena for itself, as another program would. */
static TbufArena *
open_again (gpointer arena)
{
  g_autoptr (GError) error = NULL;
  TbufArena *again = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);

  g_assert_no_error (error);
  return again;
}

static void
hold_exclusively (Peer     *parent,
                  gpointer  data)
{
  TbufArena *arena = open_again (data);
  TbufRegion *region = new_range (arena, 100, 100);

  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  peer_tell (parent);
  peer_wait (parent);
  assert_unlocks (region);
  peer_tell (parent);
  peer_wait (parent);
}

static void
test_other_process_excludes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) inside = new_range (arena, 150, 1);
  g_autoptr (TbufRegion) outside = new_range (arena, 200, 1);
  Peer peer = peer_start (hold_exclusively, arena);
  g_autofree char *pid = g_strdup_printf ("process %d", peer.pid);
  g_autoptr (GError) error = NULL;

  g_assert_true (peer_wait (&peer));
  assert_locks (outside, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (outside);
  g_assert_cmpint (tbuf_region_get_lock_state (inside), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  g_assert_false (tbuf_region_lock (inside, TBUF_LOCK_MODE_SHARED, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, pid));

  peer_tell (&peer);
  assert_locks (inside, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (inside);
  g_assert_true (peer_wait (&peer));
  peer_tell (&peer);
  peer_join (&peer);
}

static void
hold_until_killed (Peer     *parent,
                   gpointer  data)
{
  TbufArena *arena = open_again (data);

  assert_locks (new_range (arena, 100, 100), TBUF_LOCK_MODE_EXCLUSIVE);
  assert_locks (new_range (arena, 300, 100), TBUF_LOCK_MODE_SHARED);
  peer_tell (parent);
  peer_wait (parent);
}

static void
test_recovers_after_owner_death (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) written = new_range (arena, 150, 100);
  g_autoptr (TbufRegion) read = new_range (arena, 350, 100);
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;
  Peer peer = peer_start (hold_until_killed, arena);
  g_autofree char *pid = g_strdup_printf ("process %d", peer.pid);

  g_assert_true (peer_wait (&peer));
  peer_kill (&peer);

  g_assert_cmpint (tbuf_region_get_lock_state (written), ==, TBUF_LOCK_STATE_ABANDONED);
  g_assert_false (tbuf_region_lock (written, TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED);
  g_assert_nonnull (strstr (error->message, pid));
  g_assert_nonnull (strstr (error->message, "bytes 100 to 199"));

  /* A reader's death frees what it read. */
  assert_locks (read, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (read);

  g_assert_true (tbuf_region_recover (written, -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (written);
  assert_locks (written, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (written);

  /* What it had beyond the recovered range still is abandoned. */
  assert_lock_fails (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_OWNER_DIED);
}

/* From then on it is another program, which knows nothing of the lock. */
static void
hold_and_exec (Peer     *parent,
               gpointer  data)
{
  TbufArena *arena = open_again (data);

  assert_locks (new_range (arena, 100, 100), TBUF_LOCK_MODE_EXCLUSIVE);
  peer_tell (parent);
  peer_wait (parent);
  g_assert_cmpint (dup2 (parent->from_peer, STDIN_FILENO), ==, STDIN_FILENO);
  close (parent->to_peer);
  execl ("/bin/cat", "cat", NULL);
  _exit (127);
}

static void
test_exec_is_the_owners_death (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 150, 100);
  gboolean was_abandoned = FALSE;
  Peer peer = peer_start (hold_and_exec, arena);

  g_assert_true (peer_wait (&peer));
  assert_lock_fails (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  peer_tell (&peer);
  g_assert_false (peer_wait (&peer));
  assert_lock_fails (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, TBUF_ERROR_OWNER_DIED);
  g_assert_cmpint (kill (peer.pid, 0), ==, 0);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 1);
  g_assert_true (tbuf_region_recover (region, 0, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (region);

  /* It reads to the end of its input. */
  close (peer.to_peer);
  peer.to_peer = -1;
  peer_join (&peer);
}

static void
fill_until_killed (Peer     *parent,
                   gpointer  data)
{
  TbufArena *arenas[] = { open_again (data), open_again (data) };

  for (gsize i = 0; i < ARENA_SIZE; i++)
    if (!tbuf_region_lock (new_range (arenas[i % 2], i / 2, 1), TBUF_LOCK_MODE_SHARED, 0, NULL, NULL))
      break;
  peer_tell (parent);
  peer_wait (parent);
}

/* Nothing of what the dead one had is in the way of this range: only its records are. */
static void
test_dead_owner_makes_room (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, ARENA_SIZE - 8, 8);
  Peer peer = peer_start (fill_until_killed, arena);

  g_assert_true (peer_wait (&peer));
  assert_lock_fails (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_lock_fails (region, TBUF_LOCK_MODE_EXCLUSIVE, 1000, TBUF_ERROR_TIMED_OUT);
  peer_kill (&peer);
  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (region);
}

static void
recover_until_killed (Peer     *parent,
                      gpointer  data)
{
  TbufArena *arena = open_again (data);
  gboolean was_abandoned = FALSE;

  g_assert_true (tbuf_region_recover (new_range (arena, 100, 10), -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  peer_tell (parent);
  peer_wait (parent);
}

static void
test_dead_recoverer_leaves_it_abandoned (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 100, 10);
  TbufRegion *lost = new_range (arena, 100, 10);
  gboolean was_abandoned = FALSE;
  Peer peer;

  assert_locks (lost, TBUF_LOCK_MODE_EXCLUSIVE);
  g_object_unref (lost);
  peer = peer_start (recover_until_killed, arena);
  g_assert_true (peer_wait (&peer));

  /* While somebody repairs, the others wait for him. */
  assert_lock_fails (region, TBUF_LOCK_MODE_SHARED, 2000, TBUF_ERROR_TIMED_OUT);
  peer_kill (&peer);
  assert_lock_fails (region, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_OWNER_DIED);
  g_assert_true (tbuf_region_recover (region, -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (region);
}

static void
use_inherited (Peer     *parent,
               gpointer  data)
{
  TbufArena *arena = TBUF_ARENA (tbuf_region_get_arena (data));
  TbufRegion *same = new_range (arena, 0, 8);
  TbufRegion *other = new_range (arena, 8, 8);

  /* The parent's lock is none of ours, but it still keeps us out. */
  assert_unlock_fails (data, TBUF_ERROR_DETACHED);
  assert_unlock_fails (data, TBUF_ERROR_NOT_HELD);
  assert_lock_fails (same, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  assert_locks (other, TBUF_LOCK_MODE_EXCLUSIVE);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 2);
  peer_tell (parent);
  peer_wait (parent);
  assert_locks (same, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (same);
  assert_unlocks (other);
}

static void
ask_inherited (Peer     *parent,
               gpointer  data)
{
  TbufRegion *region = data;
  TbufArena *arena = tbuf_region_get_arena (region);

  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 3);
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  peer_tell (parent);
  peer_wait (parent);
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_ABANDONED);
}

/* In the child of a fork, an arena knows at once who lives. */
static void
test_fork_can_ask (void)
{
  const TbufArenaFlags flags[] = { TBUF_ARENA_NONE, TBUF_ARENA_READ_ONLY };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      g_autoptr (TbufArena) arena = new_arena ();
      g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), flags[i], NULL);
      g_autoptr (TbufRegion) region = new_range (other, 100, 100);
      Peer holder, peer;

      g_clear_object (&arena);
      holder = peer_start (hold_until_killed, other);
      g_assert_true (peer_wait (&holder));
      peer = peer_start (ask_inherited, region);
      g_assert_true (peer_wait (&peer));
      peer_kill (&holder);
      peer_tell (&peer);
      peer_join (&peer);
    }
}

static void
test_fork_detaches (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) other = new_range (arena, 8, 8);
  Peer peer;

  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  peer = peer_start (use_inherited, region);
  g_assert_true (peer_wait (&peer));
  assert_lock_fails (other, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  assert_unlocks (region);
  peer_tell (&peer);
  peer_join (&peer);
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
}

#define N_ROUNDS 20000

typedef struct
{
  TbufArena *arena;
  guint      seed;
} Worker;

/* Two counters that only together are right, in bytes that others lock as part
 * of larger and smaller ranges. */
static gpointer
count (gpointer data)
{
  Worker *self = data;
  g_autoptr (GRand) random = g_rand_new_with_seed (self->seed);
  g_autoptr (TbufRegion) exact = new_range (self->arena, 64, 16);
  g_autoptr (TbufRegion) wide = new_range (self->arena, 0, 128);
  guint64 *counters = (guint64 *) tbuf_region_get_address (exact);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      TbufRegion *region = g_rand_int_range (random, 0, 4) == 0 ? wide : exact;
      gboolean writes = g_rand_int_range (random, 0, 3) != 0;

      assert_locks (region, writes ? TBUF_LOCK_MODE_EXCLUSIVE : TBUF_LOCK_MODE_SHARED);
      g_assert_cmpuint (counters[0], ==, counters[1]);
      if (writes)
        {
          counters[0]++;
          counters[1]++;
        }
      assert_unlocks (region);
    }

  return NULL;
}

static void
count_in_peer (Peer     *parent,
               gpointer  data)
{
  Worker worker = { open_again (data), (guint) getpid () };
  GThread *thread = g_thread_new ("counter", count, &worker);
  Worker own = { worker.arena, worker.seed + 1 };

  count (&own);
  g_thread_join (thread);
}

static guint64
count_writes (guint seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  guint64 n = 0;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_rand_int_range (random, 0, 4);
      n += g_rand_int_range (random, 0, 3) != 0;
    }

  return n;
}

static void
test_excludes_threads_and_processes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  guint64 *counters = (guint64 *) (tbuf_region_get_address (TBUF_REGION (arena)) + 64);
  guint64 expected = 0;
  Peer peers[3];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      peers[i] = peer_start (count_in_peer, arena);
      expected += count_writes ((guint) peers[i].pid) + count_writes ((guint) peers[i].pid + 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peer_join (&peers[i]);

  g_assert_cmpuint (counters[0], ==, expected);
  g_assert_cmpuint (counters[1], ==, expected);
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/lock/other-process-excludes", test_other_process_excludes);
  g_test_add_func ("/tbuf/lock/recovers-after-owner-death", test_recovers_after_owner_death);
  g_test_add_func ("/tbuf/lock/exec-is-the-owners-death", test_exec_is_the_owners_death);
  g_test_add_func ("/tbuf/lock/dead-owner-makes-room", test_dead_owner_makes_room);
  g_test_add_func ("/tbuf/lock/dead-recoverer-leaves-it-abandoned", test_dead_recoverer_leaves_it_abandoned);
  g_test_add_func ("/tbuf/lock/fork-can-ask", test_fork_can_ask);
  g_test_add_func ("/tbuf/lock/fork-detaches", test_fork_detaches);
  g_test_add_func ("/tbuf/lock/excludes-threads-and-processes", test_excludes_threads_and_processes);

  return g_test_run ();
}
