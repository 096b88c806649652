/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stddef.h>

#include "tbuf-error.h"
#include "tbuf-plan-private.h"

/* Reads any bytes as a file of buffers. There must be an error that names a line, or a plan that can be solved, and that is the
 * same when it is written and read again. */

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
check_solution (TbufPlan *plan)
{
  g_autoptr (GError) error = NULL;

  if (tbuf_plan_solve (plan, 0, 0, NULL, &error))
    g_assert_true (tbuf_plan_verify (plan, &error));
  else
    g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        size_t        size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufPlan) plan = tbuf_plan_parse_csv ((const char *) data, size, "FILE", &error);
  g_autoptr (TbufPlan) again = NULL;
  g_autofree char *csv = NULL;
  g_autofree char *same = NULL;

  if (plan == NULL)
    {
      g_assert_true (error->domain == TBUF_ERROR);
      g_assert_true (g_str_has_prefix (error->message, "Line "));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }

  g_assert_no_error (error);
  csv = tbuf_plan_to_csv (plan);
  again = tbuf_plan_parse_csv (csv, strlen (csv), "FILE", &error);
  g_assert_no_error (error);
  same = tbuf_plan_to_csv (again);
  g_assert_cmpstr (csv, ==, same);

  if (tbuf_plan_get_n_buffers (plan) < 100)
    check_solution (plan);
  return 0;
}
