/* SPDX-License-Identifier: BSD-3-Clause */
/* A clock, complaints, sizes, shared memory. */
#include "common.h"

#include <maru.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void bench_die(int code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

const char *bench_why(int err)
{
	static char text[512];
	const char *own = maru_errmsg();

	snprintf(text, sizeof(text), "%s%s%s", maru_strerror(err),
		 *own ? ": " : "", own);
	return text;
}

static double factor_of(char c)
{
	switch (toupper((unsigned char)c)) {
	case 'K':
		return 1024.;
	case 'M':
		return 1024. * 1024;
	case 'G':
		return 1024. * 1024 * 1024;
	case 'T':
		return 1024. * 1024 * 1024 * 1024;
	case '\0':
		return 1;
	}
	return NAN;
}

uint64_t bench_number(const char *option, const char *text)
{
	char *end;
	double d = strtod(text, &end);
	double factor = factor_of(*end);

	if (*end)
		end++;
	if (!strcmp(end, "iB") || !strcmp(end, "B"))
		end += strlen(end);
	if (end == text || *end || isnan(factor) || !(d >= 0) ||
	    d * factor > 9e18)
		bench_die(BENCH_USAGE,
			  "--%s %s: not a number like 100, 64K "
			  "or 1.5G",
			  option, text);
	return (uint64_t)(d * factor);
}

/* Four strings in turn, so that one printf() may show several. */
static char *next_text(void)
{
	static char text[4][32];
	static unsigned turn;

	return text[turn++ % 4];
}

static const char *scaled(double v, double base, const char *const *units)
{
	char *text = next_text();

	for (; v >= base && units[1]; units++)
		v /= base;
	snprintf(text, 32, "%.*f %s",
		 v >= 100 || v == floor(v) ? 0 :
		 v >= 10		   ? 1 :
					     2,
		 v, *units);
	return text;
}

const char *bench_size(double bytes)
{
	static const char *const units[] = { "B",   "KiB", "MiB",
					     "GiB", "TiB", NULL };

	return scaled(bytes, 1024, units);
}

const char *bench_time(double ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s", NULL };

	return scaled(ns, 1000, units);
}

void *bench_shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_die(BENCH_CANNOT, "no %s of shared memory: %s",
			  bench_size((double)bytes), strerror(errno));
	return p;
}

void bench_pin_cpu(unsigned no)
{
	cpu_set_t may, one;

	if (sched_getaffinity(0, sizeof(may), &may))
		return;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || no-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}
