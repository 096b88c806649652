/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <tbuf.h>

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
# define MACHINE TBUF_BYTE_ORDER_LITTLE
# define OTHER   TBUF_BYTE_ORDER_BIG
# define OTHER_PREFIX ">"
#else
# define MACHINE TBUF_BYTE_ORDER_BIG
# define OTHER   TBUF_BYTE_ORDER_LITTLE
# define OTHER_PREFIX "<"
#endif

static const struct
{
  TbufDtype   dtype;
  const char *name;
  gsize       size;
  gsize       alignment;
  const char *little;
  const char *big;
  const char *format;
} facts[] = {
  { TBUF_DTYPE_BOOL,       "bool",        1, 1, "|b1",  "|b1",  "?"  },
  { TBUF_DTYPE_INT8,       "int8",        1, 1, "|i1",  "|i1",  "b"  },
  { TBUF_DTYPE_INT16,      "int16",       2, 2, "<i2",  ">i2",  "h"  },
  { TBUF_DTYPE_INT32,      "int32",       4, 4, "<i4",  ">i4",  "i"  },
  { TBUF_DTYPE_INT64,      "int64",       8, 8, "<i8",  ">i8",  "q"  },
  { TBUF_DTYPE_UINT8,      "uint8",       1, 1, "|u1",  "|u1",  "B"  },
  { TBUF_DTYPE_UINT16,     "uint16",      2, 2, "<u2",  ">u2",  "H"  },
  { TBUF_DTYPE_UINT32,     "uint32",      4, 4, "<u4",  ">u4",  "I"  },
  { TBUF_DTYPE_UINT64,     "uint64",      8, 8, "<u8",  ">u8",  "Q"  },
  { TBUF_DTYPE_FLOAT16,    "float16",     2, 2, "<f2",  ">f2",  "e"  },
  { TBUF_DTYPE_FLOAT32,    "float32",     4, 4, "<f4",  ">f4",  "f"  },
  { TBUF_DTYPE_FLOAT64,    "float64",     8, 8, "<f8",  ">f8",  "d"  },
  { TBUF_DTYPE_COMPLEX64,  "complex64",   8, 4, "<c8",  ">c8",  "Zf" },
  { TBUF_DTYPE_COMPLEX128, "complex128", 16, 8, "<c16", ">c16", "Zd" },
};

static void
assert_parses (const char    *string,
               TbufDtype      dtype,
               TbufByteOrder  byte_order)
{
  g_autoptr (GError) error = NULL;
  TbufDtype got_dtype = 1000;
  TbufByteOrder got_order = 1000;

  tbuf_dtype_parse (string, &got_dtype, &got_order, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (got_dtype, ==, dtype);
  g_assert_cmpuint (got_order, ==, byte_order);
}

static void
test_knows_its_facts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      g_assert_cmpstr (tbuf_dtype_get_name (facts[i].dtype), ==, facts[i].name);
      g_assert_cmpuint (tbuf_dtype_get_item_size (facts[i].dtype), ==, facts[i].size);
      g_assert_cmpuint (tbuf_dtype_get_alignment (facts[i].dtype), ==, facts[i].alignment);
    }
}

static void
test_prints_typestrs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      g_autofree char *little = tbuf_dtype_to_typestr (facts[i].dtype, TBUF_BYTE_ORDER_LITTLE);
      g_autofree char *big = tbuf_dtype_to_typestr (facts[i].dtype, TBUF_BYTE_ORDER_BIG);
      g_autofree char *native = tbuf_dtype_to_typestr (facts[i].dtype, TBUF_BYTE_ORDER_NATIVE);

      g_assert_cmpstr (little, ==, facts[i].little);
      g_assert_cmpstr (big, ==, facts[i].big);
      g_assert_cmpstr (native, ==, MACHINE == TBUF_BYTE_ORDER_LITTLE ? little : big);
    }
}

static void
test_prints_formats (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      g_autofree char *native = tbuf_dtype_to_format (facts[i].dtype, TBUF_BYTE_ORDER_NATIVE);
      g_autofree char *machine = tbuf_dtype_to_format (facts[i].dtype, MACHINE);
      g_autofree char *other = tbuf_dtype_to_format (facts[i].dtype, OTHER);
      g_autofree char *prefixed = g_strconcat (facts[i].size > 1 ? OTHER_PREFIX : "", facts[i].format, NULL);

      g_assert_cmpstr (native, ==, facts[i].format);
      g_assert_cmpstr (machine, ==, facts[i].format);
      g_assert_cmpstr (other, ==, prefixed);
    }
}

