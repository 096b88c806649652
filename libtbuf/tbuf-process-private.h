/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All mappings of this process, for the two moments that concern them all: a
 * fork and the exit. While the list is locked, nobody forks. */
typedef void (*TbufProcessFunc) (gpointer mapping);

void    tbuf_process_lock      (void);
void    tbuf_process_unlock    (void);
void    tbuf_process_add       (gpointer         mapping,
                                TbufProcessFunc  after_fork,
                                TbufProcessFunc  at_exit);
void    tbuf_process_remove    (gpointer         mapping);
void    tbuf_process_leave     (void);

/* A thread's name, never used again within the process. */
guint64 tbuf_thread_get_token  (void);

G_END_DECLS
