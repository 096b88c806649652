/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Everything that libtbuf asks of the kernel. Another system is another
 * tbuf-system-*.c. Offsets of byte locks are file offsets far above the data. */

/* One of the words that tbuf_system_futex_wait_any() waits on. */
typedef struct
{
  guint32  *word;
  guint32   expected;
  gboolean  shared;   /* FALSE: only threads of this process wake it */
} TbufFutexWait;

typedef enum
{
  TBUF_BYTE_LOCK_NONE,
  TBUF_BYTE_LOCK_READ,
  TBUF_BYTE_LOCK_WRITE,
} TbufByteLock;

#define TBUF_SHM_FOLDER "/dev/shm"

int       tbuf_system_create_memfd     (GError             **error);
gboolean  tbuf_system_seal             (int                  fd,
                                        GError             **error);
gboolean  tbuf_system_is_sealed        (int                  fd);
gboolean  tbuf_system_is_memfd         (int                  fd);
int       tbuf_system_create_unlinked  (char               **temporary_path,
                                        GError             **error);
int       tbuf_system_link             (int                  fd,
                                        const char          *temporary_path,
                                        const char          *path);
gboolean  tbuf_system_reserve          (int                  fd,
                                        guint64              size,
                                        GError             **error);
int       tbuf_system_reopen           (int                  fd,
                                        gboolean             read_only);
gboolean  tbuf_system_wait_for_file    (const char          *path,
                                        GError             **error);
guint64   tbuf_system_get_start_time   (void);
void      tbuf_system_get_random       (gpointer             bytes,
                                        gsize                n);

gboolean  tbuf_system_lock_bytes       (int                  fd,
                                        TbufByteLock         lock,
                                        gint64               start,
                                        gint64               length);
gboolean  tbuf_system_has_write_lock   (int                  fd,
                                        gint64               byte);
gboolean  tbuf_system_find_byte_lock   (int                  fd,
                                        gint64               start,
                                        gint64               length,
                                        gint64              *found,
                                        gint64              *found_length);

void      tbuf_system_futex_wait       (guint32             *word,
                                        guint32              expected,
                                        gint64               timeout_us);
void      tbuf_system_futex_wait_any   (const TbufFutexWait *waits,
                                        guint                n_waits,
                                        gint64               timeout_us);
void      tbuf_system_futex_wake       (guint32             *word,
                                        gboolean             shared);

G_END_DECLS
