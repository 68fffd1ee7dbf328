// SPDX-License-Identifier: BSD-3-Clause
/* Single steps by ptrace(2), and a way to an instruction that is not all steps.
 *
 * Where the call went is noted once, step by step.  Later runs go to the n-th
 * instruction by breakpoints, the last one a few steps before it: the trace
 * says how often it will be come by.  A run that takes another way than the trace is a run
 * like any other; it just stops elsewhere.
 *
 * For x86-64.  On processors with load-linked and store-conditional a trap
 * between the two makes the latter fail, so that stepping never gets out of
 * the loop around them.
 */
#include "common_step.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACES 65536 /* of a trace, at most */

#ifdef __x86_64__

#define WINDOW 100 /* how far before its goal a breakpoint may be */
#define HIT 3	   /* what coming by one costs, in steps */

bool step_supported(void)
{
	return true;
}

extern const char step_mark_after[] __attribute__((visibility("hidden")));

__attribute__((noinline)) void step_mark(void)
{
	__asm__ volatile("int3\n"
			 ".globl step_mark_after\n"
			 ".hidden step_mark_after\n"
			 "step_mark_after:\n" ::
				 : "memory");
}

uint64_t step_pc(pid_t pid)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, pid,
				(void *)offsetof(struct user_regs_struct, rip),
				NULL);
}

static void set_pc(pid_t pid, uint64_t pc)
{
	ptrace(PTRACE_POKEUSER, pid,
	       (void *)offsetof(struct user_regs_struct, rip), (void *)pc);
}

static enum step_stop resume(pid_t pid, int how)
{
	int status;

	if (ptrace(how, pid, NULL, NULL) != 0 ||
	    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTRAP)
		return STEP_GONE;
	return step_pc(pid) == (uint64_t)(uintptr_t)step_mark_after ?
		       STEP_MARK :
		       STEP_THERE;
}

enum step_stop step_once(pid_t pid)
{
	return resume(pid, PTRACE_SINGLESTEP);
}

static bool poke(pid_t pid, uint64_t pc, long word)
{
	return ptrace(PTRACE_POKETEXT, pid, (void *)pc, (void *)word) == 0;
}

/* To the @times-th arrival at @pc from here. */
static enum step_stop run_to(pid_t pid, uint64_t pc, uint32_t times)
{
	enum step_stop stop = STEP_THERE;
	long was, with;

	errno = 0;
	was = ptrace(PTRACE_PEEKTEXT, pid, (void *)pc, NULL);
	with = (was & ~0xffL) | 0xcc;
	if (errno != 0)
		return STEP_GONE;
	while (times > 0) {
		/* off a place where it stands already */
		if (step_pc(pid) == pc)
			stop = step_once(pid);
		if (stop != STEP_THERE)
			return stop;
		if (!poke(pid, pc, with))
			return STEP_GONE;
		stop = resume(pid, PTRACE_CONT);
		if (stop == STEP_GONE)
			return stop;
		poke(pid, pc, was);
		if (stop == STEP_MARK)
			return stop;
		set_pc(pid, pc);
		times--;
	}
	return stop;
}

#else

bool step_supported(void)
{
	return false;
}

void step_mark(void)
{
}

uint64_t step_pc(pid_t pid)
{
	(void)pid;
	return 0;
}

enum step_stop step_once(pid_t pid)
{
	(void)pid;
	return STEP_GONE;
}

#define WINDOW 0
#define HIT 0

static enum step_stop run_to(pid_t pid, uint64_t pc, uint32_t times)
{
	(void)pid;
	(void)pc;
	(void)times;
	return STEP_GONE;
}

#endif

/* An instruction that repeats is arrived at once: its rounds are no arrivals */
static bool arrives(const struct step_trace *t, size_t n)
{
	return n == 0 || t->pc[n] != t->pc[n - 1];
}

/* Where the hash says when @pc was last noted, plus 1. */
static uint32_t *place(const struct step_trace *t, uint64_t pc)
{
	size_t i = pc * 0x9e3779b97f4a7c15u >> 48;

	while (t->last[i] && t->pc[t->last[i] - 1] != pc)
		i = (i + 1) % PLACES;
	return &t->last[i];
}

