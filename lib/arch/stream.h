/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of copying that each processor does its own way. */
#ifndef ARCH_STREAM_H
#define ARCH_STREAM_H

#include <stddef.h>

/** copy_stream() - copy COPY_STREAM_MIN bytes or more, complete on return. */
void copy_stream(void *dst, const void *src, size_t len);

#endif
