/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-arena-private.h"

#include "tbuf-enums.h"
#include "tbuf-error.h"
#include "tbuf-layout-private.h"
#include "tbuf-phase-private.h"
#include "tbuf-process-private.h"

/**
 * TbufArena:
 *
 * One block of shared memory, that every process maps and every view lies in.
 *
 * An arena is anonymous, or it has a name under which other processes open it:
 *
 * ```c
 * g_autoptr (GError) error = NULL;
 * g_autoptr (TbufArena) arena = tbuf_arena_create ("samples", 10, TBUF_ARENA_NONE, &error);
 * g_autoptr (TbufView) bytes = tbuf_arena_create_view (arena, TBUF_DTYPE_UINT8, 0, 10, &error);
 * g_autoptr (TbufView) words = tbuf_arena_create_view (arena, TBUF_DTYPE_INT16, 0, 5, &error);
 * ```
 *
 * Views may overlap. For arrays that are needed at different times, a
 * [class@Tbuf.Layout] finds out which can share the same bytes;
 * [ctor@Tbuf.Arena.new_for_layout] makes an arena that keeps it, so that every
 * process finds its arrays by name with [method@Tbuf.Arena.get_view].
 *
 * An arena has exactly the size that was asked for. All of it is reserved when
 * it is created: a full system is an error there, and not a signal at some later
 * write. New memory is zero.
 *
 * ## Anonymous arenas
 *
 * Their memory is sealed: nobody can shrink it. Hand the descriptor of
 * [method@Tbuf.Arena.get_fd] to another process, by inheritance or over a Unix
 * socket, and open it there with [ctor@Tbuf.Arena.open_fd].
 *
 * ## Named arenas
 *
 * They are files in `/dev/shm` with mode 0600. A name goes when the last
 * process that uses the arena leaves or exits, unless the arena was created with
 * `TBUF_ARENA_KEEP`. Only if the last one is killed, ends by `_exit()`, or opened
 * it with `TBUF_ARENA_KEEP`, does the name stay: then the arena is
 * *stale*, can still be opened, and is replaced by [ctor@Tbuf.Arena.create] with
 * `TBUF_ARENA_REPLACE_STALE`. These files can't be sealed: their users must
 * trust each other.
 *
 * ## Life
 *
 * Views, [struct@GLib.Bytes] and buffers of other languages keep the memory
 * mapped after the arena object is gone.
 *
 * All methods can be called from any thread.
 *
 * Since: 1.0
 */

enum
{
  PROP_SIZE = 1,
  PROP_NAME,
  PROP_FLAGS,
  PROP_FD,
  PROP_LAYOUT,
  PROP_PHASE,
  PROP_N_PARTICIPANTS,
  PROP_IS_CLOSED,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (TbufArena, tbuf_arena, TBUF_TYPE_REGION)

static inline TbufMapping *
get_mapping (TbufArena *self)
{
  return self->parent_instance.mapping;
}

gboolean
tbuf_arena_check_open (TbufArena  *self,
                       GError    **error)
{
  if (!tbuf_region_check_usable (&self->parent_instance, error))
    return FALSE;
  if (!tbuf_mapping_is_closed (get_mapping (self)))
    return TRUE;

  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_CLOSED, "The arena was closed");
  return FALSE;
}

/**
 * tbuf_arena_get_size:
 * @self: an arena
 *
 * How large the arena is.
 *
 * Returns: its size in bytes, exactly as it was asked for
 *
 * Since: 1.0
 */
gsize
tbuf_arena_get_size (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), 0);

  return get_mapping (self) != NULL ? (gsize) get_mapping (self)->data_size : 0;
}

/**
 * tbuf_arena_get_name:
 * @self: an arena
 *
 * The name it was created or opened under.
 *
 * Returns: (transfer none) (nullable): the name; %NULL for an anonymous arena
 *
 * Since: 1.0
 */
const char *
tbuf_arena_get_name (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  return get_mapping (self) != NULL ? get_mapping (self)->name : NULL;
}

/**
 * tbuf_arena_get_flags:
 * @self: an arena
 *
 * The flags it was created or opened with.
 *
 * `KEEP` of an arena that was created with it is a trait of the arena itself:
 * whoever opens it finds it set.
 *
 * Returns: the flags
 *
 * Since: 1.0
 */
TbufArenaFlags
tbuf_arena_get_flags (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), TBUF_ARENA_NONE);

  return get_mapping (self) != NULL ? get_mapping (self)->flags : TBUF_ARENA_NONE;
}

