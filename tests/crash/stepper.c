/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <elf.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "../peer.h"

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

#define N_BYTES 4096
#define OFFSET  1000
#define LENGTH  1000

/* What a survivor may need at the most, on a machine that is busy. */
#define LIMIT_US (5 * G_USEC_PER_SEC)

typedef struct
{
  guint n_calls;
  guint n_steps;
} Boundary;

typedef enum
{
  HELP_NONE,
  HELP_UNLOCK_AT_ONCE,    /* the survivor's lock goes when the victim is found waiting */
  HELP_UNLOCK_ENTITLED,   /* when it is entitled */
  HELP_CANCEL,            /* another thread of the victim cancels it then */
} Help;

typedef struct _Stepper Stepper;

typedef struct
{
  const char *name;
  Help        help;
  void      (*prepare) (Stepper *self);   /* in the survivor, before there is a victim */
  void      (*enter)   (Stepper *self);   /* in the victim, before the first step */
  void      (*at_mark) (Stepper *self);   /* in the survivor, when the victim has entered */
  void      (*operate) (Stepper *self);   /* in the victim, step by step */
  void      (*check)   (Stepper *self);   /* in the survivor, afterwards */
  void      (*stopped) (Stepper *self);   /* in the survivor, before, while the victim is stopped and alive */
  gboolean    is_long;                    /* tens of thousands of instructions */
} Operation;

struct _Stepper
{
  const Operation *operation;
  TbufArena       *arena;         /* the survivor's */
  Table            table;
  TbufRegion      *blocker;       /* the survivor's lock, while it has one */
  TbufRegion      *bystander;     /* another one, in nobody's way */
  Peer             waiter;        /* another survivor, which waits where it is told to */
  guint8          *stale;         /* a file as a dead participant left it */
  gsize            stale_size;
  char            *name;
  char            *path;
  struct stat      named;         /* the file that has the name */

  pid_t            victim;
  gboolean         helped;
  int              cancel_pipe[2];
  Boundary         boundary;

  /* The victim's. */
  TbufArena       *own_arena;
  TbufRegion      *own_range;
  GCancellable    *cancellable;

  /* Results. */
  guint            n_kills;
  guint            n_deaths;      /* of an owner, as the others see it */
  guint            n_violations;
  gint64           longest_us;
};

G_GNUC_PRINTF (2, 3)
static void
violation (Stepper    *self,
           const char *format,
           ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  self->n_violations++;
  g_printerr ("# %s, killed %u instructions after system call %u: %s\n",
              self->operation->name, self->boundary.n_steps, self->boundary.n_calls, message);
}

/* --- what a survivor sees --- */

static gboolean
left_a_death (Stepper *self)
{
  for (guint i = 0; i < TBUF_N_RECORDS; i++)
    {
      const TbufRecord *record = &self->table.records[i];
      guint32 pid = self->table.slots[TBUF_ID_TO_SLOT (record->id)].pid;

      if (record->state == TBUF_RECORD_POISON ||
          (record->state == TBUF_RECORD_HELD && record->mode == TBUF_LOCK_MODE_EXCLUSIVE &&
           !(record->flags & TBUF_RECORD_NO_DATA) &&
           pid != (guint32) getpid () && pid != (guint32) self->waiter.pid))
        return TRUE;
    }

  return FALSE;
}

static void
unlock (Stepper    *self,
        TbufRegion *region)
{
  g_autoptr (GError) error = NULL;

  if (!tbuf_region_unlock (region, &error))
    violation (self, "unlock() failed: %s", error->message);
}

/* A lock on everything is there for the survivor, after recovery if an owner
 * died, and before long. */
static void
check_verdict (Stepper  *self,
               gboolean  death)
{
  TbufRegion *region = TBUF_REGION (self->arena);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;
  gboolean locked = tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, LIMIT_US, NULL, &error);

  self->n_deaths += death;
  if (locked)
    unlock (self, region);
  if (locked == death)
    violation (self, "an owner %s, and lock() says: %s", death ? "died" : "did not die", locked ? "locked" : error->message);
  else if (death && !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
    violation (self, "an owner died, and lock() says: %s", error->message);

  g_clear_error (&error);
  if (!tbuf_region_recover (region, LIMIT_US, &was_abandoned, NULL, &error))
    violation (self, "recover() failed: %s", error->message);
  else
    {
      if (was_abandoned != death)
        violation (self, "recover() found it %s", was_abandoned ? "abandoned" : "not abandoned");
      unlock (self, region);
    }

  self->longest_us = MAX (self->longest_us, g_get_monotonic_time () - start);
}

