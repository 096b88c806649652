/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ArrayBuffer over memory that is not JavaScript's own.
 *
 * From version 1.82 on, gjs copies the contents of a GBytes, and nothing that
 * it offers to scripts makes an ArrayBuffer without a copy. The JavaScript
 * engine itself can. This library, which the override of Tbuf loads through
 * GObject-Introspection, asks gjs for the engine's context and calls it.
 *
 * Introspection cannot carry a JavaScript value, neither in nor out. So
 * tbuf_gjs_install() leaves a JavaScript function on the global object, under a
 * symbol, and the override takes it from there, once, when it is loaded. To make
 * a buffer, the override calls tbuf_gjs_offer() with the GBytes, and then the
 * function, which takes what was offered. Nothing but the function ever stands
 * on the global object; and JavaScript never names an address, so it cannot ask
 * for a buffer over memory that nobody keeps.
 *
 * The buffer owns a reference to the GBytes, which the engine drops when it
 * collects the buffer, on whichever thread it does that. */

#include "tbuf-gjs.h"

#include <dlfcn.h>
#include <gjs/gjs.h>

#include <js/ArrayBuffer.h>
#include <js/CallArgs.h>
#include <js/CharacterEncoding.h>
#include <js/ErrorReport.h>
#include <js/Exception.h>
#include <js/GlobalObject.h>
#include <js/Id.h>
#include <js/PropertyAndElement.h>
#include <js/PropertyDescriptor.h>
#include <js/RootingAPI.h>
#include <js/Symbol.h>
#include <js/Value.h>
#include <js/experimental/TypedData.h>
#include <jsapi.h>

/* The key of the function in the registry of symbols: Symbol.for(…). */
#define FUNCTION_SYMBOL "tbuf.gjs.take"

#define MIN_BUFFERS_TO_COLLECT 256

/* What the next call of the function takes. There is one per thread because
 * each thread may run a JavaScript engine of its own. */
static thread_local GBytes *offered;

/* The engine knows nothing of the memory, mappings and descriptors that a buffer
 * keeps: to it, a buffer is a hundred bytes, and a loop that makes and drops them
 * runs out of mappings (of which Linux allows 65,530) before it collects any. So
 * collect whenever there are twice as many as survived the last time. */
static int n_buffers;                        /* atomic: buffers die on any thread */
static thread_local int n_buffers_to_collect = MIN_BUFFERS_TO_COLLECT;

static void
collect_if_many (void)
{
  if (g_atomic_int_get (&n_buffers) < n_buffers_to_collect)
    return;

  gjs_context_gc (gjs_context_get_current ());
  n_buffers_to_collect = MAX (MIN_BUFFERS_TO_COLLECT, 2 * g_atomic_int_get (&n_buffers));
}

static void
release_bytes (void *contents,
               void *bytes)
{
  g_bytes_unref (static_cast<GBytes *> (bytes));
  g_atomic_int_add (&n_buffers, -1);
}

/* Takes over the reference to @bytes, also when it fails with an exception. */
static JSObject *
new_array_buffer (JSContext *cx,
                  GBytes    *bytes)
{
  gsize size;
  void *data = const_cast<void *> (g_bytes_get_data (bytes, &size));

  /* The engine insists on an address. */
  if (size == 0)
    {
      g_bytes_unref (bytes);
      return JS::NewArrayBuffer (cx, 0);
    }

  g_atomic_int_inc (&n_buffers);

#if MOZJS_MAJOR_VERSION >= 115
  return JS::NewExternalArrayBuffer (cx, size,
                                     mozilla::UniquePtr<void, JS::BufferContentsDeleter> (data, {release_bytes, bytes}));
#else
  JSObject *buffer = JS::NewExternalArrayBuffer (cx, size, data, release_bytes, bytes);

  if (buffer == nullptr)
    release_bytes (data, bytes);

  return buffer;
#endif
}

