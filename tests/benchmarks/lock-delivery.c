/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lock-rivals.h"

#include <glib-unix.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_EVENTS     50
#define PAUSE_US     200
#define N_CALLS      300000

/* What the two processes tell each other, beside what is measured. */
typedef struct
{
  guint32 seen;  /* futex: how many events the handler has seen */
  guint32 padding[15];
  double  times[N_EVENTS];
} Log;

static Log *event_log;

static void
wait_for_events (guint32 n)
{
  guint32 seen;

  while ((seen = __atomic_load_n (&event_log->seen, __ATOMIC_ACQUIRE)) < n)
    syscall (SYS_futex, &event_log->seen, FUTEX_WAIT, seen, NULL, NULL, 0);
}

/* In the handler, in the other process. */
static void
log_event (void)
{
  guint32 n = event_log->seen;

  if (n > 0 && n <= N_EVENTS)
    event_log->times[n - 1] = bench_get_time ();
  __atomic_store_n (&event_log->seen, n + 1, __ATOMIC_RELEASE);
  syscall (SYS_futex, &event_log->seen, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* A way to tell another process's main loop of something. */
typedef struct _Channel Channel;
struct _Channel
{
  const char *label;
  void      (*listen) (Channel *self);  /* in the child, before its loop runs */
  void      (*open)   (Channel *self);  /* in the parent, meanwhile */
  void      (*tell)   (Channel *self);
  void      (*reset)  (Channel *self);  /* (nullable) after it was heard */
  TbufRegion      *region;
  gboolean         needs_socket;
  int              fds[2];
  GDBusConnection *connection;
};

static int
compare_doubles (const void *a,
                 const void *b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

static gboolean
start_log (gpointer data)
{
  log_event ();
  return G_SOURCE_REMOVE;
}

static void
run_listener (Channel *self)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  bench_pin (1);
  self->listen (self);
  g_idle_add_full (G_PRIORITY_LOW, start_log, NULL, NULL);
  g_main_loop_run (loop);
}

static void
run_teller (Channel *self,
            guint    n)
{
  bench_pin (0);
  self->open (self);
  wait_for_events (1);
  for (guint i = 0; i < n; i++)
    {
      double start;

      g_usleep (PAUSE_US);
      start = bench_get_time ();
      self->tell (self);
      wait_for_events (i + 2);
      event_log->times[i] -= start;
      if (self->reset != NULL)
        self->reset (self);
    }

  _exit (0);
}

/* From just before one process tells to the handler in the other one's main
 * loop, in µs: the median of some events. Both sleep in between. */
static void
time_delivery (gpointer  data,
               double   *values)
{
  Channel *channel = data;
  guint n = bench_is_quick () ? 2 : N_EVENTS;
  pid_t listener, teller;
  int status;

  memset (event_log, 0, sizeof *event_log);
  if (channel->needs_socket)
    g_assert (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel->fds) == 0);

  /* Both are children, so that no thread of either is there at the next fork. */
  listener = fork ();
  g_assert (listener >= 0);
  if (listener == 0)
    run_listener (channel);
  teller = fork ();
  g_assert (teller >= 0);
  if (teller == 0)
    run_teller (channel, n);

  if (channel->needs_socket)
    {
      close (channel->fds[0]);
      close (channel->fds[1]);
    }
  g_assert (waitpid (teller, &status, 0) == teller && status == 0);
  kill (listener, SIGKILL);
  waitpid (listener, &status, 0);

  qsort (event_log->times, n, sizeof (double), compare_doubles);
  values[0] = event_log->times[n / 2] / 1000;
}

static void
do_nothing (Channel *self)
{
}

static void
listen_to_locks (Channel *self)
{
  tbuf_region_set_watch (self->region, TRUE);
  g_signal_connect (self->region, "locked", G_CALLBACK (log_event), NULL);
}

static void
tell_by_lock (Channel *self)
{
  tbuf_region_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL);
}

static void
unlock (Channel *self)
{
  tbuf_region_unlock (self->region, NULL);
}

static void
listen_to_announcements (Channel *self)
{
  tbuf_region_set_watch (self->region, TRUE);
  g_signal_connect (self->region, "changed", G_CALLBACK (log_event), NULL);
}

static void
tell_by_announcement (Channel *self)
{
  tbuf_region_announce (self->region);
}

static gboolean
on_eventfd (int          fd,
            GIOCondition condition,
            gpointer     data)
{
  eventfd_t value;

  eventfd_read (fd, &value);
  log_event ();
  return G_SOURCE_CONTINUE;
}

