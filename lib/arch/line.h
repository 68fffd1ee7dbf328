/* SPDX-License-Identifier: BSD-3-Clause */
/* Single cache lines: stored past the cache, written back, fetched anew. */
#ifndef ARCH_LINE_H
#define ARCH_LINE_H

#include <stdint.h>

#include "arch/atomic.h"

/* As words of every size, so that they may be mixed in one line. */
union line {
	a64 q[8];
	a32 d[16];
	a16 w[32];
	a8 b[64];
};

/** line_stream() - fill with @value by non-temporal stores, if there are any */
void line_stream(union line *line, uint64_t value);

/** line_fence() - all accesses before it, streaming ones too, come first */
void line_fence(void);

typedef void (*line_fn)(const void *line);

/**
 * line_writer() - how this processor writes a line back to memory
 *
 * Ordered by line_fence() only.  It is asked for once: the answer is slow to
 * get in a virtual machine.
 */
line_fn line_writer(void);

/** line_forget() - drop it from the caches: the next load asks the memory */
void line_forget(const void *line);

#endif
