/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <tbuf.h>

/* What a parsed SVG document holds. */
typedef struct
{
  guint    depth;
  guint    n_roots;
  guint    n_paths;
  guint    n_glyphs;
  double   width;
  double   height;
  GString *title;
  GString *description;
  GString *current;
} Document;

static void
start_element (GMarkupParseContext  *context,
               const char           *name,
               const char          **attribute_names,
               const char          **attribute_values,
               gpointer              data,
               GError              **error)
{
  Document *document = data;

  if (document->depth++ == 0)
    {
      g_assert_cmpstr (name, ==, "svg");
      document->n_roots++;
      for (guint i = 0; attribute_names[i] != NULL; i++)
        {
          if (g_str_equal (attribute_names[i], "width"))
            document->width = g_ascii_strtod (attribute_values[i], NULL);
          if (g_str_equal (attribute_names[i], "height"))
            document->height = g_ascii_strtod (attribute_values[i], NULL);
        }
    }

  if (g_str_equal (name, "title"))
    document->current = document->title;
  else if (g_str_equal (name, "desc"))
    document->current = document->description;
  else if (g_str_equal (name, "path") || g_str_equal (name, "rect"))
    document->n_paths++;
  else if (g_str_equal (name, "use"))
    document->n_glyphs++;
}

static void
end_element (GMarkupParseContext  *context,
             const char           *name,
             gpointer              data,
             GError              **error)
{
  Document *document = data;

  document->depth--;
  document->current = NULL;
}

static void
add_text (GMarkupParseContext  *context,
          const char           *text,
          gsize                 length,
          gpointer              data,
          GError              **error)
{
  Document *document = data;

  if (document->current != NULL)
    g_string_append_len (document->current, text, (gssize) length);
}

static void
document_clear (Document *document)
{
  g_string_free (document->title, TRUE);
  g_string_free (document->description, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Document, document_clear)

static Document
draw (TbufLayout *layout)
{
  const GMarkupParser parser = { start_element, end_element, add_text, NULL, NULL };
  Document document = { .title = g_string_new (NULL), .description = g_string_new (NULL) };
  g_autoptr (GMarkupParseContext) context = NULL;
  g_autofree char *svg = tbuf_layout_to_svg (layout);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (svg);
  g_assert_true (g_utf8_validate (svg, -1, NULL));
  /* XML knows no other control characters, not even escaped. */
  for (const char *c = svg; *c != '\0'; c++)
    g_assert_true ((guchar) *c >= 0x20 || *c == '\n' || *c == '\t');
  g_assert_null (strstr (svg, "&#x1;"));

  context = g_markup_parse_context_new (&parser, 0, &document, NULL);
  g_assert_true (g_markup_parse_context_parse (context, svg, -1, &error));
  g_assert_no_error (error);
  g_assert_true (g_markup_parse_context_end_parse (context, &error));
  g_assert_no_error (error);

  g_assert_cmpuint (document.n_roots, ==, 1);
  g_assert_cmpuint (document.depth, ==, 0);
  g_assert_cmpfloat (document.width, >, 0);
  g_assert_cmpfloat (document.height, >, 0);
  return document;
}

static void
assert_says (const GString *text,
             const char    *what)
{
  if (strstr (text->str, what) == NULL)
    g_error ("\"%s\" is not in \"%s\"", what, text->str);
}

static void
add (TbufLayout *layout,
     const char *name,
     TbufDtype   dtype,
     gsize       n_items,
     const char *first_phase,
     const char *last_phase)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_add_array (layout, name, dtype, &n_items, 1, first_phase, last_phase, &error));
  g_assert_no_error (error);
}

static TbufLayout *
new_floats_and_ints (void)
{
  TbufLayout *layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;

  tbuf_layout_add_phase (layout, "floats", &error);
  g_assert_no_error (error);
  tbuf_layout_add_phase (layout, "ints", &error);
  g_assert_no_error (error);
  add (layout, "A", TBUF_DTYPE_FLOAT64, 1000000, "floats", "floats");
  add (layout, "B", TBUF_DTYPE_FLOAT64, 1000000, "floats", "floats");
  add (layout, "D", TBUF_DTYPE_INT32, 1500000, "ints", "ints");
  add (layout, "everywhere", TBUF_DTYPE_BOOL, 64, NULL, NULL);

  return layout;
}

static void
test_says_what_is_saved (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_autoptr (GError) error = NULL;
  g_auto (Document) document = { 0 };

  tbuf_layout_plan (layout, -1, NULL, &error);
  g_assert_no_error (error);
  document = draw (layout);

  g_assert_cmpstr (document.title->str, ==, "16,000,064 bytes shared, 22,000,064 unshared, saving 27.3 %");
  assert_says (document.description, "A: float64 1,000,000, 8,000,000 bytes at offset ");
  assert_says (document.description, ", live in \"floats\"\n");
  assert_says (document.description, "D: int32 1,500,000, 6,000,000 bytes at offset ");
  assert_says (document.description, ", live in \"ints\"\n");
  assert_says (document.description, "everywhere: bool 64, 64 bytes at offset ");
  assert_says (document.description, ", live always\n");
  g_assert_cmpuint (document.n_paths, >, 4);
  g_assert_cmpuint (document.n_glyphs, >, strlen (document.title->str) / 2);
}