static bool
take (JSContext *cx,
      unsigned   argc,
      JS::Value *vp)
{
  JS::CallArgs args = JS::CallArgsFromVp (argc, vp);

  if (offered == nullptr)
    {
      JS_ReportErrorASCII (cx, "No bytes were offered");
      return false;
    }

  collect_if_many ();

  JSObject *buffer = new_array_buffer (cx, static_cast<GBytes *> (g_steal_pointer (&offered)));

  if (buffer == nullptr)
    return false;

  args.rval ().setObject (*buffer);
  return true;
}

/* The engine's binary interface differs from version to version, and its
 * headers put parts of that into this library. So ask the very engine that gjs
 * uses, which need not be the one that this library was linked with. */
static gboolean
check_engine (GError **error)
{
  Dl_info gjs;
  void *handle;
  const char *(*get_version) (void) = nullptr;

  if (dladdr (reinterpret_cast<void *> (gjs_context_get_current), &gjs) != 0 &&
      (handle = dlopen (gjs.dli_fname, RTLD_LAZY | RTLD_NOLOAD)) != nullptr)
    {
      /* The mangled name of JS_GetImplementationVersion(). */
      get_version = reinterpret_cast<const char *(*) (void)> (dlsym (handle, "_Z27JS_GetImplementationVersionv"));
      dlclose (handle);
    }

  const char *version = get_version != nullptr ? get_version () : "unknown";
  g_autofree char *expected = g_strdup_printf ("JavaScript-C%d.", MOZJS_MAJOR_VERSION);

  if (!g_str_has_prefix (version, expected))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "libtbuf-gjs was built for mozjs-%d, but this gjs runs on %s", MOZJS_MAJOR_VERSION, version);
      return FALSE;
    }

  return TRUE;
}

/**
 * tbuf_gjs_install:
 * @error: return location for an error
 *
 * Leaves a function on JavaScript's global object, under `Symbol.for('tbuf.gjs.take')`.
 *
 * The function turns the bytes that were given to [func@TbufGjs.offer] just
 * before into an `ArrayBuffer` over the same memory.
 *
 * This is for the override of Tbuf alone, and must be called from JavaScript.
 *
 * Returns: %TRUE on success, %FALSE with `G_IO_ERROR_NOT_SUPPORTED` if no
 *   JavaScript runs or if it is another version than this library was built for,
 *   and with `G_IO_ERROR_FAILED` if the global object takes no properties
 *
 * Since: 1.0
 */
gboolean
tbuf_gjs_install (GError **error)
{
  GjsContext *context = gjs_context_get_current ();

  if (context == nullptr)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "There is no JavaScript context");
      return FALSE;
    }

  if (!check_engine (error))
    return FALSE;

  JSContext *cx = static_cast<JSContext *> (gjs_context_get_native_context (context));
  JS::RootedObject global (cx, JS::CurrentGlobalOrNull (cx));

  if (!global)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "No JavaScript is running");
      return FALSE;
    }

  JS::RootedString name (cx, JS_NewStringCopyZ (cx, FUNCTION_SYMBOL));
  JS::RootedSymbol symbol (cx, name ? JS::GetSymbolFor (cx, name) : nullptr);
  JSFunction *function = symbol ? JS_NewFunction (cx, take, 0, 0, "take") : nullptr;
  JS::RootedObject object (cx, function != nullptr ? JS_GetFunctionObject (function) : nullptr);

  if (object)
    {
      JS::RootedId id (cx, JS::PropertyKey::Symbol (symbol));

      if (JS_DefinePropertyById (cx, global, id, object, 0 /* configurable, not enumerable */))
        return TRUE;
    }

  /* An exception must not stay behind: to gjs, this is a function that ends with a GError. */
  JS_ClearPendingException (cx);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The global object takes no new property");
  return FALSE;
}

/**
 * tbuf_gjs_offer:
 * @bytes: bytes that stay in place for as long as the `GBytes` lives
 *
 * Offers @bytes to the function that [func@TbufGjs.install] made.
 *
 * What was offered before and was not taken is forgotten.
 *
 * This is for the override of Tbuf alone, and must be called from JavaScript.
 *
 * Since: 1.0
 */
void
tbuf_gjs_offer (GBytes *bytes)
{
  g_return_if_fail (bytes != nullptr);

  if (offered != nullptr)
    g_bytes_unref (offered);
  offered = g_bytes_ref (bytes);
}
