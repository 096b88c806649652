/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define TBUF_INSIDE

#include "tbuf-version.h"   /* which version, and what is available in it */
#include "tbuf-types.h"     /* the names of the classes */
#include "tbuf-enums.h"     /* GTypes of the enumerations */
#include "tbuf-error.h"     /* what can go wrong */
#include "tbuf-dtype.h"     /* the type of an item */
#include "tbuf-plan.h"      /* sizes and lifetimes in, offsets out */
#include "tbuf-layout.h"    /* named arrays with lifetimes, planned to offsets */
#include "tbuf-region.h"    /* a range of bytes, and its locks */
#include "tbuf-locker.h"    /* a lock that ends with its scope */
#include "tbuf-arena.h"     /* one shared mapping */
#include "tbuf-view.h"      /* a typed window */
#include "tbuf-leaves.h"    /* one final class per dtype */

#undef TBUF_INSIDE
