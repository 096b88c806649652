/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <tbuf.h>

#include "commands.h"

typedef struct
{
  const char *name;
  const char *summary;
  int       (*run) (int    argc,
                    char **argv);
} Command;

static const Command commands[] = {
  { "list",  "List the arenas of this machine",       command_list },
  { "show",  "Show an arena and the arrays in it",    command_show },
  { "clean", "Remove the arenas that nobody uses",    command_clean },
  { "plan",  "Plan the buffers in a file",            command_plan },
};

static void
print_usage (void (*print) (const char *format, ...) G_GNUC_PRINTF (1, 2))
{
  print ("Usage:\n  tbuf COMMAND [ARGUMENT…]\n\nCommands:\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    print ("  %-6s %s\n", commands[i].name, commands[i].summary);
  print ("\n“tbuf COMMAND --help” says more about one of them, “tbuf --version” which version this is.\n");
}

int
fail (const GError *error)
{
  g_printerr ("tbuf: %s\n", error->message);
  return STATUS_FAILED;
}

/* Leaves the arguments that are no options in argv, after the command's name.
 * FALSE: they make no sense, and that was said. */
gboolean
parse_options (const GOptionEntry   *entries,
               const char           *parameters,
               const char           *summary,
               int                   min_arguments,
               int                   max_arguments,
               int                  *argc,
               char               ***argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (parameters);
  g_autofree char *program = g_strconcat ("tbuf ", (*argv)[0], NULL);
  g_autoptr (GError) error = NULL;

  g_set_prgname (program);
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);

  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("%s: %s\n", program, error->message);
      return FALSE;
    }

  /* GLib leaves the “--” before an argument that looks like an option. */
  for (int i = 1; i < *argc; i++)
    if (g_str_equal ((*argv)[i], "--"))
      {
        memmove (&(*argv)[i], &(*argv)[i + 1], (gsize) (*argc - i) * sizeof (char *));
        (*argc)--;
        break;
      }

  if (*argc - 1 < min_arguments || *argc - 1 > max_arguments)
    {
      g_printerr ("%s: %s; see “%s --help”\n", program,
                  *argc - 1 < min_arguments ? "an argument is missing" : "there are too many arguments", program);
      return FALSE;
    }

  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  const Command *command = NULL;
  int status;

  setlocale (LC_ALL, "");

  if (argc < 2)
    {
      print_usage (g_printerr);
      return STATUS_USAGE;
    }

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (argv[1], commands[i].name))
      command = &commands[i];

  if (command != NULL)
    status = command->run (argc - 1, argv + 1);
  else if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_usage (g_print);
      status = 0;
    }
  else if (g_str_equal (argv[1], "--version"))
    {
      g_print ("tbuf %s\n", TBUF_VERSION_S);
      status = 0;
    }
  else
    {
      g_printerr ("tbuf: there is no command “%s”; see “tbuf --help”\n", argv[1]);
      status = STATUS_USAGE;
    }

  /* A full disk is no success. */
  if (fflush (stdout) != 0 || ferror (stdout))
    {
      g_printerr ("tbuf: could not write the output\n");
      return STATUS_FAILED;
    }

  return status;
}
