/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-convert-private.h"

#include <string.h>

/* NOTES
 *
 * Fourteen dtypes make 196 pairs. None of them is written down: items are taken
 * in blocks that fit the first-level cache, gathered from where they lie,
 * widened to one of three types (gint64, guint64, double), changed from that
 * type to the destination's, narrowed, and scattered. Each step is a loop over
 * an array without a branch on the dtype, so that the compiler can vectorise it.
 *
 * A complex item is two floats: between complex dtypes twice as many parts are
 * converted, and a real one is spread or picked in between.
 *
 * What happens to a value that the destination cannot hold:
 *
 *   integer to integer   wraps: the low bits stay, as in C and numpy
 *   float to integer     is cut toward zero; beyond the ends it is the nearest
 *                        end; not-a-number is 0. (C leaves both undefined, and
 *                        numpy does what the processor does.)
 *   to a narrower float  rounds to the nearest, ties to even; beyond the
 *                        largest it is infinity
 *   integer to float     rounds to the nearest, ties to even, once
 *   complex to real      is the real part
 *   anything to bool     is whether it differs from 0; not-a-number does
 *
 * A byte of a bool other than 0 and 1, which a peer may have put there, is 1.
 */

#define BLOCK_ITEMS 256

typedef union
{
  gint64  i[BLOCK_ITEMS];
  guint64 u[BLOCK_ITEMS];
  double  d[BLOCK_ITEMS * 2]; /* two parts for each complex item */
} Wide;

typedef struct
{
  guint8 bytes[BLOCK_ITEMS * 16];
} __attribute__ ((aligned (16))) Packed;

/* The type of a block of wide items. */
typedef enum
{
  WIDE_INT,
  WIDE_UINT,
  WIDE_DOUBLE,
} WideType;

static WideType
get_wide_type (TbufKind kind)
{
  switch (kind)
    {
    case TBUF_KIND_INT:
      return WIDE_INT;
    case TBUF_KIND_BOOL:
    case TBUF_KIND_UINT:
      return WIDE_UINT;
    case TBUF_KIND_FLOAT:
    case TBUF_KIND_COMPLEX:
    default:
      return WIDE_DOUBLE;
    }
}

/* The dtype of which a complex item has two; any other item is its own part. */
static TbufDtype
get_part_dtype (TbufDtype dtype)
{
  switch (dtype)
    {
    case TBUF_DTYPE_COMPLEX64:
      return TBUF_DTYPE_FLOAT32;
    case TBUF_DTYPE_COMPLEX128:
      return TBUF_DTYPE_FLOAT64;
    default:
      return dtype;
    }
}

/*< private >
 * tbuf_half_to_float:
 * @half: the bits of a binary16
 *
 * Every binary16 is a binary32 too, so this is exact; of a not-a-number the
 * payload stays.
 */
gfloat
tbuf_half_to_float (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16;
  guint32 magnitude = half & 0x7fff;
  guint32 bits;
  gfloat value;

  if (magnitude >= 0x7c00)
    {
      /* Infinity and not-a-number: the exponent is all ones in both formats. */
      bits = 0x7f800000 | (magnitude & 0x3ff) << 13;
    }
  else if (magnitude >= 0x0400)
    {
      /* The exponent's bias is 15 in the one format and 127 in the other. */
      bits = (magnitude << 13) + ((127 - 15) << 23);
    }
  else
    {
      /* Subnormal: a multiple of 2⁻²⁴, and a normal number as a binary32. */
      value = (gfloat) magnitude * 0x1p-24f;
      memcpy (&bits, &value, sizeof bits);
    }

  bits |= sign;
  memcpy (&value, &bits, sizeof value);
  return value;
}

/*< private >
 * tbuf_half_from_double:
 * @value: a number
 *
 * Rounds to the nearest binary16, ties to even. It takes a binary64, because
 * one that was rounded to a binary32 before would be rounded twice.
 */