/* Whoever takes the victim's slot next clears what is left in it. */
static void
check_leaks (Stepper *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) next = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, &error);
  const char *leak;

  if (next == NULL)
    violation (self, "the next participant could not attach: %s", error->message);
  else if (tbuf_arena_get_n_participants (next) != 2)
    violation (self, "there are 2 participants, and %u are counted", tbuf_arena_get_n_participants (next));

  leak = table_find_leak (&self->table);
  if (leak != NULL)
    violation (self, "the table is not empty afterwards: %s", leak);
}

static void
check_lock (Stepper *self)
{
  gboolean death = left_a_death (self);

  if (self->blocker != NULL)
    {
      g_autoptr (TbufRegion) other = new_range (self->arena, OFFSET, LENGTH);

      if (tbuf_region_lock (other, TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, NULL))
        {
          violation (self, "there are two holders");
          unlock (self, other);
        }
      unlock (self, self->blocker);
      g_clear_object (&self->blocker);
    }

  check_verdict (self, death);
  check_leaks (self);
}

/* The phase is one or the other, and it can be entered anew. */
static void
check_phase (Stepper *self)
{
  const char *phase = tbuf_arena_get_phase (self->arena);
  g_autoptr (GError) error = NULL;

  if (g_strcmp0 (phase, "first") != 0 && g_strcmp0 (phase, "second") != 0)
    violation (self, "the phase is %s", phase);
  check_lock (self);
  if (!tbuf_arena_set_phase (self->arena, "first", LIMIT_US, NULL, &error))
    violation (self, "set_phase() says: %s", error->message);
}

/* --- operations on locks --- */

static void
hold (Stepper      *self,
      TbufRegion   *region,
      TbufLockMode  mode)
{
  g_autoptr (GError) error = NULL;

  tbuf_region_lock (region, mode, LIMIT_US, NULL, &error);
  g_assert_no_error (error);
}

static void
enter (Stepper *self)
{
  self->own_arena = open_again (self->arena);
  self->own_range = new_range (self->own_arena, OFFSET, LENGTH);
  self->cancellable = g_cancellable_new ();
}

static void
enter_and_hold (Stepper *self)
{
  enter (self);
  hold (self, self->own_range, TBUF_LOCK_MODE_EXCLUSIVE);
}

static void
enter_and_share (Stepper *self)
{
  enter (self);
  hold (self, self->own_range, TBUF_LOCK_MODE_SHARED);
}

static void
enter_and_recover (Stepper *self)
{
  enter (self);
  g_assert_true (tbuf_region_recover (self->own_range, LIMIT_US, NULL, NULL, NULL));
}

static void
operate_lock (Stepper *self)
{
  tbuf_region_lock (self->own_range, TBUF_LOCK_MODE_EXCLUSIVE, -1, self->cancellable, NULL);
}

static void
operate_share (Stepper *self)
{
  tbuf_region_lock (self->own_range, TBUF_LOCK_MODE_SHARED, -1, NULL, NULL);
}

static void
operate_lock_in_time (Stepper *self)
{
  tbuf_region_lock (self->own_range, TBUF_LOCK_MODE_EXCLUSIVE, 2000, NULL, NULL);
}

static void
operate_unlock (Stepper *self)
{
  tbuf_region_unlock (self->own_range, NULL);
}

static void
operate_upgrade (Stepper *self)
{
  tbuf_region_upgrade (self->own_range, -1, NULL, NULL);
}

static void
operate_downgrade (Stepper *self)
{
  tbuf_region_downgrade (self->own_range, NULL);
}

static void
operate_recover (Stepper *self)
{
  tbuf_region_recover (self->own_range, -1, NULL, NULL, NULL);
}

static void
operate_announce (Stepper *self)
{
  tbuf_region_announce (self->own_range);
}

static void
operate_drop (Stepper *self)
{
  g_clear_object (&self->own_range);
}

static void
operate_set_phase (Stepper *self)
{
  tbuf_arena_set_phase (self->own_arena, "second", -1, NULL, NULL);
}

static void
operate_cancel (Stepper *self)
{
  g_cancellable_cancel (self->cancellable);
}

