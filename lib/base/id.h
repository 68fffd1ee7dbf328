/* SPDX-License-Identifier: BSD-3-Clause */
/* 128-bit identities that the kernel and the system keep in files. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

/** id_read() - the first 32 hexadecimal digits of a file; false: there are not */
bool id_read(const char *path, uint64_t id[2]);

static inline bool id_equal(const uint64_t a[2], const uint64_t b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

#endif
