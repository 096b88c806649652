/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tbuf.h>
#include <unistd.h>

#include "arena-tools.h"
#include "peer.h"

static void
test_refuses_sizes (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tbuf_arena_new (0, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  g_assert_null (tbuf_arena_new (G_MAXSIZE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE);
  g_clear_error (&error);

  /* 64 TiB: more than any machine that runs this has. */
  g_assert_null (tbuf_arena_new ((gsize) 1 << 46, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE);
  g_assert_nonnull (strstr (error->message, "available"));
}

static void
test_refuses_names (void)
{
  static const char *const names[] = { "", "/a", "a/b", ".", "..", ".hidden" };
  g_autofree char *long_name = g_strnfill (201, 'x');

  for (guint i = 0; i <= G_N_ELEMENTS (names); i++)
    {
      const char *name = i < G_N_ELEMENTS (names) ? names[i] : long_name;
      g_autoptr (GError) error = NULL;

      g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_NONE, &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
      g_clear_error (&error);
      g_assert_null (tbuf_arena_open (name, TBUF_ARENA_NONE, &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
      g_clear_error (&error);
      g_assert_false (tbuf_arena_unlink (name, &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
    }
}

static void
test_refuses_unknown_name (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("nobody");

  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tbuf_arena_unlink (name, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
}

static void
assert_refused (const char *name,
                TbufError   code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
  g_clear_error (&error);
  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_READ_ONLY, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
}

static void
test_refuses_what_is_no_arena (void)
{
  g_autofree char *name = make_name ("text");
  g_autofree char *path = get_path (name);
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, "", 0, &error));
  assert_refused (name, TBUF_ERROR_FORMAT);
  g_assert_true (g_file_set_contents (path, "Hello\n", -1, &error));
  assert_refused (name, TBUF_ERROR_FORMAT);
  g_assert_true (g_file_set_contents (path, text, -1, &error));
  assert_refused (name, TBUF_ERROR_FORMAT);

  /* What is not ours is neither replaced nor removed. */
  g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_REPLACE_STALE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (tbuf_arena_unlink (name, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_true (name_exists (name));
  g_assert_cmpint (g_unlink (path), ==, 0);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  assert_refused (name, TBUF_ERROR_FORMAT);
  g_assert_cmpint (g_rmdir (path), ==, 0);

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  assert_refused (name, TBUF_ERROR_FORMAT);
  g_assert_cmpint (g_unlink (path), ==, 0);
}

/* The contents of a good arena's file, to be spoiled. */
static char *
get_good_contents (gsize *size)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("good");
  g_autofree char *path = get_path (name);
  g_autoptr (TbufArena) arena G_GNUC_UNUSED = tbuf_arena_create (name, 5000, TBUF_ARENA_NONE, &error);
  char *contents;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &contents, size, &error));
  return contents;
}

static void
test_refuses_truncated (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("short");
  g_autofree char *path = get_path (name);
  gsize size;
  g_autofree char *contents = get_good_contents (&size);
  const gsize lengths[] = { 1, 7, 8, 100, 207, 208, 4096, size - 4096, size - 1 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_assert_true (g_file_set_contents (path, contents, (gssize) lengths[i], &error));
      assert_refused (name, TBUF_ERROR_FORMAT);
    }

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_refuses_other_version (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("future");
  g_autofree char *path = get_path (name);
  gsize size;
  g_autofree char *contents = get_good_contents (&size);

  contents[8]++;
  g_assert_true (g_file_set_contents (path, contents, (gssize) size, &error));
  assert_refused (name, TBUF_ERROR_VERSION);
  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_refuses_corrupted (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("corrupt");
  g_autofree char *path = get_path (name);
  gsize size;
  g_autofree char *contents = get_good_contents (&size);

  /* Every byte of the superblock is checked. */
  for (gsize i = 0; i < 208; i++)
    {
      g_autoptr (TbufArena) arena = NULL;

      contents[i] ^= 0x10;
      g_assert_true (g_file_set_contents (path, contents, (gssize) size, &error));
      contents[i] ^= 0x10;

      arena = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
      g_assert_null (arena);
      g_assert_true (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_FORMAT) ||
                     g_error_matches (error, TBUF_ERROR, TBUF_ERROR_VERSION));
      g_clear_error (&error);
    }

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_refuses_descriptors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (8, &error);
  g_autofree char *fd_path = g_strdup_printf ("/proc/self/fd/%d", tbuf_arena_get_fd (arena));
  gsize size;
  g_autofree char *contents = get_good_contents (&size);
  g_autofree char *path = NULL;
  int fd;

  g_assert_null (tbuf_arena_open_fd (-1, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  g_assert_null (tbuf_arena_open_fd (fd, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
  g_clear_error (&error);
  close (fd);

  /* An arena in memory that its owner could shrink. */
  fd = memfd_create ("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_assert_cmpint (write (fd, contents, size), ==, size);
  g_assert_null (tbuf_arena_open_fd (fd, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_clear_error (&error);
  close (fd);

  /* An arena in a file somewhere else. */
  fd = g_file_open_tmp ("tbuf-test-XXXXXX", &path, &error);
  g_assert_cmpint (write (fd, contents, size), ==, size);
  g_assert_null (tbuf_arena_open_fd (fd, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_clear_error (&error);
  close (fd);
  g_unlink (path);

  /* A descriptor for reading is good for reading. */
  fd = open (fd_path, O_RDONLY | O_CLOEXEC);
  g_assert_null (tbuf_arena_open_fd (fd, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_clear_error (&error);
  g_object_unref (tbuf_arena_open_fd (fd, TBUF_ARENA_READ_ONLY, &error));
  g_assert_no_error (error);
  close (fd);
}

static void
test_counts_strides_apart (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (24, &error);
  g_autoptr (TbufView) view = NULL;
  const gsize shape[] = { 2, 3 };
  const gssize strides[] = { 4, 8 };

  view = tbuf_arena_create_view_strided (arena, TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_NATIVE, 0, shape, 2, NULL, 0,
                                         TBUF_VIEW_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_view_get_n_dims (view), ==, 2);
  g_clear_object (&view);

  view = tbuf_arena_create_view_strided (arena, TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_NATIVE, 0, shape, 2, strides, 2,
                                         TBUF_VIEW_NONE, &error);
  g_assert_no_error (error);
  g_assert_false (tbuf_view_is_contiguous (view));

  g_assert_null (tbuf_arena_create_view_strided (arena, TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_NATIVE, 0, shape, 2, strides, 1,
                                                 TBUF_VIEW_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_refuses_flags (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = make_name ("flags");

  g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_READ_ONLY, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_REPLACE_STALE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (tbuf_arena_open_fd (0, TBUF_ARENA_WAIT, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

/* The exit status of a child that could not make its surroundings: not root here. */
#define NOT_PERMITTED 77

static void
run_in_child (int (*func) (const char *name))
{
  g_autofree char *name = make_name ("child");
  int status;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    peer_exit (func (name));

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  if (WEXITSTATUS (status) == NOT_PERMITTED)
    g_test_skip ("needs to be root, and allowed to mount");
  else
    g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* In a mount namespace of its own, /dev/shm has room for one small arena and not for two. */
static int
fill_dev_shm (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = NULL;
  g_autofree char *other = g_strconcat (name, "-other", NULL);

  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/dev/shm", "none", MS_PRIVATE, NULL) != 0 ||
      mount ("tmpfs", "/dev/shm", "tmpfs", 0, "size=1m") != 0)
    return NOT_PERMITTED;

  arena = tbuf_arena_create (name, 512 * 1024, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_assert_null (tbuf_arena_create (other, 512 * 1024, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE);
  g_assert_nonnull (strstr (error->message, "/dev/shm has room for"));
  g_assert_false (name_exists (other));
  g_assert_true (name_exists (name));
  return 0;
}

static void
test_full_dev_shm_is_an_error (void)
{
  run_in_child (fill_dev_shm);
}

static int
open_as_nobody (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena G_GNUC_UNUSED = tbuf_arena_create (name, 8, TBUF_ARENA_NONE, &error);

  g_assert_no_error (error);
  if (seteuid (65534) != 0)
    return NOT_PERMITTED;

  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_clear_error (&error);
  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_READ_ONLY, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_assert_cmpint (seteuid (0), ==, 0);
  return 0;
}

/* Whoever owns the file could shrink it: to open it takes a word of trust, and
 * the permission that its mode gives. */
static int
open_foreign (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 8, TBUF_ARENA_KEEP, &error);
  g_autoptr (TbufArena) foreign = NULL;
  int fd;

  g_assert_no_error (error);
  fd = dup (tbuf_arena_get_fd (arena));
  g_clear_object (&arena);
  if (fchown (fd, 65534, 65534) != 0)
    return NOT_PERMITTED;

  g_assert_null (tbuf_arena_open (name, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_assert_nonnull (strstr (error->message, "belongs to user 65534"));
  g_clear_error (&error);
  g_assert_null (tbuf_arena_open_fd (fd, TBUF_ARENA_NONE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_clear_error (&error);
  g_assert_null (tbuf_arena_create (name, 8, TBUF_ARENA_OPEN_OR_CREATE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION);
  g_clear_error (&error);

  foreign = tbuf_arena_open (name, TBUF_ARENA_FOREIGN, &error);
  g_assert_no_error (error);
  g_clear_object (&foreign);
  foreign = tbuf_arena_open_fd (fd, TBUF_ARENA_FOREIGN, &error);
  g_assert_no_error (error);
  g_clear_object (&foreign);
  close (fd);

  g_assert_true (tbuf_arena_unlink (name, &error));
  return 0;
}

static void
test_refuses_arenas_of_others (void)
{
  run_in_child (open_foreign);
}

static void
test_refuses_without_permission (void)
{
  run_in_child (open_as_nobody);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/arena/refuses-sizes", test_refuses_sizes);
  g_test_add_func ("/tbuf/arena/refuses-names", test_refuses_names);
  g_test_add_func ("/tbuf/arena/refuses-unknown-name", test_refuses_unknown_name);
  g_test_add_func ("/tbuf/arena/refuses-what-is-no-arena", test_refuses_what_is_no_arena);
  g_test_add_func ("/tbuf/arena/refuses-truncated", test_refuses_truncated);
  g_test_add_func ("/tbuf/arena/refuses-other-version", test_refuses_other_version);
  g_test_add_func ("/tbuf/arena/refuses-corrupted", test_refuses_corrupted);
  g_test_add_func ("/tbuf/arena/refuses-descriptors", test_refuses_descriptors);
  g_test_add_func ("/tbuf/arena/counts-strides-apart", test_counts_strides_apart);
  g_test_add_func ("/tbuf/arena/refuses-flags", test_refuses_flags);
  g_test_add_func ("/tbuf/arena/full-dev-shm-is-an-error", test_full_dev_shm_is_an_error);
  g_test_add_func ("/tbuf/arena/refuses-without-permission", test_refuses_without_permission);
  g_test_add_func ("/tbuf/arena/refuses-arenas-of-others", test_refuses_arenas_of_others);

  return g_test_run ();
}
