// SPDX-License-Identifier: BSD-3-Clause
/* A worker of the storm: a mixed load, and the odd things processes do. */
#include "common_storm.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE_S 20

struct storm *storm;
int storm_fd = -1;

uint64_t storm_sum(const char *first, size_t step)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < storm->workers; i++)
		s += load_count(
			(const uint64_t *)(const void *)(first + i * step));
	return s;
}

int storm_over(void)
{
	return __atomic_load_n(&storm->stop, __ATOMIC_RELAXED) != 0;
}

time_t storm_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void storm_pause_us(uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000),
			      (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

struct maru_pool *storm_join(uint64_t offset, int *rc)
{
	struct maru_open_opts o = { .size = sizeof(o), .offset = offset };
	struct maru_pool *pool;

	*rc = maru_open(storm->target, &o, &pool);
	return pool;
}

/* Odd things ------------------------------------------------------------------- */

struct worker {
	struct load load;
	struct durable_worker durable;
	struct maru_pool *low, *high; /* low NULL: no slot was free */
	unsigned me;
	uint64_t seed;
};

/* A child that outlives us for a while and has nothing of ours. */
static void be_child(struct worker *w)
{
	int rc = maru_exists(w->high, S("number 1"));

	prctl(PR_SET_PDEATHSIG, 0);
	if (rc != MARU_E_CLOSED)
		load_bad(w->durable.board, "call in a child", rc, 0);
	storm_pause_us(test_random(&w->load.rnd) % 10000);
	_exit(0);
}

static void fork_only(struct worker *w)
{
	if (fork() == 0)
		be_child(w);
}

/* The library's handlers do not run: the child shares the locks. */
static void clone_only(struct worker *w)
{
	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0)
		be_child(w);
}

/* The same pid and start time, but another program: nothing is held. */
static void exec_only(struct worker *w)
{
	char me[16], seed[32], fd[16];
	char *argv[] = { (char[]){ "stress_kill" },
			 (char[]){ "--worker" },
			 me,
			 seed,
			 fd,
			 NULL };

	snprintf(me, sizeof(me), "%u", w->me);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)w->seed);
	snprintf(fd, sizeof(fd), "%d", storm_fd);
	execv("/proc/self/exe", argv);
	load_bad(w->durable.board, "exec", -errno, 0);
}

/* The locks go, the mapping stays, and with it we are alive. */
static void close_all(struct worker *w)
{
	unsigned low = (unsigned)storm_fd, high = low, target;

	(void)w;
	/* only where all can look us up: from another pid namespace a lock is
	 * all there is to see */
	if (storm->namespaces)
		return;
	if (sscanf(storm->target, "fd:%u", &target) == 1) {
		low = target < low ? target : low;
		high = target > high ? target : high;
	}
	close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static void unshare_some(struct worker *w)
{
	(void)w;
	unshare(CLONE_FILES | CLONE_FS);
	/* of its children only */
	if (storm->namespaces && unshare(CLONE_NEWPID) == 0)
		fork_only(w);
}

static void be_odd(struct worker *w, uint64_t random)
{
	static void (*const odd[])(struct worker *) = { fork_only, clone_only,
							exec_only, close_all,
							unshare_some };

	__atomic_fetch_add(&storm->odd[w->me], 1, __ATOMIC_RELAXED);
	odd[random % TEST_LEN(odd)](w);
}

/* Work -------------------------------------------------------------------------- */

/* There are fewer slots in the low pool than workers; but in the high one. */
static int join_both(struct worker *w)
{
	time_t since = storm_now();
	int rc;

	w->low = storm_join(0, &rc);
	if (rc == -EUSERS)
		__atomic_fetch_add(&storm->full[w->me], 1, __ATOMIC_RELAXED);
	else if (rc != 0)
		load_bad(w->durable.board, "open", rc, 0);
	/* somebody may be cleaning up, or stand still while he is */
	do {
		w->high = storm_join(STORM_WINDOW, &rc);
	} while (rc == -EUSERS && storm_now() - since < PATIENCE_S);
	if (rc != 0)
		load_bad(w->durable.board, "open", rc, 1);
	w->durable.pool = w->high;
	return w->high != NULL;
}

static void leave_both(struct worker *w)
{
	int rc;

	if (w->low != NULL)
		load_end(&w->load);
	if ((rc = maru_close(w->low, 0)) != 0 ||
	    (rc = maru_close(w->high, 0)) != 0)
		load_bad(w->durable.board, "close", rc, 0);
}

/* One stay in the pools; @mask says how long it is. */
static void stay(struct worker *w, uint64_t mask)
{
	uint64_t r;

	load_start(&w->load, w->low, w->durable.board, w->seed);
	w->load.keys = 6000;
	do {
		if (w->low != NULL)
			load_step(&w->load);
		r = w->seed = test_random(&w->load.rnd);
		if (w->low == NULL || (r & 3) == 0)
			durable_step(&w->durable, r >> 8);
		if ((r >> 4 & 511) == 0)
			be_odd(w, r >> 20);
	} while ((r >> 32 & mask) != 0 && !storm_over());
}

void storm_work(unsigned me, uint64_t seed)
{
	struct worker w = { .me = me, .seed = seed };
	/* some come and go all the time, to be killed at that */
	uint64_t mask = seed % 4 == 0 ? 15 : 4095;

	w.durable.keys = &storm->durable;
	w.durable.board = &storm->board[me];
	w.durable.me = me;
	w.durable.nr = storm->workers;
	/* nobody waits for the children, and after execve() nobody could */
	signal(SIGCHLD, SIG_IGN);
	while (!storm_over()) {
		if (!join_both(&w))
			_exit(1);
		stay(&w, mask);
		leave_both(&w);
	}
}

pid_t storm_start(unsigned me, uint64_t seed)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		storm_work(me, seed);
	_exit(0);
}

int storm_after_exec(char **argv)
{
	if (argv[0] == NULL || argv[1] == NULL || argv[2] == NULL)
		return 16;
	storm_fd = atoi(argv[2]);
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED,
		     storm_fd, 0);
	if (storm == MAP_FAILED)
		return 1;
	storm_work((unsigned)atoi(argv[0]), strtoull(argv[1], NULL, 0));
	return 0;
}
