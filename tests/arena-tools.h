/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tbuf.h>
#include <unistd.h>

/* A name that no other run of this program has. */
static inline char *
make_name (const char *what)
{
  return g_strdup_printf ("tbuf-test-%s-%d-%u", what, (int) getpid (), g_random_int ());
}

static inline char *
get_path (const char *name)
{
  return g_build_filename ("/dev/shm", name, NULL);
}

static inline gboolean
name_exists (const char *name)
{
  g_autofree char *path = get_path (name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static inline guint8 *
get_data (gpointer region)
{
  return (guint8 *) tbuf_region_get_address (TBUF_REGION (region));
}
