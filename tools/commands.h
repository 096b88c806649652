/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The commands: each takes its arguments, its own name first, and returns the
 * status to exit with. */
#define STATUS_FAILED 1
#define STATUS_USAGE  2

int      command_clean (int                 argc,
                        char              **argv);
int      command_list  (int                 argc,
                        char              **argv);
int      command_plan  (int                 argc,
                        char              **argv);
int      command_show  (int                 argc,
                        char              **argv);

/* For the commands. */
gboolean parse_options (const GOptionEntry *entries,
                        const char         *parameters,
                        const char         *summary,
                        int                 min_arguments,
                        int                 max_arguments,
                        int                *argc,
                        char             ***argv);
int      fail          (const GError       *error);

G_END_DECLS
