/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-watcher-private.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tbuf-record-private.h"
#include "tbuf-region-private.h"
#include "tbuf-system-private.h"
#include "tbuf-watch-private.h"

/* The watcher
 * ===========
 *
 * One thread per mapping, and only while somebody watches. It sleeps on the
 * change words of the stripes that are watched, and on the wide word, for
 * changes that span stripes. Bit 0 of such a word says that somebody sleeps:
 *
 *     watcher                          changer, under the guard
 *     v = fetch_or (word, 1) | 1       change the table
 *     look at the table                if the word is odd: add 1, wake
 *     wait while the word is v
 *
 * Adding 1 clears the bit and counts in one operation. A separate flag would
 * lose changes for good: it could be cleared for a change that the watcher has
 * seen already, and then nobody tells it of the next. The table is looked at
 * under the guard, so that no state is reported that never was.
 *
 * A read-only mapping can neither set the bit nor take the guard: it polls, and
 * takes a look only if the table's sequence was even and the same around it.
 */

/* How often the watcher asks whether those who hold locks still live. */
#define REAP_INTERVAL_US 100000
#define MAX_REAPED       16

#define POLL_INTERVAL_US 20000
#define GUARD_TIMEOUT_US 100000
#define MAX_SEQUENCE_TRIES 1000

/* Others wait behind a request that can't be looked at. */
#define REQUEST_GUARD_US 1000

struct _TbufWatcher
{
  TbufMapping  *mapping;    /* (unowned) outlives its watches */
  GMutex        mutex;
  GPtrArray    *watches;    /* of TbufWatch */
  GPtrArray    *requests;   /* of TbufRequest, waiting; owned by their sources */
  GPtrArray    *finished;   /* of TbufRequest, to be delivered */
  GThread      *thread;     /* a thread that is no longer this one ends */
  guint32       control;    /* futex: advanced when the watches change */
  int           event_fd;   /* -1 until somebody asks for it */
  TbufLook     *look;       /* the last one; room for a whole table */
};

TbufWatcher *
tbuf_watcher_new (TbufMapping *mapping)
{
  TbufWatcher *self = g_new0 (TbufWatcher, 1);

  self->mapping = mapping;
  self->event_fd = -1;
  self->watches = g_ptr_array_new_with_free_func ((GDestroyNotify) tbuf_watch_unref);
  self->requests = g_ptr_array_new ();
  self->finished = g_ptr_array_new ();
  g_mutex_init (&self->mutex);
  return self;
}

/* Without the last watch and the last request, the thread has nothing to do. */
static void
stop_if_idle (TbufWatcher *self)
{
  GThread *thread = NULL;

  g_mutex_lock (&self->mutex);
  if (self->watches->len == 0 && self->requests->len == 0)
    thread = g_steal_pointer (&self->thread);
  tbuf_watcher_wake (self);
  g_mutex_unlock (&self->mutex);

  if (thread != NULL)
    g_thread_join (thread);
}

/* Watches and requests hold the mapping, so that there are none any more. */
void
tbuf_watcher_free (TbufWatcher *self)
{
  stop_if_idle (self);

  if (self->event_fd >= 0)
    close (self->event_fd);
  g_ptr_array_unref (self->watches);
  g_ptr_array_unref (self->requests);
  g_ptr_array_unref (self->finished);
  g_mutex_clear (&self->mutex);
  g_free (self->look);
  g_free (self);
}

/* In the child there is no such thread, and whoever held the mutex is gone. What
 * was asked for in the parent is answered there. */
void
tbuf_watcher_after_fork (TbufWatcher *self)
{
  self->thread = NULL;
  self->requests->len = 0;
  self->finished->len = 0;
  g_mutex_init (&self->mutex);

  /* The descriptor keeps its number, but what the parent is told is not for us. */
  if (self->event_fd >= 0)
    {
      int own = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);

      if (own >= 0)
        {
          dup3 (own, self->event_fd, O_CLOEXEC);
          close (own);
        }
    }
}

/* Makes the thread look again, at everything. */
void
tbuf_watcher_wake (TbufWatcher *self)
{
  __atomic_fetch_add (&self->control, 1, __ATOMIC_SEQ_CST);
  tbuf_system_futex_wake (&self->control, FALSE);
}

static int
compare_sightings (const void *a,
                   const void *b)
{
  const TbufSighting *x = a, *y = b;

  return x->ticket < y->ticket ? -1 : x->ticket > y->ticket;
}

/* Copies the announcements that are new since the last look: the ring is longer
 * than all the rest is as a rule. */
