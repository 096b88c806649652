/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rows of cells, printed in columns that are as wide as they have to be. */
typedef struct
{
  GPtrArray  *cells;      /* (owned) of (owned) strings, row by row */
  guint       n_columns;
  const char *alignment;  /* per column: '<' or '>' */
} Table;

Table *table_new    (const char  *alignment,
                     ...) G_GNUC_NULL_TERMINATED;
void   table_free   (Table       *self);
void   table_add    (Table       *self,
                     char        *cell);
void   table_print  (Table       *self);

char  *make_visible (const char  *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Table, table_free)

G_END_DECLS
