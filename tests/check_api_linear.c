// SPDX-License-Identifier: BSD-3-Clause
/*
 * A recorded history of several processes on one key has an order in which
 * one process alone could have done it all (linearizability).
 *
 * Each process notes when a call began and ended and what it said.  The search
 * goes forward through all orders that keep "ended before the other began":
 * a point of it is how far each process has got and what the key's value is.
 * A call of a killed process that has no end may have happened or not.
 */
#include "common.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PROCS 4
#define CALLS 3000
#define POINTS 4096 /* of one depth of the search */

enum call { STORE, DELETE, EXISTS, READ };

struct record {
	uint64_t begin, end; /* ns; end 0: did not return */
	enum call call;
	int rc;
	uint32_t value; /* stored or read; 0 is none */
};

struct history {
	struct record rec[PROCS][CALLS];
	uint32_t nr[PROCS]; /* begun */
	uint32_t here;
};

static struct history *history;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int make_call(struct maru_pool *pool, struct record *r)
{
	size_t len;

	switch (r->call) {
	case STORE:
		return maru_store(pool, S("k"), &r->value, sizeof(r->value));
	case DELETE:
		return maru_delete(pool, S("k"));
	case EXISTS:
		return maru_exists(pool, S("k"));
	default:
		return maru_read(pool, S("k"), &r->value, sizeof(r->value),
				 &len);
	}
}

static bool all_here(void)
{
	return __atomic_load_n(&history->here, __ATOMIC_SEQ_CST) >= PROCS;
}

static void record_calls(struct maru_pool *pool, unsigned me)
{
	uint64_t rnd = (uint64_t)test_scene->no[0] * PROCS + me;

	test_stay();
	/* All at once, as far as there are processors. */
	__atomic_fetch_add(&history->here, 1, __ATOMIC_SEQ_CST);
	while (!all_here())
		sched_yield();
	for (uint32_t i = 0; i < TEST_ROUNDS(CALLS); i++) {
		struct record *r = &history->rec[me][i];

		if ((test_random(&rnd) & 31) == 0)
			sched_yield(); /* so that more than two take part */
		r->call = test_random(&rnd) >> 32 & 3;
		r->value = r->call == STORE ? (me + 1) << 16 | i : 0;
		r->begin = now();
		__atomic_store_n(&history->nr[me], i + 1, __ATOMIC_SEQ_CST);
		r->rc = make_call(pool, r);
		__atomic_store_n(&r->end, now(), __ATOMIC_SEQ_CST);
	}
	while (me < (unsigned)test_scene->no[1])
		pause(); /* and be killed, at the latest */
}

/* How far each process is, and the key's value then. */
struct point {
	uint32_t at[PROCS];
	uint32_t value;
};

/* 1 and the value after it, if @r can happen when the key's is @value. */
static int happens(const struct record *r, uint32_t value, uint32_t *after)
{
	*after = value;
	if (r->end == 0) {
		if (r->call == STORE && value == 0)
			*after = r->value;
		if (r->call == DELETE)
			*after = 0;
		return 1;
	}
	switch (r->call) {
	case STORE:
		if (r->rc == 0)
			*after = r->value;
		return r->rc == (value == 0 ? 0 : MARU_EXISTED);
	case DELETE:
		if (r->rc == 0)
			*after = 0;
		if (r->rc == -EBUSY) /* a reader holds it for its copy */
			return value != 0;
		return r->rc == (value == 0 ? -ENOENT : 0);
	case EXISTS:
		return r->rc == (value != 0);
	default:
		if (r->rc == 0)
			return r->value == value;
		return r->rc == -ENOENT && value == 0;
	}
}

static const struct record *next(const struct point *p, unsigned proc)
{
	if (p->at[proc] == history->nr[proc])
		return NULL;
	return &history->rec[proc][p->at[proc]];
}

/* Nobody's next call had ended before this one began. */
static int may_come(const struct point *p, const struct record *r)
{
	for (unsigned q = 0; q < PROCS; q++) {
		const struct record *other = next(p, q);

		if (other != NULL && other->end != 0 && other->end < r->begin)
			return 0;
	}
	return 1;
}

