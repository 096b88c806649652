/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-layout.h"
#include "tbuf-plan-private.h"

G_BEGIN_DECLS

/* One named array of a planned layout. */
typedef struct
{
  char          *name;
  TbufDtype      dtype;
  TbufByteOrder  byte_order;   /* little or big */
  guint          n_dims;
  gsize         *shape;
  guint          first_phase;  /* an index into the phases … */
  guint          last_phase;   /* … both G_MAXUINT: live in all of them */
  guint64        offset;       /* 0 until it is planned, unless it is pinned */
  gboolean       is_pinned;
  guint64        n_bytes;
  guint64        alignment;
} TbufArray;

typedef enum
{
  TBUF_LAYOUT_BUILDING,
  TBUF_LAYOUT_PLANNING,  /* a thread looks for offsets; nothing may change meanwhile */
  TBUF_LAYOUT_PLANNED    /* nothing changes any more */
} TbufLayoutState;

struct _TbufLayout
{
  GObject          parent_instance;

  GMutex           mutex;          /* guards all that follows until the layout is planned */
  TbufLayoutState  state;
  GPtrArray       *phases;         /* of names */
  GHashTable      *phase_indices;  /* by name, which belongs to phases */
  GPtrArray       *arrays;         /* of TbufArray, as they were added */
  GHashTable      *array_indices;  /* by name, which belongs to the array */
  GArray          *separate;       /* of TbufPlanPair: arrays that never share bytes */
  guint64          capacity;       /* 0: there is none */
  guint64          size;
  guint64          lower_bound;    /* that has been shown: at least what the fullest phase needs, at most the size */
  guint64          greatest_size;  /* at least the unshared size, however the arrays are stacked; G_MAXINT64: as much or more */
  guint64          unshared_size;  /* … */
  gboolean         knows_unshared_size;  /* … unless it has to be counted anew */
};

struct _TbufLayoutClass
{
  GObjectClass parent_class;
};

/* For who has a planned layout. */
const TbufArray *tbuf_layout_find_array     (TbufLayout       *self,
                                             const char       *name);
gboolean         tbuf_layout_find_phase     (TbufLayout       *self,
                                             const char       *name,
                                             guint            *index);
const char      *tbuf_layout_get_phase_name (TbufLayout       *self,
                                             guint             index);  /* NULL past the last */
guint            tbuf_layout_get_n_phases   (TbufLayout       *self);

/* The stored form: the same bytes on every machine. */
GBytes          *tbuf_layout_to_bytes       (TbufLayout       *self);
TbufLayout      *tbuf_layout_new_from_bytes (GBytes           *bytes,
                                             GError          **error);

void             tbuf_layout_notify_planned (TbufLayout       *self);

/* For who holds the mutex, or has the layout alone. */
TbufArray       *tbuf_layout_lookup_array   (TbufLayout       *self,
                                             const char       *name,
                                             GError          **error);
gboolean         tbuf_layout_lookup_phase   (TbufLayout       *self,
                                             const char       *name,
                                             guint            *phase,
                                             GError          **error);
gboolean         tbuf_layout_append_phase   (TbufLayout       *self,
                                             const char       *name,
                                             GError          **error);
gboolean         tbuf_layout_append_array   (TbufLayout       *self,
                                             const TbufArray  *array,
                                             GError          **error);
gboolean         tbuf_layout_realign_array  (TbufLayout       *self,
                                             TbufArray        *array,
                                             guint64           alignment,
                                             GError          **error);
void             tbuf_layout_get_lifetime   (TbufLayout       *self,
                                             const TbufArray  *array,
                                             guint64          *lower,
                                             guint64          *upper);

guint64          tbuf_layout_measure_unshared_size
                                            (TbufLayout       *self);

gboolean         tbuf_layout_check_building (TbufLayout       *self,
                                             const char       *what,
                                             GError          **error);
gboolean         tbuf_layout_pin_array      (TbufLayout       *self,
                                             TbufArray        *array,
                                             guint64           offset,
                                             GError          **error);

char            *tbuf_array_describe_shape  (const TbufArray  *self);

G_END_DECLS
