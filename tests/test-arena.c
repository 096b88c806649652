/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tbuf.h>
#include <unistd.h>

#include "../libtbuf/tbuf-format-private.h"
#include "arena-tools.h"

static void
test_anonymous (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (10, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_size (arena), ==, 10);
  g_assert_null (tbuf_arena_get_name (arena));
  g_assert_null (tbuf_arena_get_layout (arena));
  g_assert_null (tbuf_arena_get_phase (arena));
  g_assert_cmpuint (tbuf_arena_get_flags (arena), ==, TBUF_ARENA_NONE);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 1);
  g_assert_true (tbuf_region_get_arena (TBUF_REGION (arena)) == arena);
  g_assert_cmpuint (tbuf_region_get_offset (TBUF_REGION (arena)), ==, 0);
  g_assert_cmpuint (tbuf_region_get_n_bytes (TBUF_REGION (arena)), ==, 10);
  g_assert_cmpuint (tbuf_region_get_address (TBUF_REGION (arena)) % 4096, ==, 0);

  for (gsize i = 0; i < 10; i++)
    g_assert_cmpuint (get_data (arena)[i], ==, 0);
}

static void
test_is_sealed (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (100, &error);
  int fd = tbuf_arena_get_fd (arena);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 4096), ==, -1);
  g_assert_cmpint (errno, ==, EPERM);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
}

static void
test_opens_by_descriptor (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (100, &error);
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_size (other), ==, 100);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 2);
  g_assert_cmpint (tbuf_arena_get_fd (other), !=, tbuf_arena_get_fd (arena));

  get_data (arena)[99] = 42;
  g_assert_cmpuint (get_data (other)[99], ==, 42);

  g_clear_object (&other);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 1);
}

static void
test_named (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("named");
  g_autofree char *path = get_path (name);
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 1000, TBUF_ARENA_NONE, &error);
  g_autoptr (TbufArena) other = NULL;
  GStatBuf info;

  g_assert_no_error (error);
  g_assert_cmpstr (tbuf_arena_get_name (arena), ==, name);
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);

  other = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_size (other), ==, 1000);
  get_data (arena)[7] = 7;
  g_assert_cmpuint (get_data (other)[7], ==, 7);

  /* The creator may go first: the name stays for who is left. */
  g_clear_object (&arena);
  g_assert_true (name_exists (name));
  g_clear_object (&other);
  g_assert_false (name_exists (name));
}

static void
test_keep (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("keep");
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_KEEP, &error);

  g_assert_no_error (error);
  get_data (arena)[0] = 9;
  g_clear_object (&arena);
  g_assert_true (name_exists (name));

  arena = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_flags (arena), ==, TBUF_ARENA_KEEP);
  g_assert_cmpuint (get_data (arena)[0], ==, 9);
  g_clear_object (&arena);
  g_assert_true (name_exists (name));

  g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_REPLACE_STALE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
  g_clear_error (&error);

  g_assert_true (tbuf_arena_unlink (name, &error));
  g_assert_no_error (error);
  g_assert_false (name_exists (name));
}

static void
test_unlink_leaves_users_alone (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("unlink");
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, &error);
  g_autoptr (TbufArena) second = NULL;

  g_assert_no_error (error);
  g_assert_true (tbuf_arena_unlink (name, &error));
  get_data (arena)[0] = 1;

  /* The name now is another arena's, which the first one must not remove. */
  second = tbuf_arena_create (name, 16, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_clear_object (&arena);
  g_assert_true (name_exists (name));
}

static void
test_open_or_create (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("either");
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_OPEN_OR_CREATE, &error);
  g_autoptr (TbufArena) other = NULL;

  g_assert_no_error (error);
  other = tbuf_arena_create (name, 8, TBUF_ARENA_OPEN_OR_CREATE, &error);
  g_assert_no_error (error);
  get_data (arena)[3] = 3;
  g_assert_cmpuint (get_data (other)[3], ==, 3);

  g_assert_null (tbuf_arena_create (name, 9, TBUF_ARENA_OPEN_OR_CREATE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
  g_assert_nonnull (strstr (error->message, "8 bytes instead of 9"));
  g_clear_error (&error);

  g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
}

/* A process that creates an arena and is killed. What it does not free stays
 * reachable, so that a leak checker has no complaint about it. */
static void
leave_stale_arena (const char *name)
{
  static TbufArena *volatile arena;
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      arena = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, NULL);
      if (arena == NULL)
        _exit (1);
      raise (SIGKILL);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
  g_assert_true (name_exists (name));
}

