/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-region.h"

G_BEGIN_DECLS

/* What one object holds. Only read or written under the guard of its table. */
typedef struct
{
  guint32 record;   /* index + 1 of its record, 0: holds nothing */
  guint32 mode;     /* TbufLockMode */
  guint32 count;    /* of shared holds */
  guint32 gen;      /* of the participant when it was taken: another one since a fork */
  guint64 owner;    /* the token of the thread that took it */
} TbufHold;

/* One process's handle on the lock table of one mapping. */
typedef struct
{
  guint8 *base;
} TbufLockTable;

G_END_DECLS
