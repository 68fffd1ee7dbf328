// SPDX-License-Identifier: BSD-3-Clause
/* A processor without streaming stores that we know of: memcpy(). */
#include "arch/stream.h"

#include <string.h>

#include "arch/copy.h"

void copy_stream(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}

/* No weakly ordered stores were made that a release store would not order. */
void copy_fence(void)
{
}