guint16
tbuf_half_from_double (double value)
{
  guint64 bits, magnitude;
  guint16 sign;

  memcpy (&bits, &value, sizeof bits);
  sign = (bits >> 48) & 0x8000;
  magnitude = bits & G_GUINT64_CONSTANT (0x7fffffffffffffff);

  /* A not-a-number keeps the top of its payload, and is a quiet one. */
  if (magnitude > G_GUINT64_CONSTANT (0x7ff0000000000000))
    return sign | 0x7e00 | ((magnitude >> 42) & 0x1ff);

  /* 65520 lies half-way between 65504, the largest, and 65536, which would be even. */
  if (magnitude >= G_GUINT64_CONSTANT (0x40effe0000000000))
    return sign | 0x7c00;

  if (magnitude >= (guint64) (1023 - 14) << 52)
    {
      /* A carry out of the mantissa is what the exponent needs then. */
      magnitude -= (guint64) (1023 - 15) << 52;
      magnitude += ((G_GUINT64_CONSTANT (1) << 41) - 1) + ((magnitude >> 42) & 1);
      return sign | (guint16) (magnitude >> 42);
    }
  else
    {
      /* Below 2⁻¹⁴ the result counts multiples of 2⁻²⁴. */
      guint shift = 1075 - 24 - (guint) (magnitude >> 52);
      guint64 mantissa, quotient, rest, tie;

      /* Not even half of the smallest; a binary64's own subnormals are far below it. */
      if (shift > 53)
        return sign;

      mantissa = (magnitude & ((G_GUINT64_CONSTANT (1) << 52) - 1)) | G_GUINT64_CONSTANT (1) << 52;
      quotient = mantissa >> shift;
      tie = G_GUINT64_CONSTANT (1) << (shift - 1);
      rest = mantissa & (2 * tie - 1);
      if (rest > tie || (rest == tie && (quotient & 1) != 0))
        quotient++;
      return sign | (guint16) quotient;
    }
}

/*< private >
 * tbuf_half_from_float:
 * @value: a number
 *
 * Rounds to the nearest binary16, ties to even.
 */
guint16
tbuf_half_from_float (gfloat value)
{
  return tbuf_half_from_double (value);
}

/*< private >
 * tbuf_swap_parts:
 * @packed: an array, not necessarily aligned
 * @n_parts: how many numbers it has
 * @part_size: the size of each: 1, 2, 4 or 8 bytes
 *
 * Reverses the bytes of each number.
 */
void
tbuf_swap_parts (gpointer packed,
                 gsize    n_parts,
                 gsize    part_size)
{
  guint8 *bytes = packed;

#define SWAP_LOOP(bits)                           \
  for (gsize i = 0; i < n_parts; i++)             \
    {                                             \
      guint##bits part;                           \
      memcpy (&part, bytes + i * sizeof part, sizeof part); \
      part = GUINT##bits##_SWAP_LE_BE (part);     \
      memcpy (bytes + i * sizeof part, &part, sizeof part); \
    }

  switch (part_size)
    {
    case 2:
      SWAP_LOOP (16)
      break;
    case 4:
      SWAP_LOOP (32)
      break;
    case 8:
      SWAP_LOOP (64)
      break;
    default:
      break;
    }
#undef SWAP_LOOP
}

/* A copy of a constant size is a load and a store, where one of a variable size is a call. */
#define COPY_LOOP(size)                                                                  \
  for (gsize i = 0; i < n_items; i++)                                                    \
    memcpy (dest + (gssize) i * dest_stride, src + (gssize) i * src_stride, size)

static void
copy_strided (guint8       *dest,
              gssize        dest_stride,
              const guint8 *src,
              gssize        src_stride,
              gsize         item_size,
              gsize         n_items)
{
  if (dest_stride == src_stride && (gsize) dest_stride == item_size)
    {
      memmove (dest, src, n_items * item_size);
      return;
    }

  switch (item_size)
    {
    case 1:
      COPY_LOOP (1);
      break;
    case 2:
      COPY_LOOP (2);
      break;
    case 4:
      COPY_LOOP (4);
      break;
    case 8:
      COPY_LOOP (8);
      break;
    case 16:
      COPY_LOOP (16);
      break;
    default:
      g_assert_not_reached ();
    }
}
#undef COPY_LOOP

#define WIDEN_LOOP(type, field, expression)         \
  for (gsize i = 0; i < n_parts; i++)               \
    {                                               \
      type part = ((const type *) packed)[i];       \
      wide->field[i] = (expression);                \
    }                                               \
  break

static void
widen (Wide          *wide,
       gconstpointer  packed,
       TbufDtype      part_dtype,
       gsize          n_parts)
{
  switch (part_dtype)
    {
    case TBUF_DTYPE_BOOL:
      WIDEN_LOOP (guint8, u, part != 0);
    case TBUF_DTYPE_INT8:
      WIDEN_LOOP (gint8, i, part);
    case TBUF_DTYPE_INT16:
      WIDEN_LOOP (gint16, i, part);
    case TBUF_DTYPE_INT32:
      WIDEN_LOOP (gint32, i, part);
    case TBUF_DTYPE_INT64:
      WIDEN_LOOP (gint64, i, part);
    case TBUF_DTYPE_UINT8:
      WIDEN_LOOP (guint8, u, part);
    case TBUF_DTYPE_UINT16:
      WIDEN_LOOP (guint16, u, part);
    case TBUF_DTYPE_UINT32:
      WIDEN_LOOP (guint32, u, part);
    case TBUF_DTYPE_UINT64:
      WIDEN_LOOP (guint64, u, part);
    case TBUF_DTYPE_FLOAT16:
      WIDEN_LOOP (guint16, d, tbuf_half_to_float (part));
    case TBUF_DTYPE_FLOAT32:
      WIDEN_LOOP (gfloat, d, part);
    case TBUF_DTYPE_FLOAT64:
      WIDEN_LOOP (double, d, part);
    case TBUF_DTYPE_COMPLEX64:
    case TBUF_DTYPE_COMPLEX128:
    default:
      g_assert_not_reached ();
    }
}
#undef WIDEN_LOOP