static void
operate_attach (Stepper *self)
{
  self->own_arena = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, NULL);
}

static void
operate_leave (Stepper *self)
{
  g_clear_object (&self->own_range);
  g_clear_object (&self->own_arena);
}

static void
prepare_blocker (Stepper *self)
{
  self->blocker = new_range (self->arena, OFFSET + 100, LENGTH);
  hold (self, self->blocker, TBUF_LOCK_MODE_EXCLUSIVE);
}

static void
prepare_reader (Stepper *self)
{
  self->blocker = new_range (self->arena, OFFSET + 100, LENGTH);
  hold (self, self->blocker, TBUF_LOCK_MODE_SHARED);
}

/* An object that goes while it holds a lock is an owner that dies. It reaches
 * further than the victim's range to both sides. */
static void
prepare_abandoned (Stepper *self)
{
  g_autoptr (TbufRegion) lost = new_range (self->arena, OFFSET - 100, LENGTH + 200);

  hold (self, lost, TBUF_LOCK_MODE_EXCLUSIVE);
}

static void
hold_two_ranges (Peer     *parent,
                 gpointer  data)
{
  TbufArena *arena = open_again (data);

  hold (NULL, new_range (arena, OFFSET - 100, 200), TBUF_LOCK_MODE_EXCLUSIVE);
  hold (NULL, new_range (arena, OFFSET + 200, 200), TBUF_LOCK_MODE_SHARED);
  peer_tell (parent);
  peer_wait (parent);
}

static void
prepare_dead_owner (Stepper *self)
{
  Peer peer = peer_start (hold_two_ranges, self->arena);

  g_assert_true (peer_wait (&peer));
  peer_kill (&peer);
}

/* As if that owner had died over a change: the guard is its own, and all that is
 * derived from the records is wrong. */
static void
prepare_dead_guard (Stepper *self)
{
  prepare_dead_owner (self);
  self->table.words->high = 0;
  self->table.words->used[0] = 0;
  self->table.words->guard = self->table.records[0].id;
}

static gpointer
cancel_when_told (gpointer data)
{
  Stepper *self = data;
  char byte;

  if (read (self->cancel_pipe[0], &byte, 1) == 1)
    g_cancellable_cancel (self->cancellable);
  return NULL;
}

static void
enter_with_canceller (Stepper *self)
{
  enter (self);
  g_thread_unref (g_thread_new ("canceller", cancel_when_told, self));
}

static gpointer
wait_in_thread (gpointer data)
{
  operate_lock (data);
  return NULL;
}

static gboolean
is_waiting (Stepper *self,
            pid_t    pid,
            gboolean entitled)
{
  for (guint i = 0; i < 8; i++)
    if (table_get_state (&self->table, i, pid) == TBUF_RECORD_WAITING &&
        (!entitled || (self->table.records[i].flags & TBUF_RECORD_ENTITLED)))
      return TRUE;

  return FALSE;
}

static void
enter_with_waiter (Stepper *self)
{
  enter (self);
  g_thread_unref (g_thread_new ("waiter", wait_in_thread, self));
  while (!is_waiting (self, getpid (), TRUE))
    sched_yield ();
}

/* The other survivor: takes the range when it is told to, and tells what came of it. */
static void
wait_for_range (Peer     *parent,
                gpointer  data)
{
  TbufArena *arena = open_again (data);
  TbufRegion *region = new_range (arena, OFFSET + LENGTH - 1, 1);

  while (peer_wait (parent))
    {
      g_autoptr (GError) error = NULL;
      char verdict = tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, LIMIT_US, NULL, &error) ? 'l'
                     : g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED) ? 'd' : 'f';

      if (write (parent->to_peer, &verdict, 1) != 1 || !peer_wait (parent))
        break;
      if (verdict == 'l')
        tbuf_region_unlock (region, NULL);
      peer_tell (parent);
    }
}

static void
start_waiter (Stepper *self)
{
  peer_tell (&self->waiter);
  while (!is_waiting (self, self->waiter.pid, TRUE))
    sched_yield ();
}

