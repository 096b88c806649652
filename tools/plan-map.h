/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tbuf.h>

G_BEGIN_DECLS

/* A solved plan as a picture: times from left to right, offsets from top to
 * bottom, and each buffer as a box over its life and its bytes. */
char *draw_plan (TbufPlan *plan);

G_END_DECLS