#define NARROW_LOOP(type, expression)             \
  for (gsize i = 0; i < n_parts; i++)             \
    ((type *) packed)[i] = (type) (expression);   \
  break

static void
narrow (gpointer    packed,
        const Wide *wide,
        TbufDtype   part_dtype,
        gsize       n_parts)
{
  switch (part_dtype)
    {
    /* The low bits of signed and of unsigned integers are the same. */
    case TBUF_DTYPE_BOOL:
    case TBUF_DTYPE_INT8:
    case TBUF_DTYPE_UINT8:
      NARROW_LOOP (guint8, wide->u[i]);
    case TBUF_DTYPE_INT16:
    case TBUF_DTYPE_UINT16:
      NARROW_LOOP (guint16, wide->u[i]);
    case TBUF_DTYPE_INT32:
    case TBUF_DTYPE_UINT32:
      NARROW_LOOP (guint32, wide->u[i]);
    case TBUF_DTYPE_INT64:
    case TBUF_DTYPE_UINT64:
      NARROW_LOOP (guint64, wide->u[i]);
    case TBUF_DTYPE_FLOAT16:
      NARROW_LOOP (guint16, tbuf_half_from_double (wide->d[i]));
    case TBUF_DTYPE_FLOAT32:
      NARROW_LOOP (gfloat, wide->d[i]);
    case TBUF_DTYPE_FLOAT64:
      NARROW_LOOP (double, wide->d[i]);
    case TBUF_DTYPE_COMPLEX64:
    case TBUF_DTYPE_COMPLEX128:
    default:
      g_assert_not_reached ();
    }
}
#undef NARROW_LOOP

/* An integer of 64 bits that a binary64 cannot hold would be rounded once here
 * and once more when it becomes a binary32. Setting the last bit that a binary64
 * keeps if any bit below it is set ("round to odd") leaves the second rounding
 * all that it needs to know. */
static guint64
round_to_odd (guint64 bits)
{
  return (bits | ((bits & 0x7ff) + 0x7ff)) & ~G_GUINT64_CONSTANT (0x7ff);
}

static void
integers_to_doubles (Wide     *wide,
                     WideType  from,
                     gboolean  rounded_again,
                     gsize     n_items)
{
  if (from == WIDE_INT)
    {
      const gint64 limit = G_GINT64_CONSTANT (1) << 53;

      for (gsize i = 0; i < n_items; i++)
        {
          gint64 value = wide->i[i];

          if (rounded_again && (value > limit || value < -limit))
            value = (gint64) round_to_odd ((guint64) value);
          wide->d[i] = (double) value;
        }
    }
  else
    {
      const guint64 limit = G_GUINT64_CONSTANT (1) << 53;

      for (gsize i = 0; i < n_items; i++)
        {
          guint64 value = wide->u[i];

          if (rounded_again && value > limit)
            value = round_to_odd (value);
          wide->d[i] = (double) value;
        }
    }
}

static void
doubles_to_integers (Wide                *wide,
                     const TbufDtypeInfo *to,
                     gsize                n_items)
{
  guint n_bits = to->size * 8;

  if (to->kind == TBUF_KIND_INT)
    {
      const gint64 max = G_MAXINT64 >> (64 - n_bits);
      const gint64 min = -max - 1;
      const double above = -(double) min;
      const double lowest = (double) min;

      for (gsize i = 0; i < n_items; i++)
        {
          double value = wide->d[i];

          wide->i[i] = value >= above ? max : value > lowest ? (gint64) value : value <= lowest ? min : 0;
        }
    }
  else
    {
      const guint64 max = G_MAXUINT64 >> (64 - n_bits);
      const double above = (double) (max / 2 + 1) * 2;

      for (gsize i = 0; i < n_items; i++)
        {
          double value = wide->d[i];

          wide->u[i] = value >= above ? max : value > 0 ? (guint64) value : 0;
        }
    }
}

