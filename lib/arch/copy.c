// SPDX-License-Identifier: BSD-3-Clause
/* Copying values into the pool: short by memcpy(), long by streaming. */
#include "arch/copy.h"

#include <string.h>

#include "arch/stream.h"

void copy_in(void *dst, const void *src, size_t len)
{
	if (!len)
		return;
	if (len < COPY_STREAM_MIN)
		memcpy(dst, src, len);
	else
		copy_stream(dst, src, len);
}
