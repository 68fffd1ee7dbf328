// SPDX-License-Identifier: BSD-3-Clause
/* Cache lines by MOVNTI, CLWB, CLFLUSHOPT and CLFLUSH. */
#include "arch/line.h"

#include <cpuid.h>

#define LEAF7_CLFLUSHOPT (1u << 23)
#define LEAF7_CLWB (1u << 24)

void line_stream(union line *line, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		__asm__ volatile("movnti %1, %0"
				 : "=m"(line->q[i].v)
				 : "r"(value));
}

void line_fence(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

static void by_clwb(const void *line)
{
	__asm__ volatile("clwb %0" ::"m"(*(const char *)line) : "memory");
}

static void by_clflushopt(const void *line)
{
	__asm__ volatile("clflushopt %0" ::"m"(*(const char *)line) : "memory");
}

static void by_clflush(const void *line)
{
	__asm__ volatile("clflush %0" ::"m"(*(const char *)line) : "memory");
}

line_fn line_writer(void)
{
	unsigned a, b = 0, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		b = 0;
	if (b & LEAF7_CLWB)
		return by_clwb;
	return b & LEAF7_CLFLUSHOPT ? by_clflushopt : by_clflush;
}

void line_forget(const void *line)
{
	by_clflush(line);
	line_fence();
}
