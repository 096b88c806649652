/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-watch-private.h"

#include "tbuf-arena.h"
#include "tbuf-region-private.h"
#include "tbuf-view.h"

/* Signals are differences of state: the watcher shows what there is, and what
 * was not there last time, or no longer is, becomes an event. A lock that came
 * and went between two looks is never seen. */

typedef enum
{
  EVENT_UNLOCKED,
  EVENT_OWNER_DIED,
  EVENT_LOCKED,
  EVENT_STATE,
  EVENT_PHASE,
  EVENT_CHANGED,
} EventKind;

typedef struct
{
  EventKind    kind;
  TbufSighting sighting;
} Event;

static gboolean
dispatch_source (GSource     *source,
                 GSourceFunc  callback,
                 gpointer     user_data)
{
  g_source_set_ready_time (source, -1);
  return callback (user_data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch_source };

static gboolean
deliver (gpointer user_data)
{
  tbuf_watch_dispatch (user_data);
  return G_SOURCE_CONTINUE;
}

static void
watch_clear (gpointer data)
{
  TbufWatch *self = data;

  g_weak_ref_clear (&self->region);
  g_array_unref (self->known);
  g_array_unref (self->events);
  g_mutex_clear (&self->mutex);
}

/* The source holds a reference of its own until it is destroyed. */
TbufWatch *
tbuf_watch_new (TbufRegion   *region,
                guint64       start,
                guint64       end,
                GMainContext *context)
{
  TbufWatch *self = g_atomic_rc_box_new0 (TbufWatch);

  g_weak_ref_init (&self->region, region);
  self->start = start;
  self->end = end;
  self->known = g_array_new (FALSE, FALSE, sizeof (TbufSighting));
  self->events = g_array_new (FALSE, FALSE, sizeof (Event));
  g_mutex_init (&self->mutex);

  self->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "tbuf-watch");
  g_source_set_callback (self->source, deliver, tbuf_watch_ref (self), (GDestroyNotify) tbuf_watch_unref);
  g_source_attach (self->source, context);

  return self;
}

TbufWatch *
tbuf_watch_ref (TbufWatch *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
tbuf_watch_unref (TbufWatch *self)
{
  g_atomic_rc_box_release_full (self, watch_clear);
}

static void
add_event (GArray             *events,
           EventKind           kind,
           const TbufSighting *sighting)
{
  Event event = { .kind = kind };

  if (sighting != NULL)
    event.sighting = *sighting;
  g_array_append_val (events, event);
}

static TbufLockState
get_strongest (const TbufSighting *sightings,
               guint               n)
{
  TbufLockState strongest = TBUF_LOCK_STATE_FREE;

  for (guint i = 0; i < n; i++)
    {
      TbufLockState state = sightings[i].id == 0 ? TBUF_LOCK_STATE_ABANDONED
                            : sightings[i].mode == TBUF_LOCK_MODE_SHARED ? TBUF_LOCK_STATE_SHARED
                                                                         : TBUF_LOCK_STATE_EXCLUSIVE;
      strongest = MAX (strongest, state);
    }

  return strongest;
}

static const TbufSighting *
find_ticket (const TbufSighting *sightings,
             guint               n,
             guint64             ticket)
{
  guint low = 0, high = n;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (sightings[middle].ticket < ticket)
        low = middle + 1;
      else
        high = middle;
    }

  return low < n && sightings[low].ticket == ticket ? &sightings[low] : NULL;
}

/* What is there when the watch begins is no event. */
void
tbuf_watch_begin (TbufWatch      *self,
                  const TbufLook *look)
{
  g_array_set_size (self->known, 0);
  for (guint i = 0; i < look->n_sightings; i++)
    if (look->sightings[i].start < self->end && self->start < look->sightings[i].end)
      g_array_append_val (self->known, look->sightings[i]);
  self->phase = look->phase;
  self->n_announced = look->n_announced;
}

/* What ended, or what somebody died over. */
static void
add_ends (GArray             *events,
          const TbufSighting *known,
          guint               n_known,
          const TbufSighting *current,
          guint               n_current)
{
  for (guint i = 0; i < n_known; i++)
    {
      const TbufSighting *now = find_ticket (current, n_current, known[i].ticket);

      if (known[i].id == 0)
        continue;
      if (now == NULL)
        add_event (events, EVENT_UNLOCKED, &known[i]);
      else if (now->id == 0)
        add_event (events, EVENT_OWNER_DIED, now);
    }
}

