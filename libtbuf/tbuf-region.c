/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-region-private.h"

#include "tbuf-arena-private.h"

#include "tbuf-enums.h"
#include "tbuf-error.h"

/**
 * TbufRegion:
 *
 * A range of bytes of an arena, which can be locked and watched.
 *
 * A region is either a whole [class@Tbuf.Arena] or the bytes that a
 * [class@Tbuf.View] covers, from the lowest to the highest. Both are locked,
 * watched and looked at in the same way, by the methods of this class.
 *
 * ## Locks
 *
 * [method@Tbuf.Region.lock] takes a shared lock, for reading, or an exclusive
 * one, for writing, on the region's bytes. Two locks conflict when their ranges
 * overlap and at least one of them is exclusive, whichever objects, threads or
 * processes they belong to. Locks are advisory: they keep out those who ask, and
 * nobody else.
 *
 * A lock belongs to the object that took it. Any thread may release it. Shared
 * locks of one object are counted: it takes as many calls to
 * [method@Tbuf.Region.unlock]. Dropping the last reference to an object that
 * holds a lock is the death of an owner, as if its process had died.
 *
 * When an owner dies, its shared locks are released. A range that it held
 * exclusively is *abandoned*, because what it wrote may be half done:
 * [method@Tbuf.Region.lock] refuses it with `TBUF_ERROR_OWNER_DIED`, until
 * somebody has taken it with [method@Tbuf.Region.recover], repaired what needs
 * repair, and unlocked it.
 *
 * ```c
 * g_autoptr (GError) error = NULL;
 *
 * if (!tbuf_region_lock (TBUF_REGION (view), TBUF_LOCK_MODE_EXCLUSIVE, G_USEC_PER_SEC, NULL, &error))
 *   g_error ("%s", error->message);
 *
 * // … write …
 *
 * tbuf_region_unlock (TBUF_REGION (view), NULL);
 * ```
 *
 * ## Signals
 *
 * After [method@Tbuf.Region.set_watch], a region tells of changes to locks that
 * overlap it, whoever made them, this process included. Signals are never
 * emitted inside the calls that change a lock. They arrive in the thread-default
 * main context that the object was created under, or in
 * [method@Tbuf.Arena.dispatch]. They are differences between what a watcher saw
 * at one time and at the next: a lock that came and went in between is not told.
 *
 * All methods can be called from any thread.
 *
 * Since: 1.0
 */

enum
{
  PROP_ARENA = 1,
  PROP_OFFSET,
  PROP_N_BYTES,
  PROP_ADDRESS,
  PROP_LOCK_STATE,
  PROP_HELD_MODE,
  PROP_WATCH,
  N_PROPS,
};

enum
{
  SIGNAL_LOCKED,
  SIGNAL_UNLOCKED,
  SIGNAL_OWNER_DIED,
  SIGNAL_CHANGED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_ABSTRACT_TYPE (TbufRegion, tbuf_region, G_TYPE_OBJECT)

gpointer tbuf_region_known_classes[16];

/* tbuf_region_is_region() for a class that is not known yet. */
gboolean
tbuf_region_is_of_class (gpointer instance)
{
  gpointer class;

  if (!TBUF_IS_REGION (instance))
    return FALSE;

  class = ((GTypeInstance *) instance)->g_class;
  __atomic_store_n (&tbuf_region_known_classes[(guintptr) class / 128 % G_N_ELEMENTS (tbuf_region_known_classes)],
                    class, __ATOMIC_RELAXED);
  return TRUE;
}

/* Called once, on a new object. */
void
tbuf_region_set_range (TbufRegion  *self,
                       TbufMapping *mapping,
                       guint64      offset,
                       guint64      n_bytes)
{
  g_assert (self->mapping == NULL);

  self->mapping = tbuf_mapping_ref (mapping);
  self->offset = offset;
  self->n_bytes = n_bytes;
}

/* Always FALSE: there is no memory behind the object. */
gboolean
tbuf_region_set_empty_error (TbufRegion  *self,
                             GError     **error)
{
  g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
               "This %s is empty: it was made without memory; arenas come from tbuf_arena_create() and its like, "
               "views from an arena", G_OBJECT_TYPE_NAME (self));
  return FALSE;
}

