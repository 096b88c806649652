/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-watch-private.h"

#include "tbuf-arena.h"
#include "tbuf-region-private.h"
#include "tbuf-view.h"

/* Signals are differences of state. The watcher shows what there is; what was not
 * there at the last delivery, or no longer is, is told at the next one. A lock that
 * came and went in between is never heard of, and a context that does not run
 * gathers no more than two states of the table. */

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
  g_array_unref (self->delivered);
  g_array_unref (self->changed);
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
  self->delivered = g_array_ref (self->known);
  self->changed = g_array_new (FALSE, FALSE, sizeof (TbufAnnouncement));
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

/* Takes over the reference. */
static void
set_array (GArray **array,
           GArray  *value)
{
  g_array_unref (*array);
  *array = value;
}

static void
set_known (TbufWatch      *self,
           GArray         *known,
           const TbufLook *look)
{
  set_array (&self->known, known);
  self->phase = look->phase;
  self->n_announced = look->n_announced;
}

static GArray *
select_sightings (const TbufWatch *self,
                  const TbufLook  *look)
{
  GArray *selected = g_array_new (FALSE, FALSE, sizeof (TbufSighting));

  for (guint i = 0; i < look->n_sightings; i++)
    if (look->sightings[i].start < self->end && self->start < look->sightings[i].end)
      g_array_append_val (selected, look->sightings[i]);

  return selected;
}

/* What is there when the watch begins is no event. */
void
tbuf_watch_begin (TbufWatch      *self,
                  const TbufLook *look)
{
  set_known (self, select_sightings (self, look), look);
  set_array (&self->delivered, g_array_ref (self->known));
  self->delivered_phase = self->phase;
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

/* Who was too slow for the ring of announcements, or has not delivered for as
 * long, is told that anything may have changed. */
static gboolean
add_announcements (TbufWatch      *self,
                   const TbufLook *look)
{
  guint64 n_new = look->n_announced - self->n_announced;
  guint n_before = self->changed->len;

  if (self->all_changed)
    return FALSE;

  self->all_changed = n_new > TBUF_N_ANNOUNCEMENTS;
  for (guint64 i = look->n_announced - n_new; i != look->n_announced && !self->all_changed; i++)
    {
      const TbufAnnouncement *announcement = &look->announcements[i % TBUF_N_ANNOUNCEMENTS];

      if (announcement->start >= self->end || self->start >= announcement->end)
        continue;

      self->all_changed = self->changed->len == TBUF_N_ANNOUNCEMENTS;
      if (!self->all_changed)
        g_array_append_val (self->changed, *announcement);
    }

  if (!self->all_changed)
    return self->changed->len > n_before;

  g_array_set_size (self->changed, 0);
  g_array_append_vals (self->changed, &(TbufAnnouncement) { self->start, self->end }, 1);
  return TRUE;
}

static gboolean
sightings_are_equal (const GArray *a,
                     const GArray *b)
{
  return a->len == b->len && (a->len == 0 || memcmp (a->data, b->data, a->len * sizeof (TbufSighting)) == 0);
}

/* Returns whether there is anything new. */
gboolean
tbuf_watch_update (TbufWatch      *self,
                   const TbufLook *look)
{
  GArray *known = select_sightings (self, look);
  gboolean any;

  g_mutex_lock (&self->mutex);
  any = add_announcements (self, look);
  any |= self->phase != look->phase || !sightings_are_equal (self->known, known);
  set_known (self, known, look);
  g_mutex_unlock (&self->mutex);

  if (any)
    g_source_set_ready_time (self->source, 0);
  return any;
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
  g_autoptr (GArray) events = g_array_new (FALSE, FALSE, sizeof (Event));
  g_autoptr (GArray) before = NULL;
  g_autoptr (GArray) now = NULL;
  g_autoptr (GArray) changed = NULL;
  const TbufSighting *known, *current;

  g_mutex_lock (&self->mutex);
  before = self->delivered;
  now = g_array_ref (self->known);
  self->delivered = g_array_ref (now);
  if (self->delivered_phase != self->phase)
    add_event (events, EVENT_PHASE, NULL);
  self->delivered_phase = self->phase;
  changed = self->changed;
  self->changed = g_array_new (FALSE, FALSE, sizeof (TbufAnnouncement));
  self->all_changed = FALSE;
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < changed->len; i++)
    {
      const TbufAnnouncement *announcement = &g_array_index (changed, TbufAnnouncement, i);
      TbufSighting sighting = { .start = announcement->start, .end = announcement->end };

      add_event (events, EVENT_CHANGED, &sighting);
    }

  known = (const TbufSighting *) (gconstpointer) before->data;
  current = (const TbufSighting *) (gconstpointer) now->data;
  add_ends (events, known, before->len, current, now->len);
  add_beginnings (events, known, before->len, current, now->len);
  if (get_strongest (known, before->len) != get_strongest (current, now->len))
    add_event (events, EVENT_STATE, NULL);

  for (guint i = 0; region != NULL && i < events->len; i++)
    emit (region, &g_array_index (events, Event, i));
}
