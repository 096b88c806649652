/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <tbuf.h>

#include "layout-tools.h"

static void
assert_round_trip (TbufLayout *layout)
{
  g_autoptr (GVariant) variant = tbuf_layout_to_variant (layout);
  g_autoptr (GVariant) again = NULL;
  g_autoptr (TbufLayout) copy = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (g_variant_is_floating (variant));
  g_assert_cmpstr (g_variant_get_type_string (variant), ==, LAYOUT_TYPE);

  copy = tbuf_layout_new_from_variant (variant, &error);
  g_assert_no_error (error);
  again = tbuf_layout_to_variant (copy);
  g_assert_cmpvariant (variant, again);
  g_assert_cmpuint (tbuf_layout_get_size (copy), ==, tbuf_layout_get_size (layout));
  g_assert_cmpuint (tbuf_layout_get_lower_bound (copy), ==, tbuf_layout_get_lower_bound (layout));
  g_assert_cmpuint (tbuf_layout_get_unshared_size (copy), ==, tbuf_layout_get_unshared_size (layout));
  g_assert_cmpint (tbuf_layout_is_planned (copy), ==, tbuf_layout_is_planned (layout));
}

static void
test_round_trip (void)
{
  g_autoptr (TbufLayout) empty = tbuf_layout_new ();
  g_autoptr (TbufLayout) floats_and_ints = new_floats_and_ints ();
  g_autoptr (TbufLayout) motley = new_motley ();

  assert_round_trip (empty);
  assert_round_trip (floats_and_ints);
  assert_round_trip (motley);
  plan (floats_and_ints);
  plan (motley);
  assert_round_trip (floats_and_ints);
  assert_round_trip (motley);
}

static void
test_documented_form (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autofree char *text = NULL;
  gsize shape[] = { 2, 4 };

  add_phase (layout, "one");
  add_phase (layout, "two");
  g_assert_true (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT64, shape, 2, "one", "two", &error));
  g_assert_true (tbuf_layout_add_array (layout, "B", TBUF_DTYPE_UINT8, shape, 1, NULL, NULL, &error));
  g_assert_true (tbuf_layout_set_byte_order (layout, "A", TBUF_BYTE_ORDER_LITTLE, &error));
  g_assert_no_error (error);
  plan (layout);

  variant = tbuf_layout_to_variant (layout);
  text = g_variant_print (variant, FALSE);
  g_assert_cmpstr (text, ==, "(1, true, 66, ['one', 'two'], [('A', '<f8', [2, 4], 0, 1, 0, 64), "
                             "('B', '|u1', [2], 4294967295, 4294967295, 64, 64)], 66, 0, [], [])");
}

static void
test_pins_and_pairs_are_kept (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (TbufLayout) copy = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GVariant) planned = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autoptr (GError) error = NULL;

  add_phase (layout, "one");
  add_phase (layout, "two");
  add_vector (layout, "A", TBUF_DTYPE_UINT8, 10, "one", "one");
  add_vector (layout, "B", TBUF_DTYPE_UINT8, 10, "two", "two");
  add_vector (layout, "C", TBUF_DTYPE_UINT8, 10, "two", "two");
  tbuf_layout_pin (layout, "B", 128, &error);
  g_assert_no_error (error);
  tbuf_layout_separate (layout, "C", "A", &error);
  g_assert_no_error (error);
  tbuf_layout_set_capacity (layout, 1000, &error);
  g_assert_no_error (error);

  variant = tbuf_layout_to_variant (layout);
  before = g_variant_print (variant, FALSE);
  g_assert_cmpstr (before, ==, "(1, false, 0, ['one', 'two'], [('A', '|u1', [10], 0, 0, 0, 64), "
                               "('B', '|u1', [10], 1, 1, 128, 64), ('C', '|u1', [10], 1, 1, 0, 64)], 0, 1000, [1], [(2, 0)])");
  assert_round_trip (layout);

  /* Who gets the builder goes on as its maker would have. */
  copy = tbuf_layout_new_from_variant (variant, &error);
  g_assert_no_error (error);
  plan (layout);
  plan (copy);
  g_assert_cmpuint (tbuf_layout_get_offset (copy, "B", &error), ==, 128);
  g_assert_no_error (error);
  assert_round_trip (copy);
  planned = tbuf_layout_to_variant (copy);
  after = g_variant_print (planned, FALSE);
  g_assert_nonnull (strstr (after, ", 1000, [1], [(2, 0)])"));
}

