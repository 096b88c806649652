/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "table.h"

#include "../peer.h"

#define N_BYTES 4096
#define OFFSET  1000
#define LENGTH  1000

/* What a survivor may need at the most, on a machine that is busy. */
#define LIMIT_US (5 * G_USEC_PER_SEC)

typedef struct
{
  guint n_calls;
  guint n_steps;
} Boundary;

typedef enum
{
  HELP_NONE,
  HELP_UNLOCK_AT_ONCE,    /* the survivor's lock goes when the victim is found waiting */
  HELP_UNLOCK_ENTITLED,   /* when it is entitled */
  HELP_CANCEL,            /* another thread of the victim cancels it then */
} Help;

typedef enum
{
  OPERATION_IS_LONG      = 1 << 0,  /* tens of thousands of instructions */
  OPERATION_IS_NAMED     = 1 << 1,  /* on the name, and not on an arena that is always there */
  OPERATION_NEEDS_WAITER = 1 << 2,
  OPERATION_IS_TIMED     = 1 << 3,  /* what it does depends on the time: it is stepped from its start each time */
} OperationFlags;

typedef struct _Stepper Stepper;

typedef struct
{
  const char *name;
  guint       flags;                      /* OperationFlags */
  Help        help;
  void      (*prepare) (Stepper *self);   /* in the survivor, before there is a victim */
  void      (*enter)   (Stepper *self);   /* in the victim, before the first step */
  void      (*at_mark) (Stepper *self);   /* in the survivor, when the victim has entered */
  void      (*operate) (Stepper *self);   /* in the victim, step by step */
  void      (*check)   (Stepper *self);   /* in the survivor, afterwards */
  void      (*stopped) (Stepper *self);   /* in the survivor, before, while the victim is stopped and alive */
} Operation;

struct _Stepper
{
  const Operation *operation;
  TbufArena       *arena;         /* the survivor's */
  Table            table;
  TbufRegion      *blocker;       /* the survivor's lock, while it has one */
  TbufRegion      *bystander;     /* another one, in nobody's way */
  Peer             waiter;        /* another survivor, which waits where it is told to */
  guint8          *stale;         /* a file as a dead participant left it */
  gsize            stale_size;
  char            *name;
  char            *path;
  struct stat      named;         /* the file that has the name */

  pid_t            victim;
  gboolean         helped;
  int              cancel_pipe[2];
  Boundary         boundary;

  /* The victim's. */
  TbufArena       *own_arena;
  TbufRegion      *own_range;
  GCancellable    *cancellable;

  /* Results. */
  guint            n_kills;
  guint            n_deaths;      /* of an owner, as the others see it */
  guint            n_violations;
  gint64           longest_us;
};

extern const Operation stepper_operations[];
extern const guint     stepper_n_operations;

void     stepper_violation      (Stepper    *self,
                                 const char *format,
                                 ...) G_GNUC_PRINTF (2, 3);
void     stepper_look_at_table  (Stepper    *self);
void     stepper_create_named   (Stepper    *self);
gboolean stepper_is_waiting     (Stepper    *self,
                                 pid_t       pid,
                                 gboolean    entitled);
void     stepper_wait_for_range (Peer       *parent,
                                 gpointer    data);