static void
check_waiter (Stepper *self)
{
  gint64 start = g_get_monotonic_time ();
  char verdict = 0;
  gboolean death;

  if (read (self->waiter.from_peer, &verdict, 1) != 1)
    g_error ("the waiter is gone");

  death = left_a_death (self);
  self->longest_us = MAX (self->longest_us, g_get_monotonic_time () - start);
  if (verdict != (death ? 'd' : 'l'))
    violation (self, "an owner %s, and the waiter got “%c”", death ? "died" : "did not die", verdict);

  peer_tell (&self->waiter);
  peer_wait (&self->waiter);
  check_verdict (self, death);
  if (self->table.records[0].state != TBUF_RECORD_FREE)
    violation (self, "a record is in use afterwards");
}

/* --- operations on names --- */

static void
look_at_table (Stepper *self)
{
  if (self->table.base != NULL)
    table_unmap (&self->table);
  self->table = table_map (tbuf_arena_get_fd (self->arena));
}

static void
create_named (Stepper *self)
{
  g_autoptr (GError) error = NULL;

  self->arena = tbuf_arena_create (self->name, N_BYTES, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  look_at_table (self);
  g_assert_cmpint (lstat (self->path, &self->named), ==, 0);
}

static void
prepare_name (Stepper *self)
{
  g_clear_object (&self->arena);
  create_named (self);
}

static void
prepare_no_name (Stepper *self)
{
  g_clear_object (&self->arena);
  g_unlink (self->path);
}

static void
prepare_stale (Stepper *self)
{
  g_clear_object (&self->arena);
  g_assert_true (g_file_set_contents (self->path, (char *) self->stale, (gssize) self->stale_size, NULL));
  g_assert_cmpint (lstat (self->path, &self->named), ==, 0);
}

static void
enter_by_name (Stepper *self)
{
  self->own_arena = tbuf_arena_open (self->name, TBUF_ARENA_NONE, NULL);
  g_assert_nonnull (self->own_arena);
}

static void
enter_created (Stepper *self)
{
  self->own_arena = tbuf_arena_create (self->name, N_BYTES, TBUF_ARENA_NONE, NULL);
  g_assert_nonnull (self->own_arena);
}

static void
operate_create (Stepper *self)
{
  self->own_arena = tbuf_arena_create (self->name, N_BYTES, TBUF_ARENA_NONE, NULL);
}

static void
operate_replace (Stepper *self)
{
  self->own_arena = tbuf_arena_create (self->name, 2 * N_BYTES, TBUF_ARENA_REPLACE_STALE, NULL);
}

static void
operate_open (Stepper *self)
{
  self->own_arena = tbuf_arena_open (self->name, TBUF_ARENA_NONE, NULL);
}

static void
operate_open_read_only (Stepper *self)
{
  self->own_arena = tbuf_arena_open (self->name, TBUF_ARENA_READ_ONLY, NULL);
}

/* The survivor has had it open all the time. */
static void
check_name_stays (Stepper *self)
{
  struct stat now;

  if (lstat (self->path, &now) != 0 || now.st_ino != self->named.st_ino)
    violation (self, "somebody living lost the name");

  if (tbuf_arena_get_n_participants (self->arena) != 1)
    violation (self, "there is 1 participant, and %u are counted", tbuf_arena_get_n_participants (self->arena));
  check_verdict (self, FALSE);

  g_clear_object (&self->arena);
  if (g_access (self->path, F_OK) == 0)
    violation (self, "the file is still there when the last one has left");
}

/* Nobody else had it: there is a whole arena, or none. */
static void
check_whole_or_none (Stepper *self)
{
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  self->arena = tbuf_arena_open (self->name, TBUF_ARENA_NONE, &error);
  if (self->arena != NULL)
    {
      gsize size = tbuf_arena_get_size (self->arena);

      if (size != N_BYTES && size != 2 * N_BYTES)
        violation (self, "the arena has %" G_GSIZE_FORMAT " bytes", size);
      if (tbuf_arena_get_n_participants (self->arena) != 1)
        violation (self, "there is 1 participant, and %u are counted", tbuf_arena_get_n_participants (self->arena));
      check_verdict (self, FALSE);
      g_clear_object (&self->arena);
    }
  else if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND))
    violation (self, "open() says: %s", error->message);

  if (g_access (self->path, F_OK) == 0)
    violation (self, "the file is still there when the last one has left");

  g_clear_error (&error);
  self->arena = tbuf_arena_create (self->name, N_BYTES, TBUF_ARENA_NONE, &error);
  if (self->arena == NULL)
    violation (self, "create() says: %s", error->message);
  g_clear_object (&self->arena);
  self->longest_us = MAX (self->longest_us, g_get_monotonic_time () - start);
}

