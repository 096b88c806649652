/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the benchmarks have in common: rows that are measured in turn, again and
 * again, so that what else goes on in the machine meets all of them; the medians
 * as a table; and what they are to be, with a verdict. bench.py is the same for
 * Python. */

#define BENCH_MAX_COLUMNS 4

typedef struct _BenchTable BenchTable;

/* One repetition: writes a value for each column. */
typedef void (*BenchFunc) (gpointer data, double *values);

void        bench_init          (int         *argc,
                                 char      ***argv,
                                 const char  *summary);
int         bench_finish        (void);
gboolean    bench_is_quick      (void);
gboolean    bench_wants         (const char  *section);
guint64     bench_scale         (guint64      n);
double      bench_get_time      (void);
void        bench_pin           (guint        cpu);
double      bench_time_calls    (void       (*func) (gpointer data),
                                 gpointer     data,
                                 guint64      n);

BenchTable *bench_table_new     (const char  *title,
                                 const char  *first_column,
                                 ...) G_GNUC_NULL_TERMINATED;
void        bench_table_add     (BenchTable  *self,
                                 const char  *label,
                                 BenchFunc    func,
                                 gpointer     data);
void        bench_table_run     (BenchTable  *self);
double      bench_table_get     (BenchTable  *self,
                                 const char  *label,
                                 guint        column);
void        bench_table_free    (BenchTable  *self);

void        bench_count_table   (void);

void        bench_at_most       (const char  *what,
                                 double       value,
                                 double       limit,
                                 const char  *unit);
void        bench_at_least      (const char  *what,
                                 double       value,
                                 double       limit,
                                 const char  *unit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchTable, bench_table_free)

G_END_DECLS
