/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-types.h"

G_BEGIN_DECLS

/**
 * TbufDtype:
 * @TBUF_DTYPE_BOOL: a truth value of 1 byte, 0 or 1
 * @TBUF_DTYPE_INT8: a signed integer of 1 byte
 * @TBUF_DTYPE_INT16: a signed integer of 2 bytes
 * @TBUF_DTYPE_INT32: a signed integer of 4 bytes
 * @TBUF_DTYPE_INT64: a signed integer of 8 bytes
 * @TBUF_DTYPE_UINT8: an unsigned integer of 1 byte
 * @TBUF_DTYPE_UINT16: an unsigned integer of 2 bytes
 * @TBUF_DTYPE_UINT32: an unsigned integer of 4 bytes
 * @TBUF_DTYPE_UINT64: an unsigned integer of 8 bytes
 * @TBUF_DTYPE_FLOAT16: an IEEE 754 binary16, 2 bytes
 * @TBUF_DTYPE_FLOAT32: an IEEE 754 binary32, 4 bytes
 * @TBUF_DTYPE_FLOAT64: an IEEE 754 binary64, 8 bytes
 * @TBUF_DTYPE_COMPLEX64: two binary32, real part first, 8 bytes
 * @TBUF_DTYPE_COMPLEX128: two binary64, real part first, 16 bytes
 *
 * The type of an item.
 *
 * The names are those of numpy.
 *
 * Since: 1.0
 */
typedef enum
{
  TBUF_DTYPE_BOOL,
  TBUF_DTYPE_INT8,
  TBUF_DTYPE_INT16,
  TBUF_DTYPE_INT32,
  TBUF_DTYPE_INT64,
  TBUF_DTYPE_UINT8,
  TBUF_DTYPE_UINT16,
  TBUF_DTYPE_UINT32,
  TBUF_DTYPE_UINT64,
  TBUF_DTYPE_FLOAT16,
  TBUF_DTYPE_FLOAT32,
  TBUF_DTYPE_FLOAT64,
  TBUF_DTYPE_COMPLEX64,
  TBUF_DTYPE_COMPLEX128,
} TbufDtype;

/**
 * TbufByteOrder:
 * @TBUF_BYTE_ORDER_NATIVE: that of this machine; only ever asked for, never the answer
 * @TBUF_BYTE_ORDER_LITTLE: least significant byte first, numpy's `<`
 * @TBUF_BYTE_ORDER_BIG: most significant byte first, numpy's `>`
 *
 * The order of the bytes within a number.
 *
 * Since: 1.0
 */
typedef enum
{
  TBUF_BYTE_ORDER_NATIVE,
  TBUF_BYTE_ORDER_LITTLE,
  TBUF_BYTE_ORDER_BIG,
} TbufByteOrder;

TBUF_AVAILABLE_IN_ALL
const char *tbuf_dtype_get_name      (TbufDtype       dtype);
TBUF_AVAILABLE_IN_ALL
gsize       tbuf_dtype_get_item_size (TbufDtype       dtype);
TBUF_AVAILABLE_IN_ALL
gsize       tbuf_dtype_get_alignment (TbufDtype       dtype);
TBUF_AVAILABLE_IN_ALL
GType       tbuf_dtype_get_view_type (TbufDtype       dtype);
TBUF_AVAILABLE_IN_ALL
char       *tbuf_dtype_to_typestr    (TbufDtype       dtype,
                                      TbufByteOrder   byte_order);
TBUF_AVAILABLE_IN_ALL
char       *tbuf_dtype_to_format     (TbufDtype       dtype,
                                      TbufByteOrder   byte_order);
TBUF_AVAILABLE_IN_ALL
gboolean    tbuf_dtype_parse         (const char     *string,
                                      TbufDtype      *dtype,
                                      TbufByteOrder  *byte_order,
                                      GError        **error);

G_END_DECLS
