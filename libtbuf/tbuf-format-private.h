/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The shared format
 * =================
 *
 * One file per arena: a control region of whole pages, then the data, which
 * starts on a page of its own, so that a foreign program can map it alone.
 *
 *     superblock   fixed once the arena has a name or was handed on
 *     words        the guard and everything that is one of a kind
 *     slots        one per participant
 *     records      one per lock, waiter or abandoned range
 *     starts       their first bytes once more, as two arrays
 *     ends         that a scan can run over
 *     layout       a serialized GVariant, fixed like the superblock
 *     data
 *
 * All integers are fixed-width and in the byte order of the machine (shared
 * memory never leaves it), and every struct is the same for 32 and 64 bit.
 * There are no pointers in here, and no pthread objects: a robust mutex keeps
 * list pointers in itself, and a peer that edits them would make our unlock
 * write where it wants.
 *
 * Whoever opens an arena copies the superblock to private memory, checks the
 * copy, and never reads it in place again. Of what changes, nothing is trusted:
 * indices are masked, each field is read once into a local, and loops end at
 * the constants below.
 */

#define TBUF_FORMAT_MAGIC   "tbuf\r\n\032\n"
#define TBUF_FORMAT_VERSION 1

#define TBUF_N_SLOTS   1024
#define TBUF_N_RECORDS 2048
#define TBUF_N_STRIPES 32
#define TBUF_N_ANNOUNCEMENTS 256

/* A participant's id: its slot in the low bits, and above them how often the
 * slot was taken. Never 0. */
#define TBUF_SLOT_BITS     10
#define TBUF_ID_TO_SLOT(id) ((id) & (TBUF_N_SLOTS - 1))

/* Bytes far above any data on which participants hold open-file-description
 * locks. The kernel drops them when the last descriptor is closed, however the
 * process ends, and that is how the living are told from the dead. */
#define TBUF_BYTE_BASE     (G_GINT64_CONSTANT (1) << 62)
#define TBUF_BYTE_ALIVE    TBUF_BYTE_BASE                                      /* + id: this participant lives */
#define TBUF_BYTE_SLOT     (TBUF_BYTE_BASE + (G_GINT64_CONSTANT (1) << 32))    /* + slot: the slot is taken */
#define TBUF_BYTE_READER   (TBUF_BYTE_BASE + (G_GINT64_CONSTANT (2) << 32))    /* + a random number: a read-only participant */
#define TBUF_BYTE_PRESENCE (TBUF_BYTE_BASE + (G_GINT64_CONSTANT (3) << 32))    /* everyone, for reading */
#define TBUF_BYTE_REMOVAL  (TBUF_BYTE_PRESENCE + 1)                            /* who is removing the name, for writing */
#define TBUF_BYTE_LENGTH   (G_GINT64_CONSTANT (4) << 32)                       /* of all of these */

typedef struct
{
  char    magic[8];
  guint32 version;
  guint32 byte_order;       /* 0x01020304, as the creator's machine writes it */

  /* The layout signature: another size anywhere is another format. */
  guint16 superblock_size;
  guint16 words_size;
  guint16 slot_size;
  guint16 record_size;
  guint32 n_slots;
  guint32 n_records;
  guint32 n_stripes;
  guint32 flags;            /* TbufArenaFlags that the creator gave */

  guint64 data_size;        /* exactly what was asked for */
  guint64 data_offset;
  guint64 file_size;
  guint64 words_offset;
  guint64 slots_offset;
  guint64 records_offset;
  guint64 starts_offset;
  guint64 ends_offset;
  guint64 layout_offset;
  guint64 layout_size;      /* 0: no layout */

  guint8  uuid[16];
  guint64 creator_start;    /* when and who: for people, never for decisions */
  guint32 creator_pid;
  guint32 reserved[7];
  guint8  digest[32];       /* SHA-256 of the superblock with zeros here */
} TbufSuperblock;

G_STATIC_ASSERT (sizeof (TbufSuperblock) == 208);

/* A range that somebody says to have written to. */
typedef struct
{
  guint64 start;
  guint64 end;
} TbufAnnouncement;

G_STATIC_ASSERT (sizeof (TbufAnnouncement) == 16);

/* One of a kind. Groups that different parties write stand on cache lines of
 * their own. */
typedef struct
{
  /* The guard: the id of the participant that is changing the table. */
  guint32 guard;
  guint32 dirty;              /* an owner could not wait for the guard: rebuild before use */
  guint32 table_sequence;     /* odd while somebody changes the table */
  guint32 room;               /* futex: advanced when a full table gets room */
  guint64 next_ticket;
  guint32 reserved0[10];

  /* Derived from the records: rebuild() makes them anew. */
  guint32 high;               /* no record in use at this index or above */
  guint32 n_waiting;
  guint32 n_poison;
  guint32 reserved1[13];
  guint64 used[TBUF_N_RECORDS / 64];
  guint64 waiting[TBUF_N_RECORDS / 64];

  /* Change words: bit 0 says that somebody sleeps, the rest counts. */
  guint32 change[TBUF_N_STRIPES];
  guint32 change_wide;        /* for ranges that lie in several stripes, and for phases */
  guint32 reserved2[15];

  /* Advanced by exclusive locks only, for reads without a lock. */
  guint64 sequence[TBUF_N_STRIPES];

  /* The phase's index in the low half, how often it was set in the high half. */
  guint64 phase;
  guint32 reserved3[14];

  /* A ring: the newest is the one before n_announced. */
  guint64 n_announced;
  guint32 reserved4[14];
  TbufAnnouncement announcements[TBUF_N_ANNOUNCEMENTS];
} TbufWords;

G_STATIC_ASSERT (G_STRUCT_OFFSET (TbufWords, high) == 64);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TbufWords, change) == 128 + 2 * TBUF_N_RECORDS / 8);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TbufWords, sequence) == G_STRUCT_OFFSET (TbufWords, change) + 192);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TbufWords, phase) == G_STRUCT_OFFSET (TbufWords, sequence) + 8 * TBUF_N_STRIPES);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TbufWords, n_announced) == G_STRUCT_OFFSET (TbufWords, phase) + 64);
G_STATIC_ASSERT (sizeof (TbufWords) == 5312);

typedef struct
{
  guint32 generation;   /* how often the slot was taken */
  guint32 pid;          /* whose it is or was, for messages */
  guint64 start_time;
  guint32 wake;         /* futex, for requests without a thread of their own */
  guint32 reserved[11];
} TbufSlot;

G_STATIC_ASSERT (sizeof (TbufSlot) == 64);

/* The one store of state is what commits; see tbuf-lock-table.c. */
typedef struct
{
  guint32 state;        /* TbufRecordState, and the futex its waiter sleeps on */
  guint32 id;           /* the participant */
  guint32 mode;         /* TbufLockMode */
  guint32 flags;        /* TbufRecordFlags */
  guint64 owner;        /* the thread, by a token that its process never reuses */
  guint64 start;
  guint64 end;
  guint64 ticket;       /* the order of arrival */
  guint32 partner;      /* of one who waits for an upgrade: the index + 1 of its shared record */
  guint32 reserved[3];
} TbufRecord;

G_STATIC_ASSERT (sizeof (TbufRecord) == 64);

void     tbuf_superblock_init  (TbufSuperblock       *self,
                                guint64               data_size,
                                guint64               layout_size,
                                guint32               flags);
gboolean tbuf_superblock_read  (TbufSuperblock       *self,
                                int                   fd,
                                GError              **error);

G_END_DECLS
