/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "demo-worker.h"

/* Only for a worker that hangs: everything else is waited for by its event. */
#define TURN_SECONDS 60

struct _DemoWorker
{
  char             *language;
  GSubprocess      *process;
  int               pid;
  GDataInputStream *output;
  GMainLoop        *loop;          /* runs while the worker has its turn */
  GError           *error;         /* why the turn failed */
  guint             n_seen;        /* locks of this worker that signals told of */
  guint             n_held;        /* locks that it says it holds */
  char             *what;          /* it did, and waits for our line; NULL if it does not wait */
  gboolean          is_done;       /* it says that its turn is over */
  DemoHoldingFunc   on_holding;
  DemoSumFunc       on_sum;
  gpointer          user_data;
};

static void read_line (DemoWorker *self);

static void
fail (DemoWorker *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  g_main_loop_quit (self->loop);
}

static void
write_line (DemoWorker *self, const char *line)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);
  GOutputStream *input = g_subprocess_get_stdin_pipe (self->process);
  GError *error = NULL;

  if (!g_output_stream_write_all (input, text, strlen (text), NULL, NULL, &error))
    fail (self, error);
}

/* Goes on as soon as the locks that were seen are those that the worker holds. */
static void
go_on (DemoWorker *self)
{
  if (self->n_seen != self->n_held)
    return;

  if (self->what != NULL)
    {
      g_autofree char *what = g_steal_pointer (&self->what);

      if (*what != '\0')
        self->on_holding (self, what, self->user_data);
      write_line (self, "go");
    }
  else if (self->is_done)
    g_main_loop_quit (self->loop);
}

static void
take_line (DemoWorker *self, const char *line)
{
  g_auto(GStrv) words = g_strsplit (line, " ", 3);
  guint n_words = g_strv_length (words);
  guint64 n;

  if (n_words >= 2 && g_str_equal (words[0], "holding") &&
      g_ascii_string_to_unsigned (words[1], 10, 1, G_MAXUINT, &n, NULL))
    {
      self->n_held = n;
      g_free (self->what);
      self->what = g_strdup (n_words == 3 ? words[2] : "");
      go_on (self);
    }
  else if (n_words == 3 && g_str_equal (words[0], "sum"))
    self->on_sum (self, words[1], words[2], self->user_data);
  else if (n_words == 1 && g_str_equal (words[0], "done"))
    {
      self->n_held = 0;
      self->is_done = TRUE;
      go_on (self);
    }
  else
    fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s said “%s”", self->language, line));
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DemoWorker *self = user_data;
  GError *error = NULL;
  g_autofree char *line = g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (source), result, NULL, &error);

  if (line == NULL)
    {
      if (error == NULL)
        error = g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, "%s ended in the middle of its turn", self->language);
      fail (self, error);
      return;
    }

  take_line (self, line);
  if (!self->is_done && self->error == NULL)
    read_line (self);
}

static void
read_line (DemoWorker *self)
{
  g_data_input_stream_read_line_async (self->output, G_PRIORITY_DEFAULT, NULL, on_line, self);
}

static gboolean
on_timeout (gpointer user_data)
{
  DemoWorker *self = user_data;

  fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                           "%s took longer than %d seconds for its turn: it holds %u locks, %u of them were seen",
                           self->language, TURN_SECONDS, self->n_held, self->n_seen));
  return G_SOURCE_CONTINUE;
}

DemoWorker *
demo_worker_new (const char *language, const char * const *argv, GError **error)
{
  g_autoptr(GSubprocess) process = NULL;
  DemoWorker *self;

  process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, error);
  if (process == NULL)
    return NULL;

  self = g_new0 (DemoWorker, 1);
  self->language = g_strdup (language);
  self->pid = g_ascii_strtoll (g_subprocess_get_identifier (process), NULL, 10);
  self->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  self->process = g_steal_pointer (&process);
  self->loop = g_main_loop_new (NULL, FALSE);
  return self;
}

void
demo_worker_free (DemoWorker *self)
{
  g_free (self->language);
  g_free (self->what);
  g_object_unref (self->output);
  g_object_unref (self->process);
  g_main_loop_unref (self->loop);
  g_clear_error (&self->error);
  g_free (self);
}

const char *
demo_worker_get_language (DemoWorker *self)
{
  return self->language;
}

int
demo_worker_get_pid (DemoWorker *self)
{
  return self->pid;
}

void
demo_worker_set_callbacks (DemoWorker      *self,
                           DemoHoldingFunc  on_holding,
                           DemoSumFunc      on_sum,
                           gpointer         user_data)
{
  self->on_holding = on_holding;
  self->on_sum = on_sum;
  self->user_data = user_data;
}

/* Runs the main loop until the worker's turn is over and all of its changes were seen. */
gboolean
demo_worker_take_turn (DemoWorker *self, const char *turn, GError **error)
{
  guint timeout = g_timeout_add_seconds (TURN_SECONDS, on_timeout, self);

  self->is_done = FALSE;
  write_line (self, turn);
  read_line (self);
  if (self->error == NULL)
    g_main_loop_run (self->loop);
  g_source_remove (timeout);

  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  return TRUE;
}

/* Somebody saw a lock of this worker come… */
void
demo_worker_saw_lock (DemoWorker *self)
{
  self->n_seen++;
  go_on (self);
}

/* … and go. */
void
demo_worker_saw_unlock (DemoWorker *self)
{
  self->n_seen--;
  go_on (self);
}

/* The end of its input is a worker's sign to end. */
gboolean
demo_worker_end (DemoWorker *self, GError **error)
{
  return g_output_stream_close (g_subprocess_get_stdin_pipe (self->process), NULL, error) &&
         g_subprocess_wait_check (self->process, NULL, error);
}