/**
 * tbuf_region_get_arena:
 * @self: a region
 *
 * The arena whose bytes these are; an arena itself.
 *
 * A view keeps the arena's memory, and not the object that it was made from. If
 * that one is gone, this is a new one for the same mapping. From this call on, the
 * view keeps it.
 *
 * Returns: (transfer none) (nullable): the arena; %NULL for an empty view
 *
 * Since: 1.0
 */
TbufArena *
tbuf_region_get_arena (TbufRegion *self)
{
  TbufArena *arena;

  g_return_val_if_fail (tbuf_region_is_region (self), NULL);

  if (TBUF_IS_ARENA (self))
    return TBUF_ARENA (self);
  if (g_atomic_pointer_get (&self->arena) != NULL || self->mapping == NULL)
    return g_atomic_pointer_get (&self->arena);

  /* Of two threads that ask for the first time, one keeps its reference. */
  arena = tbuf_region_dup_arena (self);
  if (!g_atomic_pointer_compare_and_exchange (&self->arena, NULL, arena))
    g_object_unref (arena);

  return g_atomic_pointer_get (&self->arena);
}

/**
 * tbuf_region_dup_arena:
 * @self: a region
 *
 * The arena as [method@Tbuf.Region.get_arena] has it, for the caller to keep.
 *
 * The view does not keep it: so an arena may hold views of its own without a
 * cycle.
 *
 * Returns: (transfer full) (nullable): the arena; %NULL for an empty view
 *
 * Since: 1.0
 */
TbufArena *
tbuf_region_dup_arena (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), NULL);

  if (TBUF_IS_ARENA (self))
    return g_object_ref (TBUF_ARENA (self));

  return self->mapping != NULL ? tbuf_arena_new_for_mapping (self->mapping) : NULL;
}

/**
 * tbuf_region_get_offset:
 * @self: a region
 *
 * Where the region starts.
 *
 * In a view with a negative stride, the first byte is not that of the first
 * item: see [method@Tbuf.View.get_first_item].
 *
 * Returns: the offset of its lowest byte from the start of the arena's data, in bytes
 *
 * Since: 1.0
 */
gsize
tbuf_region_get_offset (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), 0);

  return (gsize) self->offset;
}

/**
 * tbuf_region_get_n_bytes:
 * @self: a region
 *
 * How far the region reaches.
 *
 * Returns: from its lowest byte to its highest, in bytes
 *
 * Since: 1.0
 */
gsize
tbuf_region_get_n_bytes (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), 0);

  return (gsize) self->n_bytes;
}

/**
 * tbuf_region_get_address:
 * @self: a region
 *
 * Where the region's lowest byte is in the memory of this process.
 *
 * It is valid for as long as the object lives, or anything else that holds the
 * mapping: its arena, another view, or the result of
 * [method@Tbuf.Region.get_bytes]. It is a number for foreign-function interfaces
 * that have no pointers. Writing through the address of a read-only arena ends
 * the process.
 *
 * Returns: the address, 0 for an empty region
 *
 * Since: 1.0
 */
gsize
tbuf_region_get_address (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), 0);

  return self->mapping != NULL ? (gsize) (self->mapping->data + self->offset) : 0;
}

/**
 * tbuf_region_get_bytes:
 * @self: a region
 *
 * The region's memory itself, without a copy.
 *
 * Unlike those of other [struct@GLib.Bytes], its contents change, as the memory
 * does. It keeps the memory mapped, also when the arena is closed or gone.
 *
 * Returns: (transfer full): the bytes from the lowest to the highest
 *
 * Since: 1.0
 */
GBytes *
tbuf_region_get_bytes (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), NULL);

  if (self->mapping == NULL)
    return g_bytes_new_static (NULL, 0);

  return g_bytes_new_with_free_func (self->mapping->data + self->offset, (gsize) self->n_bytes,
                                     (GDestroyNotify) tbuf_mapping_unref, tbuf_mapping_ref (self->mapping));
}