/* --- next to one who is stopped --- */

/* A call that may not wait for long returns before long. */
#define SHORT_LIMIT_US (2 * G_USEC_PER_SEC)

static void
prepare_bystander (Stepper *self)
{
  self->bystander = new_range (self->arena, 0, 100);
  hold (self, self->bystander, TBUF_LOCK_MODE_EXCLUSIVE);
}

static void
check_quick (Stepper    *self,
             const char *what,
             gint64      start)
{
  gint64 took = g_get_monotonic_time () - start;

  if (took > SHORT_LIMIT_US)
    violation (self, "%s took %" G_GINT64_FORMAT " us", what, took);
}

/* The victim may have the guard, for ever as far as one can see. */
static void
unlock_and_try (Stepper *self)
{
  g_autoptr (TbufRegion) other = new_range (self->arena, 200, 100);
  const gint64 timeouts[] = { 0, 3000 };
  gint64 start = g_get_monotonic_time ();

  unlock (self, self->bystander);
  g_clear_object (&self->bystander);
  check_quick (self, "unlock()", start);

  for (guint i = 0; i < G_N_ELEMENTS (timeouts); i++)
    {
      g_autoptr (GError) error = NULL;

      start = g_get_monotonic_time ();
      if (tbuf_region_lock (other, TBUF_LOCK_MODE_EXCLUSIVE, timeouts[i], NULL, &error))
        unlock (self, other);
      else if (!g_error_matches (error, TBUF_ERROR, i == 0 ? TBUF_ERROR_BUSY : TBUF_ERROR_TIMED_OUT))
        violation (self, "lock() next to a stopped process says: %s", error->message);
      check_quick (self, "lock()", start);
    }
}

static void
drop_bystander (Stepper *self)
{
  gint64 start = g_get_monotonic_time ();

  g_clear_object (&self->bystander);
  check_quick (self, "dropping a lock", start);
}

/* The bystander's death is one, whatever the victim did. */
static void
check_dropped (Stepper *self)
{
  check_verdict (self, TRUE);
  check_leaks (self);
}

