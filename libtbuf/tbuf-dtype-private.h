/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-dtype.h"

G_BEGIN_DECLS

#define TBUF_N_DTYPES (TBUF_DTYPE_COMPLEX128 + 1)

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
# define TBUF_BYTE_ORDER_OF_MACHINE TBUF_BYTE_ORDER_LITTLE
#else
# define TBUF_BYTE_ORDER_OF_MACHINE TBUF_BYTE_ORDER_BIG
#endif

typedef enum
{
  TBUF_KIND_BOOL    = 'b',
  TBUF_KIND_INT     = 'i',
  TBUF_KIND_UINT    = 'u',
  TBUF_KIND_FLOAT   = 'f',
  TBUF_KIND_COMPLEX = 'c',
} TbufKind;

/* All there is to know about a dtype. */
typedef struct
{
  char    name[12];   /* numpy's name */
  char    kind;       /* a TbufKind: the letter of numpy's type string */
  guint8  size;       /* of an item, in bytes */
  guint8  alignment;  /* of an item, in bytes; also the size of what is swapped for the other byte order */
  char    code[5];    /* numpy's type string, without the byte order */
  char    format[3];  /* PEP 3118's, without the byte order */
} TbufDtypeInfo;

extern const TbufDtypeInfo tbuf_dtype_infos[TBUF_N_DTYPES] G_GNUC_INTERNAL;

/* NULL where the value, which may come from a caller or a peer, is no dtype. */
static inline const TbufDtypeInfo *
tbuf_dtype_get_info (guint dtype)
{
  return dtype < TBUF_N_DTYPES ? &tbuf_dtype_infos[dtype] : NULL;
}

static inline gboolean
tbuf_byte_order_is_native (guint byte_order)
{
  return byte_order == TBUF_BYTE_ORDER_NATIVE || byte_order == TBUF_BYTE_ORDER_OF_MACHINE;
}

G_END_DECLS