static void
copy_announcements (TbufWords *words,
                    TbufLook  *look,
                    guint64    n_known)
{
  guint64 n = __atomic_load_n (&words->n_announced, __ATOMIC_RELAXED);
  guint64 n_new = MIN (n - n_known, TBUF_N_ANNOUNCEMENTS);

  look->n_announced = n;
  for (guint64 i = n - n_new; i != n; i++)
    {
      TbufAnnouncement *announcement = &words->announcements[i % TBUF_N_ANNOUNCEMENTS];

      look->announcements[i % TBUF_N_ANNOUNCEMENTS] = (TbufAnnouncement) {
        __atomic_load_n (&announcement->start, __ATOMIC_RELAXED),
        __atomic_load_n (&announcement->end, __ATOMIC_RELAXED),
      };
    }
}

/* Copies what is held and what is abandoned, the phase and the announcements from
 * n_announced on. Only a copy made under the guard, or between two equal even
 * sequences, counts. */
static void
copy_table (TbufLockTable *table,
            TbufLook      *look,
            guint64        n_announced)
{
  TbufWords *words = table->words;
  guint32 high = get_high (table);
  guint n = 0;

  for (guint32 i = 0; i < high; i++)
    {
      TbufRecord *record = &table->records[i];
      guint32 state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);
      guint32 id = __atomic_load_n (&record->id, __ATOMIC_RELAXED);
      gboolean is_poison = state == TBUF_RECORD_POISON;

      if (state != TBUF_RECORD_HELD && state != TBUF_RECORD_GRANTED && !is_poison)
        continue;

      look->sightings[n++] = (TbufSighting) {
        .ticket = __atomic_load_n (&record->ticket, __ATOMIC_RELAXED),
        .start = __atomic_load_n (&record->start, __ATOMIC_RELAXED),
        .end = __atomic_load_n (&record->end, __ATOMIC_RELAXED),
        .mode = __atomic_load_n (&record->mode, __ATOMIC_RELAXED),
        .pid = is_poison ? (guint32) __atomic_load_n (&record->owner, __ATOMIC_RELAXED)
                         : __atomic_load_n (&table->slots[TBUF_ID_TO_SLOT (id)].pid, __ATOMIC_RELAXED),
        .id = is_poison ? 0 : id,
      };
    }

  look->n_sightings = n;
  look->phase = __atomic_load_n (&words->phase, __ATOMIC_RELAXED);
  copy_announcements (words, look, n_announced);
}

/* A reader can't reap the dead, but it can tell that they are. */
static void
drop_dead (TbufLockTable *table,
           TbufLook      *look)
{
  guint n_kept = 0;

  for (guint i = 0; i < look->n_sightings; i++)
    {
      TbufSighting sighting = look->sightings[i];

      if (sighting.id != 0 && !tbuf_participant_is_alive (&table->participant, sighting.id))
        {
          if (sighting.mode == TBUF_LOCK_MODE_SHARED)
            continue;
          sighting.id = 0;
        }
      look->sightings[n_kept++] = sighting;
    }

  look->n_sightings = n_kept;
}

/* FALSE: no consistent look could be had now. */
static gboolean
take_a_look (TbufWatcher *self)
{
  TbufLockTable *table = &self->mapping->table;
  TbufWords *words = table->words;
  guint64 n_announced;

  if (self->look == NULL)
    self->look = g_new0 (TbufLook, 1);
  n_announced = self->look->n_announced;

  if (!self->mapping->read_only)
    {
      if (tbuf_guard_enter (table, GUARD_TIMEOUT_US) != TBUF_GUARD_ENTERED)
        return FALSE;

      copy_table (table, self->look, n_announced);
      tbuf_guard_leave (table);
    }
  else
    {
      gboolean consistent = FALSE;

      for (guint i = 0; i < MAX_SEQUENCE_TRIES && !consistent; i++)
        {
          guint32 sequence = __atomic_load_n (&words->table_sequence, __ATOMIC_ACQUIRE);

          copy_table (table, self->look, n_announced);
          __atomic_thread_fence (__ATOMIC_ACQUIRE);
          consistent = (sequence & 1) == 0 && sequence == __atomic_load_n (&words->table_sequence, __ATOMIC_RELAXED);
        }

      if (!consistent)
        {
          self->look->n_announced = n_announced;
          return FALSE;
        }
      drop_dead (table, self->look);
    }

  if (self->look->n_sightings > 1)
    qsort (self->look->sightings, self->look->n_sightings, sizeof (TbufSighting), compare_sightings);
  return TRUE;
}

static void
update_watches (TbufWatcher *self)
{
  gboolean any = FALSE;

  if (!take_a_look (self))
    return;

  for (guint i = 0; i < self->watches->len; i++)
    any |= tbuf_watch_update (g_ptr_array_index (self->watches, i), self->look);

  if (any && self->event_fd >= 0)
    eventfd_write (self->event_fd, 1);
}