static void
test_replaces_stale (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("stale");
  g_autoptr (TbufArena) arena = NULL;

  leave_stale_arena (name);
  g_assert_null (tbuf_arena_create (name, 16, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
  g_assert_nonnull (strstr (error->message, "REPLACE_STALE"));
  g_clear_error (&error);

  arena = tbuf_arena_create (name, 16, TBUF_ARENA_REPLACE_STALE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_size (arena), ==, 16);

  /* One that is in use is not stale. */
  g_assert_null (tbuf_arena_create (name, 16, TBUF_ARENA_REPLACE_STALE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
}

static void
test_opens_stale_and_removes_it (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("rejoin");
  g_autoptr (TbufArena) arena = NULL;

  leave_stale_arena (name);
  arena = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 1);
  g_clear_object (&arena);
  g_assert_false (name_exists (name));
}

/* Whoever only looks leaves the name as it was, however it opened the arena. */
static void
test_keeps_stale_that_is_looked_at (void)
{
  static const TbufArenaFlags ways[] = { TBUF_ARENA_KEEP, TBUF_ARENA_KEEP | TBUF_ARENA_READ_ONLY };
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("look");
  g_autofree char *path = get_path (name);
  g_autoptr (TbufArena) arena = NULL;
  int fd;

  leave_stale_arena (name);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      arena = tbuf_arena_open (name, ways[i], &error);
      g_assert_no_error (error);
      g_assert_cmpuint (tbuf_arena_get_flags (arena), ==, ways[i]);
      g_clear_object (&arena);
      g_assert_true (name_exists (name));

      fd = open (path, O_RDWR | O_CLOEXEC);
      arena = tbuf_arena_open_fd (fd, ways[i], &error);
      close (fd);
      g_assert_no_error (error);
      g_assert_cmpstr (tbuf_arena_get_name (arena), ==, name);
      g_clear_object (&arena);
      g_assert_true (name_exists (name));
    }

  arena = tbuf_arena_create (name, 8, TBUF_ARENA_OPEN_OR_CREATE | TBUF_ARENA_KEEP, &error);
  g_assert_no_error (error);
  g_clear_object (&arena);
  g_assert_true (name_exists (name));

  /* It is a trait of the participant and not of the arena: the next one removes the name. */
  arena = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_flags (arena), ==, TBUF_ARENA_NONE);
  g_clear_object (&arena);
  g_assert_false (name_exists (name));
}

static void
test_exit_removes_name (void)
{
  static TbufArena *volatile arena;
  g_autofree char *name = make_name ("exit");
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    {
      arena = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, NULL);
      exit (arena != NULL ? 0 : 1);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_false (name_exists (name));
}

static void
test_child_exit_keeps_name (void)
{
  g_autofree char *name = make_name ("child");
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, &error);
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    exit (0);

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_true (name_exists (name));
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 1);
}

static gpointer
create_later (gpointer name)
{
  return tbuf_arena_create (name, 8, TBUF_ARENA_NONE, NULL);
}

static void
test_waits_for_creator (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("wait");
  GThread *thread = g_thread_new ("creator", create_later, name);
  g_autoptr (TbufArena) arena = tbuf_arena_open (name, TBUF_ARENA_WAIT, &error);
  g_autoptr (TbufArena) created = g_thread_join (thread);

  g_assert_no_error (error);
  g_assert_nonnull (created);
  get_data (created)[1] = 5;
  g_assert_cmpuint (get_data (arena)[1], ==, 5);
}

typedef struct
{
  const char *name;
  TbufArena  *arena;
  int         done;
} Opener;

static gpointer
wait_for_arena (gpointer data)
{
  Opener *self = data;
  g_autoptr (GError) error = NULL;

  self->arena = tbuf_arena_open (self->name, TBUF_ARENA_WAIT, &error);
  g_assert_no_error (error);
  g_atomic_int_set (&self->done, 1);
  return NULL;
}

static gint64
get_cpu_time (void)
{
  struct timespec now;

  g_assert_cmpint (clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now), ==, 0);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Somebody who removes the name has locked the byte of presence, and goes no
 * further. Who opens it meanwhile sleeps; it gives up, or waits if it was told to. */