/* From the wide items of one dtype to those of another. */
static void
change_wide (Wide                *wide,
             const TbufDtypeInfo *from,
             const TbufDtypeInfo *to,
             gsize                n_items)
{
  WideType wide_type = get_wide_type (from->kind);

  if (to->kind == TBUF_KIND_BOOL)
    {
      if (from->kind == TBUF_KIND_COMPLEX)
        for (gsize i = 0; i < n_items; i++)
          wide->u[i] = wide->d[2 * i] != 0 || wide->d[2 * i + 1] != 0;
      else if (wide_type == WIDE_DOUBLE)
        for (gsize i = 0; i < n_items; i++)
          wide->u[i] = wide->d[i] != 0;
      else
        for (gsize i = 0; i < n_items; i++)
          wide->u[i] = wide->u[i] != 0;
      return;
    }

  if (from->kind == TBUF_KIND_COMPLEX && to->kind != TBUF_KIND_COMPLEX)
    for (gsize i = 0; i < n_items; i++)
      wide->d[i] = wide->d[2 * i];

  if (get_wide_type (to->kind) == WIDE_DOUBLE && wide_type != WIDE_DOUBLE)
    integers_to_doubles (wide, wide_type, to->alignment < sizeof (double), n_items);
  else if (get_wide_type (to->kind) != WIDE_DOUBLE && wide_type == WIDE_DOUBLE)
    doubles_to_integers (wide, to, n_items);

  /* From the last to the first, because they spread over the same memory. */
  if (from->kind != TBUF_KIND_COMPLEX && to->kind == TBUF_KIND_COMPLEX)
    for (gsize i = n_items; i-- > 0;)
      {
        wide->d[2 * i] = wide->d[i];
        wide->d[2 * i + 1] = 0;
      }
}

static gsize
get_n_parts (const TbufDtypeInfo *info)
{
  return info->size / info->alignment;
}

/* Whether the items are an array as C knows it, so that they need not be gathered first. */
static gboolean
is_plain (gconstpointer        items,
          const TbufItems     *layout,
          const TbufDtypeInfo *info)
{
  return !layout->swapped && layout->stride == info->size && ((gsize) items & (info->alignment - 1)) == 0;
}

/*< private >
 * tbuf_convert_items:
 * @dest: where to put the first item
 * @dest_items: what is to be there
 * @src: the first item to take
 * @src_items: what is there
 * @n_items: how many
 *
 * Copies items, converting them from one dtype to another.
 *
 * The two rows may not overlap, with two exceptions: items of the same dtype
 * and byte order that are packed in both rows may overlap as for memmove(), and
 * rows may be the very same memory if their items have the same size and
 * stride, and do not overlap one another. The values that the destination
 * cannot hold are described at the head of this file.
 */
void
tbuf_convert_items (gpointer         dest,
                    const TbufItems *dest_items,
                    gconstpointer    src,
                    const TbufItems *src_items,
                    gsize            n_items)
{
  const TbufDtypeInfo *from = tbuf_dtype_get_info (src_items->dtype);
  const TbufDtypeInfo *to = tbuf_dtype_get_info (dest_items->dtype);
  gboolean same = from == to && from->kind != TBUF_KIND_BOOL;
  gboolean src_is_plain = is_plain (src, src_items, from);
  gboolean dest_is_plain = is_plain (dest, dest_items, to);
  gboolean swap_src = src_items->swapped && from->alignment > 1;
  gboolean swap_dest = dest_items->swapped && to->alignment > 1;
  guint8 *dest_bytes = dest;
  const guint8 *src_bytes = src;
  Packed packed;
  Wide wide;

  if (same && swap_src == swap_dest)
    {
      copy_strided (dest_bytes, dest_items->stride, src_bytes, src_items->stride, from->size, n_items);
      return;
    }

  while (n_items > 0)
    {
      gsize n = MIN (n_items, BLOCK_ITEMS);
      gconstpointer gathered = src_is_plain ? (gconstpointer) src_bytes : packed.bytes;
      gpointer scattered = dest_is_plain ? (gpointer) dest_bytes : packed.bytes;

      if (!src_is_plain || same)
        {
          copy_strided (packed.bytes, from->size, src_bytes, src_items->stride, from->size, n);
          if (swap_src != (same && swap_dest))
            tbuf_swap_parts (packed.bytes, n * get_n_parts (from), from->alignment);
        }

      if (same)
        {
          scattered = packed.bytes;
        }
      else
        {
          widen (&wide, gathered, get_part_dtype (src_items->dtype), n * get_n_parts (from));
          change_wide (&wide, from, to, n);
          narrow (scattered, &wide, get_part_dtype (dest_items->dtype), n * get_n_parts (to));
          if (swap_dest)
            tbuf_swap_parts (scattered, n * get_n_parts (to), to->alignment);
        }

      if (scattered == packed.bytes)
        copy_strided (dest_bytes, dest_items->stride, packed.bytes, to->size, to->size, n);

      n_items -= n;
      /* Past the last block these would point to where nothing is. */
      if (n_items > 0)
        {
          src_bytes += src_items->stride * (gssize) n;
          dest_bytes += dest_items->stride * (gssize) n;
        }
    }
}
