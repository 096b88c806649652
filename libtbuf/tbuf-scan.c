/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-scan-private.h"

/* The scan
 * ========
 *
 * A lock is free to be had if its range overlaps none of those in the table, and
 * finding that out is most of what a lock costs where many are held. So starts
 * and ends stand in arrays of their own, and several of them are compared with
 * one instruction where the processor has one that does: with AVX2, which is
 * asked for at run time, and on 64-bit ARM. What a block is found to have is
 * looked at once more, one by one, with atomic loads: others may write to it.
 */

static guint32
scan_one_by_one (const guint64 *starts,
                 const guint64 *ends,
                 guint32        index,
                 guint32        n,
                 guint64        start,
                 guint64        end)
{
  for (; index < n; index++)
    if (__atomic_load_n (&starts[index], __ATOMIC_RELAXED) < end &&
        start < __atomic_load_n (&ends[index], __ATOMIC_RELAXED))
      return index;

  return n;
}

#if defined (TBUF_HAVE_AVX2) || defined (__aarch64__)

#ifdef TBUF_HAVE_AVX2
#define SCAN_ATTRIBUTES __attribute__ ((target ("avx2"), no_sanitize ("thread")))
#else
#define SCAN_ATTRIBUTES __attribute__ ((no_sanitize ("thread")))
#endif

typedef guint64 Lanes __attribute__ ((vector_size (32), aligned (8), may_alias));
typedef gint64 Mask __attribute__ ((vector_size (32)));
#define N_LANES (sizeof (Lanes) / sizeof (guint64))

SCAN_ATTRIBUTES
static guint32
scan_by_blocks (const guint64 *starts,
                const guint64 *ends,
                guint32        index,
                guint32        n,
                guint64        start,
                guint64        end)
{
  while (n - index >= TBUF_SCAN_BLOCK)
    {
      Mask hits = { 0 };

      for (guint i = 0; i < TBUF_SCAN_BLOCK; i += N_LANES)
        {
          Lanes some_starts = *(const Lanes *) (gconstpointer) (starts + index + i);
          Lanes some_ends = *(const Lanes *) (gconstpointer) (ends + index + i);

          hits |= (some_starts < end) & (some_ends > start);
        }

      if (hits[0] | hits[1] | hits[2] | hits[3])
        {
          guint32 found = scan_one_by_one (starts, ends, index, index + TBUF_SCAN_BLOCK, start, end);

          if (found < index + TBUF_SCAN_BLOCK)
            return found;
        }

      index += TBUF_SCAN_BLOCK;
    }

  return scan_one_by_one (starts, ends, index, n, start, end);
}

#endif

/* The first range from index on that overlaps, or n. */
guint32
tbuf_scan_for_overlap (const guint64 *starts,
                       const guint64 *ends,
                       guint32        index,
                       guint32        n,
                       guint64        start,
                       guint64        end)
{
#ifdef TBUF_HAVE_AVX2
  if (__builtin_cpu_supports ("avx2"))
    return scan_by_blocks (starts, ends, index, n, start, end);
#elif defined (__aarch64__)
  return scan_by_blocks (starts, ends, index, n, start, end);
#endif

  return scan_one_by_one (starts, ends, index, n, start, end);
}
