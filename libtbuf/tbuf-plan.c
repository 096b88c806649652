/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

/* NOTES
 *
 * A plan is a problem with names on it, and its solution. The search is told
 * neither: it gets a copy of the numbers, works on it without the mutex, and
 * what it found is verified before anybody can read it (tbuf-plan-solve.c). */

/**
 * TbufPlan:
 *
 * A planner of memory: sizes and lifetimes go in, offsets come out.
 *
 * A plan is told *buffers*. Each has a size in bytes and a life, from the time
 * *lower* until before the time *upper*. What counts as time is up to you: the
 * steps of a program, the layers of a network, microseconds.
 * [method@Tbuf.Plan.solve] then gives each an offset, such that buffers which
 * live at the same time never share a byte, and all of them fit into as few
 * bytes as it can find. [class@Tbuf.Layout] uses it for the arrays of an arena.
 *
 * ```c
 * g_autoptr (TbufPlan) plan = tbuf_plan_new ();
 *
 * if (!tbuf_plan_add (plan, "image", 0, 2, 3000, 1, &error) ||
 *     !tbuf_plan_add (plan, "edges", 1, 3, 1000, 1, &error) ||
 *     !tbuf_plan_add (plan, "shapes", 2, 4, 3000, 1, &error) ||
 *     !tbuf_plan_solve (plan, 0, G_USEC_PER_SEC, NULL, &error))
 *   return FALSE;
 *
 * // 4000 bytes instead of 7000: the shapes lie where the image was.
 * g_print ("%" G_GUINT64_FORMAT " bytes, %s\n", tbuf_plan_get_height (plan),
 *          tbuf_plan_get_proven (plan) ? "and no plan has fewer" : "perhaps not the fewest");
 * ```
 *
 * The *height* of a plan is the number of bytes that it needs. Its *lower bound*
 * is what no plan can be below; where the two are equal, the plan is *proven* to
 * be one of the best.
 *
 * Times, sizes and offsets are at most 9223372036854775807, and so is the sum of
 * all sizes.
 *
 * All methods may be called from any thread. Signals are emitted in the
 * thread-default main context of the plan's creation.
 *
 * Since: 1.0
 */

enum
{
  PROP_0,
  PROP_ELAPSED,
  PROP_HEIGHT,
  PROP_LOWER_BOUND,
  PROP_METHOD,
  PROP_N_BUFFERS,
  PROP_N_THREADS,
  PROP_PROVEN,
  N_PROPERTIES
};

#define MAX_THREADS 1024

static GParamSpec *properties[N_PROPERTIES];
static guint progress_signal;

G_DEFINE_FINAL_TYPE (TbufPlan, tbuf_plan, G_TYPE_OBJECT)

static void
tbuf_plan_init (TbufPlan *self)
{
  g_mutex_init (&self->mutex);
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_ref (g_thread_self ());
  self->noun = "Buffer";
  self->buffers = g_array_new (FALSE, FALSE, sizeof (TbufPlanBuffer));
  self->ids = g_ptr_array_new ();
  self->id_chunk = g_string_chunk_new (4096);
  self->indices = g_hash_table_new (g_str_hash, g_str_equal);
  self->separate = g_array_new (FALSE, FALSE, sizeof (TbufPlanPair));
}

static void
tbuf_plan_dispose (GObject *object)
{
  TbufPlan *self = TBUF_PLAN (object);

  /* A source that waits has no reference, so that a context which never runs keeps nothing alive. */
  g_mutex_lock (&self->mutex);
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_mutex_unlock (&self->mutex);

  G_OBJECT_CLASS (tbuf_plan_parent_class)->dispose (object);
}

static void
tbuf_plan_finalize (GObject *object)
{
  TbufPlan *self = TBUF_PLAN (object);

  g_clear_pointer (&self->offsets, g_array_unref);
  g_array_unref (self->separate);
  g_hash_table_unref (self->indices);
  g_string_chunk_free (self->id_chunk);
  g_ptr_array_unref (self->ids);
  g_array_unref (self->buffers);
  g_thread_unref (self->thread);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);

  G_OBJECT_CLASS (tbuf_plan_parent_class)->finalize (object);
}