/**
 * tbuf_region_overlaps:
 * @self: a region
 * @other: another region
 *
 * Whether the ranges of two regions have a byte in common.
 *
 * The ranges count from the lowest byte to the highest, as they do for locks:
 * the even and the odd items of one array overlap in this sense. Regions of two
 * mappings never overlap, even if both are of one arena.
 *
 * Returns: %TRUE if they overlap
 *
 * Since: 1.0
 */
gboolean
tbuf_region_overlaps (TbufRegion *self,
                      TbufRegion *other)
{
  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);
  g_return_val_if_fail (tbuf_region_is_region (other), FALSE);

  return self->mapping != NULL && self->mapping == other->mapping &&
         self->n_bytes > 0 && other->n_bytes > 0 &&
         self->offset < other->offset + other->n_bytes && other->offset < self->offset + self->n_bytes;
}

/**
 * tbuf_region_get_lock_state:
 * @self: a region
 *
 * The strongest lock that anyone has on any byte of the region.
 *
 * It may have changed by the time it is read.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
TbufLockState
tbuf_region_get_lock_state (TbufRegion *self)
{
  TbufClaim claim;

  g_return_val_if_fail (tbuf_region_is_region (self), TBUF_LOCK_STATE_FREE);

  if (self->mapping == NULL)
    return TBUF_LOCK_STATE_FREE;

  claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_SHARED, 0);
  return tbuf_lock_get_state (&self->mapping->table, &claim);
}

/**
 * tbuf_region_get_held_mode:
 * @self: a region
 *
 * What this very object holds.
 *
 * Returns: the mode of its lock, or %TBUF_LOCK_MODE_NONE
 *
 * Since: 1.0
 */
TbufLockMode
tbuf_region_get_held_mode (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), TBUF_LOCK_MODE_NONE);

  return self->mapping != NULL ? tbuf_lock_get_held_mode (&self->mapping->table, &self->hold) : TBUF_LOCK_MODE_NONE;
}

/**
 * tbuf_region_get_watch:
 * @self: a region
 *
 * Whether the region tells of changes to locks.
 *
 * Returns: %TRUE after [method@Tbuf.Region.set_watch]
 *
 * Since: 1.0
 */
gboolean
tbuf_region_get_watch (TbufRegion *self)
{
  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);

  return g_atomic_pointer_get (&self->watch) != NULL;
}

/**
 * tbuf_region_set_watch:
 * @self: a region
 * @watch: whether to tell of changes
 *
 * Starts or stops to tell of changes to locks that overlap the region.
 *
 * Every change that happens after this has returned is told, by the signals
 * of this class and by `notify::lock-state`, or is summed up with later ones.
 * Watching an arena or a view also tells of phases, by `notify::phase` and
 * `notify::is-live`.
 *
 * The first watch of an arena starts a thread that sleeps until there is
 * something to tell; the last one to go ends it. A read-only arena is looked at
 * every 20 milliseconds instead. A fork leaves the child without the thread: it
 * calls this again if it wants to watch.
 *
 * Since: 1.0
 */
void
tbuf_region_set_watch (TbufRegion *self,
                       gboolean    watch)
{
  TbufWatch *before = NULL;

  g_return_if_fail (tbuf_region_is_region (self));

  if (self->mapping == NULL)
    return;

  /* After a fork, the child is a participant of its own from here on. */
  if (watch && !self->mapping->read_only && self->mapping->table.participant.id == 0 &&
      !tbuf_lock_attach (&self->mapping->table, NULL))
    return;

  before = g_atomic_pointer_get (&self->watch);
  if (watch == (before != NULL) && (before == NULL || tbuf_watcher_is_watching (self->mapping->watcher)))
    return;

  if (before != NULL && g_atomic_pointer_compare_and_exchange (&self->watch, before, NULL))
    tbuf_watcher_remove (self->mapping->watcher, before);

  if (watch)
    {
      TbufWatch *after = tbuf_watcher_add (self->mapping->watcher, self, self->context);

      /* Two threads at once: one of the watches is enough. */
      if (!g_atomic_pointer_compare_and_exchange (&self->watch, NULL, after))
        {
          tbuf_watcher_remove (self->mapping->watcher, after);
          return;
        }
    }

  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WATCH]);
}

