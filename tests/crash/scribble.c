/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The scribbler
 * =============
 *
 * One process writes whatever it likes to the control region of an arena, field
 * by field or in heaps, while others use the arena. Locks mean nothing then; but
 * calls with a deadline return, with an error or without, nobody crashes, and
 * nothing is written to the data, which nobody here writes to, or beside the
 * mapping, where no page can be written to.
 */

#define DATA_SIZE 16384
#define CANARY    0xa5
#define N_USERS   3

/* What a call may need beyond its own deadline, on a machine that is busy. */
#define LIMIT_US (8 * G_USEC_PER_SEC)

typedef struct
{
  int     stopping;
  guint64 n_scribbles;
  guint64 n_calls;
  guint64 n_errors;
  guint64 n_signals;
  guint64 n_violations;
  guint64 longest_us;
  gint64  since[N_USERS];     /* when the call began that a user is in; 0: in none */
  char    what[N_USERS][32];
} Common;

static Common *common;

static gboolean
is_stopping (void)
{
  return __atomic_load_n (&common->stopping, __ATOMIC_ACQUIRE) != 0;
}

G_GNUC_PRINTF (1, 2)
static void
violation (const char *format,
           ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  __atomic_fetch_add (&common->n_violations, 1, __ATOMIC_RELAXED);
  g_printerr ("# process %d: violation: %s\n", (int) getpid (), message);
}

/* --- who uses the arena --- */

typedef struct
{
  guint       index;
  TbufArena  *arena;
  TbufRegion *regions[8];
  GRand      *random;
} User;

static void
on_signal (TbufRegion *region)
{
  __atomic_fetch_add (&common->n_signals, 1, __ATOMIC_RELAXED);
}

static void
begin_call (User       *self,
            const char *what)
{
  g_strlcpy (common->what[self->index], what, sizeof common->what[0]);
  __atomic_store_n (&common->since[self->index], g_get_monotonic_time (), __ATOMIC_RELEASE);
}

static void
end_call (User     *self,
          gboolean  done,
          GError   *error)
{
  guint64 took = (guint64) (g_get_monotonic_time () - common->since[self->index]);

  __atomic_store_n (&common->since[self->index], 0, __ATOMIC_RELEASE);
  __atomic_fetch_add (&common->n_calls, 1, __ATOMIC_RELAXED);
  if (took > common->longest_us)
    common->longest_us = took;
  if (!done)
    {
      __atomic_fetch_add (&common->n_errors, 1, __ATOMIC_RELAXED);
      if (error == NULL)
        violation ("%s failed without an error", common->what[self->index]);
      else if (error->domain != TBUF_ERROR)
        violation ("%s: %s", common->what[self->index], error->message);
    }
}

/* Every call that touches the control region, each with a deadline. */
static void
use_once (User *self)
{
  static const char *const phases[] = { "first", "second" };
  TbufRegion *region = self->regions[g_rand_int_range (self->random, 0, G_N_ELEMENTS (self->regions))];
  gint64 timeout_us = g_rand_int_range (self->random, 0, 3) == 0 ? 0 : g_rand_int_range (self->random, 1, 5000);
  g_autoptr (GError) error = NULL;
  gboolean done = TRUE;

  switch (g_rand_int_range (self->random, 0, 16))
    {
    case 0:
    case 1:
    case 2:
      begin_call (self, "lock (exclusive)");
      done = tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, timeout_us, NULL, &error);
      break;
    case 3:
    case 4:
      begin_call (self, "lock (shared)");
      done = tbuf_region_lock (region, TBUF_LOCK_MODE_SHARED, timeout_us, NULL, &error);
      break;
    case 5:
    case 6:
    case 7:
      begin_call (self, "unlock");
      done = tbuf_region_unlock (region, &error);
      break;
    case 8:
      begin_call (self, "recover");
      done = tbuf_region_recover (region, timeout_us, NULL, NULL, &error);
      break;
    case 9:
      begin_call (self, "upgrade");
      done = tbuf_region_upgrade (region, timeout_us, NULL, &error);
      break;
    case 10:
      begin_call (self, "downgrade");
      done = tbuf_region_downgrade (region, &error);
      break;
    case 11:
      begin_call (self, "set_phase");
      done = tbuf_arena_set_phase (self->arena, phases[g_rand_int_range (self->random, 0, 2)], timeout_us, NULL, &error);
      break;
    case 12:
      begin_call (self, "announce");
      tbuf_region_announce (region);
      break;
    case 13:
      begin_call (self, "questions");
      tbuf_region_get_lock_state (region);
      tbuf_region_get_held_mode (region);
      tbuf_arena_get_phase (self->arena);
      tbuf_arena_get_n_participants (self->arena);
      break;
    case 14:
      {
        g_autoptr (TbufArena) other = NULL;

        begin_call (self, "open_fd");
        other = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, &error);
        done = other != NULL;
      }
      break;
    default:
      begin_call (self, "dispatch");
      tbuf_region_set_watch (region, g_rand_boolean (self->random));
      tbuf_arena_dispatch (self->arena);
      break;
    }

  end_call (self, done, error);
}