/**
 * tbuf_arena_get_fd:
 * @self: an arena
 *
 * The file descriptor of the arena's memory.
 *
 * It belongs to the arena, and is closed with it. It is not inherited by
 * programs that this process executes, unless that is changed.
 *
 * Returns: the descriptor; -1 for an empty arena
 *
 * Since: 1.0
 */
int
tbuf_arena_get_fd (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), -1);

  return get_mapping (self) != NULL ? get_mapping (self)->fd : -1;
}

/**
 * tbuf_arena_get_layout:
 * @self: an arena
 *
 * The layout that is stored in the arena.
 *
 * Returns: (transfer none) (nullable): the layout, if there is one
 *
 * Since: 1.0
 */
TbufLayout *
tbuf_arena_get_layout (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  return get_mapping (self) != NULL ? get_mapping (self)->layout : NULL;
}

/**
 * tbuf_arena_get_phase:
 * @self: an arena
 *
 * The phase that the arena is in, for all processes alike.
 *
 * Returns: (transfer none) (nullable): the name of the phase; %NULL without phases
 *
 * Since: 1.0
 */
const char *
tbuf_arena_get_phase (TbufArena *self)
{
  TbufLayout *layout;

  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  layout = tbuf_arena_get_layout (self);
  return layout != NULL ? tbuf_layout_get_phase_name (layout, tbuf_mapping_get_phase (get_mapping (self))) : NULL;
}

/**
 * tbuf_arena_get_n_participants:
 * @self: an arena
 *
 * How many have the arena mapped at this moment, in all processes.
 *
 * Each one that opened it counts, this one and those that only read included. A
 * process that opened it twice counts twice.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
tbuf_arena_get_n_participants (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), 0);

  if (get_mapping (self) == NULL)
    return 0;

  tbuf_lock_take_part (&get_mapping (self)->table);
  return tbuf_participant_count (&get_mapping (self)->table.participant);
}

static gboolean
find_phase (TbufArena   *self,
            const char  *name,
            guint       *phase,
            GError     **error)
{
  TbufLayout *layout = tbuf_arena_get_layout (self);
  g_autofree char *joined = NULL;
  g_auto (GStrv) names = NULL;

  if (layout != NULL && tbuf_layout_find_phase (layout, name, phase))
    return TRUE;

  names = tbuf_arena_list_phases (self);
  joined = g_strjoinv ("”, “", names);
  if (names[0] == NULL)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no phase “%s”: the arena has no phases", name);
  else
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no phase “%s”: the arena has “%s”", name, joined);
  return FALSE;
}

static gboolean
check_phase (TbufArena   *self,
             const char  *name,
             guint       *phase,
             GError     **error)
{
  if (!tbuf_arena_check_open (self, error) || !find_phase (self, name, phase, error))
    return FALSE;
  if (!get_mapping (self)->read_only)
    return TRUE;

  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_READ_ONLY, "A read-only arena can't enter a phase");
  return FALSE;
}

/**
 * tbuf_arena_set_phase:
 * @self: an arena
 * @phase: the name of a phase
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @error: return location for an error
 *
 * Enters a phase, for all processes.
 *
 * The whole arena is locked exclusively for that moment, so that the call waits
 * for every lock of anyone; only that which the calling thread itself has on the
 * whole arena, exclusively and through @self, is not waited for. From then on,
 * arrays that are not live in the new phase refuse locks, items and buffers with
 * `NOT_LIVE`. What of them was handed out before, such as a pointer or an array of
 * numpy, stays plain memory, under which other arrays lie now: whoever uses such a
 * thing holds a lock on its view meanwhile.
 *
 * The contents of an array that becomes live are unspecified. Phases can be
 * entered in any order, and the current one again. If an owner of locked bytes
 * died, and all arrays there end with the old phase, the bytes are no longer
 * abandoned.
 *
 * Errors: `NOT_FOUND` (no such phase), and those of [method@Tbuf.Region.lock]
 * but `OWNER_DIED`.
 *
 * Returns: %TRUE if the arena is in that phase
 *
 * Since: 1.0
 */
gboolean
tbuf_arena_set_phase (TbufArena     *self,
                      const char    *phase,
                      gint64         timeout_us,
                      GCancellable  *cancellable,
                      GError       **error)
{
  guint index;

  g_return_val_if_fail (TBUF_IS_ARENA (self), FALSE);
  g_return_val_if_fail (phase != NULL, FALSE);

  return check_phase (self, phase, &index, error) &&
         tbuf_phase_enter (get_mapping (self), &self->parent_instance.hold, index, timeout_us, cancellable, error);
}

