/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-dtype-private.h"

#include <string.h>

#include "tbuf-error.h"

/* NOTES
 *
 * A complex item is aligned as its parts are, as in C and in numpy; and it is
 * the parts whose bytes are swapped for the other byte order. So one column
 * says both.
 *
 * Each string of the table is unambiguous over all three notations: numpy's
 * codes always end in a digit, PEP 3118's never do. That is why one parser
 * accepts them all.
 */

const TbufDtypeInfo tbuf_dtype_infos[TBUF_N_DTYPES] = {
  /*                           name         kind               size alignment  code  PEP 3118 */
  [TBUF_DTYPE_BOOL]       = { "bool",       TBUF_KIND_BOOL,      1,   1,      "b1",  "?"  },
  [TBUF_DTYPE_INT8]       = { "int8",       TBUF_KIND_INT,       1,   1,      "i1",  "b"  },
  [TBUF_DTYPE_INT16]      = { "int16",      TBUF_KIND_INT,       2,   2,      "i2",  "h"  },
  [TBUF_DTYPE_INT32]      = { "int32",      TBUF_KIND_INT,       4,   4,      "i4",  "i"  },
  [TBUF_DTYPE_INT64]      = { "int64",      TBUF_KIND_INT,       8,   8,      "i8",  "q"  },
  [TBUF_DTYPE_UINT8]      = { "uint8",      TBUF_KIND_UINT,      1,   1,      "u1",  "B"  },
  [TBUF_DTYPE_UINT16]     = { "uint16",     TBUF_KIND_UINT,      2,   2,      "u2",  "H"  },
  [TBUF_DTYPE_UINT32]     = { "uint32",     TBUF_KIND_UINT,      4,   4,      "u4",  "I"  },
  [TBUF_DTYPE_UINT64]     = { "uint64",     TBUF_KIND_UINT,      8,   8,      "u8",  "Q"  },
  [TBUF_DTYPE_FLOAT16]    = { "float16",    TBUF_KIND_FLOAT,     2,   2,      "f2",  "e"  },
  [TBUF_DTYPE_FLOAT32]    = { "float32",    TBUF_KIND_FLOAT,     4,   4,      "f4",  "f"  },
  [TBUF_DTYPE_FLOAT64]    = { "float64",    TBUF_KIND_FLOAT,     8,   8,      "f8",  "d"  },
  [TBUF_DTYPE_COMPLEX64]  = { "complex64",  TBUF_KIND_COMPLEX,   8,   4,      "c8",  "Zf" },
  [TBUF_DTYPE_COMPLEX128] = { "complex128", TBUF_KIND_COMPLEX,  16,   8,      "c16", "Zd" },
};

/* A shared file is read by 32 and 64-bit programs, so these cannot be what the compiler likes. */
G_STATIC_ASSERT (sizeof (float) == 4 && sizeof (double) == 8);

static gboolean
byte_order_is_valid (TbufByteOrder byte_order)
{
  return (guint) byte_order <= TBUF_BYTE_ORDER_BIG;
}

/* What follows goes into a message: make it short and valid UTF-8, whatever it was. */
static char *
quote (const char *string)
{
  gsize length = strlen (string);
  g_autofree char *valid = g_utf8_make_valid (string, MIN (length, 40));

  return g_strdup_printf ("\"%s%s\"", valid, length > 40 ? "…" : "");
}

static void
set_size_error (GError     **error,
                const char  *quoted,
                char         kind)
{
  g_autoptr (GString) right = g_string_new (NULL);

  for (guint i = 0; i < TBUF_N_DTYPES; i++)
    if (tbuf_dtype_infos[i].kind == kind)
      g_string_append_printf (right, "%s\"%s\"", right->len > 0 ? ", " : "", tbuf_dtype_infos[i].code);

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE,
               "%s is no dtype: there is no item of kind '%c' and that size, only %s", quoted, kind, right->str);
}

/**
 * tbuf_dtype_get_name:
 * @dtype: a dtype
 *
 * Gets the name of a dtype, which is the one that numpy uses.
 *
 * Any thread may call this.
 *
 * Returns: (transfer none) (nullable): the name, such as `"int32"`; %NULL if @dtype is not one
 *   of the enumeration
 *
 * Since: 1.0
 */
const char *
tbuf_dtype_get_name (TbufDtype dtype)
{
  const TbufDtypeInfo *info = tbuf_dtype_get_info (dtype);

  return info != NULL ? info->name : NULL;
}

/**
 * tbuf_dtype_get_item_size:
 * @dtype: a dtype
 *
 * Gets the size of an item of a dtype.
 *
 * Any thread may call this.
 *
 * Returns: the size in bytes; 0 if @dtype is not one of the enumeration
 *
 * Since: 1.0
 */
gsize
tbuf_dtype_get_item_size (TbufDtype dtype)
{
  const TbufDtypeInfo *info = tbuf_dtype_get_info (dtype);

  return info != NULL ? info->size : 0;
}

/**
 * tbuf_dtype_get_alignment:
 * @dtype: a dtype
 *
 * Gets the natural alignment of a dtype: the offset of an aligned item is a
 * multiple of it.
 *
 * It is the size of the item; of a complex item it is the size of one of its
 * parts, as in C and in numpy. It is the same on every machine, because
 * machines of different kinds may share a file.
 *
 * Any thread may call this.
 *
 * Returns: the alignment in bytes, a power of two; 0 if @dtype is not one of the enumeration
 *
 * Since: 1.0
 */
gsize
tbuf_dtype_get_alignment (TbufDtype dtype)
{
  const TbufDtypeInfo *info = tbuf_dtype_get_info (dtype);

  return info != NULL ? info->alignment : 0;
}

