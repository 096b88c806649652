/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A process in another language that takes its turn when it is told to.
 *
 * It speaks in lines. The demo writes the name of a turn; the worker answers
 *
 *     holding N [WHAT]  it holds N locks, did WHAT under them, and waits for a line
 *     sum ARRAY VALUE   its checksum of an array
 *     done              the turn is over, and nothing is locked any more
 *
 * Changes that follow each other faster than the demo looks are told as one: a
 * lock that is gone again before anybody looked is not told at all. That is why
 * a worker waits with its locks held: the demo answers when it has seen as many
 * as the worker says it holds, however long that takes, and so sees each of them. */
typedef struct _DemoWorker DemoWorker;

typedef void (*DemoHoldingFunc) (DemoWorker *worker, const char *what, gpointer user_data);
typedef void (*DemoSumFunc)     (DemoWorker *worker, const char *array, const char *sum, gpointer user_data);

DemoWorker *demo_worker_new           (const char          *language,
                                       const char * const  *argv,
                                       GError             **error);
void        demo_worker_free          (DemoWorker          *self);
const char *demo_worker_get_language  (DemoWorker          *self);
int         demo_worker_get_pid       (DemoWorker          *self);
void        demo_worker_set_callbacks (DemoWorker          *self,
                                       DemoHoldingFunc      on_holding,
                                       DemoSumFunc          on_sum,
                                       gpointer             user_data);
gboolean    demo_worker_take_turn     (DemoWorker          *self,
                                       const char          *turn,
                                       GError             **error);
void        demo_worker_saw_lock      (DemoWorker          *self);
void        demo_worker_saw_unlock    (DemoWorker          *self);
gboolean    demo_worker_end           (DemoWorker          *self,
                                       GError             **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DemoWorker, demo_worker_free)

G_END_DECLS
