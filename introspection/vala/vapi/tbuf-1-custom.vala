/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the GIR leaves out, because it is not for languages that have a way of their own. */

namespace Tbuf {
  /* A lock that ends with its variable. */
  [Compact]
  [CCode (cname = "TbufLocker", free_function = "tbuf_locker_free", cheader_filename = "tbuf.h")]
  public class Locker {
    [CCode (cname = "tbuf_locker_new")]
    public Locker (Region region, LockMode mode, int64 timeout_us = -1, GLib.Cancellable? cancellable = null)
      throws GLib.Error;
  }
}