static void
test_stopped_remover_costs_no_time (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("stopped");
  g_autofree char *path = get_path (name);
  struct flock presence = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = TBUF_BYTE_PRESENCE, .l_len = 1 };
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_KEEP, &error);
  Opener opener = { name, NULL, 0 };
  gint64 start, cpu_start, elapsed, used;
  GThread *thread;
  int fd;

  g_assert_no_error (error);
  g_clear_object (&arena);
  fd = open (path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &presence), ==, 0);

  thread = g_thread_new ("opener", wait_for_arena, &opener);
  start = g_get_monotonic_time ();
  cpu_start = get_cpu_time ();
  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_NONE, &error));
  used = get_cpu_time () - cpu_start;
  elapsed = g_get_monotonic_time () - start;
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_test_message ("used %d of %d ms", (int) (used / 1000), (int) (elapsed / 1000));
  g_assert_cmpint (used, <, elapsed / 2);
  g_assert_cmpint (elapsed, <, 4 * G_USEC_PER_SEC);

  g_assert_cmpint (g_atomic_int_get (&opener.done), ==, 0);
  close (fd);
  g_thread_join (thread);
  g_assert_cmpuint (tbuf_arena_get_size (opener.arena), ==, 8);
  g_object_unref (opener.arena);
  g_assert_true (name_exists (name));
  g_assert_true (tbuf_arena_unlink (name, NULL));
}

