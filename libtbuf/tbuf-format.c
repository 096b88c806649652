/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-format-private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tbuf-error.h"
#include "tbuf-system-private.h"

#define BYTE_ORDER_MARK 0x01020304u

/* The largest layout that is looked at: a bound on what a bad file costs. */
#define MAX_LAYOUT_SIZE (64 * 1024 * 1024)

static void
get_digest (const TbufSuperblock *self,
            guint8               *digest)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  TbufSuperblock copy = *self;
  gsize size = sizeof copy.digest;

  memset (copy.digest, 0, sizeof copy.digest);
  g_checksum_update (checksum, (const guchar *) &copy, sizeof copy);
  g_checksum_get_digest (checksum, digest, &size);
}

static guint64
align_up (guint64 value,
          guint64 alignment)
{
  return (value + alignment - 1) & ~(alignment - 1);
}

static guint64
get_page_size (void)
{
  return (guint64) sysconf (_SC_PAGESIZE);
}

/* Where each table stands is a function of these few numbers alone. */
static void
place_tables (TbufSuperblock *self)
{
  self->words_offset = align_up (sizeof (TbufSuperblock), 64);
  self->slots_offset = align_up (self->words_offset + sizeof (TbufWords), 64);
  self->records_offset = self->slots_offset + TBUF_N_SLOTS * sizeof (TbufSlot);
  self->starts_offset = self->records_offset + TBUF_N_RECORDS * sizeof (TbufRecord);
  self->ends_offset = self->starts_offset + TBUF_N_RECORDS * sizeof (guint64);
  self->layout_offset = self->ends_offset + TBUF_N_RECORDS * sizeof (guint64);
  self->data_offset = align_up (self->layout_offset + self->layout_size, get_page_size ());
  self->file_size = align_up (self->data_offset + self->data_size, get_page_size ());
}

static void
set_signature (TbufSuperblock *self)
{
  memcpy (self->magic, TBUF_FORMAT_MAGIC, sizeof self->magic);
  self->version = TBUF_FORMAT_VERSION;
  self->byte_order = BYTE_ORDER_MARK;
  self->superblock_size = sizeof (TbufSuperblock);
  self->words_size = sizeof (TbufWords);
  self->slot_size = sizeof (TbufSlot);
  self->record_size = sizeof (TbufRecord);
  self->n_slots = TBUF_N_SLOTS;
  self->n_records = TBUF_N_RECORDS;
  self->n_stripes = TBUF_N_STRIPES;
}

/* The caller has seen to it that data_size and layout_size leave room below 2^62. */
void
tbuf_superblock_init (TbufSuperblock *self,
                      guint64         data_size,
                      guint64         layout_size,
                      guint32         flags)
{
  memset (self, 0, sizeof *self);
  set_signature (self);
  self->data_size = data_size;
  self->layout_size = layout_size;
  self->flags = flags;
  place_tables (self);

  tbuf_system_get_random (self->uuid, sizeof self->uuid);
  self->creator_pid = (guint32) getpid ();
  self->creator_start = tbuf_system_get_start_time ();
  get_digest (self, self->digest);
}

static gboolean
has_our_signature (const TbufSuperblock *self)
{
  TbufSuperblock ours = *self;

  set_signature (&ours);
  return memcmp (&ours, self, G_STRUCT_OFFSET (TbufSuperblock, flags)) == 0;
}

/* Reads and checks the superblock of an untrusted file. */
gboolean
tbuf_superblock_read (TbufSuperblock *self,
                      int             fd,
                      GError        **error)
{
  TbufSuperblock copy, expected;
  struct stat info;
  guint8 digest[32];
  gssize n_read;

  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode))
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "Not an arena: not a regular file");
      return FALSE;
    }

  do
    n_read = pread (fd, &copy, sizeof copy, 0);
  while (n_read < 0 && errno == EINTR);

  if (n_read != sizeof copy)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "Not an arena: the file has %" G_GINT64_FORMAT " bytes, and an arena's head alone has %" G_GSIZE_FORMAT,
                   (gint64) info.st_size, sizeof copy);
      return FALSE;
    }
  if (memcmp (copy.magic, TBUF_FORMAT_MAGIC, sizeof copy.magic) != 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                           "Not an arena: the file does not start with libtbuf's signature");
      return FALSE;
    }
  if (copy.byte_order != BYTE_ORDER_MARK)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The arena was written in another byte order (mark 0x%08x, expected 0x%08x)",
                   copy.byte_order, BYTE_ORDER_MARK);
      return FALSE;
    }
  if (copy.version != TBUF_FORMAT_VERSION)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_VERSION,
                   "The arena has format version %u, and this libtbuf reads version %u",
                   copy.version, TBUF_FORMAT_VERSION);
      return FALSE;
    }
  if (!has_our_signature (&copy))
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_VERSION,
                           "The arena's tables have other sizes than this libtbuf's: it was made by an incompatible build");
      return FALSE;
    }

  get_digest (&copy, digest);
  if (memcmp (digest, copy.digest, sizeof digest) != 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "The arena is corrupt: its head does not match its checksum");
      return FALSE;
    }

  /* A checksum stops accidents, not people: the numbers are checked as if there were none. */
  if (copy.data_size > G_MAXINT64 / 4 || copy.layout_size > MAX_LAYOUT_SIZE)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The arena is corrupt: it claims %" G_GUINT64_FORMAT " bytes of data and %" G_GUINT64_FORMAT " of layout",
                   copy.data_size, copy.layout_size);
      return FALSE;
    }

  expected = copy;
  place_tables (&expected);
  if (memcmp (&expected, &copy, sizeof copy) != 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "The arena is corrupt: its tables are not where they belong");
      return FALSE;
    }
  if ((guint64) info.st_size != copy.file_size)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The arena is truncated or corrupt: its file has %" G_GINT64_FORMAT " bytes and should have %" G_GUINT64_FORMAT,
                   (gint64) info.st_size, copy.file_size);
      return FALSE;
    }

  *self = copy;
  return TRUE;
}
