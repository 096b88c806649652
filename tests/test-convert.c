/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "tbuf-convert-private.h"

#define N_DTYPES TBUF_N_DTYPES

/* A value of any dtype, as exact as it is. */
typedef struct
{
  char    kind;
  gint64  i;
  guint64 u;
  double  re, im;
} Value;

static Value
read_value (gconstpointer item,
            TbufDtype     dtype)
{
  Value value = { tbuf_dtype_infos[dtype].kind };
  guint16 half;
  gfloat floats[2];

  switch (dtype)
    {
    case TBUF_DTYPE_BOOL:
      value.u = *(const guint8 *) item != 0;
      break;
    case TBUF_DTYPE_INT8:
      value.i = *(const gint8 *) item;
      break;
    case TBUF_DTYPE_INT16:
      value.i = *(const gint16 *) item;
      break;
    case TBUF_DTYPE_INT32:
      value.i = *(const gint32 *) item;
      break;
    case TBUF_DTYPE_INT64:
      value.i = *(const gint64 *) item;
      break;
    case TBUF_DTYPE_UINT8:
      value.u = *(const guint8 *) item;
      break;
    case TBUF_DTYPE_UINT16:
      value.u = *(const guint16 *) item;
      break;
    case TBUF_DTYPE_UINT32:
      value.u = *(const guint32 *) item;
      break;
    case TBUF_DTYPE_UINT64:
      value.u = *(const guint64 *) item;
      break;
    case TBUF_DTYPE_FLOAT16:
      memcpy (&half, item, sizeof half);
      value.re = tbuf_half_to_float (half);
      break;
    case TBUF_DTYPE_FLOAT32:
      value.re = *(const gfloat *) item;
      break;
    case TBUF_DTYPE_FLOAT64:
      value.re = *(const double *) item;
      break;
    case TBUF_DTYPE_COMPLEX64:
      memcpy (floats, item, sizeof floats);
      value.re = floats[0];
      value.im = floats[1];
      break;
    case TBUF_DTYPE_COMPLEX128:
      value.re = ((const double *) item)[0];
      value.im = ((const double *) item)[1];
      break;
    default:
      g_assert_not_reached ();
    }

  return value;
}

static gint64
saturate_int (double value,
              guint  n_bits)
{
  if (isnan (value))
    return 0;
  if (value >= ldexp (1, n_bits - 1))
    return G_MAXINT64 >> (64 - n_bits);
  if (value <= -ldexp (1, n_bits - 1))
    return G_MININT64 >> (64 - n_bits);
  return (gint64) trunc (value);
}

static guint64
saturate_uint (double value,
               guint  n_bits)
{
  if (isnan (value) || value <= 0)
    return 0;
  if (value >= ldexp (1, n_bits))
    return G_MAXUINT64 >> (64 - n_bits);
  return (guint64) trunc (value);
}

/* What an item is to become: one at a time, by C's own conversions wherever they are defined. */
static void
write_value (gpointer     item,
             TbufDtype    dtype,
             const Value *value)
{
  const TbufDtypeInfo *info = &tbuf_dtype_infos[dtype];
  gboolean is_float = value->kind == 'f' || value->kind == 'c';
  guint64 bits = value->kind == 'i' ? (guint64) value->i : value->u;
  float f[2] = { value->kind == 'i' ? (float) value->i : is_float ? (float) value->re : (float) value->u, (float) value->im };
  double d[2] = { value->kind == 'i' ? (double) value->i : is_float ? value->re : (double) value->u, value->im };
  guint16 half;

  switch (info->kind)
    {
    case 'b':
      *(guint8 *) item = is_float ? value->re != 0 || value->im != 0 : bits != 0;
      break;

    case 'i':
    case 'u':
      if (is_float)
        bits = info->kind == 'i' ? (guint64) saturate_int (value->re, info->size * 8)
                                 : saturate_uint (value->re, info->size * 8);
      if (info->size == 1)
        *(guint8 *) item = (guint8) bits;
      else if (info->size == 2)
        *(guint16 *) item = (guint16) bits;
      else if (info->size == 4)
        *(guint32 *) item = (guint32) bits;
      else
        *(guint64 *) item = bits;
      break;

    case 'f':
      half = tbuf_half_from_double (d[0]);
      memcpy (item, info->size == 2 ? (gconstpointer) &half : info->size == 4 ? (gconstpointer) f : d, info->size);
      break;

    default:
      memcpy (item, info->size == 8 ? (gconstpointer) f : d, info->size);
      break;
    }
}

