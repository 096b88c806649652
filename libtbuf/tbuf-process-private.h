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

/* In a library, other models call a function for each access. It takes 8 of the
 * bytes that the C library keeps back for libraries which are loaded later. */
extern __thread guint64 tbuf_thread_token __attribute__ ((tls_model ("initial-exec")));

guint64 tbuf_thread_new_token  (void);

/* A thread's name, never used again within the process. */
static inline guint64
tbuf_thread_get_token (void)
{
  return G_LIKELY (tbuf_thread_token != 0) ? tbuf_thread_token : tbuf_thread_new_token ();
}

G_END_DECLS