static const Operation operations[] = {
  { "lock", HELP_NONE, NULL, enter, NULL, operate_lock, check_lock },
  { "lock-shared", HELP_NONE, NULL, enter, NULL, operate_share, check_lock },
  { "unlock", HELP_NONE, NULL, enter_and_hold, NULL, operate_unlock, check_lock },
  { "unlock-shared", HELP_NONE, NULL, enter_and_share, NULL, operate_unlock, check_lock },
  { "drop-held", HELP_NONE, NULL, enter_and_hold, NULL, operate_drop, check_lock },
  { "announce", HELP_NONE, NULL, enter, NULL, operate_announce, check_lock },
  { "wait-poked", HELP_UNLOCK_AT_ONCE, prepare_blocker, enter, NULL, operate_lock, check_lock },
  { "wait-granted", HELP_UNLOCK_ENTITLED, prepare_blocker, enter, NULL, operate_lock, check_lock },
  { "wait-timeout", HELP_NONE, prepare_blocker, enter, NULL, operate_lock_in_time, check_lock },
  { "wait-cancelled", HELP_CANCEL, prepare_blocker, enter_with_canceller, NULL, operate_lock, check_lock },
  { "cancel", HELP_NONE, prepare_blocker, enter_with_waiter, NULL, operate_cancel, check_lock },
  { "upgrade", HELP_NONE, NULL, enter_and_share, NULL, operate_upgrade, check_lock },
  { "upgrade-waits", HELP_UNLOCK_ENTITLED, prepare_reader, enter_and_share, NULL, operate_upgrade, check_lock },
  { "downgrade", HELP_NONE, NULL, enter_and_hold, NULL, operate_downgrade, check_lock },
  { "unlock-wakes", HELP_NONE, NULL, enter_and_hold, start_waiter, operate_unlock, check_waiter },
  { "reap", HELP_NONE, NULL, enter, prepare_dead_owner, operate_lock, check_lock },
  { "steal-guard", HELP_NONE, NULL, enter, prepare_dead_guard, operate_lock, check_lock, NULL, TRUE },
  { "recover", HELP_NONE, prepare_abandoned, enter, NULL, operate_recover, check_lock },
  { "unlock-recovered", HELP_NONE, prepare_abandoned, enter_and_recover, NULL, operate_unlock, check_lock },
  { "stopped-lock", HELP_NONE, prepare_bystander, enter, NULL, operate_lock, check_lock, unlock_and_try },
  { "stopped-unlock", HELP_NONE, prepare_bystander, enter_and_hold, NULL, operate_unlock, check_lock, unlock_and_try },
  { "stopped-drop", HELP_NONE, prepare_bystander, enter, NULL, operate_lock, check_dropped, drop_bystander },
  { "set-phase", HELP_NONE, NULL, enter, NULL, operate_set_phase, check_phase },
  { "attach", HELP_NONE, NULL, NULL, NULL, operate_attach, check_lock, NULL, TRUE },
  { "leave", HELP_NONE, NULL, enter, NULL, operate_leave, check_lock },
  { "leave-held", HELP_NONE, NULL, enter_and_hold, NULL, operate_leave, check_lock },
  { "name-create", HELP_NONE, prepare_no_name, NULL, NULL, operate_create, check_whole_or_none, NULL, TRUE },
  { "name-replace", HELP_NONE, prepare_stale, NULL, NULL, operate_replace, check_whole_or_none, NULL, TRUE },
  { "name-open", HELP_NONE, prepare_name, NULL, NULL, operate_open, check_name_stays, NULL, TRUE },
  { "name-open-read-only", HELP_NONE, prepare_name, NULL, NULL, operate_open_read_only, check_name_stays, NULL, TRUE },
  { "name-open-stale", HELP_NONE, prepare_stale, NULL, NULL, operate_open, check_whole_or_none, NULL, TRUE },
  { "name-leave", HELP_NONE, prepare_name, enter_by_name, NULL, operate_leave, check_name_stays },
  { "name-leave-last", HELP_NONE, prepare_no_name, enter_created, NULL, operate_leave, check_whole_or_none },
};

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

  if (self->helped || kind == HELP_NONE || !is_waiting (self, self->victim, kind != HELP_UNLOCK_AT_ONCE))
    return;

  self->helped = TRUE;
  if (kind == HELP_CANCEL)
    g_assert_cmpint (write (self->cancel_pipe[1], "c", 1), ==, 1);
  else if (self->table.words->guard == 0)
    {
      unlock (self, self->blocker);
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
  if (self->arena == NULL && operation->check != check_whole_or_none && operation->check != check_name_stays)
    {
      g_autoptr (GError) error = NULL;

      g_autoptr (TbufLayout) layout = new_layout ();

      self->arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
      g_assert_no_error (error);
      look_at_table (self);
    }
  if (operation->check == check_waiter && self->waiter.pid == 0)
    self->waiter = peer_start (wait_for_range, self->arena);
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

  self->n_kills++;
  self->operation->check (self);
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
      if (was_call)
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

  if (operation->is_long && time_us >= 0 && time_us < QUICK_TIME_US)
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

  *self = (Stepper) { 0 };
  self->name = g_strdup_printf ("tbuf-test-step-%d", (int) getpid ());
  self->path = g_build_filename ("/dev/shm", self->name, NULL);

  /* Everything that happens only once per process has happened before a victim is made. */
  create_named (self);
  g_assert_true (g_file_get_contents (self->path, (char **) &self->stale, &self->stale_size, NULL));
  enter_by_name (self);
  self->own_range = new_range (self->own_arena, 0, 8);
  operate_leave (self);
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
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      gint64 left = seconds * G_USEC_PER_SEC - (g_get_monotonic_time () - start);
      guint n_boundaries, n_tried;
      Stepper self;

      if (only != NULL && strcmp (only, operations[i].name) != 0)
        continue;

      stepper_init (&self);
      n_tried = step_through (&self, &operations[i], seconds <= 0 ? -1 : MAX (left, 0) / (gint64) (G_N_ELEMENTS (operations) - i),
                              seed, &n_boundaries);
      g_print ("%-20s %10u %10u %10u %10" G_GINT64_FORMAT " %10u\n",
               operations[i].name, n_boundaries, n_tried, self.n_deaths, self.longest_us, self.n_violations);
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
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autofree char *path = g_strdup_printf ("/tbuf/crash/step/%s", operations[i].name);

      g_test_add_data_func (path, &operations[i], test_operation);
    }
  return g_test_run ();
}
