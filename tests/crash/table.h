/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <tbuf.h>

#include "../ranges.h"

/* The control region of an arena as the tests look at it: behind the library's
 * back, and without taking part. */
#include "tbuf-lock-table-private.h"

typedef struct
{
  guint8     *base;
  gsize       size;          /* of the file */
  gsize       data_offset;
  TbufWords  *words;
  TbufSlot   *slots;
  TbufRecord *records;
  guint64    *starts;
  guint64    *ends;
} Table;

static inline G_GNUC_UNUSED Table
table_map (int fd)
{
  const TbufSuperblock *superblock;
  struct stat info;
  Table self;

  g_assert_cmpint (fstat (fd, &info), ==, 0);
  self.size = (gsize) info.st_size;
  self.base = mmap (NULL, self.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (self.base != MAP_FAILED);

  superblock = (const TbufSuperblock *) (gpointer) self.base;
  self.data_offset = superblock->data_offset;
  self.words = (TbufWords *) (gpointer) (self.base + superblock->words_offset);
  self.slots = (TbufSlot *) (gpointer) (self.base + superblock->slots_offset);
  self.records = (TbufRecord *) (gpointer) (self.base + superblock->records_offset);
  self.starts = (guint64 *) (gpointer) (self.base + superblock->starts_offset);
  self.ends = (guint64 *) (gpointer) (self.base + superblock->ends_offset);
  return self;
}

static inline G_GNUC_UNUSED void
table_unmap (Table *self)
{
  munmap (self->base, self->size);
}

/* A record's state, and whether a participant of that process has it. */
static inline G_GNUC_UNUSED guint32
table_get_state (const Table *self,
                 guint        index,
                 pid_t        pid)
{
  TbufRecord *record = &self->records[index];
  guint32 state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);
  guint32 id = __atomic_load_n (&record->id, __ATOMIC_RELAXED);

  return self->slots[TBUF_ID_TO_SLOT (id)].pid == (guint32) pid ? state : TBUF_RECORD_FREE;
}

/* What the table says that is not so when nobody holds anything; NULL: nothing. */
static inline G_GNUC_UNUSED const char *
table_find_leak (const Table *self)
{
  const TbufWords *words = self->words;

  for (guint i = 0; i < TBUF_N_RECORDS; i++)
    if (self->records[i].state != TBUF_RECORD_FREE)
      return "a record is in use";
  for (guint i = 0; i < TBUF_N_RECORDS; i++)
    if (self->starts[i] < self->ends[i])
      return "a free record's range is still there to be found";
  for (guint i = 0; i < G_N_ELEMENTS (words->used); i++)
    if (words->used[i] != 0 || words->waiting[i] != 0)
      return "a free record counts as used";
  if (words->n_waiting != 0 || words->n_poison != 0)
    return "waiters or abandoned ranges are counted that are not there";
  if (words->guard != 0 || words->dirty != 0)
    return "somebody is still changing the table";

  return NULL;
}

/* Until so many wait who are not overtaken any more. */
static inline G_GNUC_UNUSED void
table_await_entitled (const Table *self,
                      guint        n)
{
  guint n_entitled = 0;

  while (n_entitled < n)
    {
      n_entitled = 0;
      for (guint i = 0; i < TBUF_N_RECORDS; i++)
        n_entitled += __atomic_load_n (&self->records[i].state, __ATOMIC_ACQUIRE) == TBUF_RECORD_WAITING &&
                      (__atomic_load_n (&self->records[i].flags, __ATOMIC_RELAXED) & TBUF_RECORD_ENTITLED) != 0;
      g_thread_yield ();
    }
}

static inline G_GNUC_UNUSED TbufArena *
open_again (TbufArena *arena)
{
  g_autoptr (GError) error = NULL;
  TbufArena *again = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);

  g_assert_no_error (error);
  return again;
}
