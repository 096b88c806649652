/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include <gio/gio.h>

#include "tbuf-version.h"

G_BEGIN_DECLS

typedef struct _TbufRegion TbufRegion;
typedef struct _TbufArena  TbufArena;
typedef struct _TbufView   TbufView;
typedef struct _TbufLayout TbufLayout;
typedef struct _TbufPlan   TbufPlan;

/**
 * TBUF_DECLARE_TYPE: (skip)
 * @Type: the name of the class
 * @type: the prefix of its functions
 * @TYPE: the name in its cast and check macros, without the prefix
 *
 * Like `G_DECLARE_DERIVABLE_TYPE`, but with instance and class structs that stay
 * private: nobody outside subclasses a region or a view.
 */
#define TBUF_DECLARE_TYPE(Type, type, TYPE)                                                                                \
  TBUF_AVAILABLE_IN_ALL                                                                                                    \
  GType type##_get_type (void);                                                                                            \
  typedef struct _##Type        Type;                                                                                      \
  typedef struct _##Type##Class Type##Class;                                                                               \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (Type, g_object_unref)                                                                     \
  static inline G_GNUC_UNUSED Type *TBUF_##TYPE (gpointer p) { return G_TYPE_CHECK_INSTANCE_CAST (p, type##_get_type (), Type); } \
  static inline G_GNUC_UNUSED gboolean TBUF_IS_##TYPE (gpointer p) { return G_TYPE_CHECK_INSTANCE_TYPE (p, type##_get_type ()); }

G_END_DECLS