/**
 * tbuf_region_announce:
 * @self: a region
 *
 * Says that the caller has written to the region's bytes.
 *
 * Every watched region that overlaps it, in every process, emits
 * [signal@Tbuf.Region::changed]. No lock is asked for, and none is implied. A
 * watcher that falls behind by more than 256 announcements gets one signal, with
 * all of its own range, for those that it missed.
 *
 * It does nothing in a read-only arena, and in one that was closed.
 *
 * Since: 1.0
 */
void
tbuf_region_announce (TbufRegion *self)
{
  g_return_if_fail (tbuf_region_is_region (self));

  if (self->mapping == NULL || self->mapping->read_only || tbuf_mapping_is_closed (self->mapping))
    return;

  tbuf_lock_announce (&self->mapping->table, self->offset, self->offset + self->n_bytes);
}

void
tbuf_region_emit_locked (TbufRegion   *self,
                         guint64       offset,
                         guint64       n_bytes,
                         TbufLockMode  mode,
                         int           pid)
{
  g_signal_emit (self, signals[SIGNAL_LOCKED], 0, offset, n_bytes, mode, pid);
}

void
tbuf_region_emit_unlocked (TbufRegion   *self,
                           guint64       offset,
                           guint64       n_bytes,
                           TbufLockMode  mode)
{
  g_signal_emit (self, signals[SIGNAL_UNLOCKED], 0, offset, n_bytes, mode);
}

void
tbuf_region_emit_owner_died (TbufRegion *self,
                             guint64     offset,
                             guint64     n_bytes,
                             int         pid)
{
  g_signal_emit (self, signals[SIGNAL_OWNER_DIED], 0, offset, n_bytes, pid);
}

void
tbuf_region_emit_changed (TbufRegion *self,
                          guint64     offset,
                          guint64     n_bytes)
{
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0, offset, n_bytes);
}

static void
tbuf_region_dispose (GObject *object)
{
  TbufRegion *self = (TbufRegion *) object;
  TbufWatch *watch = g_atomic_pointer_exchange (&self->watch, NULL);

  if (watch != NULL)
    tbuf_watcher_remove (self->mapping->watcher, watch);

  G_OBJECT_CLASS (tbuf_region_parent_class)->dispose (object);
}

static void
tbuf_region_finalize (GObject *object)
{
  TbufRegion *self = (TbufRegion *) object;

  if (self->mapping != NULL)
    tbuf_lock_abandon (&self->mapping->table, &self->hold);

  g_clear_pointer (&self->mapping, tbuf_mapping_unref);
  g_clear_object (&self->arena);
  g_main_context_unref (self->context);

  G_OBJECT_CLASS (tbuf_region_parent_class)->finalize (object);
}

