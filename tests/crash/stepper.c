/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stepper.h"

#include <elf.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/* The stepper
 * ===========
 *
 * A child, the victim, does one operation and is killed at an instruction
 * boundary of it; then this process, the survivor, finds out whether all is as
 * it has to be. The next victim is killed one instruction later, until one gets
 * to the end. A system call is one instruction.
 *
 * A victim is brought to its end by single steps. Where an operation is long, it
 * runs freely through the system calls that lie before: a boundary is named by
 * how many calls and how many instructions after the last one it is away.
 *
 * What has to be follows from the table as the victim left it: only a record
 * that is held for writing, or abandoned, makes the range one whose owner died.
 */

/* --- the victim, from outside --- */

/* Whether the next instruction is a system call. A victim was forked, so that its
 * code is also here, at the same address. */
static gboolean
is_at_call (pid_t pid)
{
#if defined(__x86_64__)
  struct user_regs_struct registers;
  struct iovec vector = { &registers, sizeof registers };

  g_assert_cmpint (ptrace (PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector), ==, 0);
  return memcmp (GSIZE_TO_POINTER (registers.rip), "\x0f\x05", 2) == 0;
#elif defined(__aarch64__)
  struct user_regs_struct registers;
  struct iovec vector = { &registers, sizeof registers };

  g_assert_cmpint (ptrace (PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector), ==, 0);
  return memcmp (GSIZE_TO_POINTER (registers.pc), "\x01\0\0\xd4", 4) == 0;
#else
  return FALSE;
#endif
}

/* Does what the operation waits for, once it waits. */
static void
help (Stepper *self)
{
  Help kind = self->operation->help;

  if (self->helped || kind == HELP_NONE || !stepper_is_waiting (self, self->victim, kind != HELP_UNLOCK_AT_ONCE))
    return;

  self->helped = TRUE;
  if (kind == HELP_CANCEL)
    g_assert_cmpint (write (self->cancel_pipe[1], "c", 1), ==, 1);
  else if (self->table.words->guard == 0)
    {
      tbuf_region_unlock (self->blocker, NULL);
      g_clear_object (&self->blocker);
    }
  else
    self->helped = FALSE;
}

/* FALSE: the victim has come to the end of the operation. */
static gboolean
proceed (Stepper            *self,
         enum __ptrace_request request)
{
  int status, signal;

  g_assert_cmpint (ptrace (request, self->victim, NULL, NULL), ==, 0);
  g_assert_cmpint (waitpid (self->victim, &status, __WALL), ==, self->victim);
  if (!WIFSTOPPED (status))
    g_error ("%s: the victim ended by itself", self->operation->name);

  signal = WSTOPSIG (status);
  if (signal == SIGSTOP)
    return FALSE;
  if (signal != SIGTRAP && signal != (SIGTRAP | 0x80))
    g_error ("%s: the victim got signal %d", self->operation->name, signal);

  help (self);
  return TRUE;
}

static void
victim_main (Stepper *self)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  g_assert_cmpint (ptrace (PTRACE_TRACEME, 0, NULL, NULL), ==, 0);
  if (self->operation->enter != NULL)
    self->operation->enter (self);
  raise (SIGSTOP);
  self->operation->operate (self);
  raise (SIGSTOP);
  _exit (0);
}

/* One array in each of two phases. */
static TbufLayout *
new_layout (void)
{
  g_autoptr (GError) error = NULL;
  TbufLayout *layout = tbuf_layout_new ();
  const gsize shape = N_BYTES;

  g_assert_true (tbuf_layout_add_phase (layout, "first", NULL));
  g_assert_true (tbuf_layout_add_phase (layout, "second", NULL));
  tbuf_layout_add_array (layout, "a", TBUF_DTYPE_UINT8, &shape, 1, "first", "first", &error);
  g_assert_no_error (error);
  tbuf_layout_add_array (layout, "b", TBUF_DTYPE_UINT8, &shape, 1, "second", "second", &error);
  g_assert_no_error (error);
  return layout;
}

