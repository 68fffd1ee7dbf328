// SPDX-License-Identifier: BSD-3-Clause
/*
 * Threads of one handle and a second process under a mixed load: for
 * ThreadSanitizer, which sees the threads of the first one.
 */
#include "common_load.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 32
#define PROCESSES 2

struct shared {
	uint32_t stop;
	struct load_board board[PROCESSES][THREADS_MAX];
};

static struct shared *shared;
static unsigned threads = 4;
static uint64_t seed = 1;

struct thread {
	pthread_t id;
	struct maru_pool *pool;
	struct load_board *board;
	uint64_t seed;
};

static void *work(void *arg)
{
	struct thread *t = arg;
	struct load l;

	load_start(&l, t->pool, t->board, t->seed);
	l.keys = 3000;
	while (__atomic_load_n(&shared->stop, __ATOMIC_RELAXED) == 0)
		load_step(&l);
	load_end(&l);
	return NULL;
}

/* All threads of one process; returns how many did not start. */
static int start(struct thread *t, struct maru_pool *pool, unsigned process)
{
	int failed = 0;

	for (unsigned i = 0; i < threads; i++) {
		t[i].pool = pool;
		t[i].board = &shared->board[process][i];
		t[i].seed = seed * PROCESSES * THREADS_MAX +
			    process * THREADS_MAX + i;
		failed += pthread_create(&t[i].id, NULL, work, &t[i]) != 0;
	}
	return failed;
}

static void join(struct thread *t)
{
	for (unsigned i = 0; i < threads; i++)
		pthread_join(t[i].id, NULL);
}

static int second_process(const char *target)
{
	struct thread t[THREADS_MAX];
	struct maru_pool *pool;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (maru_open(target, NULL, &pool) != 0 || start(t, pool, 1) != 0) {
		fprintf(stderr, "second process: %s\n", maru_errmsg());
		return 1;
	}
	join(t);
	return maru_close(pool, 0) != 0;
}

static uint64_t sum(size_t counter)
{
	uint64_t s = 0;

	for (unsigned p = 0; p < PROCESSES; p++)
		for (unsigned i = 0; i < threads; i++)
			s += load_count(
				(const uint64_t *)((const char *)&shared
							   ->board[p][i] +
						   counter));
	return s;
}

#define SUM(counter) sum(offsetof(struct load_board, counter))

/* Until the time is over or something is wrong. */
static void let_them(unsigned seconds)
{
	struct timespec t = { 0, 100000000 };

	for (unsigned i = 0; i < seconds * 10; i++) {
		if (SUM(bad) + SUM(wrong) > 0)
			break;
		nanosleep(&t, NULL);
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	fprintf(stderr, "FAIL: invariant %u at %#llx: %s\n", fault->invariant,
		(unsigned long long)fault->addr, fault->what);
}

static int look_over(struct maru_pool *pool)
{
	struct maru_stats st = { .size = sizeof(st) };
	int faults;

	if (maru_stats(pool, &st) != 0)
		return 1;
	faults = maru_check(pool, tell, NULL);
	printf("%llu entries, %llu evictions; buffers %llu, claims %llu, pins "
	       "%llu, faults %d\n",
	       (unsigned long long)st.entries,
	       (unsigned long long)st.total.evictions,
	       (unsigned long long)st.buffers, (unsigned long long)st.claims,
	       (unsigned long long)st.pins, faults);
	if (st.buffers + st.claims + st.pins != 0 || faults != 0)
		return 1;
	if (maru_clear(pool, NULL) != 0 || maru_stats(pool, &st) != 0)
		return 1;
	printf("after clear: %llu bytes used\n",
	       (unsigned long long)st.used_bytes);
	return st.used_bytes != 0;
}

static int storm(const char *target, unsigned seconds)
{
	struct thread t[THREADS_MAX];
	struct maru_pool *pool;
	int status, bad;
	pid_t pid;

	/* The child comes first, while there is but one thread. */
	pid = fork();
	if (pid == 0)
		_exit(second_process(target));
	if (pid < 0 || maru_open(target, NULL, &pool) != 0 ||
	    start(t, pool, 0) != 0) {
		fprintf(stderr, "cannot start: %s\n", maru_errmsg());
		return 1;
	}
	let_them(seconds);
	join(t);
	bad = waitpid(pid, &status, 0) != pid || status != 0;
	if (bad)
		fprintf(stderr, "FAIL: second process: %#x\n",
			(unsigned)status);
	bad |= look_over(pool);
	if (maru_close(pool, 0) != 0) {
		fprintf(stderr, "FAIL: close\n");
		bad = 1;
	}
	return bad;
}

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s [--seconds N] [--threads N] [--seed N]\n",
		name);
	return 16;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = 16u << 20,
				      .unit = 4096,
				      .max_clients = 8 };
	const char *time_s = getenv("STRESS_TIME");
	unsigned seconds = time_s != NULL ? (unsigned)atoi(time_s) : 10;
	char target[32];
	int c, fd, bad;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			seconds = (unsigned)atoi(optarg);
		else if (c == 't')
			threads = (unsigned)atoi(optarg);
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 0);
		else
			return usage(argv[0]);
	}
	if (threads < 1 || threads > THREADS_MAX)
		return usage(argv[0]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || maru_create_mem(&o, &fd) != 0) {
		fprintf(stderr, "cannot make the pool: %s\n", maru_errmsg());
		return 1;
	}
	snprintf(target, sizeof(target), "fd:%d", fd);
	bad = storm(target, seconds);
	for (unsigned p = 0; p < PROCESSES; p++)
		for (unsigned i = 0; i < threads; i++)
			if (shared->board[p][i].text[0] != '\0')
				fprintf(stderr,
					"FAIL: process %u thread %u: "
					"%s\n",
					p, i, shared->board[p][i].text);
	printf("operations %llu, no room %llu, wrong values %llu, bad answers "
	       "%llu\n",
	       (unsigned long long)SUM(ops), (unsigned long long)SUM(no_room),
	       (unsigned long long)SUM(wrong), (unsigned long long)SUM(bad));
	return bad || SUM(wrong) + SUM(bad) != 0;
}