static void
tbuf_region_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  TbufRegion *self = (TbufRegion *) object;

  switch (prop_id)
    {
    case PROP_ARENA:
      g_value_take_object (value, tbuf_region_dup_arena (self));
      break;
    case PROP_OFFSET:
      g_value_set_uint64 (value, tbuf_region_get_offset (self));
      break;
    case PROP_N_BYTES:
      g_value_set_uint64 (value, tbuf_region_get_n_bytes (self));
      break;
    case PROP_ADDRESS:
      g_value_set_uint64 (value, tbuf_region_get_address (self));
      break;
    case PROP_LOCK_STATE:
      g_value_set_enum (value, (int) tbuf_region_get_lock_state (self));
      break;
    case PROP_HELD_MODE:
      g_value_set_enum (value, (int) tbuf_region_get_held_mode (self));
      break;
    case PROP_WATCH:
      g_value_set_boolean (value, tbuf_region_get_watch (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
tbuf_region_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  TbufRegion *self = (TbufRegion *) object;

  switch (prop_id)
    {
    case PROP_WATCH:
      tbuf_region_set_watch (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
tbuf_region_class_init (TbufRegionClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = tbuf_region_dispose;
  object_class->finalize = tbuf_region_finalize;
  object_class->get_property = tbuf_region_get_property;
  object_class->set_property = tbuf_region_set_property;

  /**
   * TbufRegion:arena:
   *
   * The arena whose bytes these are.
   *
   * Since: 1.0
   */
  properties[PROP_ARENA] = g_param_spec_object ("arena", NULL, NULL, TBUF_TYPE_ARENA, readable);

  /**
   * TbufRegion:offset:
   *
   * Where the region starts, in bytes from the start of the arena's data.
   *
   * Since: 1.0
   */
  properties[PROP_OFFSET] = g_param_spec_uint64 ("offset", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * TbufRegion:n-bytes:
   *
   * How far the region reaches, in bytes.
   *
   * Since: 1.0
   */
  properties[PROP_N_BYTES] = g_param_spec_uint64 ("n-bytes", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * TbufRegion:address:
   *
   * Where the region's lowest byte is in the memory of this process.
   *
   * Since: 1.0
   */
  properties[PROP_ADDRESS] = g_param_spec_uint64 ("address", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * TbufRegion:lock-state:
   *
   * The strongest lock that anyone has on any byte of the region.
   *
   * Since: 1.0
   */
  properties[PROP_LOCK_STATE] =
    g_param_spec_enum ("lock-state", NULL, NULL, TBUF_TYPE_LOCK_STATE, TBUF_LOCK_STATE_FREE, readable);

  /**
   * TbufRegion:held-mode:
   *
   * What this very object holds. It is not notified of.
   *
   * Since: 1.0
   */
  properties[PROP_HELD_MODE] =
    g_param_spec_enum ("held-mode", NULL, NULL, TBUF_TYPE_LOCK_MODE, TBUF_LOCK_MODE_NONE, readable);

  /**
   * TbufRegion:watch:
   *
   * Whether the region tells of changes to locks.
   *
   * Since: 1.0
   */
  properties[PROP_WATCH] = g_param_spec_boolean ("watch", NULL, NULL, FALSE, readable | G_PARAM_WRITABLE);

  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * TbufRegion::locked:
   * @self: the region
   * @offset: where the locked range starts, in bytes from the start of the arena's data
   * @n_bytes: how many bytes it has
   * @mode: shared or exclusive
   * @pid: the process
   *
   * Somebody has locked a range that overlaps the region.
   *
   * Only while the region is watched.
   *
   * Since: 1.0
   */
  signals[SIGNAL_LOCKED] =
    g_signal_new ("locked", TBUF_TYPE_REGION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                  G_TYPE_UINT64, G_TYPE_UINT64, TBUF_TYPE_LOCK_MODE, G_TYPE_INT);

  /**
   * TbufRegion::unlocked:
   * @self: the region
   * @offset: where the range starts, in bytes from the start of the arena's data
   * @n_bytes: how many bytes it has
   * @mode: how it was locked
   *
   * A lock on a range that overlaps the region was released.
   *
   * Only while the region is watched.
   *
   * Since: 1.0
   */
  signals[SIGNAL_UNLOCKED] =
    g_signal_new ("unlocked", TBUF_TYPE_REGION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                  G_TYPE_UINT64, G_TYPE_UINT64, TBUF_TYPE_LOCK_MODE);

  /**
   * TbufRegion::owner-died:
   * @self: the region
   * @offset: where the abandoned range starts, in bytes from the start of the arena's data
   * @n_bytes: how many bytes it has
   * @pid: the process that had it locked exclusively
   *
   * An exclusive owner died, and a range that overlaps the region is abandoned.
   *
   * Only while the region is watched.
   *
   * Since: 1.0
   */
  signals[SIGNAL_OWNER_DIED] =
    g_signal_new ("owner-died", TBUF_TYPE_REGION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                  G_TYPE_UINT64, G_TYPE_UINT64, G_TYPE_INT);

  /**
   * TbufRegion::changed:
   * @self: the region
   * @offset: where the changed range starts, in bytes from the start of the arena's data
   * @n_bytes: how many bytes it has
   *
   * Somebody says to have written to a range that overlaps the region.
   *
   * Only while the region is watched. See [method@Tbuf.Region.announce].
   *
   * Since: 1.0
   */
  signals[SIGNAL_CHANGED] =
    g_signal_new ("changed", TBUF_TYPE_REGION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                  G_TYPE_UINT64, G_TYPE_UINT64);
}

static void
tbuf_region_init (TbufRegion *self)
{
  self->context = g_main_context_ref_thread_default ();
}