/**
 * tbuf_arena_set_phase_async:
 * @self: an arena
 * @phase: the name of a phase
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @callback: (scope async): called when the phase is entered, or won't be
 * @user_data: for @callback
 *
 * Enters a phase without blocking the caller.
 *
 * See [method@Tbuf.Arena.set_phase]. The callback arrives in the thread-default
 * main context of this call, or in [method@Tbuf.Arena.dispatch]. The arena must
 * not be locked by this object, which would be in its own way.
 *
 * Since: 1.0
 */
void
tbuf_arena_set_phase_async (TbufArena           *self,
                            const char          *phase,
                            gint64               timeout_us,
                            GCancellable        *cancellable,
                            GAsyncReadyCallback  callback,
                            gpointer             user_data)
{
  GTask *task;
  GError *error = NULL;
  guint index;

  g_return_if_fail (TBUF_IS_ARENA (self));
  g_return_if_fail (phase != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tbuf_arena_set_phase_async);

  if (check_phase (self, phase, &index, &error))
    tbuf_phase_enter_async (get_mapping (self), task, index, timeout_us);
  else
    tbuf_request_fail (get_mapping (self), task, error);
}

/**
 * tbuf_arena_set_phase_finish:
 * @self: an arena
 * @result: what the callback of [method@Tbuf.Arena.set_phase_async] got
 * @error: return location for an error
 *
 * The result of [method@Tbuf.Arena.set_phase_async].
 *
 * Errors: those of [method@Tbuf.Arena.set_phase] but `DEADLOCK`.
 *
 * Returns: %TRUE if the arena is in that phase
 *
 * Since: 1.0
 */
gboolean
tbuf_arena_set_phase_finish (TbufArena     *self,
                             GAsyncResult  *result,
                             GError       **error)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return tbuf_request_finish (G_TASK (result), error);
}

/**
 * tbuf_arena_list_arrays:
 * @self: an arena
 *
 * The names of the arrays in the arena's layout, live or not.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 *
 * Since: 1.0
 */
char **
tbuf_arena_list_arrays (TbufArena *self)
{
  TbufLayout *layout;

  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  layout = tbuf_arena_get_layout (self);
  return layout != NULL ? tbuf_layout_list_arrays (layout) : g_new0 (char *, 1);
}

/**
 * tbuf_arena_list_phases:
 * @self: an arena
 *
 * The names of the phases in the arena's layout, in their order.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 *
 * Since: 1.0
 */
char **
tbuf_arena_list_phases (TbufArena *self)
{
  TbufLayout *layout;

  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  layout = tbuf_arena_get_layout (self);
  return layout != NULL ? tbuf_layout_list_phases (layout) : g_new0 (char *, 1);
}

/**
 * tbuf_arena_get_event_fd:
 * @self: an arena
 *
 * A descriptor that is readable when there are signals to deliver.
 *
 * It is for event loops that are not GLib's: wait for it to be readable, then
 * call [method@Tbuf.Arena.dispatch]. It belongs to the arena; nothing but
 * dispatch() reads from it.
 *
 * Returns: the descriptor; -1 for an empty arena
 *
 * Since: 1.0
 */
int
tbuf_arena_get_event_fd (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), -1);

  return get_mapping (self) != NULL ? tbuf_watcher_get_event_fd (get_mapping (self)->watcher) : -1;
}

/**
 * tbuf_arena_dispatch:
 * @self: an arena
 *
 * Delivers the signals of the arena and of its views now, in the calling thread.
 *
 * Under a running main context of GLib this happens by itself.
 *
 * Since: 1.0
 */
void
tbuf_arena_dispatch (TbufArena *self)
{
  g_return_if_fail (TBUF_IS_ARENA (self));

  if (get_mapping (self) != NULL)
    tbuf_watcher_dispatch (get_mapping (self)->watcher);
}

/**
 * tbuf_arena_close:
 * @self: an arena
 *
 * Ends the use of the arena through this object and its views.
 *
 * Whoever waits for one of its locks in this process gets `CLOSED`, and so does
 * whoever asks for a lock, a view or a phase from now on. Locks that are held
 * stay, and can be released. The memory stays mapped as long as a view,
 * [struct@GLib.Bytes] or buffer of it lives, and so does the name.
 *
 * Since: 1.0
 */