static int complete(const struct point *p)
{
	for (unsigned q = 0; q < PROCS; q++) {
		const struct record *r = next(p, q);

		if (r != NULL && r->end != 0)
			return 0;
	}
	return 1;
}

static unsigned add(struct point *set, unsigned nr, const struct point *p)
{
	for (unsigned i = 0; i < nr; i++)
		if (memcmp(&set[i], p, sizeof(*p)) == 0)
			return nr;
	ck_assert_uint_lt(nr, POINTS);
	set[nr] = *p;
	return nr + 1;
}

/* One call further from each point of @from; 1 when all calls are placed. */
static int step(const struct point *from, unsigned nr, struct point *to,
		unsigned *to_nr)
{
	*to_nr = 0;
	for (unsigned i = 0; i < nr; i++) {
		if (complete(&from[i]))
			return 1;
		for (unsigned proc = 0; proc < PROCS; proc++) {
			const struct record *r = next(&from[i], proc);
			struct point p = from[i];

			if (r == NULL || !may_come(&p, r) ||
			    !happens(r, p.value, &p.value))
				continue;
			p.at[proc]++;
			*to_nr = add(to, *to_nr, &p);
		}
	}
	return 0;
}

static void has_an_order(void)
{
	struct point *from = calloc(POINTS, sizeof(*from));
	struct point *to = calloc(POINTS, sizeof(*to)), *swap;
	unsigned nr = 1, to_nr, depth = 0;

	while (!step(from, nr, to, &to_nr)) {
		ck_assert_msg(to_nr > 0, "no order beyond call %u", depth);
		swap = from;
		from = to;
		to = swap;
		nr = to_nr;
		depth++;
	}
	free(from);
	free(to);
}

/* The first @doomed processes do not end by themselves. */
static void make_history(unsigned seed, unsigned doomed, pid_t pid[PROCS])
{
	history = mmap(NULL, sizeof(*history), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(history, MAP_FAILED);
	test_scene->no[0] = seed;
	test_scene->no[1] = doomed;
	for (unsigned i = 0; i < PROCS; i++)
		pid[i] = test_staying(record_calls, i);
	for (unsigned i = 0; i < PROCS; i++)
		test_post(&test_scene->go);
}

START_TEST(what_many_processes_saw_has_an_order)
{
	pid_t pid[PROCS];

	test_pool(NULL);
	for (unsigned seed = 0; seed < TEST_ROUNDS(10); seed++) {
		struct maru_pool *pool = test_open(0);

		make_history(seed, 0, pid);
		for (unsigned i = 0; i < PROCS; i++)
			test_ended(pid[i]);
		has_an_order();
		munmap(history, sizeof(*history));
		ck_assert_int_eq(maru_clear(pool, NULL), 0);
		test_close(pool);
	}
}
END_TEST

START_TEST(what_is_left_of_a_killed_process_has_an_order_too)
{
	pid_t pid[PROCS];
	uint64_t rnd = 1;

	test_pool(NULL);
	for (unsigned seed = 100; seed < 100 + TEST_ROUNDS(20); seed++) {
		struct maru_pool *pool = test_open(0);
		struct timespec t = { 0, 0 };

		make_history(seed, 1, pid);
		/* The others start with it, so it must get as far as that. */
		for (unsigned i = 0; i < 20000000 && !all_here(); i++)
			sched_yield();
		/* Not to wait for anything: to hit another instruction. */
		t.tv_nsec = (long)(test_random(&rnd) % 1000000);
		nanosleep(&t, NULL);
		test_kill(pid[0]);
		for (unsigned i = 1; i < PROCS; i++)
			test_ended(pid[i]);
		has_an_order();
		munmap(history, sizeof(*history));
		ck_assert_int_eq(maru_clear(pool, NULL), 0);
		test_close(pool);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_many_processes_saw_has_an_order,
		what_is_left_of_a_killed_process_has_an_order_too,
	};

	return test_run("order of calls", TEST_MEDIA, tests, TEST_LEN(tests));
}
