/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stddef.h>

#include "tbuf-error.h"
#include "tbuf-layout-private.h"

/* Reads any bytes as a layout that somebody stored in an arena. There must be an error, or a layout that holds what it promises
 * to who hands out its arrays. */

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
check_array (TbufLayout *layout,
             const char *name)
{
  const TbufArray *array = tbuf_layout_find_array (layout, name);

  g_assert_nonnull (array);
  g_assert_cmpuint (array->offset % array->alignment, ==, 0);
  g_assert_cmpuint (array->alignment, >=, tbuf_dtype_get_alignment (array->dtype));
  g_assert_cmpuint (array->offset, <=, tbuf_layout_get_size (layout));
  g_assert_cmpuint (array->n_bytes, <=, tbuf_layout_get_size (layout) - array->offset);
  if (array->first_phase != G_MAXUINT)
    {
      g_assert_cmpuint (array->first_phase, <=, array->last_phase);
      g_assert_nonnull (tbuf_layout_get_phase_name (layout, array->last_phase));
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufLayout) layout = tbuf_layout_new_from_bytes (bytes, &error);
  g_autoptr (GBytes) again = NULL;
  g_auto (GStrv) names = NULL;

  if (layout == NULL)
    {
      g_assert_true (error->domain == TBUF_ERROR);
      g_assert_true (error->code == TBUF_ERROR_FORMAT || error->code == TBUF_ERROR_VERSION);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }

  g_assert_no_error (error);
  g_assert_true (tbuf_layout_is_planned (layout));
  names = tbuf_layout_list_arrays (layout);
  for (guint i = 0; names[i] != NULL; i++)
    check_array (layout, names[i]);

  again = tbuf_layout_to_bytes (layout);
  g_assert_true (g_bytes_equal (bytes, again));
  return 0;
}