void
tbuf_arena_close (TbufArena *self)
{
  g_return_if_fail (TBUF_IS_ARENA (self));

  if (get_mapping (self) != NULL)
    tbuf_mapping_close (get_mapping (self));
}

/**
 * tbuf_arena_is_closed:
 * @self: an arena
 *
 * Whether somebody in this process has closed the arena.
 *
 * Returns: %TRUE after [method@Tbuf.Arena.close]
 *
 * Since: 1.0
 */
gboolean
tbuf_arena_is_closed (TbufArena *self)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), FALSE);

  return get_mapping (self) != NULL && tbuf_mapping_is_closed (get_mapping (self));
}

/**
 * tbuf_arena_leave_all:
 *
 * Leaves all arenas of this process, as the end of the process does.
 *
 * A process that returns from main() or calls exit() leaves by itself. One that
 * ends by `_exit()`, as many do that were forked, calls this right before: or
 * else the name of an arena whose last user it was stays behind, and the arena
 * is stale. Memory stays mapped, but no arena can be relied on any more.
 *
 * Since: 1.0
 */
void
tbuf_arena_leave_all (void)
{
  tbuf_process_leave ();
}

static void
tbuf_arena_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  TbufArena *self = TBUF_ARENA (object);

  switch (prop_id)
    {
    case PROP_SIZE:
      g_value_set_uint64 (value, tbuf_arena_get_size (self));
      break;
    case PROP_NAME:
      g_value_set_string (value, tbuf_arena_get_name (self));
      break;
    case PROP_FLAGS:
      g_value_set_flags (value, tbuf_arena_get_flags (self));
      break;
    case PROP_FD:
      g_value_set_int (value, tbuf_arena_get_fd (self));
      break;
    case PROP_LAYOUT:
      g_value_set_object (value, tbuf_arena_get_layout (self));
      break;
    case PROP_PHASE:
      g_value_set_string (value, tbuf_arena_get_phase (self));
      break;
    case PROP_N_PARTICIPANTS:
      g_value_set_uint (value, tbuf_arena_get_n_participants (self));
      break;
    case PROP_IS_CLOSED:
      g_value_set_boolean (value, tbuf_arena_is_closed (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
tbuf_arena_class_init (TbufArenaClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = tbuf_arena_get_property;

  /**
   * TbufArena:size:
   *
   * How large the arena is, in bytes.
   *
   * Since: 1.0
   */
  properties[PROP_SIZE] = g_param_spec_uint64 ("size", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * TbufArena:name:
   *
   * The name it was created or opened under.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, readable);

  /**
   * TbufArena:flags:
   *
   * The flags it was created or opened with.
   *
   * Since: 1.0
   */
  properties[PROP_FLAGS] = g_param_spec_flags ("flags", NULL, NULL, TBUF_TYPE_ARENA_FLAGS, TBUF_ARENA_NONE, readable);

  /**
   * TbufArena:fd:
   *
   * The file descriptor of the arena's memory.
   *
   * Since: 1.0
   */
  properties[PROP_FD] = g_param_spec_int ("fd", NULL, NULL, -1, G_MAXINT, -1, readable);

  /**
   * TbufArena:layout:
   *
   * The layout that is stored in the arena.
   *
   * Since: 1.0
   */
  properties[PROP_LAYOUT] = g_param_spec_object ("layout", NULL, NULL, TBUF_TYPE_LAYOUT, readable);

  /**
   * TbufArena:phase: (getter get_phase)
   *
   * The phase that the arena is in. It is notified of while the arena is
   * watched.
   *
   * Since: 1.0
   */
  properties[PROP_PHASE] = g_param_spec_string ("phase", NULL, NULL, NULL, readable);

  /**
   * TbufArena:n-participants:
   *
   * How many have the arena mapped, in all processes. It is not notified of.
   *
   * Since: 1.0
   */
  properties[PROP_N_PARTICIPANTS] = g_param_spec_uint ("n-participants", NULL, NULL, 0, G_MAXUINT, 0, readable);

  /**
   * TbufArena:is-closed: (getter is_closed)
   *
   * Whether somebody in this process has closed the arena. It is not notified
   * of.
   *
   * Since: 1.0
   */
  properties[PROP_IS_CLOSED] = g_param_spec_boolean ("is-closed", NULL, NULL, FALSE, readable);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
tbuf_arena_init (TbufArena *self)
{
}