static void
test_unplanned_layout_is_drawn_unshared (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_auto (Document) document = draw (layout);

  g_assert_cmpstr (document.title->str, ==, "Not planned yet: 22,000,064 bytes unshared");
  assert_says (document.description, "A: float64 1,000,000, 8,000,000 bytes, live in \"floats\"\n");
}

static void
test_empty_layout_is_drawn (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_auto (Document) document = draw (layout);

  assert_says (document.description, "no arrays");
}

static void
test_no_bytes_are_drawn (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Document) document = { 0 };

  add (layout, "nothing", TBUF_DTYPE_FLOAT64, 0, NULL, NULL);
  tbuf_layout_plan (layout, -1, NULL, &error);
  g_assert_no_error (error);
  document = draw (layout);
  g_assert_cmpstr (document.title->str, ==, "0 bytes shared, 0 unshared, saving 0.0 %");
  assert_says (document.description, "nothing: float64 0, 0 bytes");
}

static void
test_any_name_is_well_formed (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autofree char *longest = g_strnfill (255, 'W');
  g_autoptr (GError) error = NULL;
  g_auto (Document) document = { 0 };
  gsize shape[] = { 3, 4 };

  tbuf_layout_add_phase (layout, "</svg>]]>", &error);
  g_assert_no_error (error);
  add (layout, "<&\"'>", TBUF_DTYPE_INT8, 100, NULL, NULL);
  add (layout, "bell\x01\x07 tab\t line\n del\x7f", TBUF_DTYPE_INT8, 100, NULL, NULL);
  add (layout, "\xef\xbf\xbe, \xef\xb7\x90 and \xf0\x9f\xbf\xbf are no characters", TBUF_DTYPE_INT8, 100, NULL, NULL);
  add (layout, "Größe 名前 \xf0\x9f\x98\x80", TBUF_DTYPE_INT8, 100, "</svg>]]>", "</svg>]]>");
  add (layout, longest, TBUF_DTYPE_INT8, 100, NULL, NULL);
  tbuf_layout_add_array (layout, "matrix", TBUF_DTYPE_INT16, shape, 2, NULL, NULL, &error);
  g_assert_no_error (error);
  tbuf_layout_set_byte_order (layout, "matrix", TBUF_BYTE_ORDER_BIG, &error);
  g_assert_no_error (error);
  tbuf_layout_plan (layout, -1, NULL, &error);
  g_assert_no_error (error);
  document = draw (layout);

  assert_says (document.description, "<&\"'>: int8 100");
  assert_says (document.description, "bell   tab  line  del : int8 100");
  assert_says (document.description, "Größe 名前 \xf0\x9f\x98\x80: int8 100");
  assert_says (document.description, longest);
  /* A name that Cairo refuses would end the drawing there. */
  g_assert_cmpuint (document.n_glyphs, >, 300);
  assert_says (document.description, "live in \"</svg>]]>\"");
  assert_says (document.description, "matrix: int16 3 × 4 big-endian, 24 bytes");
}

static void
test_many_phases_and_arrays (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Document) document = { 0 };

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *phase = g_strdup_printf ("phase number %u", i);

      tbuf_layout_add_phase (layout, phase, &error);
      g_assert_no_error (error);
      for (guint j = 0; j < 10; j++)
        {
          g_autofree char *name = g_strdup_printf ("array %u of phase %u", j, i);

          add (layout, name, TBUF_DTYPE_FLOAT32, 1 + (i * 7919 + j * 104729) % 100000, phase, phase);
        }
    }
  tbuf_layout_plan (layout, 1000, NULL, &error);
  g_assert_no_error (error);
  document = draw (layout);
  g_assert_cmpuint (document.n_paths, >=, 1000);
  assert_says (document.description, "array 9 of phase 99: float32 ");
}

static void
test_pins_are_told (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_auto (Document) document = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_pin (layout, "D", 4096, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_layout_plan (layout, -1, NULL, &error));
  g_assert_no_error (error);
  document = draw (layout);
  assert_says (document.description, "D: int32 1,500,000, 6,000,000 bytes pinned to offset 4,096, live in \"ints\"\n");
  assert_says (document.description, " bytes at offset 0, live in \"floats\"\n");
}

int
main (int   argc,
      char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/layout/svg/says-what-is-saved", test_says_what_is_saved);
  g_test_add_func ("/tbuf/layout/svg/unplanned-layout-is-drawn-unshared", test_unplanned_layout_is_drawn_unshared);
  g_test_add_func ("/tbuf/layout/svg/empty-layout-is-drawn", test_empty_layout_is_drawn);
  g_test_add_func ("/tbuf/layout/svg/no-bytes-are-drawn", test_no_bytes_are_drawn);
  g_test_add_func ("/tbuf/layout/svg/any-name-is-well-formed", test_any_name_is_well_formed);
  g_test_add_func ("/tbuf/layout/svg/many-phases-and-arrays", test_many_phases_and_arrays);
  g_test_add_func ("/tbuf/layout/svg/pins-are-told", test_pins_are_told);

  result = g_test_run ();

  /* Fonts are cached, which would look like a leak. */
  cairo_debug_reset_static_data ();
  FcFini ();
  return result;
}