static void
tbuf_plan_get_property (GObject    *object,
                        guint       property_id,
                        GValue     *value,
                        GParamSpec *pspec)
{
  TbufPlan *self = TBUF_PLAN (object);

  switch (property_id)
    {
    case PROP_ELAPSED:
      g_value_set_double (value, tbuf_plan_get_elapsed (self));
      break;
    case PROP_HEIGHT:
      g_value_set_uint64 (value, tbuf_plan_get_height (self));
      break;
    case PROP_LOWER_BOUND:
      g_value_set_uint64 (value, tbuf_plan_get_lower_bound (self));
      break;
    case PROP_METHOD:
      g_value_set_string (value, tbuf_plan_get_method (self));
      break;
    case PROP_N_BUFFERS:
      g_value_set_uint (value, tbuf_plan_get_n_buffers (self));
      break;
    case PROP_N_THREADS:
      g_value_set_uint (value, tbuf_plan_get_n_threads (self));
      break;
    case PROP_PROVEN:
      g_value_set_boolean (value, tbuf_plan_get_proven (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
tbuf_plan_set_property (GObject      *object,
                        guint         property_id,
                        const GValue *value,
                        GParamSpec   *pspec)
{
  if (property_id == PROP_N_THREADS)
    tbuf_plan_set_n_threads (TBUF_PLAN (object), g_value_get_uint (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
}

static void
tbuf_plan_class_init (TbufPlanClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  const GParamFlags readwrite = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = tbuf_plan_dispose;
  object_class->finalize = tbuf_plan_finalize;
  object_class->get_property = tbuf_plan_get_property;
  object_class->set_property = tbuf_plan_set_property;

  /**
   * TbufPlan:elapsed: (getter get_elapsed)
   *
   * How long the search took, in seconds; 0 before the plan is solved.
   *
   * Since: 1.0
   */
  properties[PROP_ELAPSED] = g_param_spec_double ("elapsed", NULL, NULL, 0, G_MAXDOUBLE, 0, readable);

  /**
   * TbufPlan:height: (getter get_height)
   *
   * How many bytes the plan needs; 0 before it is solved.
   *
   * Since: 1.0
   */
  properties[PROP_HEIGHT] = g_param_spec_uint64 ("height", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * TbufPlan:lower-bound: (getter get_lower_bound)
   *
   * The bytes that no plan can do without; 0 before the plan is solved.
   *
   * Since: 1.0
   */
  properties[PROP_LOWER_BOUND] = g_param_spec_uint64 ("lower-bound", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * TbufPlan:method: (getter get_method)
   *
   * What found the plan; %NULL before it is solved.
   *
   * Since: 1.0
   */
  properties[PROP_METHOD] = g_param_spec_string ("method", NULL, NULL, NULL, readable);

  /**
   * TbufPlan:n-buffers: (getter get_n_buffers)
   *
   * How many buffers there are.
   *
   * Since: 1.0
   */
  properties[PROP_N_BUFFERS] = g_param_spec_uint ("n-buffers", NULL, NULL, 0, G_MAXUINT, 0, readable);

  /**
   * TbufPlan:n-threads: (getter get_n_threads) (setter set_n_threads)
   *
   * How many threads search; 0 stands for as many as there are processors.
   *
   * Since: 1.0
   */
  properties[PROP_N_THREADS] = g_param_spec_uint ("n-threads", NULL, NULL, 0, MAX_THREADS, 0, readwrite);

  /**
   * TbufPlan:proven: (getter get_proven)
   *
   * Whether it is proven that no plan needs fewer bytes.
   *
   * Since: 1.0
   */
  properties[PROP_PROVEN] = g_param_spec_boolean ("proven", NULL, NULL, FALSE, readable);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  /**
   * TbufPlan::progress:
   * @self: the plan
   * @height: the height of the best plan so far
   * @seconds: how long it took to find it
   *
   * Is emitted while a plan is being solved, when a better one was found.
   *
   * [method@Tbuf.Plan.solve] emits it before it returns if it was called by the
   * thread that created the plan. Otherwise it is emitted in the thread-default
   * main context of the plan's creation, when that runs, and then says how far
   * the search is by that time; plans that were soon followed by better ones may
   * be passed over.
   *
   * A handler may ask the plan what it likes, and cancel the search. Until that
   * is over, the plan has the offsets of an earlier search, if there was one.
   *
   * Since: 1.0
   */
  progress_signal = g_signal_new ("progress", TBUF_TYPE_PLAN, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 2, G_TYPE_UINT64, G_TYPE_DOUBLE);
}

/**
 * tbuf_plan_new:
 *
 * Creates a plan without buffers.
 *
 * Returns: (transfer full): the plan
 *
 * Since: 1.0
 */
TbufPlan *
tbuf_plan_new (void)
{
  return g_object_new (TBUF_TYPE_PLAN, NULL);
}

/*< private >
 * tbuf_plan_set_noun:
 * @self: a plan
 * @noun: (transfer none): a static string
 *
 * Sets what messages call a buffer.
 */
void
tbuf_plan_set_noun (TbufPlan   *self,
                    const char *noun)
{
  self->noun = noun;
}

/*< private >
 * tbuf_plan_emit_progress:
 * @self: a plan, whose mutex is not held
 * @height: the height of the best plan so far
 * @seconds: how long it took to find it
 *
 * Emits ::progress; runs in the thread that is to see it.
 */
void
tbuf_plan_emit_progress (TbufPlan *self,
                         guint64   height,
                         double    seconds)
{
  g_signal_emit (self, progress_signal, 0, height, seconds);
}

/*< private >
 * tbuf_plan_notify_added:
 * @self: a plan, whose mutex is not held
 *
 * Says that there are more buffers.
 */
void
tbuf_plan_notify_added (TbufPlan *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_BUFFERS]);
}

/*< private >
 * tbuf_plan_notify_solved:
 * @self: a plan, whose mutex is not held
 *
 * Says that there is another solution, or none any more.
 */
void
tbuf_plan_notify_solved (TbufPlan *self)
{
  g_object_freeze_notify (G_OBJECT (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ELAPSED]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_HEIGHT]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LOWER_BOUND]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_METHOD]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PROVEN]);
  g_object_thaw_notify (G_OBJECT (self));
}

/**
 * tbuf_plan_get_n_buffers: (get-property n-buffers)
 * @self: a plan
 *
 * Gets how many buffers there are.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
tbuf_plan_get_n_buffers (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), 0);

  locker = g_mutex_locker_new (&self->mutex);

  return self->buffers->len;
}

/**
 * tbuf_plan_get_n_threads: (get-property n-threads)
 * @self: a plan
 *
 * Gets how many threads search.
 *
 * Returns: the number; 0 stands for as many as there are processors
 *
 * Since: 1.0
 */
guint
tbuf_plan_get_n_threads (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), 0);

  locker = g_mutex_locker_new (&self->mutex);

  return self->n_threads;
}