/* valgrind converts a 64-bit integer to float by way of double, and so rounds twice. */
static gboolean
machine_rounds_twice (void)
{
  volatile gint64 wide = G_GINT64_CONSTANT (0x1000001000000001);

  return (float) wide != 0x1.000002p60f;
}

/* Values at which conversions go wrong, in each dtype that can hold them, and some that are nothing special. */
static gsize
make_items (guint8    *items,
            TbufDtype  dtype)
{
  static const gint64 ints[] = {
    0, 1, 2, -1, -2, 3, 126, 127, 128, 129, 254, 255, 256, 257, -127, -128, -129, 2047, 2048, 2049, 2051, 32766, 32767, 32768,
    -32768, -32769, 65503, 65504, 65519, 65520, 65535, 65536, 16777215, 16777216, 16777217, 16777219, -16777217, G_MAXINT32,
    (gint64) G_MAXINT32 + 1, G_MININT32, (gint64) G_MININT32 - 1, G_MAXUINT32, (gint64) G_MAXUINT32 + 1,
    G_GINT64_CONSTANT (0x1000001000000001), -G_GINT64_CONSTANT (0x1000001000000001), G_GINT64_CONSTANT (0x1000003000000000),
    G_GINT64_CONSTANT (0x1000002fffffffff), G_GINT64_CONSTANT (0x20000000000001), G_GINT64_CONSTANT (0x20000000000003),
    -G_GINT64_CONSTANT (0x20000000000003), G_GINT64_CONSTANT (0x7fffff4000000001), G_MAXINT64 - 1, G_MAXINT64, G_MININT64, G_MININT64 + 1,
  };
  static const double doubles[] = {
    0.0, -0.0, 0.5, -0.5, 0.99, -0.99, 1.5, 2.5, -1.5, -2.5, 127.5, -128.5, -129, 254.5, 255.5, 32767.5, 65535.5, 65519.99, 65520, 1e5,
    2147483647.5, -2147483649.0, 4294967295.5, 9223372036854775807.0, -9223372036854775808.0, -9223372036854777856.0,
    18446744073709551615.0, 1e30, -1e30, 1e308, 5e-324, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1.000001p-25, 0x1.ffcp-15, 0x1.ffep-15, 0x1p-14, 1e-40, -1e-46,
    1.0 + 0x1p-11, 1.0 + 0x1p-11 + 0x1p-40, 1.0 + 0x1p-24, 1.0 + 0x1p-24 + 0x1p-52, INFINITY, -INFINITY, NAN,
  };
  const TbufDtypeInfo *info = &tbuf_dtype_infos[dtype];
  gsize n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (ints); i++)
    {
      Value value = { 'i', .i = ints[i], .im = 0 };

      if (machine_rounds_twice () && (ints[i] < -(G_GINT64_CONSTANT (1) << 53) || ints[i] > G_GINT64_CONSTANT (1) << 53))
        continue;
      write_value (items + n++ * info->size, dtype, &value);
    }
  for (guint i = 0; i < G_N_ELEMENTS (doubles); i++)
    {
      Value value = { 'c', .re = doubles[i], .im = i % 3 == 0 ? 0 : doubles[(i * 7) % G_N_ELEMENTS (doubles)] };

      write_value (items + n++ * info->size, dtype, &value);
    }
  /* Enough for a second block, and not a whole one. */
  for (guint i = 0; i < 400; i++)
    {
      Value value = { 'c', .re = g_test_rand_double_range (-300, 300), .im = i };

      write_value (items + n++ * info->size, dtype, &value);
    }

  return n;
}

#define MAX_ITEMS 600

static gsize
fill_expected (guint8       *expected,
               TbufDtype     to,
               const guint8 *items,
               TbufDtype     from,
               gsize         n_items)
{
  for (gsize i = 0; i < n_items; i++)
    {
      Value value = read_value (items + i * tbuf_dtype_infos[from].size, from);

      if (from == to && from != TBUF_DTYPE_BOOL)
        memcpy (expected + i * tbuf_dtype_infos[to].size, items + i * tbuf_dtype_infos[from].size, tbuf_dtype_infos[to].size);
      else
        write_value (expected + i * tbuf_dtype_infos[to].size, to, &value);
    }

  return n_items * tbuf_dtype_infos[to].size;
}

