// SPDX-License-Identifier: BSD-3-Clause
/* Cache lines of a processor whose instructions for them we do not know. */
#include "arch/line.h"

/* relaxed, as streaming stores are */
void line_stream(union line *line, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		a64_store_rlx(&line->q[i], value);
}

void line_fence(void)
{
#ifndef __SANITIZE_THREAD__ /* gcc cannot instrument it */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static void not_at_all(const void *line)
{
	(void)line;
}

line_fn line_writer(void)
{
	return not_at_all;
}

void line_forget(const void *line)
{
	(void)line;
	line_fence();
}