static void
begin (Stepper         *self,
       const Operation *operation)
{
  int status;

  self->operation = operation;
  self->helped = FALSE;
  if (self->arena == NULL && !(operation->flags & OPERATION_IS_NAMED))
    {
      g_autoptr (GError) error = NULL;

      g_autoptr (TbufLayout) layout = new_layout ();

      self->arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
      g_assert_no_error (error);
      stepper_look_at_table (self);
    }
  if ((operation->flags & OPERATION_NEEDS_WAITER) && self->waiter.pid == 0)
    self->waiter = peer_start (stepper_wait_for_range, self->arena);
  if (operation->prepare != NULL)
    operation->prepare (self);
  if (operation->help == HELP_CANCEL)
    g_assert_cmpint (pipe (self->cancel_pipe), ==, 0);

  self->victim = fork ();
  g_assert_cmpint (self->victim, >=, 0);
  if (self->victim == 0)
    victim_main (self);

  g_assert_cmpint (waitpid (self->victim, &status, __WALL), ==, self->victim);
  if (!WIFSTOPPED (status) || WSTOPSIG (status) != SIGSTOP)
    g_error ("%s: the victim could not begin", operation->name);
  g_assert_cmpint (ptrace (PTRACE_SETOPTIONS, self->victim, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), ==, 0);
  if (operation->at_mark != NULL)
    operation->at_mark (self);
}

static void
finish (Stepper *self)
{
  guint n_violations;
  int status;

  if (self->operation->stopped != NULL)
    self->operation->stopped (self);

  kill (self->victim, SIGKILL);
  do
    g_assert_cmpint (waitpid (self->victim, &status, __WALL), ==, self->victim);
  while (!WIFSIGNALED (status));

  if (self->operation->help == HELP_CANCEL)
    {
      close (self->cancel_pipe[0]);
      close (self->cancel_pipe[1]);
    }

  n_violations = self->n_violations;
  self->n_kills++;
  self->operation->check (self);

  /* What is wrong now is not to be found again and again. */
  if (self->n_violations > n_violations && self->waiter.pid == 0)
    {
      g_clear_object (&self->blocker);
      g_clear_object (&self->bystander);
      g_clear_object (&self->arena);
    }
}

/* --- which boundaries there are --- */

typedef struct
{
  GArray *all;       /* of Boundary */
  GArray *turns;     /* indices of those where something that others see has changed */
} Map;

static guint32
sum_words (guint32        sum,
           gconstpointer  start,
           gsize          n_bytes)
{
  const guint32 *words = start;

  for (gsize i = 0; i < n_bytes / 4; i++)
    sum = (sum ^ words[i]) * 16777619u;

  return sum;
}

/* Of what one victim alone can change. */
static guint32
sum_table (const Table *table)
{
  guint32 sum = 2166136261u;

  sum = sum_words (sum, table->words, G_STRUCT_OFFSET (TbufWords, announcements) + 64);
  sum = sum_words (sum, table->slots, 4 * sizeof (TbufSlot));
  sum = sum_words (sum, table->records, 16 * sizeof (TbufRecord));
  sum = sum_words (sum, table->starts, 16 * 8);
  return sum_words (sum, table->ends, 16 * 8);
}

/* Steps through the operation once, to its end. */
static void
survey (Stepper         *self,
        const Operation *operation,
        Map             *map)
{
  guint32 sum = 0;
  Boundary at = { 0, 0 };
  gboolean was_call = TRUE;

  map->all = g_array_new (FALSE, FALSE, sizeof (Boundary));
  map->turns = g_array_new (FALSE, FALSE, sizeof (guint));
  begin (self, operation);

  do
    {
      guint32 now = self->arena != NULL ? sum_table (&self->table) : 0;

      if (now != sum || was_call)
        {
          guint index = map->all->len;

          g_array_append_val (map->turns, index);
        }
      sum = now;
      g_array_append_val (map->all, at);

      was_call = is_at_call (self->victim);
      if (was_call && !(operation->flags & OPERATION_IS_TIMED))
        at = (Boundary) { at.n_calls + 1, 0 };
      else
        at.n_steps++;
    }
  while (proceed (self, PTRACE_SINGLESTEP));

  self->boundary = at;
  finish (self);
}

/* How far after a system call an operation that is long is looked at, where there is little time. */
#define N_NEAR 300

/* Runs through the operation once, and stops at system calls only. */
static void
survey_quickly (Stepper         *self,
                const Operation *operation,
                Map             *map)
{
  guint n_stops = 0;

  map->all = g_array_new (FALSE, FALSE, sizeof (Boundary));
  map->turns = g_array_new (FALSE, FALSE, sizeof (guint));
  begin (self, operation);
  while (proceed (self, PTRACE_SYSCALL))
    n_stops++;
  self->boundary = (Boundary) { n_stops / 2, 0 };
  finish (self);

  for (guint i = 0; i < N_NEAR; i++)
    for (guint j = 0; j <= n_stops / 2; j++)
      {
        Boundary boundary = { j, i };
        guint index = map->all->len;

        if (i == 0)
          g_array_append_val (map->turns, index);
        g_array_append_val (map->all, boundary);
      }
}

