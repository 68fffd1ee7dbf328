// SPDX-License-Identifier: BSD-3-Clause
/* Single steps within this process, by the processor's trap flag. */
#include "common_single.h"

#include <signal.h>
#include <string.h>
#include <stddef.h>
#include <ucontext.h>

static single_look_fn look_now;
static const char *found;
static uint64_t steps;

extern const char __executable_start, etext;

#define PLACES 65536u
#define ROUNDS 2

static uint64_t *points;
static unsigned points_nr, points_cap;
static unsigned char times[PLACES]; /* by the place in the code, folded */

static void (*meet)(void);
static uint64_t meet_after;

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

#if defined(__x86_64__)

/* Does the instruction touch memory other than the stack?  Between two that do
 * not, nobody can tell whether there was a meeting. */
static bool touches_memory(const unsigned char *ip)
{
	unsigned char rex = 0, op;

	while (*ip == 0x66 || *ip == 0xf2 || *ip == 0xf3)
		ip++;
	if (*ip == 0xf0)
		return true;
	if ((*ip & 0xf0) == 0x40)
		rex = *ip++;
	op = *ip++;
	if (op == 0x0f)
		op = *ip++ < 0x90 ? 0x90 : 0x80;
	else if (!((op < 0x40 && (op & 4) == 0) || op == 0x63 || op == 0x69 ||
		   op == 0x6b || (op >= 0x80 && op <= 0x8f && op != 0x8d) ||
		   op == 0xc6 || op == 0xc7 || op == 0xf6 || op == 0xf7))
		return false;
	if (op == 0x90 || *ip >> 6 == 3)
		return false;
	return (*ip & 7) != 4 || (ip[1] & 7) != 4 || (rex & 1);
}

static void noted(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;
	uintptr_t ip = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	(void)info;
	steps++;
	if (ip < (uintptr_t)&__executable_start || ip >= (uintptr_t)&etext ||
	    times[ip % PLACES] == ROUNDS || points_nr == points_cap ||
	    !touches_memory((const unsigned char *)ip))
		return;
	times[ip % PLACES]++;
	points[points_nr++] = steps - 1;
}

static void met(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)sig;
	(void)info;
	if (steps++ < meet_after || meet == NULL)
		return;
	meet();
	meet = NULL;
	u->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)0x100; /* no more stops */
}

#else

static void noted(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
}

#define met noted

#endif

/* Call @fn with its instructions told to @handler. */
static void call(void (*fn)(void), const struct sigaction *handler)
{
	struct sigaction before;

	steps = 0;
	sigaction(SIGTRAP, handler, &before);
	trap(true);
	fn();
	trap(false);
	sigaction(SIGTRAP, &before, NULL);
}

unsigned single_points(void (*fn)(void), uint64_t *at, unsigned cap)
{
	struct sigaction act = { .sa_sigaction = noted,
				 .sa_flags = SA_SIGINFO };

	points = at;
	points_nr = 0;
	points_cap = cap;
	memset(times, 0, sizeof(times));
	call(fn, &act);
	return points_nr;
}

bool single_meet(void (*fn)(void), uint64_t nr, void (*other)(void))
{
	struct sigaction act = { .sa_sigaction = met, .sa_flags = SA_SIGINFO };

	meet = other;
	meet_after = nr;
	call(fn, &act);
	return meet == NULL;
}

uint64_t single_through(void (*fn)(void), single_look_fn look,
			const char **wrong)
{
	struct sigaction act = { .sa_handler = stopped };

	look_now = look;
	found = NULL;
	call(fn, &act);
	*wrong = found;
	return steps;
}
