// SPDX-License-Identifier: BSD-3-Clause
/*
 * How long a client's calls take while another one is stopped in the middle of
 * a call, side by side with the same while that one is at rest.
 *
 * The other client works on the same keys; by turns it is stopped wherever it
 * happens to be, or asked to come to rest.  Then this one does a fixed number
 * of calls, each timed.  The numbers are for people to look at: what decides is
 * that every call ended and gave a result that its page allows.
 *
 * usage: crash_pace [-r ROUNDS]
 */
#include "common_step.h"

#include "common.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS 40u	 /* more than there is room for */
#define LEN (200u << 10) /* bytes of a value: four units */
#define CALLS 200u	 /* timed in a round */

enum { HOLD, STORE, DELETE, CLAIM, KINDS };
static const char *const kind_name[KINDS] = { "retrieve and release", "store",
					      "delete", "reserve and abort" };

enum { AT_REST, STOPPED, WAYS };

static struct {
	uint32_t rest;	  /* asked to come to rest */
	uint32_t resting; /* has done so */
	uint64_t calls;
} * peer;

static struct {
	uint32_t *ns;
	size_t nr;
} sample[WAYS][KINDS];

static unsigned rounds = 400;
static uint64_t bad;

static int hold(struct maru_pool *p, unsigned no)
{
	struct maru_view view;
	int rc = test_hold(p, no, &view);

	return rc ? rc : maru_release(p, &view);
}

static int claim(struct maru_pool *p, unsigned no)
{
	char key[TEST_KEY];
	struct maru_buf buf;
	int rc = maru_reserve(p, key, test_key(key, no), LEN, &buf);

	return rc ? rc : maru_abort(p, &buf);
}

static int store(struct maru_pool *p, unsigned no)
{
	static char value[LEN];
	char key[TEST_KEY];

	return maru_store(p, key, test_key(key, no), value, LEN);
}

static int call(struct maru_pool *p, unsigned kind, unsigned no)
{
	switch (kind) {
	case HOLD:
		return hold(p, no);
	case STORE:
		return store(p, no);
	case DELETE:
		return test_drop(p, no);
	default:
		return claim(p, no);
	}
}

static bool allowed(unsigned kind, int rc)
{
	switch (rc) {
	case 0:
		return true;
	case -ENOENT:
		return kind == HOLD || kind == DELETE;
	case -EBUSY:
		return kind == DELETE;
	case MARU_EXISTED:
	case -ENOSPC:
		return kind == STORE || kind == CLAIM;
	case -EINPROGRESS:
		return kind == CLAIM || kind == DELETE;
	default:
		return false;
	}
}

static void be_peer(const char *target)
{
	struct maru_pool *p;
	uint64_t rnd = 7;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (maru_open(target, NULL, &p) != 0)
		_exit(1);
	for (;;) {
		if (__atomic_load_n(&peer->rest, __ATOMIC_ACQUIRE)) {
			__atomic_store_n(&peer->resting, 1, __ATOMIC_RELEASE);
			sched_yield();
			continue;
		}
		__atomic_store_n(&peer->resting, 0, __ATOMIC_RELEASE);
		test_random(&rnd);
		call(p, rnd >> 20 & 3, (unsigned)(rnd >> 30) % KEYS);
		__atomic_fetch_add(&peer->calls, 1, __ATOMIC_RELAXED);
	}
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void keep(unsigned way, unsigned kind, uint64_t ns)
{
	size_t most = (size_t)rounds * CALLS;

	if (sample[way][kind].ns == NULL)
		sample[way][kind].ns = calloc(most, sizeof(uint32_t));
	if (sample[way][kind].ns == NULL)
		abort();
	sample[way][kind].ns[sample[way][kind].nr++] =
		ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static void work(struct maru_pool *p, unsigned way, uint64_t *rnd)
{
	for (unsigned i = 0; i < CALLS; i++) {
		unsigned kind, no;
		uint64_t start;
		int rc;

		test_random(rnd);
		kind = *rnd >> 20 & 3;
		no = (unsigned)(*rnd >> 30) % KEYS;
		start = now();
		rc = call(p, kind, no);
		keep(way, kind, now() - start);
		if (allowed(kind, rc))
			continue;
		printf("VIOLATION %s of %u gives %d: %s\n", kind_name[kind], no,
		       rc, maru_errmsg());
		bad++;
	}
}

static void stand_still(pid_t pid, unsigned way, uint64_t *rnd)
{
	uint64_t until = peer->calls + (test_random(rnd) & 63), wait;

	/* let it get somewhere else first */
	while (__atomic_load_n(&peer->calls, __ATOMIC_RELAXED) < until)
		sched_yield();
	for (wait = test_random(rnd) & 0xffff; wait > 0; wait--)
		__asm__ volatile("" ::: "memory");
	if (way == STOPPED) {
		kill(pid, SIGSTOP);
		waitpid(pid, NULL, WUNTRACED);
		return;
	}
	__atomic_store_n(&peer->rest, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&peer->resting, __ATOMIC_ACQUIRE))
		sched_yield();
	kill(pid, SIGSTOP); /* at rest, and off the processor as well */
	waitpid(pid, NULL, WUNTRACED);
}

static void go_on(pid_t pid)
{
	kill(pid, SIGCONT);
	__atomic_store_n(&peer->rest, 0, __ATOMIC_RELEASE);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double at(unsigned way, unsigned kind, double part)
{
	size_t nr = sample[way][kind].nr;

	return sample[way][kind].ns[(size_t)((double)(nr - 1) * part)] / 1000.0;
}

static void print(void)
{
	printf("%-22s %8s | %8s %8s %8s | %8s %8s %8s\n", "microseconds",
	       "calls", "p50", "p99", "p99.9", "p50", "p99", "p99.9");
	printf("%-22s %8s | %26s | %26s\n", "", "", "peer at rest",
	       "peer stopped in mid-call");
	for (unsigned k = 0; k < KINDS; k++) {
		for (unsigned w = 0; w < WAYS; w++)
			qsort(sample[w][k].ns, sample[w][k].nr,
			      sizeof(uint32_t), by_size);
		printf("%-22s %8zu | %8.2f %8.2f %8.2f | %8.2f %8.2f %8.2f\n",
		       kind_name[k], sample[STOPPED][k].nr, at(AT_REST, k, 0.5),
		       at(AT_REST, k, 0.99), at(AT_REST, k, 0.999),
		       at(STOPPED, k, 0.5), at(STOPPED, k, 0.99),
		       at(STOPPED, k, 0.999));
	}
}

int main(int argc, char **argv)
{
	struct maru_pool *p;
	uint64_t rnd = 11;
	pid_t pid;
	int c;

	while ((c = getopt(argc, argv, "r:")) != -1)
		if (c != 'r' || (rounds = (unsigned)atoi(optarg)) == 0)
			return 2;
	alarm(600); /* nobody waits for ever */
	peer = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	p = peer == MAP_FAILED ? NULL : step_pool();
	if (p == NULL)
		return 2;
	pid = fork();
	if (pid == 0)
		be_peer(step_scene.target);
	for (unsigned i = 0; i < 2 * rounds; i++) {
		stand_still(pid, i % WAYS, &rnd);
		work(p, i % WAYS, &rnd);
		go_on(pid);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print();
	if (maru_reap(p) != 1 || maru_clear(p, NULL) != 0 ||
	    image_used(step_scene.map) != 0 || maru_close(p, 0) != 0) {
		printf("VIOLATION something is left: %s\n", maru_errmsg());
		bad++;
	}
	return bad != 0;
}