/* FALSE: the end came first, and the victim was killed there. */
static gboolean
kill_at (Stepper         *self,
         const Operation *operation,
         const Boundary  *boundary)
{
  gboolean on_the_way = TRUE;

  self->boundary = *boundary;
  begin (self, operation);
  for (guint i = 0; on_the_way && i < 2 * boundary->n_calls; i++)
    on_the_way = proceed (self, PTRACE_SYSCALL);
  for (guint i = 0; on_the_way && i < boundary->n_steps; i++)
    on_the_way = proceed (self, PTRACE_SINGLESTEP);
  finish (self);

  return on_the_way;
}

static void
shuffle (GArray *indices,
         GRand  *random)
{
  guint *data = (guint *) (gpointer) indices->data;

  for (guint i = indices->len; i > 1; i--)
    {
      guint j = (guint) g_rand_int_range (random, 0, (gint32) i), other = data[i - 1];

      data[i - 1] = data[j];
      data[j] = other;
    }
}

/* Less time than this is not enough to step through a long operation even once. */
#define QUICK_TIME_US (2 * G_USEC_PER_SEC)

/* However little the time. */
#define LEAST_KILLS 5

/* First where something changes, then everywhere, as far as the time goes.
 * Returns how many of the boundaries were tried. */
static guint
step_through (Stepper         *self,
              const Operation *operation,
              gint64           time_us,
              guint32          seed,
              guint           *n_boundaries)
{
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GArray) order = NULL;
  g_autofree guint8 *tried = NULL;
  guint n_tried = 0, n_turns;
  Map map;

  if ((operation->flags & OPERATION_IS_LONG) && time_us >= 0 && time_us < QUICK_TIME_US)
    survey_quickly (self, operation, &map);
  else
    survey (self, operation, &map);
  *n_boundaries = map.all->len;
  start = g_get_monotonic_time ();
  tried = g_new0 (guint8, map.all->len);

  shuffle (map.turns, random);
  order = g_array_copy (map.turns);
  n_turns = order->len;
  for (guint i = 0; i < map.all->len; i++)
    g_array_append_val (order, i);
  if (order->len > n_turns)
    {
      g_autoptr (GArray) rest = g_array_new (FALSE, FALSE, sizeof (guint));

      g_array_append_vals (rest, &g_array_index (order, guint, n_turns), map.all->len);
      shuffle (rest, random);
      g_array_set_size (order, n_turns);
      g_array_append_vals (order, rest->data, rest->len);
    }

  for (guint i = 0; i < order->len && self->n_violations < 10; i++)
    {
      guint index = g_array_index (order, guint, i);

      if (time_us >= 0 && n_tried >= LEAST_KILLS && g_get_monotonic_time () - start > time_us)
        break;
      if (tried[index])
        continue;

      tried[index] = TRUE;
      n_tried++;
      kill_at (self, operation, &g_array_index (map.all, Boundary, index));
    }

  g_array_unref (map.all);
  g_array_unref (map.turns);
  return n_tried;
}

static void
stepper_init (Stepper *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) again = NULL;

  *self = (Stepper) { 0 };
  self->name = g_strdup_printf ("tbuf-test-step-%d", (int) getpid ());
  self->path = g_build_filename ("/dev/shm", self->name, NULL);

  /* Everything that happens only once per process has happened before a victim is made. */
  stepper_create_named (self);
  g_assert_true (g_file_get_contents (self->path, (char **) &self->stale, &self->stale_size, NULL));
  again = tbuf_arena_open (self->name, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_object_unref (new_range (again, 0, 8));
  g_clear_object (&again);
  g_clear_object (&self->arena);
}

static void
stepper_clear (Stepper *self)
{
  if (self->waiter.pid != 0)
    {
      close (self->waiter.to_peer);
      waitpid (self->waiter.pid, NULL, 0);
      close (self->waiter.from_peer);
    }
  if (self->table.base != NULL)
    table_unmap (&self->table);
  g_clear_object (&self->blocker);
  g_clear_object (&self->arena);
  g_unlink (self->path);
  g_free (self->stale);
  g_free (self->name);
  g_free (self->path);
}