/* A payload may differ from one way of converting to another; that it is not a number may not. */
static void
assert_same_items (const guint8 *items,
                   const guint8 *expected,
                   TbufDtype     dtype,
                   TbufDtype     from,
                   gsize         n_items)
{
  const TbufDtypeInfo *info = &tbuf_dtype_infos[dtype];

  for (gsize i = 0; i < n_items; i++)
    {
      Value value, right;

      if (memcmp (items + i * info->size, expected + i * info->size, info->size) == 0)
        continue;

      value = read_value (items + i * info->size, dtype);
      right = read_value (expected + i * info->size, dtype);
      if ((isnan (value.re) && isnan (right.re) && (isnan (value.im) ? isnan (right.im) : value.im == right.im)) ||
          (isnan (value.im) && isnan (right.im) && value.re == right.re))
        continue;

      g_error ("item %" G_GSIZE_FORMAT " of %s made from %s is (%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %.20g %.20g), "
               "not (%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %.20g %.20g)",
               i, info->name, tbuf_dtype_infos[from].name, value.i, value.u, value.re, value.im,
               right.i, right.u, right.re, right.im);
    }
}

static void
test_converts_every_pair (void)
{
  g_autofree guint8 *items = g_malloc (MAX_ITEMS * 16);
  g_autofree guint8 *expected = g_malloc (MAX_ITEMS * 16);
  g_autofree guint8 *got = g_malloc (MAX_ITEMS * 16);

  for (TbufDtype from = 0; from < N_DTYPES; from++)
    {
      gsize n_items = make_items (items, from);

      g_assert_cmpuint (n_items, <=, MAX_ITEMS);
      for (TbufDtype to = 0; to < N_DTYPES; to++)
        {
          TbufItems src = { from, FALSE, tbuf_dtype_infos[from].size };
          TbufItems dest = { to, FALSE, tbuf_dtype_infos[to].size };

          fill_expected (expected, to, items, from, n_items);
          memset (got, 0xaa, MAX_ITEMS * 16);
          tbuf_convert_items (got, &dest, items, &src, n_items);
          assert_same_items (got, expected, to, from, n_items);
          g_assert_cmpuint (got[n_items * tbuf_dtype_infos[to].size], ==, 0xaa);
        }
    }
}

/* The same through rows with gaps, from the last to the first, unaligned, in either byte order. */
static void
test_honours_strides_and_byte_order (void)
{
  g_autofree guint8 *items = g_malloc (MAX_ITEMS * 16);
  g_autofree guint8 *expected = g_malloc (MAX_ITEMS * 16);
  g_autofree guint8 *packed = g_malloc (MAX_ITEMS * 16);
  g_autofree guint8 *got = g_malloc (MAX_ITEMS * 16);
  g_autofree guint8 *src_row = g_malloc (MAX_ITEMS * 19 + 1);
  g_autofree guint8 *dest_row = g_malloc (MAX_ITEMS * 19 + 1);

  for (TbufDtype from = 0; from < N_DTYPES; from++)
    for (TbufDtype to = 0; to < N_DTYPES; to++)
      for (guint variant = 0; variant < 16; variant++)
        {
          const TbufDtypeInfo *from_info = &tbuf_dtype_infos[from], *to_info = &tbuf_dtype_infos[to];
          gssize src_step = variant & 1 ? 19 : from_info->size;
          gssize dest_step = variant & 1 ? 17 : to_info->size;
          gboolean backwards = (variant & 2) != 0;
          TbufItems src = { from, (variant & 4) != 0, backwards ? -src_step : src_step };
          TbufItems dest = { to, (variant & 8) != 0, backwards ? -dest_step : dest_step };
          gsize n_items = make_items (items, from);
          guint8 *src_first = src_row + 1 + (backwards ? (n_items - 1) * src_step : 0);
          guint8 *dest_first = dest_row + 1 + (backwards ? (n_items - 1) * dest_step : 0);

          fill_expected (expected, to, items, from, n_items);
          memcpy (packed, items, n_items * from_info->size);
          if (src.swapped)
            tbuf_swap_parts (packed, n_items * from_info->size / from_info->alignment, from_info->alignment);
          for (gsize i = 0; i < n_items; i++)
            memcpy (src_first + (gssize) i * src.stride, packed + i * from_info->size, from_info->size);

          memset (dest_row, 0xaa, MAX_ITEMS * 19 + 1);
          tbuf_convert_items (dest_first, &dest, src_first, &src, n_items);

          for (gsize i = 0; i < n_items; i++)
            {
              memcpy (got + i * to_info->size, dest_first + (gssize) i * dest.stride, to_info->size);
              for (gssize gap = to_info->size; gap < dest_step; gap++)
                g_assert_cmpuint (dest_first[(gssize) i * dest.stride + gap], ==, 0xaa);
            }
          if (dest.swapped)
            tbuf_swap_parts (got, n_items * to_info->size / to_info->alignment, to_info->alignment);
          assert_same_items (got, expected, to, from, n_items);
          g_assert_cmpuint (dest_row[0], ==, 0xaa);
        }
}