static void
test_other_types_are_refused (void)
{
  const char *texts[] = { "'text'", "(uint32 1, true)", "@a{sv} {}", "()" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tbuf_layout_new_from_variant (g_variant_new_parsed (texts[i]), &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
    }
}

/* Most have neither bound nor capacity, pins or pairs. */
static GVariant *
parse_layout (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *completed = g_strdup_printf ("%.*s, 0, 0, [], [])", (int) strlen (text) - 1, text);
  GVariant *variant = g_variant_parse (G_VARIANT_TYPE (LAYOUT_TYPE), text, NULL, NULL, NULL);

  if (variant == NULL)
    variant = g_variant_parse (G_VARIANT_TYPE (LAYOUT_TYPE), completed, NULL, NULL, &error);
  g_assert_no_error (error);

  return variant;
}

static void
test_corrupt_layouts_are_refused (void)
{
  /* Each is wrong in one thing. */
  const struct
  {
    const char *text;
    TbufError code;
    const char *says;
  } corrupt[] = {
    { "(2, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_VERSION, "version 2" },
    { "(1, true, 0, [], [])", TBUF_ERROR_FORMAT, "no arrays" },
    { "(1, false, 8, [], [])", TBUF_ERROR_FORMAT, "not planned" },
    { "(1, true, 18446744073709551615, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT,
      "18446744073709551615" },
    { "(1, true, 8, ['p', 'p'], [('A', '<i8', [1], 0, 0, 0, 64)])", TBUF_ERROR_FORMAT, "\"p\"" },
    { "(1, true, 8, [''], [('A', '<i8', [1], 0, 0, 0, 64)])", TBUF_ERROR_FORMAT, "empty" },
    { "(1, true, 8, [], [('', '<i8', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "empty" },
    { "(1, true, 72, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64), "
      "('A', '<i8', [1], 4294967295, 4294967295, 64, 64)])", TBUF_ERROR_FORMAT, "\"A\"" },
    { "(1, true, 8, [], [('A', '<i7', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "<i7" },
    { "(1, true, 8, [], [('A', 'int64', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "int64" },
    { "(1, true, 8, [], [('A', '<i8', [2], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "16 bytes" },
    { "(1, true, 8, [], [('A', '<i8', [9223372036854775807, 3], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT,
      "9223372036854775807" },
    { "(1, true, 8, [], [('A', '<i8', [18446744073709551615], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT,
      "18446744073709551615" },
    { "(1, true, 8, [], [('A', '<i8', [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], "
      "4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "33 dimensions" },
    { "(1, true, 8, [], [('A', '<i8', [1], 0, 0, 0, 64)])", TBUF_ERROR_FORMAT, "0 phases" },
    { "(1, true, 8, ['p'], [('A', '<i8', [1], 0, 1, 0, 64)])", TBUF_ERROR_FORMAT, "1 phases" },
    { "(1, true, 8, ['p'], [('A', '<i8', [1], 0, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "only one" },
    { "(1, true, 8, ['p', 'q'], [('A', '<i8', [1], 1, 0, 0, 64)])", TBUF_ERROR_FORMAT, "before" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 8, 64)])", TBUF_ERROR_FORMAT, "multiple" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 64, 64)])", TBUF_ERROR_FORMAT, "64" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 18446744073709551552, 64)])", TBUF_ERROR_FORMAT,
      "18446744073709551552" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 0)])", TBUF_ERROR_FORMAT, "alignment is 0" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 65)])", TBUF_ERROR_FORMAT, "power of two" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 4)])", TBUF_ERROR_FORMAT, "less than" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 2147483648)])", TBUF_ERROR_FORMAT, "2147483648" },
    { "(1, false, 0, [], [('A', '<i8', [1], 4294967295, 4294967295, 64, 64)])", TBUF_ERROR_FORMAT, "not planned" },
    { "(1, true, 80, ['p', 'q'], [('A', '<i8', [9], 0, 0, 0, 8), ('B', '<i8', [2], 0, 1, 64, 8)])", TBUF_ERROR_FORMAT,
      "overlap" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 7, 0, [], [])", TBUF_ERROR_FORMAT, "8 to 8" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 9, 0, [], [])", TBUF_ERROR_FORMAT, "8 to 8" },
    { "(1, false, 0, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 0, [], [])", TBUF_ERROR_FORMAT, "0 to 0" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 7, [], [])", TBUF_ERROR_FORMAT, "capacity of 7" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 18446744073709551615, [], [])",
      TBUF_ERROR_FORMAT, "18446744073709551615" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 0, [1], [])", TBUF_ERROR_FORMAT, "number 1" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 0, [0, 0], [])", TBUF_ERROR_FORMAT, "in order" },
    { "(1, false, 0, [], [('A', '<i8', [1], 4294967295, 4294967295, 8, 64)], 0, 0, [0], [])", TBUF_ERROR_FORMAT, "multiple" },
    { "(1, false, 0, [], [('A', '<i8', [1], 4294967295, 4294967295, 9223372036854775808, 64)], 0, 0, [0], [])",
      TBUF_ERROR_FORMAT, "ends beyond" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 0, [], [(0, 0)])", TBUF_ERROR_FORMAT, "apart" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)], 8, 0, [], [(0, 1)])", TBUF_ERROR_FORMAT, "apart" },
    { "(1, true, 80, ['p', 'q'], [('A', '<i8', [9], 0, 0, 0, 8), ('B', '<i8', [2], 1, 1, 64, 8)], 72, 0, [], [(1, 0)])",
      TBUF_ERROR_FORMAT, "to be apart and overlap" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (corrupt); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) variant = parse_layout (corrupt[i].text);

      g_test_message ("%s", corrupt[i].text);
      g_assert_null (tbuf_layout_new_from_variant (variant, &error));
      g_assert_error (error, TBUF_ERROR, (int) corrupt[i].code);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, corrupt[i].says));
    }
}

