/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Boost's locks, for C. */

#ifdef __cplusplus
extern "C" {
#endif

void *boost_sharable_mutex_new    (void       *memory);
void  boost_sharable_mutex_lock   (void       *self);
void  boost_sharable_mutex_unlock (void       *self);
void *boost_file_lock_new         (const char *path);
void  boost_file_lock_lock        (void       *self);
void  boost_file_lock_unlock      (void       *self);

#ifdef __cplusplus
}
#endif
