/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "tbuf-scan-private.h"

#define N_RANGES 200

static guint32
scan_naively (const guint64 *starts,
              const guint64 *ends,
              guint32        index,
              guint32        n,
              guint64        start,
              guint64        end)
{
  for (; index < n; index++)
    if (starts[index] < end && start < ends[index])
      break;

  return index;
}

/* Many numbers are next to one that is special: unused records, signs, neighbours. */
static guint64
random_offset (void)
{
  static const guint64 special[] = { 0, 64, 4096, G_MAXINT64, (guint64) G_MAXINT64 + 1, G_MAXUINT64 };

  return special[g_test_rand_int_range (0, G_N_ELEMENTS (special))] + (guint64) g_test_rand_int_range (-2, 3);
}

static void
test_finds_the_first (void)
{
  for (guint round = 0; round < 20000; round++)
    {
      guint64 starts[N_RANGES], ends[N_RANGES];
      guint32 n = (guint32) g_test_rand_int_range (0, N_RANGES + 1);
      guint32 index = (guint32) g_test_rand_int_range (0, (gint32) n + 1);
      guint n_used = (guint) g_test_rand_int_range (0, 4);
      guint64 start = random_offset (), end = random_offset ();

      for (guint i = 0; i < N_RANGES; i++)
        {
          starts[i] = G_MAXUINT64;
          ends[i] = 0;
        }
      for (guint i = 0; i < n_used; i++)
        {
          guint at = (guint) g_test_rand_int_range (0, N_RANGES);

          starts[at] = random_offset ();
          ends[at] = random_offset ();
        }

      g_assert_cmpuint (tbuf_scan_for_overlap (starts, ends, index, n, start, end), ==,
                        scan_naively (starts, ends, index, n, start, end));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/scan/finds-the-first", test_finds_the_first);

  return g_test_run ();
}
