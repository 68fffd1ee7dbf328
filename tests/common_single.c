// SPDX-License-Identifier: BSD-3-Clause
/* Single steps within this process, by the processor's trap flag. */
#include "common_single.h"

#include <signal.h>
#include <stddef.h>

static step_look_fn look_now;
static const char *found;
static uint64_t steps;

static void stopped(int sig)
{
	const char *wrong = NULL;

	(void)sig;
	steps++;
	if (found == NULL)
		wrong = look_now();
	if (wrong != NULL)
		found = wrong;
}

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)

#define TRAP_FLAG 0x100

bool single_can(void)
{
	return true;
}

/* What the compiler keeps below the stack pointer is not to be overwritten. */
static inline void trap(bool on)
{
	if (on)
		__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\t"
				 "orq %0, (%%rsp)\n\tpopfq\n\t"
				 "add $128, %%rsp"
				 :
				 : "i"(TRAP_FLAG)
				 : "memory", "cc");
	else
		__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\t"
				 "andq %0, (%%rsp)\n\tpopfq\n\t"
				 "add $128, %%rsp"
				 :
				 : "i"(~TRAP_FLAG)
				 : "memory", "cc");
}

#else

bool single_can(void)
{
	return false;
}

static inline void trap(bool on)
{
	(void)on;
}

#endif

uint64_t single_through(void (*fn)(void), step_look_fn look, const char **wrong)
{
	struct sigaction act = { .sa_handler = stopped }, before;

	look_now = look;
	found = NULL;
	steps = 0;
	sigaction(SIGTRAP, &act, &before);
	trap(true);
	fn();
	trap(false);
	sigaction(SIGTRAP, &before, NULL);
	*wrong = found;
	return steps;
}