static void
test_parses_what_it_prints (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    {
      static const TbufByteOrder orders[] = { TBUF_BYTE_ORDER_LITTLE, TBUF_BYTE_ORDER_BIG };

      assert_parses (facts[i].name, facts[i].dtype, MACHINE);

      for (guint j = 0; j < G_N_ELEMENTS (orders); j++)
        {
          g_autofree char *typestr = tbuf_dtype_to_typestr (facts[i].dtype, orders[j]);
          g_autofree char *format = tbuf_dtype_to_format (facts[i].dtype, orders[j]);

          assert_parses (typestr, facts[i].dtype, facts[i].size > 1 ? orders[j] : MACHINE);
          assert_parses (format, facts[i].dtype, facts[i].size > 1 ? orders[j] : MACHINE);
        }
    }
}

static void
test_parses_every_prefix (void)
{
  assert_parses ("i4", TBUF_DTYPE_INT32, MACHINE);
  assert_parses ("=i4", TBUF_DTYPE_INT32, MACHINE);
  assert_parses ("@i4", TBUF_DTYPE_INT32, MACHINE);
  assert_parses ("<i4", TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_LITTLE);
  assert_parses (">i4", TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_BIG);
  assert_parses (">int32", TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_BIG);
  assert_parses ("|u1", TBUF_DTYPE_UINT8, MACHINE);
  assert_parses (">u1", TBUF_DTYPE_UINT8, MACHINE);
  assert_parses ("?", TBUF_DTYPE_BOOL, MACHINE);

  g_assert_true (tbuf_dtype_parse ("f8", NULL, NULL, NULL));
}

static void
test_rejects_what_is_no_dtype (void)
{
  static const struct
  {
    const char *string;
    const char *message;
  } wrong[] = {
    { "",         "\"\" is no dtype: expected a name such as \"int32\"*" },
    { "<",        "\"<\" is no dtype: expected a name*" },
    { "<<i4",     "*is no dtype: expected*" },
    { "Int32",    "\"Int32\" is no dtype: expected*" },
    { "int31",    "\"int31\" is no dtype: expected*" },
    { " i4",      "*is no dtype: expected*" },
    { "i4 ",      "*is no dtype: expected*" },
    { "i3",       "\"i3\" is no dtype: *kind 'i'*only \"i1\", \"i2\", \"i4\", \"i8\"" },
    { ">f16",     "\">f16\" is no dtype: *kind 'f'*only \"f2\", \"f4\", \"f8\"" },
    { "c4",       "\"c4\" is no dtype: *kind 'c'*only \"c8\", \"c16\"" },
    { "|i4",      "\"|i4\" is no dtype: '|' is for items of one byte, but int32 has 4: write \"<i4\" or \">i4\"" },
    { "object",   "*is no dtype: expected*" },
    { "\xff\xfe", "*is no dtype: expected*" },
    { "a string that is far too long to be of any use in a message", "\"a string that is far too long*…\" is no dtype*" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;
      TbufDtype dtype = 1000;
      TbufByteOrder byte_order = 1000;
      gboolean parsed = tbuf_dtype_parse (wrong[i].string, &dtype, &byte_order, &error);

      g_assert_false (parsed);
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE);
      g_test_message ("%s", error->message);
      g_assert_true (g_pattern_match_simple (wrong[i].message, error->message));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_cmpuint (dtype, ==, 1000);
      g_assert_cmpuint (byte_order, ==, 1000);
    }
}

static void
test_survives_unknown_values (void)
{
  g_assert_null (tbuf_dtype_get_name (14));
  g_assert_null (tbuf_dtype_get_name (-1));
  g_assert_cmpuint (tbuf_dtype_get_item_size (14), ==, 0);
  g_assert_cmpuint (tbuf_dtype_get_alignment (14), ==, 0);
  g_assert_null (tbuf_dtype_to_typestr (14, TBUF_BYTE_ORDER_NATIVE));
  g_assert_null (tbuf_dtype_to_typestr (TBUF_DTYPE_INT32, 3));
  g_assert_null (tbuf_dtype_to_format (14, TBUF_BYTE_ORDER_NATIVE));
  g_assert_null (tbuf_dtype_to_format (TBUF_DTYPE_INT32, 3));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/dtype/knows-its-facts", test_knows_its_facts);
  g_test_add_func ("/tbuf/dtype/prints-typestrs", test_prints_typestrs);
  g_test_add_func ("/tbuf/dtype/prints-formats", test_prints_formats);
  g_test_add_func ("/tbuf/dtype/parses-what-it-prints", test_parses_what_it_prints);
  g_test_add_func ("/tbuf/dtype/parses-every-prefix", test_parses_every_prefix);
  g_test_add_func ("/tbuf/dtype/rejects-what-is-no-dtype", test_rejects_what_is_no_dtype);
  g_test_add_func ("/tbuf/dtype/survives-unknown-values", test_survives_unknown_values);

  return g_test_run ();
}