static void
listen_to_eventfd (Channel *self)
{
  g_unix_fd_add (self->fds[1], G_IO_IN, on_eventfd, NULL);
}

static void
tell_by_eventfd (Channel *self)
{
  eventfd_write (self->fds[1], 1);
}

static GDBusConnection *
connect_dbus (int                   fd,
              const char           *guid,
              GDBusConnectionFlags  flags)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);
  g_autoptr (GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  GDBusConnection *connection = g_dbus_connection_new_sync (G_IO_STREAM (stream), guid, flags, NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
on_dbus_signal (GDBusConnection *connection,
                const char      *sender,
                const char      *path,
                const char      *interface,
                const char      *name,
                GVariant        *parameters,
                gpointer         data)
{
  log_event ();
}

static void
listen_to_dbus (Channel *self)
{
  self->connection = connect_dbus (self->fds[1], NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT);
  g_dbus_connection_signal_subscribe (self->connection, NULL, "org.example.Lock", "Locked", "/lock", NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_dbus_signal, NULL, NULL);
}

static void
open_dbus (Channel *self)
{
  g_autofree char *guid = g_dbus_generate_guid ();

  self->connection = connect_dbus (self->fds[0], guid,
                                   G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                                   G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS);
}

static void
tell_by_dbus (Channel *self)
{
  g_dbus_connection_emit_signal (self->connection, NULL, "/lock", "org.example.Lock", "Locked",
                                 g_variant_new ("(tt)", (guint64) 0, (guint64) 64), NULL);
}

static void
bench_latency (TbufArena *arena)
{
  g_autoptr (BenchTable) table = bench_table_new ("from a change to the handler in another process's main loop", "µs", NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 0, 64);
  Channel channels[] = {
    { "libtbuf, ::locked", listen_to_locks, do_nothing, tell_by_lock, unlock, region },
    { "libtbuf, ::changed", listen_to_announcements, do_nothing, tell_by_announcement, NULL, region },
    { "an eventfd in the main loop", listen_to_eventfd, do_nothing, tell_by_eventfd, NULL, .fds = { -1, eventfd (0, EFD_CLOEXEC) } },
    { "a GDBus signal, peer to peer", listen_to_dbus, open_dbus, tell_by_dbus, NULL, .needs_socket = TRUE },
  };
  double locked;

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    bench_table_add (table, channels[i].label, time_delivery, &channels[i]);
  bench_table_run (table);

  locked = bench_table_get (table, "libtbuf, ::locked", 0);
  bench_at_most ("::locked / eventfd", locked / bench_table_get (table, "an eventfd in the main loop", 0), 1.3, "×");
  bench_at_least ("GDBus / ::locked", bench_table_get (table, "a GDBus signal, peer to peer", 0) / locked, 3, "×");
  close (channels[2].fds[1]);
}

typedef struct
{
  Lock     lock;
  gboolean watched;
} Watched;

/* Of a lock and an unlock, in nanoseconds. */
static void
time_watched (gpointer  data,
              double   *values)
{
  Watched *watched = data;
  Channel channel = { .listen = listen_to_locks, .region = watched->lock.data };
  cpu_set_t before;
  pid_t pid = 0;

  sched_getaffinity (0, sizeof before, &before);
  memset (event_log, 0, sizeof *event_log);
  if (watched->watched)
    {
      pid = fork ();
      g_assert (pid >= 0);
      if (pid == 0)
        run_listener (&channel);
      wait_for_events (1);
    }

  bench_pin (0);
  values[0] = bench_time_calls (lock_and_unlock, &watched->lock, N_CALLS);
  sched_setaffinity (0, sizeof before, &before);

  if (pid > 0)
    {
      int status;

      kill (pid, SIGKILL);
      waitpid (pid, &status, 0);
    }
}

static void
bench_watched (TbufArena *arena)
{
  g_autoptr (BenchTable) table = bench_table_new ("lock + unlock as often as one can", "ns", NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 0, 64);
  Watched unwatched = { lock_tbuf (region), FALSE }, watched = { lock_tbuf (region), TRUE };

  bench_table_add (table, "not watched", time_watched, &unwatched);
  bench_table_add (table, "another process watches, and handles ::locked", time_watched, &watched);
  bench_table_run (table);

  bench_at_most ("more for each of the two changes",
                 (bench_table_get (table, "another process watches, and handles ::locked", 0) -
                  bench_table_get (table, "not watched", 0)) / 2, 25, "ns");
}

void
bench_delivery (TbufArena *arena)
{
  event_log = map_shared (sizeof *event_log);
  if (bench_wants ("delivery"))
    bench_latency (arena);
  if (bench_wants ("watched"))
    bench_watched (arena);
}
