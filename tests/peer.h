/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Another process, for tests. It opens the arena for itself, and goes from step
 * to step only when it is told to: a hand-shake, never a sleep. */
typedef struct
{
  pid_t pid;
  int   to_peer;
  int   from_peer;
} Peer;

typedef void (*PeerFunc) (Peer *self, gpointer data);

static inline void
peer_tell (Peer *self)
{
  char byte = 1;

  g_assert_cmpint (write (self->to_peer, &byte, 1), ==, 1);
}

/* FALSE: the other one has ended. */
static inline gboolean
peer_wait (Peer *self)
{
  char byte;

  return read (self->from_peer, &byte, 1) == 1;
}

/* Ends the child of a fork. valgrind takes that for a program of its own, which
 * has lost what its parent's variables hold, and would say so by the exit
 * status; but it lets go of a process that becomes another program. */
G_NORETURN static inline void
peer_exit (int status)
{
  g_autofree char *command = g_strdup_printf ("exit %d", status);

  execl ("/bin/sh", "sh", "-c", command, NULL);
  _exit (127);
}

/* In the peer, whose own "other one" is the test: failed assertions abort it,
 * and peer_join() sees that. */
static inline Peer
peer_start (PeerFunc func,
            gpointer data)
{
  int to[2], from[2];
  Peer self;

  g_assert_cmpint (pipe (to), ==, 0);
  g_assert_cmpint (pipe (from), ==, 0);
  self.pid = fork ();
  g_assert_cmpint (self.pid, >=, 0);

  if (self.pid == 0)
    {
      Peer parent = { getppid (), from[1], to[0] };

      close (to[1]);
      close (from[0]);
      func (&parent, data);
      peer_exit (0);
    }

  close (to[0]);
  close (from[1]);
  self.to_peer = to[1];
  self.from_peer = from[0];
  return self;
}

static inline void
peer_close (Peer *self)
{
  close (self->to_peer);
  close (self->from_peer);
}

static inline void
peer_join (Peer *self)
{
  int status;

  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_cmpint (status, ==, 0);
  peer_close (self);
}

static inline void
peer_kill (Peer *self)
{
  int status;

  g_assert_cmpint (kill (self->pid, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFSIGNALED (status));
  peer_close (self);
}