static void
add_beginnings (GArray             *events,
                const TbufSighting *known,
                guint               n_known,
                const TbufSighting *current,
                guint               n_current)
{
  for (guint i = 0; i < n_current; i++)
    {
      const TbufSighting *before = find_ticket (known, n_known, current[i].ticket);

      if (current[i].id == 0)
        {
          if (before == NULL)
            add_event (events, EVENT_OWNER_DIED, &current[i]);
        }
      else if (before == NULL || before->mode != current[i].mode)
        add_event (events, EVENT_LOCKED, &current[i]);
    }
}

/* Who was too slow for the ring of announcements is told that anything may have changed. */
static void
add_announcements (TbufWatch      *self,
                   GArray         *events,
                   guint64         n_seen,
                   const TbufLook *look)
{
  guint64 n_new = look->n_announced - n_seen;

  if (n_new > TBUF_N_ANNOUNCEMENTS)
    {
      TbufSighting all = { .start = self->start, .end = self->end };

      add_event (events, EVENT_CHANGED, &all);
      return;
    }

  for (guint64 i = look->n_announced - n_new; i != look->n_announced; i++)
    {
      const TbufAnnouncement *announcement = &look->announcements[i % TBUF_N_ANNOUNCEMENTS];
      TbufSighting changed = { .start = announcement->start, .end = announcement->end };

      if (changed.start < self->end && self->start < changed.end)
        add_event (events, EVENT_CHANGED, &changed);
    }
}

/* Returns whether there is anything new. */
gboolean
tbuf_watch_update (TbufWatch      *self,
                   const TbufLook *look)
{
  g_autoptr (GArray) before = self->known;
  g_autoptr (GArray) events = g_array_new (FALSE, FALSE, sizeof (Event));
  guint64 phase_before = self->phase, n_announced_before = self->n_announced;
  const TbufSighting *known = (const TbufSighting *) (gconstpointer) before->data;
  const TbufSighting *current;

  self->known = g_array_new (FALSE, FALSE, sizeof (TbufSighting));
  tbuf_watch_begin (self, look);
  current = (const TbufSighting *) (gconstpointer) self->known->data;

  if (self->phase != phase_before)
    add_event (events, EVENT_PHASE, NULL);
  add_announcements (self, events, n_announced_before, look);
  add_ends (events, known, before->len, current, self->known->len);
  add_beginnings (events, known, before->len, current, self->known->len);
  if (get_strongest (known, before->len) != get_strongest (current, self->known->len))
    add_event (events, EVENT_STATE, NULL);

  if (events->len == 0)
    return FALSE;

  g_mutex_lock (&self->mutex);
  g_array_append_vals (self->events, events->data, events->len);
  g_mutex_unlock (&self->mutex);
  g_source_set_ready_time (self->source, 0);
  return TRUE;
}

static void
emit (TbufRegion  *region,
      const Event *event)
{
  const TbufSighting *sighting = &event->sighting;
  guint64 n_bytes = sighting->end - sighting->start;

  switch (event->kind)
    {
    case EVENT_LOCKED:
      tbuf_region_emit_locked (region, sighting->start, n_bytes, sighting->mode, (int) sighting->pid);
      break;
    case EVENT_UNLOCKED:
      tbuf_region_emit_unlocked (region, sighting->start, n_bytes, sighting->mode);
      break;
    case EVENT_OWNER_DIED:
      tbuf_region_emit_owner_died (region, sighting->start, n_bytes, (int) sighting->pid);
      break;
    case EVENT_CHANGED:
      tbuf_region_emit_changed (region, sighting->start, n_bytes);
      break;
    case EVENT_STATE:
      g_object_notify (G_OBJECT (region), "lock-state");
      break;
    case EVENT_PHASE:
      g_object_notify (G_OBJECT (region), TBUF_IS_ARENA (region) ? "phase" : "is-live");
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Emits what there is to emit, in the calling thread. */
void
tbuf_watch_dispatch (TbufWatch *self)
{
  g_autoptr (TbufRegion) region = g_weak_ref_get (&self->region);
  g_autoptr (GArray) events = NULL;

  g_mutex_lock (&self->mutex);
  events = self->events;
  self->events = g_array_new (FALSE, FALSE, sizeof (Event));
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; region != NULL && i < events->len; i++)
    emit (region, &g_array_index (events, Event, i));
}