static void
test_swaps_in_place (void)
{
  guint32 items[700];
  TbufItems native = { TBUF_DTYPE_UINT32, FALSE, 4 };
  TbufItems swapped = { TBUF_DTYPE_UINT32, TRUE, 4 };

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    items[i] = 0x01020300 + i;

  tbuf_convert_items (items, &swapped, items, &native, G_N_ELEMENTS (items));

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    g_assert_cmphex (items[i], ==, GUINT32_SWAP_LE_BE (0x01020300 + i));
}

static void
test_moves_overlapping_rows (void)
{
  guint16 items[1000];
  TbufItems row = { TBUF_DTYPE_UINT16, FALSE, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    items[i] = i;
  tbuf_convert_items (items + 1, &row, items, &row, 999);
  for (guint i = 0; i < 999; i++)
    g_assert_cmpuint (items[i + 1], ==, i);
}

static void
test_makes_any_byte_of_a_bool_one (void)
{
  const guint8 bytes[] = { 0, 1, 2, 128, 255 };
  guint8 bools[5];
  gint32 ints[5];
  TbufItems bool_row = { TBUF_DTYPE_BOOL, FALSE, 1 };
  TbufItems int_row = { TBUF_DTYPE_INT32, FALSE, 4 };

  tbuf_convert_items (bools, &bool_row, bytes, &bool_row, 5);
  tbuf_convert_items (ints, &int_row, bytes, &bool_row, 5);
  for (guint i = 0; i < 5; i++)
    {
      g_assert_cmpuint (bools[i], ==, i > 0);
      g_assert_cmpint (ints[i], ==, i > 0);
    }
}

static double
half_as_defined (guint16 half)
{
  double sign = half & 0x8000 ? -1 : 1;
  int exponent = (half >> 10) & 0x1f;
  double mantissa = half & 0x3ff;

  if (exponent == 0x1f)
    return mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0)
    return sign * ldexp (mantissa, -24);
  return sign * ldexp (1024 + mantissa, exponent - 25);
}

static void
test_halves_survive (void)
{
  for (guint bits = 0; bits <= 0xffff; bits++)
    {
      double right = half_as_defined (bits);
      gfloat value = tbuf_half_to_float (bits);

      if (isnan (right))
        {
          g_assert_true (isnan (value));
          g_assert_cmphex (tbuf_half_from_float (value), ==, bits | 0x200);
          continue;
        }

      g_assert_true (value == (gfloat) right && !!signbit (value) == !!signbit (right));
      g_assert_cmphex (tbuf_half_from_float (value), ==, bits);
    }
}

static void
test_halves_round_to_nearest_even (void)
{
  for (guint bits = 0; bits < 0x7c00; bits++)
    {
      double below = half_as_defined (bits);
      /* Past the largest, the next would be 65536, were there an exponent for it. */
      double above = bits == 0x7bff ? 65536 : half_as_defined (bits + 1);
      double middle = (below + above) / 2;
      guint16 even = bits & 1 ? bits + 1 : bits;

      g_assert_cmphex (tbuf_half_from_double (middle), ==, even);
      g_assert_cmphex (tbuf_half_from_double (nextafter (middle, 0)), ==, bits);
      g_assert_cmphex (tbuf_half_from_double (nextafter (middle, INFINITY)), ==, bits + 1);
      g_assert_cmphex (tbuf_half_from_double (nextafter (above, 0)), ==, bits + 1);
      g_assert_cmphex (tbuf_half_from_double (-middle), ==, even | 0x8000);
    }

  g_assert_cmphex (tbuf_half_from_double (5e-324), ==, 0);
  g_assert_cmphex (tbuf_half_from_double (-5e-324), ==, 0x8000);
  g_assert_cmphex (tbuf_half_from_double (1e300), ==, 0x7c00);
  g_assert_cmphex (tbuf_half_from_double (-INFINITY), ==, 0xfc00);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/convert/converts-every-pair", test_converts_every_pair);
  g_test_add_func ("/tbuf/convert/honours-strides-and-byte-order", test_honours_strides_and_byte_order);
  g_test_add_func ("/tbuf/convert/swaps-in-place", test_swaps_in_place);
  g_test_add_func ("/tbuf/convert/moves-overlapping-rows", test_moves_overlapping_rows);
  g_test_add_func ("/tbuf/convert/makes-any-byte-of-a-bool-one", test_makes_any_byte_of_a_bool_one);
  g_test_add_func ("/tbuf/convert/halves-survive", test_halves_survive);
  g_test_add_func ("/tbuf/convert/halves-round-to-nearest-even", test_halves_round_to_nearest_even);

  return g_test_run ();
}
