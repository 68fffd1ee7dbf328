/* SPDX-License-Identifier: BSD-3-Clause */
/* What every benchmark needs: a clock, complaints, sizes, shared memory. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Exit codes of every benchmark, told by --help. */
enum {
	BENCH_OK = 0,
	BENCH_WRONG = 1,  /* a wrong byte or a broken promise */
	BENCH_CANNOT = 8, /* could not run */
	BENCH_USAGE = 16,
};

#define BENCH_EXITS                                                 \
	"Exit: 0 all is well, 1 a wrong byte or a broken promise, " \
	"8 could not run, 16 usage.\n"

static inline uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/** bench_die() - say what is wrong on stderr and exit with @code */
_Noreturn void bench_die(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** bench_why() - a sentence for libmaru's error @err, with its own words */
const char *bench_why(int err);

/** bench_number() - a count or size, "64K", "1.5G" (powers of 1024), or die */
uint64_t bench_number(const char *option, const char *text);

/** bench_size() - "1.50 GiB"; up to four calls live in one printf() */
const char *bench_size(double bytes);

/** bench_time() - "3.1 us", likewise */
const char *bench_time(double ns);

/** bench_shared() - zeroed memory that forked children share, or die */
void *bench_shared(size_t bytes);

/** bench_pin_cpu() - keep to the @no-th CPU this process may use, if any */
void bench_pin_cpu(unsigned no);

#endif
