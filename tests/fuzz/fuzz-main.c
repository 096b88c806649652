/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include <gio/gio.h>

/* Runs a fuzz target on the files of its command line, or on standard input where there are none: for AFL, to look at a crash,
 * and to run the corpus as a test with any compiler. */

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
run_file (const char *path)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  if (!g_file_get_contents (path, &data, &size, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (2);
    }
  LLVMFuzzerTestOneInput ((const guint8 *) data, size);
}

static void
run_standard_input (void)
{
  g_autoptr (GByteArray) input = g_byte_array_new ();
  guint8 block[4096];
  size_t size;

  while ((size = fread (block, 1, sizeof block, stdin)) > 0)
    g_byte_array_append (input, block, (guint) size);
  LLVMFuzzerTestOneInput (input->data, input->len);
}

int
main (int   argc,
      char *argv[])
{
  for (int i = 1; i < argc; i++)
    run_file (argv[i]);
  if (argc == 1)
    run_standard_input ();

  return 0;
}