/* Under the mutex: asks after everyone who holds something that is watched. If
 * many are dead, the rest is left for the next time. */
static void
reap_dead_holders (TbufWatcher *self)
{
  TbufLockTable *table = &self->mapping->table;
  guint32 last_id = 0;
  guint n_reaped = 0;

  for (guint i = 0; i < self->watches->len && n_reaped < MAX_REAPED; i++)
    {
      TbufWatch *watch = g_ptr_array_index (self->watches, i);

      for (guint j = 0; j < watch->known->len && n_reaped < MAX_REAPED; j++)
        {
          guint32 id = g_array_index (watch->known, TbufSighting, j).id;

          if (id == 0 || id == last_id || tbuf_participant_is_alive (&table->participant, id))
            continue;

          last_id = id;
          n_reaped++;
          if (tbuf_guard_enter (table, GUARD_TIMEOUT_US) != TBUF_GUARD_ENTERED)
            return;
          tbuf_lock_table_reap (table, id);
          tbuf_guard_leave (table);
        }
    }
}

static void
add_wait (TbufFutexWait *waits,
          guint         *n,
          guint32       *word)
{
  waits[*n] = (TbufFutexWait) { word, __atomic_fetch_or (word, 1, __ATOMIC_SEQ_CST) | 1, TRUE };
  (*n)++;
}

/* Under the mutex: arms every word that a watched range can change. */
static guint
arm (TbufWatcher   *self,
     TbufFutexWait *waits)
{
  TbufLockTable *table = &self->mapping->table;
  guint32 stripes = 0;
  guint n = 0;

  waits[n++] = (TbufFutexWait) { &self->control, __atomic_load_n (&self->control, __ATOMIC_ACQUIRE), FALSE };
  if (self->mapping->read_only)
    return n;

  if (self->requests->len > 0)
    {
      guint32 *wake = &table->slots[TBUF_ID_TO_SLOT (table->participant.id)].wake;

      waits[n++] = (TbufFutexWait) { wake, __atomic_load_n (wake, __ATOMIC_ACQUIRE), TRUE };
      waits[n++] = (TbufFutexWait) { &table->words->room, __atomic_load_n (&table->words->room, __ATOMIC_ACQUIRE), TRUE };
    }
  if (self->watches->len == 0)
    return n;

  add_wait (waits, &n, &table->words->change_wide);
  for (guint i = 0; i < self->watches->len; i++)
    {
      TbufWatch *watch = g_ptr_array_index (self->watches, i);

      for (guint64 stripe = watch->start >> table->stripe_shift;
           watch->end > watch->start && stripe <= (watch->end - 1) >> table->stripe_shift && stripe < TBUF_N_STRIPES;
           stripe++)
        stripes |= (guint32) 1 << stripe;
    }

  for (guint i = 0; i < TBUF_N_STRIPES; i++)
    if (stripes >> i & 1)
      add_wait (waits, &n, &table->words->change[i]);

  return n;
}

/* Under the mutex. */
static void
finish (TbufWatcher *self,
        TbufRequest *request)
{
  g_ptr_array_add (self->finished, request);
  g_source_set_ready_time (request->source, 0);
  if (self->event_fd >= 0)
    eventfd_write (self->event_fd, 1);
}

/* Under the mutex: looks at every request that is due or was woken. Returns the
 * time until the next one is. */
static gint64
serve_requests (TbufWatcher *self)
{
  gint64 limit = self->watches->len == 0 ? -1
                 : self->mapping->read_only ? POLL_INTERVAL_US : REAP_INTERVAL_US;
  guint i = 0;

  while (i < self->requests->len)
    {
      TbufRequest *request = g_ptr_array_index (self->requests, i);
      gint64 left = request->next_look - g_get_monotonic_time ();

      if (left <= 0 || tbuf_wait_is_woken (&request->wait) || g_cancellable_is_cancelled (request->wait.cancellable))
        {
          if (tbuf_request_look (request, REQUEST_GUARD_US))
            {
              g_ptr_array_remove_index (self->requests, i);
              finish (self, request);
              continue;
            }
          left = MAX (request->next_look - g_get_monotonic_time (), 0);
        }

      limit = limit < 0 ? left : MIN (limit, left);
      i++;
    }

  return limit;
}

