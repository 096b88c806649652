/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-types.h"

G_BEGIN_DECLS

/**
 * TBUF_ERROR:
 *
 * The error domain of libtbuf; its codes are [error@Tbuf.Error].
 *
 * Since: 1.0
 */
#define TBUF_ERROR (tbuf_error_quark ())

/**
 * TbufError:
 * @TBUF_ERROR_INVALID: an argument that can never be right, such as an empty array name
 * @TBUF_ERROR_RANGE: an offset, a length or an index outside of what there is
 * @TBUF_ERROR_ALIGNMENT: an offset or a stride that does not suit the dtype
 * @TBUF_ERROR_DTYPE: an unknown dtype, or another dtype than was asked for
 * @TBUF_ERROR_NOT_CONTIGUOUS: items that do not lie one after another in C order
 * @TBUF_ERROR_NOT_NATIVE: items in the other byte order
 * @TBUF_ERROR_FORMAT: a file that is no arena, or a corrupt one
 * @TBUF_ERROR_VERSION: an arena made by an incompatible version of libtbuf
 * @TBUF_ERROR_EXISTS: the name is taken
 * @TBUF_ERROR_NOT_FOUND: no arena, array or phase of that name
 * @TBUF_ERROR_PERMISSION: the system does not allow it
 * @TBUF_ERROR_READ_ONLY: the arena is mapped for reading only
 * @TBUF_ERROR_NO_SPACE: not enough memory, room in the file system, descriptors or table entries
 * @TBUF_ERROR_BUSY: a try found the range locked
 * @TBUF_ERROR_TIMED_OUT: the time was up
 * @TBUF_ERROR_DEADLOCK: waiting would never end
 * @TBUF_ERROR_OWNER_DIED: an exclusive owner died, and what it wrote may be half done
 * @TBUF_ERROR_NOT_HELD: there is no such lock to release
 * @TBUF_ERROR_NOT_LIVE: the array is not live in the current phase
 * @TBUF_ERROR_DETACHED: the lock was taken before a fork, in the parent
 * @TBUF_ERROR_CLOSED: the arena was closed
 * @TBUF_ERROR_INFEASIBLE: no plan can satisfy what was asked
 *
 * What can go wrong.
 *
 * A cancelled call is `G_IO_ERROR_CANCELLED`, not one of these.
 *
 * Since: 1.0
 */
typedef enum
{
  TBUF_ERROR_INVALID,
  TBUF_ERROR_RANGE,
  TBUF_ERROR_ALIGNMENT,
  TBUF_ERROR_DTYPE,
  TBUF_ERROR_NOT_CONTIGUOUS,
  TBUF_ERROR_NOT_NATIVE,
  TBUF_ERROR_FORMAT,
  TBUF_ERROR_VERSION,
  TBUF_ERROR_EXISTS,
  TBUF_ERROR_NOT_FOUND,
  TBUF_ERROR_PERMISSION,
  TBUF_ERROR_READ_ONLY,
  TBUF_ERROR_NO_SPACE,
  TBUF_ERROR_BUSY,
  TBUF_ERROR_TIMED_OUT,
  TBUF_ERROR_DEADLOCK,
  TBUF_ERROR_OWNER_DIED,
  TBUF_ERROR_NOT_HELD,
  TBUF_ERROR_NOT_LIVE,
  TBUF_ERROR_DETACHED,
  TBUF_ERROR_CLOSED,
  TBUF_ERROR_INFEASIBLE,
} TbufError;

TBUF_AVAILABLE_IN_ALL
GQuark tbuf_error_quark (void);

G_END_DECLS