/* NULL: it is. */
static const char *
find_out_why_not (void)
{
#if defined(__x86_64__) || defined(__aarch64__)
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    {
      if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit (1);
      raise (SIGSTOP);
      _exit (0);
    }

  g_assert_cmpint (waitpid (pid, &status, __WALL), ==, pid);
  if (!WIFSTOPPED (status))
    return "this process may not trace another one (ptrace is not permitted here)";
  status = ptrace (PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 ? 0 : errno;
  kill (pid, SIGKILL);
  waitpid (pid, NULL, __WALL);
  return status == 0 ? NULL : "ptrace can't single-step here";
#else
  return "the stepper does not know how this processor makes a system call";
#endif
}

/* --- the two ways to run it --- */

/* For each operation, in the short version. */
#define SHORT_TIME_US (G_USEC_PER_SEC / 4)

static guint32 seed;

static void
test_operation (gconstpointer data)
{
  const Operation *operation = data;
  const char *why_not = find_out_why_not ();
  guint n_boundaries, n_tried;
  Stepper self;

  if (why_not != NULL)
    {
      g_test_skip (why_not);
      return;
    }

  stepper_init (&self);
  n_tried = step_through (&self, operation, SHORT_TIME_US, seed, &n_boundaries);
  g_test_message ("%u of %u instruction boundaries (seed %u), %u owner deaths, at most %" G_GINT64_FORMAT " us",
                  n_tried, n_boundaries, seed, self.n_deaths, self.longest_us);
  g_assert_cmpuint (self.n_violations, ==, 0);
  g_assert_cmpuint (n_tried, >, 0);
  g_assert_cmpint (self.longest_us, <, LIMIT_US);
  stepper_clear (&self);
}

static int
run_long (gint64      seconds,
          const char *only)
{
  const char *why_not = find_out_why_not ();
  guint n_all = 0, n_kills = 0, n_deaths = 0, n_violations = 0;
  gint64 start = g_get_monotonic_time ();

  if (why_not != NULL)
    {
      g_print ("skipped: %s\n", why_not);
      return 0;
    }

  g_print ("%-20s %10s %10s %10s %10s %10s\n", "operation", "boundaries", "killed at", "deaths", "longest us", "violations");
  for (guint i = 0; i < stepper_n_operations; i++)
    {
      gint64 left = seconds * G_USEC_PER_SEC - (g_get_monotonic_time () - start);
      guint n_boundaries, n_tried;
      Stepper self;

      if (only != NULL && strcmp (only, stepper_operations[i].name) != 0)
        continue;

      stepper_init (&self);
      n_tried = step_through (&self, &stepper_operations[i], seconds <= 0 ? -1 : MAX (left, 0) / (gint64) (stepper_n_operations - i),
                              seed, &n_boundaries);
      g_print ("%-20s %10u %10u %10u %10" G_GINT64_FORMAT " %10u\n",
               stepper_operations[i].name, n_boundaries, n_tried, self.n_deaths, self.longest_us, self.n_violations);
      n_all += n_boundaries;
      n_kills += n_tried;
      n_deaths += self.n_deaths;
      n_violations += self.n_violations;
      stepper_clear (&self);
    }

  g_print ("%-20s %10u %10u %10u %10s %10u\nseed %u, %.1f s\n", "together", n_all, n_kills, n_deaths, "", n_violations, seed,
           (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC);
  return n_violations == 0 ? 0 : 1;
}

int
main (int    argc,
      char **argv)
{
  gint64 seconds = -1;
  int seed_argument = 0;
  g_autofree char *only = NULL;
  const GOptionEntry entries[] = {
    { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "Run for so long, and print figures (0: every boundary)", "N" },
    { "operation", 0, 0, G_OPTION_ARG_STRING, &only, "Only this one", "NAME" },
    { "random", 0, 0, G_OPTION_ARG_INT, &seed_argument, "The seed", "N" },
    { 0 }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  cpu_set_t cpus;

  /* No symbol is to be looked up while a victim is stepped. */
  if (g_getenv ("LD_BIND_NOW") == NULL)
    {
      g_setenv ("LD_BIND_NOW", "1", TRUE);
      execv ("/proc/self/exe", argv);
      g_error ("execv() failed: %s", g_strerror (errno));
    }

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);

  seed = seed_argument != 0 ? (guint32) seed_argument : g_random_int ();

  /* Two processes take turns here: on one processor that is quicker. */
  CPU_ZERO (&cpus);
  CPU_SET ((unsigned) sched_getcpu (), &cpus);
  sched_setaffinity (0, sizeof cpus, &cpus);

  if (seconds >= 0)
    return run_long (seconds, only);

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < stepper_n_operations; i++)
    {
      g_autofree char *path = g_strdup_printf ("/tbuf/crash/step/%s", stepper_operations[i].name);

      g_test_add_data_func (path, &stepper_operations[i], test_operation);
    }
  return g_test_run ();
}