static gpointer
run (gpointer data)
{
  TbufWatcher *self = data;
  gint64 last_reap = g_get_monotonic_time ();
  sigset_t all;

  /* The program's signals are for its own threads. */
  sigfillset (&all);
  pthread_sigmask (SIG_BLOCK, &all, NULL);

  while (TRUE)
    {
      TbufFutexWait waits[TBUF_N_STRIPES + 4];
      gint64 limit;
      guint n;

      g_mutex_lock (&self->mutex);
      if (self->thread != g_thread_self ())
        {
          g_mutex_unlock (&self->mutex);
          return NULL;
        }

      n = arm (self, waits);
      if (self->watches->len > 0)
        update_watches (self);
      limit = serve_requests (self);
      if (self->watches->len > 0 && !self->mapping->read_only && g_get_monotonic_time () - last_reap >= REAP_INTERVAL_US)
        {
          last_reap = g_get_monotonic_time ();
          reap_dead_holders (self);
        }
      g_mutex_unlock (&self->mutex);

      tbuf_system_futex_wait_any (waits, n, limit);
    }
}

/* Under the mutex. */
static void
ensure_thread (TbufWatcher *self)
{
  if (self->thread == NULL)
    self->thread = g_thread_new ("tbuf-watcher", run, self);
  else
    tbuf_watcher_wake (self);
}

/* Every change that happens after this returns becomes a signal. */
TbufWatch *
tbuf_watcher_add (TbufWatcher  *self,
                  TbufRegion   *region,
                  GMainContext *context)
{
  TbufWatch *watch = tbuf_watch_new (region, region->offset, region->offset + region->n_bytes, context);

  tbuf_lock_take_part (&self->mapping->table);
  g_mutex_lock (&self->mutex);

  /* If the table can't be looked at now, what the watcher saw last will do. */
  take_a_look (self);
  tbuf_watch_begin (watch, self->look);
  g_ptr_array_add (self->watches, tbuf_watch_ref (watch));

  ensure_thread (self);
  g_mutex_unlock (&self->mutex);

  return watch;
}

/* A request that can be granted at once needs no thread. */
void
tbuf_watcher_submit (TbufWatcher *self,
                     TbufRequest *request)
{
  g_mutex_lock (&self->mutex);
  if (request->is_done || tbuf_request_look (request, 0))
    finish (self, request);
  else
    {
      g_ptr_array_add (self->requests, request);
      ensure_thread (self);
    }
  g_mutex_unlock (&self->mutex);
}

/* Whoever finds the request among the finished ones delivers it: its own source,
 * or tbuf_watcher_dispatch(). */
void
tbuf_watcher_deliver (TbufWatcher *self,
                      TbufRequest *request)
{
  gboolean found;

  g_mutex_lock (&self->mutex);
  found = g_ptr_array_remove (self->finished, request);
  g_mutex_unlock (&self->mutex);

  if (found)
    tbuf_request_deliver (request);
}

/* FALSE after a fork, in the child. */
gboolean
tbuf_watcher_is_watching (TbufWatcher *self)
{
  gboolean watching;

  g_mutex_lock (&self->mutex);
  watching = self->thread != NULL;
  g_mutex_unlock (&self->mutex);

  return watching;
}

/* Takes over the reference. */
void
tbuf_watcher_remove (TbufWatcher *self,
                     TbufWatch   *watch)
{
  g_mutex_lock (&self->mutex);
  g_ptr_array_remove (self->watches, watch);
  g_mutex_unlock (&self->mutex);
  stop_if_idle (self);

  g_source_destroy (watch->source);
  g_source_unref (watch->source);
  tbuf_watch_unref (watch);
}

/* Readable from when an event is queued until it is dispatched. */
int
tbuf_watcher_get_event_fd (TbufWatcher *self)
{
  int fd;

  g_mutex_lock (&self->mutex);
  if (self->event_fd < 0)
    self->event_fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);
  fd = self->event_fd;
  g_mutex_unlock (&self->mutex);

  return fd;
}

void
tbuf_watcher_dispatch (TbufWatcher *self)
{
  g_autoptr (GPtrArray) watches = g_ptr_array_new_with_free_func ((GDestroyNotify) tbuf_watch_unref);
  eventfd_t value;

  g_mutex_lock (&self->mutex);
  if (self->event_fd >= 0)
    eventfd_read (self->event_fd, &value);
  for (guint i = 0; i < self->watches->len; i++)
    g_ptr_array_add (watches, tbuf_watch_ref (g_ptr_array_index (self->watches, i)));
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < watches->len; i++)
    tbuf_watch_dispatch (g_ptr_array_index (watches, i));

  while (TRUE)
    {
      TbufRequest *request;

      g_mutex_lock (&self->mutex);
      request = self->finished->len > 0 ? g_ptr_array_remove_index (self->finished, 0) : NULL;
      g_mutex_unlock (&self->mutex);

      if (request == NULL)
        break;
      tbuf_request_deliver (request);
    }
}
