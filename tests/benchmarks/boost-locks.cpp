/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "boost-locks.h"

#include <new>

#include <boost/interprocess/sync/file_lock.hpp>
#include <boost/interprocess/sync/interprocess_sharable_mutex.hpp>

namespace ipc = boost::interprocess;

/* The objects live as long as the program. */

void *
boost_sharable_mutex_new (void *memory)
{
  return new (memory) ipc::interprocess_sharable_mutex;
}

void
boost_sharable_mutex_lock (void *self)
{
  static_cast<ipc::interprocess_sharable_mutex *> (self)->lock ();
}

void
boost_sharable_mutex_unlock (void *self)
{
  static_cast<ipc::interprocess_sharable_mutex *> (self)->unlock ();
}

void *
boost_file_lock_new (const char *path)
{
  return new ipc::file_lock (path);
}

void
boost_file_lock_lock (void *self)
{
  static_cast<ipc::file_lock *> (self)->lock ();
}

void
boost_file_lock_unlock (void *self)
{
  static_cast<ipc::file_lock *> (self)->unlock ();
}
