/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stepper.h"

#include <glib/gstdio.h>
#include <sched.h>

/* What the stepper steps through, and what has to be afterwards. */

void
stepper_violation (Stepper    *self,
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
    stepper_violation (self, "unlock() failed: %s", error->message);
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
    stepper_violation (self, "an owner %s, and lock() says: %s", death ? "died" : "did not die", locked ? "locked" : error->message);
  else if (death && !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
    stepper_violation (self, "an owner died, and lock() says: %s", error->message);

  g_clear_error (&error);
  if (!tbuf_region_recover (region, LIMIT_US, &was_abandoned, NULL, &error))
    stepper_violation (self, "recover() failed: %s", error->message);
  else
    {
      if (was_abandoned != death)
        stepper_violation (self, "recover() found it %s", was_abandoned ? "abandoned" : "not abandoned");
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
    stepper_violation (self, "the next participant could not attach: %s", error->message);
  else if (tbuf_arena_get_n_participants (next) != 2)
    stepper_violation (self, "there are 2 participants, and %u are counted", tbuf_arena_get_n_participants (next));

  leak = table_find_leak (&self->table);
  if (leak != NULL)
    stepper_violation (self, "the table is not empty afterwards: %s", leak);
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
          stepper_violation (self, "there are two holders");
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
    stepper_violation (self, "the phase is %s", phase);
  check_lock (self);
  if (!tbuf_arena_set_phase (self->arena, "first", LIMIT_US, NULL, &error))
    stepper_violation (self, "set_phase() says: %s", error->message);
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

gboolean
stepper_is_waiting (Stepper *self,
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
  while (!stepper_is_waiting (self, getpid (), TRUE))
    sched_yield ();
}

/* The other survivor: takes the range when it is told to, and tells what came of it. */
void
stepper_wait_for_range (Peer     *parent,
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
  while (!stepper_is_waiting (self, self->waiter.pid, TRUE))
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
    stepper_violation (self, "an owner %s, and the waiter got “%c”", death ? "died" : "did not die", verdict);

  peer_tell (&self->waiter);
  peer_wait (&self->waiter);
  check_verdict (self, death);
  if (self->table.records[0].state != TBUF_RECORD_FREE)
    stepper_violation (self, "a record is in use afterwards");
}

/* --- operations on names --- */

void
stepper_look_at_table (Stepper *self)
{
  if (self->table.base != NULL)
    table_unmap (&self->table);
  self->table = table_map (tbuf_arena_get_fd (self->arena));
}

void
stepper_create_named (Stepper *self)
{
  g_autoptr (GError) error = NULL;

  self->arena = tbuf_arena_create (self->name, N_BYTES, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  stepper_look_at_table (self);
  g_assert_cmpint (lstat (self->path, &self->named), ==, 0);
}

static void
prepare_name (Stepper *self)
{
  g_clear_object (&self->arena);
  stepper_create_named (self);
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
    stepper_violation (self, "somebody living lost the name");

  if (tbuf_arena_get_n_participants (self->arena) != 1)
    stepper_violation (self, "there is 1 participant, and %u are counted", tbuf_arena_get_n_participants (self->arena));
  check_verdict (self, FALSE);

  g_clear_object (&self->arena);
  if (g_access (self->path, F_OK) == 0)
    stepper_violation (self, "the file is still there when the last one has left");
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
        stepper_violation (self, "the arena has %" G_GSIZE_FORMAT " bytes", size);
      if (tbuf_arena_get_n_participants (self->arena) != 1)
        stepper_violation (self, "there is 1 participant, and %u are counted", tbuf_arena_get_n_participants (self->arena));
      check_verdict (self, FALSE);
      g_clear_object (&self->arena);
    }
  else if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND))
    stepper_violation (self, "open() says: %s", error->message);

  if (g_access (self->path, F_OK) == 0)
    stepper_violation (self, "the file is still there when the last one has left");

  g_clear_error (&error);
  self->arena = tbuf_arena_create (self->name, N_BYTES, TBUF_ARENA_NONE, &error);
  if (self->arena == NULL)
    stepper_violation (self, "create() says: %s", error->message);
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
    stepper_violation (self, "%s took %" G_GINT64_FORMAT " us", what, took);
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
        stepper_violation (self, "lock() next to a stopped process says: %s", error->message);
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

/* --- while another has the guard --- */

/* The survivor has it for good, as if one of its threads was stopped. */
static void
keep_guard (Stepper *self)
{
  for (guint slot = 0; slot < TBUF_N_SLOTS; slot++)
    if (self->table.slots[slot].pid == (guint32) getpid ())
      {
        self->table.words->guard = self->table.slots[slot].generation << TBUF_SLOT_BITS | slot;
        return;
      }
}

static void
check_after_guard (Stepper *self)
{
  self->table.words->guard = 0;
  check_lock (self);
}

const Operation stepper_operations[] = {
  { "lock", 0, HELP_NONE, NULL, enter, NULL, operate_lock, check_lock },
  { "lock-shared", 0, HELP_NONE, NULL, enter, NULL, operate_share, check_lock },
  { "unlock", 0, HELP_NONE, NULL, enter_and_hold, NULL, operate_unlock, check_lock },
  { "unlock-shared", 0, HELP_NONE, NULL, enter_and_share, NULL, operate_unlock, check_lock },
  { "drop-held", 0, HELP_NONE, NULL, enter_and_hold, NULL, operate_drop, check_lock },
  { "announce", 0, HELP_NONE, NULL, enter, NULL, operate_announce, check_lock },
  { "wait-poked", 0, HELP_UNLOCK_AT_ONCE, prepare_blocker, enter, NULL, operate_lock, check_lock },
  { "wait-granted", 0, HELP_UNLOCK_ENTITLED, prepare_blocker, enter, NULL, operate_lock, check_lock },
  { "wait-timeout", 0, HELP_NONE, prepare_blocker, enter, NULL, operate_lock_in_time, check_lock },
  { "wait-cancelled", 0, HELP_CANCEL, prepare_blocker, enter_with_canceller, NULL, operate_lock, check_lock },
  { "cancel", 0, HELP_NONE, prepare_blocker, enter_with_waiter, NULL, operate_cancel, check_lock },
  { "upgrade", 0, HELP_NONE, NULL, enter_and_share, NULL, operate_upgrade, check_lock },
  { "upgrade-waits", 0, HELP_UNLOCK_ENTITLED, prepare_reader, enter_and_share, NULL, operate_upgrade, check_lock },
  { "downgrade", 0, HELP_NONE, NULL, enter_and_hold, NULL, operate_downgrade, check_lock },
  { "unlock-wakes", OPERATION_NEEDS_WAITER, HELP_NONE, NULL, enter_and_hold, start_waiter, operate_unlock, check_waiter },
  { "reap", 0, HELP_NONE, NULL, enter, prepare_dead_owner, operate_lock, check_lock },
  { "steal-guard", OPERATION_IS_LONG, HELP_NONE, NULL, enter, prepare_dead_guard, operate_lock, check_lock },
  { "recover", 0, HELP_NONE, prepare_abandoned, enter, NULL, operate_recover, check_lock },
  { "unlock-recovered", 0, HELP_NONE, prepare_abandoned, enter_and_recover, NULL, operate_unlock, check_lock },
  { "unguarded-lock", OPERATION_IS_TIMED, HELP_NONE, NULL, enter, keep_guard, operate_lock_in_time, check_after_guard },
  { "unguarded-unlock", OPERATION_IS_TIMED, HELP_NONE, NULL, enter_and_hold, keep_guard, operate_unlock, check_after_guard },
  { "unguarded-drop", OPERATION_IS_TIMED, HELP_NONE, NULL, enter_and_hold, keep_guard, operate_drop, check_after_guard },
  { "stopped-lock", 0, HELP_NONE, prepare_bystander, enter, NULL, operate_lock, check_lock, unlock_and_try },
  { "stopped-unlock", 0, HELP_NONE, prepare_bystander, enter_and_hold, NULL, operate_unlock, check_lock, unlock_and_try },
  { "stopped-drop", 0, HELP_NONE, prepare_bystander, enter, NULL, operate_lock, check_dropped, drop_bystander },
  { "set-phase", 0, HELP_NONE, NULL, enter, NULL, operate_set_phase, check_phase },
  { "attach", OPERATION_IS_LONG, HELP_NONE, NULL, NULL, NULL, operate_attach, check_lock },
  { "leave", 0, HELP_NONE, NULL, enter, NULL, operate_leave, check_lock },
  { "leave-held", 0, HELP_NONE, NULL, enter_and_hold, NULL, operate_leave, check_lock },
  { "name-create", OPERATION_IS_LONG | OPERATION_IS_NAMED, HELP_NONE, prepare_no_name, NULL, NULL, operate_create, check_whole_or_none },
  { "name-replace", OPERATION_IS_LONG | OPERATION_IS_NAMED, HELP_NONE, prepare_stale, NULL, NULL, operate_replace, check_whole_or_none },
  { "name-open", OPERATION_IS_LONG | OPERATION_IS_NAMED, HELP_NONE, prepare_name, NULL, NULL, operate_open, check_name_stays },
  { "name-open-read-only", OPERATION_IS_LONG | OPERATION_IS_NAMED, HELP_NONE, prepare_name, NULL, NULL, operate_open_read_only, check_name_stays },
  { "name-open-stale", OPERATION_IS_LONG | OPERATION_IS_NAMED, HELP_NONE, prepare_stale, NULL, NULL, operate_open, check_whole_or_none },
  { "name-leave", OPERATION_IS_NAMED, HELP_NONE, prepare_name, enter_by_name, NULL, operate_leave, check_name_stays },
  { "name-leave-last", OPERATION_IS_NAMED, HELP_NONE, prepare_no_name, enter_created, NULL, operate_leave, check_whole_or_none },
};

const guint stepper_n_operations = G_N_ELEMENTS (stepper_operations);