/**
 * tbuf_dtype_to_typestr:
 * @dtype: a dtype
 * @byte_order: a byte order
 *
 * Prints a dtype as numpy's type string, as in `__array_interface__`.
 *
 * It starts with the byte order: `<` is little, `>` is big, and `|` says that
 * there is none, because the item is a single byte.
 *
 * Any thread may call this.
 *
 * Returns: (transfer full) (nullable): the type string, such as `"<i4"` or `"|u1"`; %NULL if
 *   @dtype or @byte_order is not one of its enumeration
 *
 * Since: 1.0
 */
char *
tbuf_dtype_to_typestr (TbufDtype     dtype,
                       TbufByteOrder byte_order)
{
  const TbufDtypeInfo *info = tbuf_dtype_get_info (dtype);
  char order;

  if (info == NULL || !byte_order_is_valid (byte_order))
    return NULL;

  if (byte_order == TBUF_BYTE_ORDER_NATIVE)
    byte_order = TBUF_BYTE_ORDER_OF_MACHINE;

  if (info->size == 1)
    order = '|';
  else
    order = byte_order == TBUF_BYTE_ORDER_LITTLE ? '<' : '>';

  return g_strdup_printf ("%c%s", order, info->code);
}

/**
 * tbuf_dtype_to_format:
 * @dtype: a dtype
 * @byte_order: a byte order
 *
 * Prints a dtype as Python's buffer protocol (PEP 3118) does, in the syntax of
 * Python's `struct` module.
 *
 * The format of an item in the byte order of this machine has no prefix,
 * because Python's `memoryview` understands no item with one. In the other
 * byte order it starts with `<` for little or `>` for big.
 *
 * Any thread may call this.
 *
 * Returns: (transfer full) (nullable): the format, such as `"i"`, `">d"` or `"Zf"`; %NULL if
 *   @dtype or @byte_order is not one of its enumeration
 *
 * Since: 1.0
 */
char *
tbuf_dtype_to_format (TbufDtype     dtype,
                      TbufByteOrder byte_order)
{
  const TbufDtypeInfo *info = tbuf_dtype_get_info (dtype);

  if (info == NULL || !byte_order_is_valid (byte_order))
    return NULL;

  if (info->size == 1 || tbuf_byte_order_is_native (byte_order))
    return g_strdup (info->format);

  return g_strdup_printf ("%c%s", byte_order == TBUF_BYTE_ORDER_LITTLE ? '<' : '>', info->format);
}

/**
 * tbuf_dtype_parse:
 * @string: what to parse
 * @dtype: (out) (optional): where to put the dtype
 * @byte_order: (out) (optional): where to put the byte order; it is never
 *   %TBUF_BYTE_ORDER_NATIVE
 * @error: where to put an error
 *
 * Parses the name of a dtype in any of the notations in use.
 *
 * These are numpy's names (`"int32"`, `"bool"`), its type codes (`"i4"`,
 * `"c16"`), and the formats of PEP 3118 (`"i"`, `"?"`, `"Zd"`). A byte order
 * may stand before each: `<` is little and `>` is big; `=` and `@` are that of
 * this machine, as is none at all; `|` is for items of a single byte. So this
 * is the inverse of [func@Tbuf.Dtype.get_name], [func@Tbuf.Dtype.to_typestr]
 * and [func@Tbuf.Dtype.to_format].
 *
 * An item of a single byte has no byte order; @byte_order is then that of this
 * machine.
 *
 * The only error is %TBUF_ERROR_DTYPE; @dtype and @byte_order are then left as
 * they were. Any thread may call this.
 *
 * Returns: whether @string names a dtype
 *
 * Since: 1.0
 */
gboolean
tbuf_dtype_parse (const char     *string,
                  TbufDtype      *dtype,
                  TbufByteOrder  *byte_order,
                  GError        **error)
{
  g_autofree char *quoted = NULL;
  TbufByteOrder order = TBUF_BYTE_ORDER_OF_MACHINE;
  const char *name;
  char kind;

  g_return_val_if_fail (string != NULL, FALSE);

  name = string;
  if (*name == '<')
    order = TBUF_BYTE_ORDER_LITTLE;
  else if (*name == '>')
    order = TBUF_BYTE_ORDER_BIG;
  if (*name != '\0' && strchr ("<>=@|", *name) != NULL)
    name++;

  for (guint i = 0; i < TBUF_N_DTYPES; i++)
    {
      const TbufDtypeInfo *info = &tbuf_dtype_infos[i];

      if (!g_str_equal (name, info->name) && !g_str_equal (name, info->code) && !g_str_equal (name, info->format))
        continue;

      if (*string == '|' && info->size > 1)
        {
          quoted = quote (string);
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE,
                       "%s is no dtype: '|' is for items of one byte, but %s has %u: write \"<%s\" or \">%s\"",
                       quoted, info->name, info->size, name, name);
          return FALSE;
        }

      if (dtype != NULL)
        *dtype = i;
      if (byte_order != NULL)
        *byte_order = info->size > 1 ? order : TBUF_BYTE_ORDER_OF_MACHINE;
      return TRUE;
    }

  quoted = quote (string);
  kind = *name;
  if (kind != '\0' && strchr ("biufc", kind) != NULL && name[1] != '\0' &&
      strspn (name + 1, "0123456789") == strlen (name + 1))
    set_size_error (error, quoted, kind);
  else
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE,
                 "%s is no dtype: expected a name such as \"int32\" or \"float64\", or a code such as \"<i4\" or \"f8\"",
                 quoted);
  return FALSE;
}