static void
test_read_only (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("reader");
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, &error);
  g_autoptr (TbufArena) reader = tbuf_arena_open (name, TBUF_ARENA_READ_ONLY, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_arena_get_flags (reader), ==, TBUF_ARENA_READ_ONLY);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 2);
  get_data (arena)[2] = 8;
  g_assert_cmpuint (get_data (reader)[2], ==, 8);

  g_assert_false (tbuf_region_lock (TBUF_REGION (reader), TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_READ_ONLY);
  g_clear_error (&error);
  g_assert_false (tbuf_region_recover (TBUF_REGION (reader), -1, NULL, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_READ_ONLY);
  g_clear_error (&error);
  g_assert_false (tbuf_region_upgrade (TBUF_REGION (reader), -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_READ_ONLY);
  g_clear_error (&error);
  g_assert_false (tbuf_region_unlock (TBUF_REGION (reader), &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_HELD);
  g_clear_error (&error);
  g_assert_false (tbuf_region_downgrade (TBUF_REGION (reader), &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_HELD);

  /* A reader counts: the name stays while it reads, and goes with it. */
  g_clear_object (&arena);
  g_assert_true (name_exists (name));
  g_clear_object (&reader);
  g_assert_false (name_exists (name));
}

static void
test_bytes_outlive_arena (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (8, &error);
  g_autoptr (GBytes) bytes = tbuf_region_get_bytes (TBUF_REGION (arena));
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  guint8 *memory = get_data (arena);

  g_assert_true (data == memory);
  memory[5] = 55;
  tbuf_arena_close (arena);
  g_clear_object (&arena);
  g_assert_cmpuint (data[5], ==, 55);
  memory[5] = 56;
  g_assert_cmpuint (data[5], ==, 56);
}

static void
test_closed_refuses (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (8, &error);

  tbuf_arena_close (arena);
  tbuf_arena_close (arena);
  g_assert_false (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_false (tbuf_arena_set_phase (arena, "x", -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_CLOSED);
}

static void
test_empty_object_is_safe (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = g_object_new (TBUF_TYPE_ARENA, NULL);
  g_autoptr (GBytes) bytes = tbuf_region_get_bytes (TBUF_REGION (arena));
  g_auto (GStrv) arrays = tbuf_arena_list_arrays (arena);

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 0);
  g_assert_cmpuint (tbuf_arena_get_size (arena), ==, 0);
  g_assert_cmpint (tbuf_arena_get_fd (arena), ==, -1);
  g_assert_cmpint (tbuf_arena_get_event_fd (arena), ==, -1);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 0);
  g_assert_cmpuint (g_strv_length (arrays), ==, 0);
  g_assert_false (tbuf_region_overlaps (TBUF_REGION (arena), TBUF_REGION (arena)));
  tbuf_region_set_watch (TBUF_REGION (arena), TRUE);
  tbuf_arena_dispatch (arena);
  tbuf_arena_close (arena);

  g_assert_false (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (tbuf_region_unlock (TBUF_REGION (arena), &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_properties (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("properties");
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 77, TBUF_ARENA_NONE, &error);
  g_autoptr (TbufArena) same = NULL;
  g_autoptr (TbufLayout) layout = NULL;
  g_autofree char *got_name = NULL;
  g_autofree char *phase = NULL;
  guint64 size, offset, n_bytes, address;
  TbufLockState state;
  TbufLockMode mode;
  TbufArenaFlags flags;
  guint n_participants;
  gboolean watch;
  int fd;

  g_object_get (arena,
                "size", &size, "name", &got_name, "flags", &flags, "fd", &fd, "layout", &layout, "phase", &phase,
                "n-participants", &n_participants, "arena", &same, "offset", &offset, "n-bytes", &n_bytes,
                "address", &address, "lock-state", &state, "held-mode", &mode, "watch", &watch, NULL);

  g_assert_cmpuint (size, ==, 77);
  g_assert_cmpstr (got_name, ==, name);
  g_assert_cmpuint (flags, ==, TBUF_ARENA_NONE);
  g_assert_cmpint (fd, ==, tbuf_arena_get_fd (arena));
  g_assert_null (layout);
  g_assert_null (phase);
  g_assert_cmpuint (n_participants, ==, 1);
  g_assert_true (same == arena);
  g_assert_cmpuint (offset, ==, 0);
  g_assert_cmpuint (n_bytes, ==, 77);
  g_assert_cmpuint (address, ==, tbuf_region_get_address (TBUF_REGION (arena)));
  g_assert_cmpint (state, ==, TBUF_LOCK_STATE_FREE);
  g_assert_cmpint (mode, ==, TBUF_LOCK_MODE_NONE);
  g_assert_false (watch);
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static void
test_leaks_no_descriptor (void)
{
  g_autofree char *name = make_name ("descriptors");
  guint before = count_descriptors ();

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (TbufArena) arena = tbuf_arena_new (8, NULL);
      g_autoptr (TbufArena) other G_GNUC_UNUSED = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, NULL);
      g_autoptr (TbufArena) named = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, NULL);

      g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_NONE, NULL));
      g_assert_null (tbuf_arena_new ((gsize) 1 << 46, NULL));
      g_assert_cmpint (tbuf_arena_get_event_fd (named), >=, 0);
    }

  g_assert_cmpuint (count_descriptors (), ==, before);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/arena/anonymous", test_anonymous);
  g_test_add_func ("/tbuf/arena/is-sealed", test_is_sealed);
  g_test_add_func ("/tbuf/arena/opens-by-descriptor", test_opens_by_descriptor);
  g_test_add_func ("/tbuf/arena/named", test_named);
  g_test_add_func ("/tbuf/arena/keep", test_keep);
  g_test_add_func ("/tbuf/arena/unlink-leaves-users-alone", test_unlink_leaves_users_alone);
  g_test_add_func ("/tbuf/arena/open-or-create", test_open_or_create);
  g_test_add_func ("/tbuf/arena/replaces-stale", test_replaces_stale);
  g_test_add_func ("/tbuf/arena/opens-stale-and-removes-it", test_opens_stale_and_removes_it);
  g_test_add_func ("/tbuf/arena/keeps-stale-that-is-looked-at", test_keeps_stale_that_is_looked_at);
  g_test_add_func ("/tbuf/arena/exit-removes-name", test_exit_removes_name);
  g_test_add_func ("/tbuf/arena/child-exit-keeps-name", test_child_exit_keeps_name);
  g_test_add_func ("/tbuf/arena/waits-for-creator", test_waits_for_creator);
  g_test_add_func ("/tbuf/arena/stopped-remover-costs-no-time", test_stopped_remover_costs_no_time);
  g_test_add_func ("/tbuf/arena/read-only", test_read_only);
  g_test_add_func ("/tbuf/arena/bytes-outlive-arena", test_bytes_outlive_arena);
  g_test_add_func ("/tbuf/arena/closed-refuses", test_closed_refuses);
  g_test_add_func ("/tbuf/arena/empty-object-is-safe", test_empty_object_is_safe);
  g_test_add_func ("/tbuf/arena/properties", test_properties);
  g_test_add_func ("/tbuf/arena/leaks-no-descriptor", test_leaks_no_descriptor);

  return g_test_run ();
}
