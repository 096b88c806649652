/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-format-private.h"
#include "tbuf-participant-private.h"
#include "tbuf-region.h"

G_BEGIN_DECLS

typedef enum
{
  TBUF_RECORD_FREE,
  TBUF_RECORD_WAITING,   /* its owner sleeps */
  TBUF_RECORD_POKED,     /* its owner is to look again */
  TBUF_RECORD_GRANTED,   /* handed over to its owner, who has not seen it yet */
  TBUF_RECORD_HELD,
  TBUF_RECORD_POISON,    /* an exclusive owner died here */
  TBUF_RECORD_REPAIRED,  /* who recovered it let go without the guard: rebuild() clears its poison */
} TbufRecordState;

typedef enum
{
  TBUF_RECORD_ENTITLED = 1 << 0,  /* has waited long enough: nobody may overtake it any more */
  TBUF_RECORD_RECOVERS = 1 << 1,  /* takes poisoned ranges, and clears them when it is unlocked */
  TBUF_RECORD_NO_DATA  = 1 << 2,  /* writes no data: passes over poison, and leaves none */
  TBUF_RECORD_ASYNC    = 1 << 3,  /* no thread sleeps on it: its participant's slot is to be woken */
} TbufRecordFlags;

/* What is asked for. An empty range is 0 to 0: it meets nothing. */
typedef struct
{
  guint64 start;
  guint64 end;
  guint32 mode;    /* TbufLockMode */
  guint32 flags;   /* TbufRecordFlags */
  guint32 partner; /* for an upgrade: the index + 1 of the shared record that becomes exclusive */
} TbufClaim;

/* What one object holds. Read and written under the guard, except where the guard
 * can't be had in time. */
typedef struct
{
  guint32 record;       /* its record's index + 1; 0: holds nothing */
  guint32 mode;         /* TbufLockMode */
  guint32 count;        /* of shared holds */
  guint32 attachment;   /* the table's at that time; another one since a fork */
  guint64 owner;        /* the thread that took it; 0: several did */
  GArray *sharers;      /* (owned) (nullable) of TbufSharer, where there are several */
  int     is_upgrading; /* a thread waits for it to become exclusive */
} TbufHold;

/* What stands in the way of a claim: the first of it, for messages, and all of
 * the participants that are to be asked whether they live. */
typedef struct
{
  guint32  ids[16];
  guint    n_ids;
  gboolean found;
  gboolean is_poison;
  guint32  pid;
  guint32  mode;
  guint64  start;
  guint64  end;
} TbufObstacle;

typedef enum
{
  TBUF_VERDICT_FREE,
  TBUF_VERDICT_WAIT,
  TBUF_VERDICT_ABANDONED,
} TbufVerdict;

/* One process's handle on the lock table of one mapping. */
typedef struct
{
  TbufWords       *words;
  TbufSlot        *slots;
  TbufRecord      *records;
  guint64         *starts;
  guint64         *ends;
  TbufParticipant  participant;
  int              fd;            /* (unowned) to attach anew after a fork */
  guint32          attachment;    /* counts attachments */
  guint32          n_own;         /* under the guard: at least as many as this participant has records … */
  guint32          n_own_waiting; /* … and as wait among them */
  guint            stripe_shift;
  int              closed;        /* atomic */
} TbufLockTable;

typedef enum
{
  TBUF_GUARD_ENTERED,
  TBUF_GUARD_TIMED_OUT,
  TBUF_GUARD_BROKEN,
} TbufGuardResult;


/* tbuf-guard.c */
TbufGuardResult  tbuf_guard_wait                (TbufLockTable    *self,
                                                 gint64            timeout_us);