void step_note(struct step_trace *t, uint64_t pc)
{
	uint32_t *last = NULL;

	if (t->last == NULL)
		t->last = calloc(PLACES, sizeof(*t->last));
	if (t->nr == t->room) {
		t->room = t->room ? t->room * 2 : 4096;
		t->pc = realloc(t->pc, t->room * sizeof(*t->pc));
		t->arrivals =
			realloc(t->arrivals, t->room * sizeof(*t->arrivals));
	}
	if (t->pc == NULL || t->arrivals == NULL || t->last == NULL)
		abort();
	/* the last arrival knows how many there were before */
	last = place(t, pc);
	t->pc[t->nr] = pc;
	t->arrivals[t->nr] =
		(*last ? t->arrivals[*last - 1] : 0) + arrives(t, t->nr);
	*last = (uint32_t)++t->nr;
}

/* How often @pc was arrived at in the first @n steps. */
static uint32_t arrivals_by(const struct step_trace *t, uint64_t pc, size_t n)
{
	for (size_t i = n + 1; i-- > 0;)
		if (t->pc[i] == pc)
			return t->arrivals[i];
	return 0; /* from the start this costs nothing, and else little */
}

static uint32_t arrivals_from(const struct step_trace *t, size_t m, size_t from)
{
	return t->arrivals[m] - arrivals_by(t, t->pc[m], from);
}

/* The last place on the way that is come by for the first time. */
static size_t last_new(const struct step_trace *t, size_t from, size_t to)
{
	for (size_t m = to; m > from; m--)
		if (arrives(t, m) && arrivals_from(t, m, from) == 1)
			return m;
	return from;
}

/* A few steps before the goal, the place that is come by least. */
static size_t last_rare(const struct step_trace *t, size_t from, size_t to)
{
	size_t best = from, least = to - from;

	for (size_t m = to; m > from && m + WINDOW > to; m--) {
		size_t cost;

		if (!arrives(t, m))
			continue;
		cost = to - m + HIT * (size_t)arrivals_from(t, m, from);
		if (cost < least) {
			least = cost;
			best = m;
		}
	}
	return best;
}

enum step_stop step_to(pid_t pid, const struct step_trace *t, size_t from,
		       size_t to)
{
	enum step_stop stop = STEP_THERE;
	size_t m = last_new(t, from, to);

	if (m > from) {
		stop = run_to(pid, t->pc[m], 1);
		from = m;
	}
	m = last_rare(t, from, to);
	if (stop == STEP_THERE && m > from) {
		stop = run_to(pid, t->pc[m], arrivals_from(t, m, from));
		from = m;
	}
	while (stop == STEP_THERE && from++ < to)
		stop = step_once(pid);
	return stop;
}

pid_t step_spawn(void (*fn)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		fn(arg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTRAP)
		return -1;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL);
	return pid;
}

void step_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		;
}

int step_run_out(pid_t pid)
{
	int status = 0, sig = 0;

	do {
		if (ptrace(PTRACE_CONT, pid, NULL, (void *)(long)sig) != 0 ||
		    waitpid(pid, &status, 0) != pid)
			return -1;
		sig = WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP ?
			      WSTOPSIG(status) :
			      0;
	} while (WIFSTOPPED(status));
	return status;
}

/* The mapping of this program that holds @pc, and the offset in its file. */
static bool file_of(uint64_t pc, char path[256], uint64_t *off)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long long from, to, at;
	char line[512];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		path[0] = '\0';
		if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %255s", &from, &to,
			   &at, path) < 3)
			continue;
		found = pc >= from && pc < to;
		*off = pc - from + at;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

const char *step_where(uint64_t pc)
{
	static char where[256];
	char path[256], line[2][160] = { "?", "?" }, cmd[400];
	uint64_t off;
	FILE *f;

	snprintf(where, sizeof(where), "%#llx", (unsigned long long)pc);
	if (!file_of(pc, path, &off))
		return where;
	snprintf(cmd, sizeof(cmd), "addr2line -f -e '%s' %#llx 2>/dev/null",
		 path, (unsigned long long)off);
	f = path[0] == '/' ? popen(cmd, "r") : NULL;
	for (int i = 0; f != NULL && i < 2; i++)
		if (fgets(line[i], sizeof(line[i]), f) != NULL)
			line[i][strcspn(line[i], "\n")] = '\0';
	if (f != NULL)
		pclose(f);
	snprintf(where, sizeof(where), "%.80s (%.80s) %.60s+%#llx", line[0],
		 strrchr(line[1], '/') ? strrchr(line[1], '/') + 1 : line[1],
		 strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
		 (unsigned long long)off);
	return where;
}