/* The kernel lays mappings beside one another. */
static void
forbid_pages (void)
{
  g_assert_true (mmap (NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void
run_user (guint index,
          int   fd)
{
  User self = { .index = index };
  g_autoptr (GError) error = NULL;

  self.random = g_rand_new_with_seed ((guint32) getpid ());
  forbid_pages ();
  self.arena = tbuf_arena_open_fd (fd, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  forbid_pages ();

  for (guint i = 0; i < G_N_ELEMENTS (self.regions); i++)
    {
      static const gsize ranges[][2] = {
        { 0, DATA_SIZE }, { 0, 64 }, { 32, 64 }, { 4096, 4096 }, { 5000, 1 }, { 100, 10000 }, { DATA_SIZE - 8, 8 }, { 0, 8192 },
      };

      self.regions[i] = new_range (self.arena, ranges[i][0], ranges[i][1]);
      g_signal_connect (self.regions[i], "locked", G_CALLBACK (on_signal), NULL);
      g_signal_connect (self.regions[i], "unlocked", G_CALLBACK (on_signal), NULL);
      g_signal_connect (self.regions[i], "owner-died", G_CALLBACK (on_signal), NULL);
      g_signal_connect (self.regions[i], "changed", G_CALLBACK (on_signal), NULL);
    }

  while (!is_stopping ())
    use_once (&self);
  _exit (0);
}

/* --- who writes what it likes --- */

static guint64
choose_value (const Table *table,
              GRand       *random)
{
  static const guint64 worst[] = {
    0, 1, 2, 3, 4, 5, 6, G_MAXUINT64, 0x7fffffff, 0x80000000, G_MAXUINT32, G_GUINT64_CONSTANT (1) << 62, G_GUINT64_CONSTANT (1) << 63,
    G_MAXUINT64 - 1, DATA_SIZE, DATA_SIZE - 1, DATA_SIZE + 1, TBUF_N_RECORDS, TBUF_N_RECORDS - 1, TBUF_N_RECORDS + 1, TBUF_N_SLOTS,
  };
  guint slot;

  switch (g_rand_int_range (random, 0, 4))
    {
    case 0:
      return (guint64) g_rand_int (random) << 32 | g_rand_int (random);
    case 1:
      /* Who has, or had, a slot. */
      slot = (guint) g_rand_int_range (random, 0, 8);
      return table->slots[slot].generation << TBUF_SLOT_BITS | slot;
    default:
      return worst[g_rand_int_range (random, 0, G_N_ELEMENTS (worst))];
    }
}

static void
put (gpointer     field,
     gsize        size,
     guint64      value)
{
  if (size == 8)
    __atomic_store_n ((guint64 *) field, value, __ATOMIC_RELAXED);
  else
    __atomic_store_n ((guint32 *) field, (guint32) value, __ATOMIC_RELAXED);
}

/* Everything is a field of 4 or 8 bytes: any aligned place will do. */
static void
scribble_anywhere (const Table *table,
                   GRand       *random,
                   gpointer     start,
                   gsize        size)
{
  gsize width = g_rand_boolean (random) ? 8 : 4;
  gsize index = (gsize) g_rand_int_range (random, 0, (gint32) (size / width));

  put ((guint8 *) start + index * width, width, choose_value (table, random));
}

static void
scribble_record (const Table *table,
                 GRand       *random,
                 guint        index)
{
  TbufRecord *record = &table->records[index];
  guint64 start = choose_value (table, random), end = choose_value (table, random);

  record->state = (guint32) g_rand_int_range (random, 0, 8);
  record->id = (guint32) choose_value (table, random);
  record->mode = (guint32) g_rand_int_range (random, 0, 4);
  record->flags = g_rand_int (random) & 15;
  record->owner = (guint64) g_rand_int_range (random, 0, 4);
  record->ticket = choose_value (table, random);
  record->start = table->starts[index] = start;
  record->end = table->ends[index] = end;
}

/* A full table of records that all look alike and lie on everything. */
static void
fill_table (const Table *table,
            GRand       *random)
{
  guint32 state = (guint32) g_rand_int_range (random, 1, TBUF_RECORD_REPAIRED + 1), id = (guint32) choose_value (table, random);
  guint64 owner = (guint64) g_rand_int_range (random, 0, 4);
  gboolean alike = g_rand_boolean (random);

  for (guint i = 0; i < TBUF_N_RECORDS; i++)
    {
      TbufRecord *record = &table->records[i];

      record->id = alike ? id : (guint32) choose_value (table, random);
      record->mode = alike ? TBUF_LOCK_MODE_EXCLUSIVE : i % 3;
      record->flags = alike ? TBUF_RECORD_ENTITLED : g_rand_int (random) & 7;
      record->owner = owner;
      record->ticket = i;
      record->start = table->starts[i] = 0;
      record->end = table->ends[i] = G_MAXUINT64;
      record->state = alike ? state : (guint32) g_rand_int_range (random, 1, TBUF_RECORD_REPAIRED + 1);
    }
  memset (table->words->used, 0xff, sizeof table->words->used);
  memset (table->words->waiting, g_rand_boolean (random) ? 0xff : 0, sizeof table->words->waiting);
  table->words->high = TBUF_N_RECORDS;
  table->words->n_waiting = g_rand_int (random);
}

/* Back to an empty table, or all would end in front of a guard that nobody leaves. */
static void
tidy_up (const Table *table)
{
  for (guint i = 0; i < TBUF_N_RECORDS; i++)
    __atomic_store_n (&table->records[i].state, TBUF_RECORD_FREE, __ATOMIC_RELAXED);
  __atomic_store_n (&table->words->dirty, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n (&table->words->guard, 0, __ATOMIC_SEQ_CST);
}

static void
scribble_once (const Table *table,
               GRand       *random)
{
  TbufWords *words = table->words;
  gint32 dice = g_rand_int_range (random, 0, 100);

  if (dice < 30)
    scribble_anywhere (table, random, table->records, TBUF_N_RECORDS * sizeof (TbufRecord));
  else if (dice < 50)
    scribble_record (table, random, (guint) g_rand_int_range (random, 0, g_rand_boolean (random) ? 8 : TBUF_N_RECORDS));
  else if (dice < 60)
    scribble_anywhere (table, random, words, sizeof *words);
  else if (dice < 68)
    scribble_anywhere (table, random, &words->high, 64);
  else if (dice < 74)
    scribble_anywhere (table, random, words, 64);
  else if (dice < 80)
    scribble_anywhere (table, random, table->slots, 8 * sizeof (TbufSlot));
  else if (dice < 84)
    scribble_anywhere (table, random, &words->phase, 8);
  else if (dice < 88)
    scribble_anywhere (table, random, table->starts, TBUF_N_RECORDS * 8);
  else if (dice < 92)
    scribble_anywhere (table, random, table->ends, TBUF_N_RECORDS * 8);
  else if (dice < 94)
    fill_table (table, random);
  else if (dice < 96)
    {
      /* The superblock is fixed: nobody reads it but who opens the arena. */
      TbufSuperblock saved;

      memcpy (&saved, table->base, sizeof saved);
      scribble_anywhere (table, random, table->base, sizeof saved);
      sched_yield ();
      memcpy (table->base, &saved, sizeof saved);
    }
  else
    tidy_up (table);

  __atomic_fetch_add (&common->n_scribbles, 1, __ATOMIC_RELAXED);
}

static void
run_scribbler (int     fd,
               guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  Table table = table_map (fd);

  while (!is_stopping ())
    {
      guint64 n_calls = __atomic_load_n (&common->n_calls, __ATOMIC_RELAXED);

      for (gint32 i = g_rand_int_range (random, 0, 10); i >= 0; i--)
        scribble_once (&table, random);

      /* Somebody has to get somewhere between two of them. */
      for (guint i = 0; i < 100 && n_calls == __atomic_load_n (&common->n_calls, __ATOMIC_RELAXED); i++)
        sched_yield ();
    }
  _exit (0);
}

/* --- the whole --- */

static TbufArena *
new_arena_with_layout (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  const gsize shape[] = { DATA_SIZE };
  TbufArena *arena;

  tbuf_layout_add_phase (layout, "first", &error);
  g_assert_no_error (error);
  tbuf_layout_add_phase (layout, "second", &error);
  g_assert_no_error (error);
  tbuf_layout_add_array (layout, "a", TBUF_DTYPE_UINT8, shape, 1, "first", "first", &error);
  g_assert_no_error (error);
  tbuf_layout_add_array (layout, "b", TBUF_DTYPE_UINT8, shape, 1, "second", "second", &error);
  g_assert_no_error (error);
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  return arena;
}

static void
check_canary (const Table *table)
{
  for (gsize i = table->data_offset; i < table->size; i++)
    if (table->base[i] != CANARY)
      {
        violation ("byte %" G_GSIZE_FORMAT " of the data was written to", i - table->data_offset);
        return;
      }
}

static pid_t
start (guint   index,
       int     fd,
       guint32 seed)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (index < N_USERS)
    run_user (index, fd);
  run_scribbler (fd, seed);
  _exit (0);
}

static double
run_scribble (gint64  seconds,
              guint32 seed)
{
  const struct timespec pause = { 0, 10000000 };
  g_autoptr (TbufArena) arena = new_arena_with_layout ();
  Table table = table_map (tbuf_arena_get_fd (arena));
  int fd = tbuf_arena_get_fd (arena);
  gint64 begin = g_get_monotonic_time (), now = begin;
  pid_t pids[N_USERS + 1];
  guint n_running;
  sigset_t child_ended;

  common = mmap (NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (common != MAP_FAILED);
  memset (table.base + table.data_offset, CANARY, table.size - table.data_offset);

  sigemptyset (&child_ended);
  sigaddset (&child_ended, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child_ended, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    pids[i] = start (i, fd, seed);
  n_running = G_N_ELEMENTS (pids);

  while (n_running > 0)
    {
      int status;
      pid_t pid;

      sigtimedwait (&child_ended, NULL, &pause);
      now = g_get_monotonic_time ();
      if (now - begin > seconds * G_USEC_PER_SEC)
        __atomic_store_n (&common->stopping, 1, __ATOMIC_RELEASE);

      while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
        {
          n_running--;
          for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
            if (pids[i] == pid)
              {
                pids[i] = 0;
                if (status != 0)
                  violation ("process %d ended with status 0x%x, in %s", (int) pid, (unsigned) status,
                             i < N_USERS ? common->what[i] : "scribbling");
                if (i < N_USERS)
                  common->since[i] = 0;
              }
        }

      for (guint i = 0; i < N_USERS; i++)
        {
          gint64 since = __atomic_load_n (&common->since[i], __ATOMIC_ACQUIRE);

          if (pids[i] != 0 && since != 0 && now - since > LIMIT_US)
            {
              violation ("%s has not returned for %d s", common->what[i], (int) (LIMIT_US / G_USEC_PER_SEC));
              kill (pids[i], SIGABRT);
              waitpid (pids[i], NULL, 0);
              pids[i] = 0;
              n_running--;
            }
        }
    }

  check_canary (&table);
  tidy_up (&table);
  table_unmap (&table);
  return (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
}

static guint32 seed;

#define SHORT_SECONDS 4

static void
test_scribble (void)
{
  g_test_message ("seed %u", seed);
  run_scribble (SHORT_SECONDS, seed);
  g_test_message ("%" G_GUINT64_FORMAT " scribbles, %" G_GUINT64_FORMAT " calls, %" G_GUINT64_FORMAT " errors, "
                  "%" G_GUINT64_FORMAT " signals, at most %" G_GUINT64_FORMAT " us",
                  common->n_scribbles, common->n_calls, common->n_errors, common->n_signals, common->longest_us);
  g_assert_cmpuint (common->n_violations, ==, 0);
  g_assert_cmpuint (common->n_calls, >, common->n_errors);
  g_assert_cmpuint (common->n_errors, >, 0);
}

static int
run_long (gint64 n_seconds)
{
  double seconds = run_scribble (n_seconds, seed);

  g_print ("%-12s %12" G_GUINT64_FORMAT "\n%-12s %12" G_GUINT64_FORMAT "\n%-12s %12" G_GUINT64_FORMAT "\n"
           "%-12s %12" G_GUINT64_FORMAT "\n%-12s %12" G_GUINT64_FORMAT "\n%-12s %12" G_GUINT64_FORMAT "\n%-12s %12.1f\n%-12s %12u\n",
           "scribbles", common->n_scribbles, "calls", common->n_calls, "errors", common->n_errors, "signals", common->n_signals,
           "longest us", common->longest_us, "violations", common->n_violations, "seconds", seconds, "seed", seed);
  return common->n_violations == 0 ? 0 : 1;
}

int
main (int    argc,
      char **argv)
{
  gint64 seconds = 0;
  int seed_argument = 0;
  const GOptionEntry entries[] = {
    { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "Run for so long, and print figures", "N" },
    { "random", 0, 0, G_OPTION_ARG_INT, &seed_argument, "The seed", "N" },
    { 0 }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);

  seed = seed_argument != 0 ? (guint32) seed_argument : g_random_int ();
  if (seconds > 0)
    return run_long (seconds);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tbuf/crash/scribble", test_scribble);
  return g_test_run ();
}