static void
test_shared_bytes_are_accepted (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (TbufLayout) layout = NULL;

  /* A and B share their bytes at different times; the arena is larger than it must be. */
  variant = g_variant_parse (G_VARIANT_TYPE (LAYOUT_TYPE),
                             "(1, true, 4096, ['p', 'q'], [('A', '<i8', [9], 0, 0, 0, 8), ('B', '>i8', [2], 1, 1, 64, 8)], "
                             "72, 0, [], [])",
                             NULL, NULL, &error);
  g_assert_no_error (error);
  layout = tbuf_layout_new_from_variant (variant, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 4096);
  g_assert_cmpuint (tbuf_layout_get_lower_bound (layout), ==, 72);
}

/* Whatever the bytes are, there is an error, or a layout that can be used. */
static void
try_bytes (const guint8 *data,
           gsize         size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) variant =
    g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (LAYOUT_TYPE), bytes, FALSE));
  g_autoptr (TbufLayout) layout = tbuf_layout_new_from_variant (variant, &error);

  if (layout == NULL)
    {
      g_assert_true (error->domain == TBUF_ERROR);
      g_assert_true (error->code == TBUF_ERROR_FORMAT || error->code == TBUF_ERROR_VERSION);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
  else
    {
      g_assert_no_error (error);
      assert_round_trip (layout);
    }
}

static void
test_damaged_bytes_never_crash (void)
{
  g_autoptr (TbufLayout) layout = new_motley ();
  g_autoptr (GVariant) variant = NULL;
  g_autofree guint8 *data = NULL;
  gsize size;
  const guint8 masks[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff };

  plan (layout);
  variant = tbuf_layout_to_variant (layout);
  size = g_variant_get_size (variant);
  data = g_memdup2 (g_variant_get_data (variant), size);

  for (gsize i = 0; i < size; i++)
    for (guint j = 0; j < G_N_ELEMENTS (masks); j++)
      {
        data[i] ^= masks[j];
        try_bytes (data, size);
        data[i] ^= masks[j];
      }

  for (gsize i = 0; i < size; i++)
    try_bytes (data, i);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/layout/round-trip", test_round_trip);
  g_test_add_func ("/tbuf/layout/documented-form", test_documented_form);
  g_test_add_func ("/tbuf/layout/pins-and-pairs-are-kept", test_pins_and_pairs_are_kept);
  g_test_add_func ("/tbuf/layout/other-types-are-refused", test_other_types_are_refused);
  g_test_add_func ("/tbuf/layout/corrupt-layouts-are-refused", test_corrupt_layouts_are_refused);
  g_test_add_func ("/tbuf/layout/shared-bytes-are-accepted", test_shared_bytes_are_accepted);
  g_test_add_func ("/tbuf/layout/damaged-bytes-never-crash", test_damaged_bytes_never_crash);

  return g_test_run ();
}