/* Waits for at most timeout_us; -1: without limit. */
static inline TbufGuardResult
tbuf_guard_enter (TbufLockTable *self,
                  gint64         timeout_us)
{
  TbufWords *words = self->words;
  guint32 nobody = 0;

  /* Who finds the table dirty goes the long way round before it takes the guard. */
  if (G_LIKELY (self->participant.id != 0 && __atomic_load_n (&words->dirty, __ATOMIC_RELAXED) == 0 &&
                __atomic_compare_exchange_n (&words->guard, &nobody, self->participant.id, FALSE,
                                             __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
    {
      __atomic_store_n (&words->table_sequence, words->table_sequence | 1, __ATOMIC_RELAXED);
      __atomic_thread_fence (__ATOMIC_RELEASE);
      return TBUF_GUARD_ENTERED;
    }

  return tbuf_guard_wait (self, timeout_us);
}

static inline void
tbuf_guard_leave (TbufLockTable *self)
{
  TbufWords *words = self->words;

  __atomic_store_n (&words->table_sequence, (words->table_sequence | 1) + 1, __ATOMIC_RELEASE);
  __atomic_store_n (&words->guard, 0, __ATOMIC_RELEASE);
}

static inline gboolean
tbuf_lock_table_is_closed (TbufLockTable *self)
{
  return __atomic_load_n (&self->closed, __ATOMIC_ACQUIRE) != 0;
}

/* tbuf-lock-table.c: all of these are called with the guard held */
TbufVerdict      tbuf_lock_table_examine        (TbufLockTable    *self,
                                                 const TbufClaim  *claim,
                                                 guint32           own_index,
                                                 TbufObstacle     *obstacle);
gboolean         tbuf_lock_table_is_free        (TbufLockTable    *self,
                                                 const TbufClaim  *claim);
gboolean         tbuf_lock_table_has_room       (TbufLockTable    *self,
                                                 const TbufClaim  *claim,
                                                 gboolean          to_wait);
gboolean         tbuf_lock_table_has_quota      (TbufLockTable    *self,
                                                 gboolean          to_wait);
gboolean         tbuf_lock_table_is_all_own     (TbufLockTable    *self,
                                                 guint64           owner);
guint32          tbuf_lock_table_add            (TbufLockTable    *self,
                                                 const TbufClaim  *claim,
                                                 TbufRecordState   state,
                                                 guint64           owner);
void             tbuf_lock_table_hold           (TbufLockTable    *self,
                                                 guint32           index);
void             tbuf_lock_table_release        (TbufLockTable    *self,
                                                 guint32           index);
void             tbuf_lock_table_remove         (TbufLockTable    *self,
                                                 guint32           index);
void             tbuf_lock_table_grant          (TbufLockTable    *self,
                                                 guint64           start,
                                                 guint64           end);
void             tbuf_lock_table_abandon        (TbufLockTable    *self,
                                                 guint32           index);
void             tbuf_lock_table_clear_poison   (TbufLockTable    *self,
                                                 guint64           start,
                                                 guint64           end);
void             tbuf_lock_table_finish_repair  (TbufLockTable    *self,
                                                 guint32           index);
gboolean         tbuf_lock_table_has_poison     (TbufLockTable    *self,
                                                 guint64           start,
                                                 guint64           end);
void             tbuf_lock_table_reap           (TbufLockTable    *self,
                                                 guint32           id);
void             tbuf_lock_table_reap_slot      (TbufLockTable    *self);
void             tbuf_lock_table_rebuild        (TbufLockTable    *self);
gboolean         tbuf_lock_table_would_deadlock (TbufLockTable    *self,
                                                 const TbufClaim  *claim,
                                                 guint32           own_index,
                                                 guint64           owner);
void             tbuf_lock_table_poke_own       (TbufLockTable    *self);
void             tbuf_lock_table_change_mode    (TbufLockTable    *self,
                                                 guint32           index,
                                                 TbufLockMode      mode);
gboolean         tbuf_lock_table_has_upgrader   (TbufLockTable    *self,
                                                 const TbufClaim  *claim,
                                                 guint32           own_index);
void             tbuf_lock_table_announce       (TbufLockTable    *self,
                                                 guint64           start,
                                                 guint64           end);

/* tbuf-hold.c: under the guard */
void             tbuf_hold_set                  (TbufHold         *self,
                                                 TbufLockTable    *table,
                                                 const TbufClaim  *claim,
                                                 guint32           index,
                                                 guint64           owner);
void             tbuf_hold_count                (TbufHold         *self,
                                                 TbufLockTable    *table,
                                                 guint64           owner);
void             tbuf_hold_adopt                (TbufHold         *self,
                                                 TbufLockTable    *table,
                                                 guint64           owner);
gboolean         tbuf_hold_uncount              (TbufHold         *self,
                                                 TbufLockTable    *table,
                                                 guint64           owner);
gboolean         tbuf_hold_is_thread_s          (const TbufHold   *self,
                                                 guint64           owner);

/* tbuf-lock.c: what a caller does; takes the guard itself */
gboolean         tbuf_lock_acquire              (TbufLockTable    *self,
                                                 TbufHold         *hold,
                                                 const TbufClaim  *claim,
                                                 gint64            timeout_us,
                                                 GCancellable     *cancellable,
                                                 GError          **error);
gboolean         tbuf_lock_release              (TbufLockTable    *self,
                                                 TbufHold         *hold,
                                                 const TbufClaim  *claim,
                                                 GError          **error);
void             tbuf_lock_give_back            (TbufLockTable    *self,
                                                 TbufHold         *hold,
                                                 const TbufClaim  *claim,
                                                 guint64           owner);
void             tbuf_lock_adopt                (TbufLockTable    *self,
                                                 TbufHold         *hold);
gboolean         tbuf_lock_upgrade              (TbufLockTable    *self,
                                                 TbufHold         *hold,
                                                 const TbufClaim  *claim,
                                                 gint64            timeout_us,
                                                 GCancellable     *cancellable,
                                                 GError          **error);
gboolean         tbuf_lock_downgrade            (TbufLockTable    *self,
                                                 TbufHold         *hold,
                                                 const TbufClaim  *claim,
                                                 GError          **error);
gboolean         tbuf_lock_set_guard_error      (TbufLockTable    *self,
                                                 TbufGuardResult   result,
                                                 gboolean          is_try,
                                                 GError          **error);
void             tbuf_lock_free_without_guard   (TbufLockTable    *self,
                                                 guint32           index);
void             tbuf_lock_abandon              (TbufLockTable    *self,
                                                 TbufHold         *hold);
TbufLockState    tbuf_lock_get_state            (TbufLockTable    *self,
                                                 const TbufClaim  *claim);
TbufLockMode     tbuf_lock_get_held_mode        (TbufLockTable    *self,
                                                 const TbufHold   *hold);
gboolean         tbuf_lock_has_poison           (TbufLockTable    *self,
                                                 const TbufClaim  *claim);
void             tbuf_lock_announce             (TbufLockTable    *self,
                                                 guint64           start,
                                                 guint64           end);
gboolean         tbuf_lock_enter_for_caller     (TbufLockTable    *self,
                                                 gint64            timeout_us,
                                                 GCancellable     *cancellable,
                                                 GError          **error);
gboolean         tbuf_lock_enter_table          (TbufLockTable    *self,
                                                 GError          **error);
void             tbuf_lock_take_part            (TbufLockTable    *self);
void             tbuf_lock_tidy                 (TbufLockTable    *self);
gboolean         tbuf_lock_attach               (TbufLockTable    *self,
                                                 GError          **error);

G_END_DECLS