/**
 * tbuf_plan_set_n_threads: (set-property n-threads)
 * @self: a plan
 * @n_threads: how many threads search, at most 1024; 0 stands for as many as there are processors
 *
 * Sets how many threads search from the next [method@Tbuf.Plan.solve] on.
 *
 * With one thread, and time enough, equal plans get equal offsets. With more,
 * the height is still the same where it is proven, but which of the plans of
 * that height is found depends on which thread is faster.
 *
 * Since: 1.0
 */
void
tbuf_plan_set_n_threads (TbufPlan *self,
                         guint     n_threads)
{
  gboolean changed;

  g_return_if_fail (TBUF_IS_PLAN (self));

  n_threads = MIN (n_threads, MAX_THREADS);
  g_mutex_lock (&self->mutex);
  changed = self->n_threads != n_threads;
  self->n_threads = n_threads;
  g_mutex_unlock (&self->mutex);

  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_THREADS]);
}

/**
 * tbuf_plan_get_height: (get-property height)
 * @self: a plan
 *
 * Gets how many bytes the plan needs.
 *
 * Returns: the height in bytes; 0 before the plan is solved
 *
 * Since: 1.0
 */
guint64
tbuf_plan_get_height (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), 0);

  locker = g_mutex_locker_new (&self->mutex);

  return self->height;
}

/**
 * tbuf_plan_get_lower_bound: (get-property lower-bound)
 * @self: a plan
 *
 * Gets how many bytes no plan can do without, as far as the search has shown.
 *
 * It is at least the greatest sum of the sizes of buffers that live at the same
 * time. Where it equals [property@Tbuf.Plan:height], no plan is better.
 *
 * Returns: the bound in bytes; 0 before the plan is solved
 *
 * Since: 1.0
 */
guint64
tbuf_plan_get_lower_bound (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), 0);

  locker = g_mutex_locker_new (&self->mutex);

  return self->lower_bound;
}

/**
 * tbuf_plan_get_proven: (get-property proven)
 * @self: a plan
 *
 * Gets whether it is proven that no plan needs fewer bytes.
 *
 * Returns: whether it is; %FALSE before the plan is solved
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_get_proven (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  return self->proven;
}

/**
 * tbuf_plan_get_method: (get-property method)
 * @self: a plan
 *
 * Gets what found the plan, for who wants to know how it came about.
 *
 * Which methods there are, and what they are called, may change between
 * versions of libtbuf.
 *
 * Returns: (transfer none) (nullable): the method; %NULL before the plan is solved
 *
 * Since: 1.0
 */
const char *
tbuf_plan_get_method (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);

  return self->method;
}

/**
 * tbuf_plan_get_elapsed: (get-property elapsed)
 * @self: a plan
 *
 * Gets how long the search took.
 *
 * Returns: seconds; 0 before the plan is solved
 *
 * Since: 1.0
 */
double
tbuf_plan_get_elapsed (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), 0);

  locker = g_mutex_locker_new (&self->mutex);

  return self->elapsed;
}
