// SPDX-License-Identifier: BSD-3-Clause
/* The guard's handler among others: what is not ours is passed on. */
#include "common_poison.h"
#include "common_room.h"

#include "dev/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

static volatile sig_atomic_t came;
static sigjmp_buf back;
static struct sigaction former;

static struct maru_pool *guarded(void)
{
	test_format(NULL);
	return test_open(MARU_OPEN_GUARD);
}

/* A page of the program's own that fails. */
static volatile char *own_page(void)
{
	char *p = mmap(NULL, POISON_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	poison_page(p);
	return p;
}

static void leap(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)info;
	(void)uc;
	came++;
	siglongjmp(back, 1);
}

static void count(int sig)
{
	(void)sig;
	came++;
}

static void chain(int sig, siginfo_t *info, void *uc)
{
	came++;
	former.sa_sigaction(sig, info, uc);
}

static void handle(void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO };

	ck_assert_int_eq(sigaction(SIGBUS, &sa, &former), 0);
}

static bool leaps(volatile char *at)
{
	if (sigsetjmp(back, 1))
		return true;
	(void)*at;
	return false;
}

/* A store that fails, and the same number stored then. */
static void fails_once(struct maru_pool *p, unsigned no)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
	poison_page(buf.data);
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	ck_assert_int_eq(test_put(p, no, 100), -EIO);
	ck_assert_int_eq(test_put(p, no, 100), 0);
}

START_TEST(a_fault_of_the_programs_own_goes_to_its_handler)
{
	struct maru_pool *p;
	volatile char *own = own_page();

	handle(leap);
	p = guarded();
	ck_assert(leaps(own));
	ck_assert(leaps(own));
	ck_assert_int_eq(came, 2);
	fails_once(p, 1);
	ck_assert_int_eq(came, 2);
}
END_TEST

START_TEST(a_read_in_place_by_the_program_is_its_own_affair)
{
	struct maru_pool *p;
	struct maru_view view;

	handle(leap);
	p = guarded();
	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	poison_page(view.data);
	ck_assert(leaps((volatile char *)(uintptr_t)view.data));
	ck_assert_int_eq(came, 1);
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(maru_release(p, &view), 0);
}
END_TEST

START_TEST(a_signal_that_was_sent_is_passed_on)
{
	struct maru_pool *p;

	signal(SIGBUS, count);
	p = guarded();
	ck_assert_int_eq(raise(SIGBUS), 0);
	ck_assert_int_eq(came, 1);
	fails_once(p, 1);
}
END_TEST

START_TEST(a_signal_that_was_ignored_is_so_still)
{
	struct maru_pool *p;

	signal(SIGBUS, SIG_IGN);
	p = guarded();
	ck_assert_int_eq(raise(SIGBUS), 0);
	fails_once(p, 1);
}
END_TEST

static void die_of_own_page(struct maru_pool *none, unsigned no)
{
	volatile char *own = own_page();
	struct maru_pool *p = test_open(MARU_OPEN_GUARD);

	(void)none;
	fails_once(p, no);
	(void)*own;
}

static void die_of_a_signal(struct maru_pool *none, unsigned no)
{
	struct maru_pool *p = test_open(MARU_OPEN_GUARD);

	(void)none;
	fails_once(p, no);
	raise(SIGBUS);
}

static void die_without_guard(struct maru_pool *p, unsigned no)
{
	struct maru_buf buf;

	ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
	poison_page(buf.data);
	ck_assert_int_eq(maru_abort(p, &buf), 0);
	test_put(p, no, 100);
}

START_TEST(where_nobody_handles_it_the_process_dies_of_it)
{
	struct maru_pool *p;

	signal(SIGBUS, SIG_DFL); /* a sanitizer may have one */
	p = test_pool(NULL);
	test_died_of(test_fork(die_of_own_page, 1), SIGBUS);
	test_died_of(test_fork(die_of_a_signal, 2), SIGBUS);
	test_died_of(test_client(die_without_guard, 3), SIGBUS);
	ck_assert_int_ge(maru_reap(p), 1); /* each has reaped the one before */
	ck_assert_uint_eq(test_stats(p).clients, 1);
}
END_TEST

START_TEST(a_handler_that_came_later_and_calls_ours_does_no_harm)
{
	struct maru_pool *p, *q;

	signal(SIGBUS, SIG_IGN);
	p = guarded();
	handle(chain);
	fails_once(p, 1);
	ck_assert_int_eq(came, 1);
	/* nor does one more guarded handle */
	q = test_open(MARU_OPEN_GUARD);
	fails_once(q, 2);
	ck_assert_int_eq(came, 2);
	ck_assert_int_eq(raise(SIGBUS), 0);
	ck_assert_int_eq(came, 3);
}
END_TEST

START_TEST(a_handler_that_came_later_stays_when_the_last_handle_goes)
{
	struct sigaction now;
	struct maru_pool *p = guarded();

	handle(leap);
	test_close(p);
	ck_assert_int_eq(sigaction(SIGBUS, NULL, &now), 0);
	ck_assert(now.sa_sigaction == leap);
}
END_TEST

START_TEST(the_former_handler_is_back_when_the_last_guarded_handle_goes)
{
	struct sigaction now;
	struct maru_pool *p, *q;

	signal(SIGBUS, count);
	p = guarded();
	q = test_open(MARU_OPEN_GUARD);
	test_close(p);
	fails_once(q, 1);
	test_close(q);
	ck_assert_int_eq(sigaction(SIGBUS, NULL, &now), 0);
	ck_assert(now.sa_handler == count);
	p = test_open(MARU_OPEN_GUARD);
	fails_once(p, 2);
}
END_TEST

/* The recovery point is the thread's own. */
static void *hammer(void *arg)
{
	static char failed[] = "failed";
	struct maru_pool *p = arg;
	static unsigned next;
	unsigned first = 100 * __sync_add_and_fetch(&next, 1);

	for (unsigned i = 0; i < 50; i++) {
		struct maru_view view;
		unsigned no = first + i;

		if (test_put(p, no, 5000) || test_hold(p, no, &view))
			return failed;
		poison_page((const char *)view.data + POISON_PAGE);
		if (maru_probe(p, &view) != -EIO || maru_release(p, &view))
			return failed;
		if (test_has(p, no) || test_put(p, no, 5000) ||
		    test_get(p, no, 5000))
			return failed;
	}
	return NULL;
}

START_TEST(threads_are_struck_each_for_itself)
{
	struct maru_pool *p = guarded();
	pthread_t thread[4];
	void *wrong;

	for (unsigned i = 0; i < TEST_LEN(thread); i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, hammer, p),
				 0);
	for (unsigned i = 0; i < TEST_LEN(thread); i++) {
		ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
	ck_assert_uint_eq(test_stats(p).bad, 50 * TEST_LEN(thread));
	ck_assert_uint_eq(test_stats(p).total.bad, 50 * TEST_LEN(thread));
}
END_TEST

static void touch(void *ctx)
{
	(void)*(volatile char *)ctx;
}

START_TEST(guards_nest_and_the_inner_one_comes_first)
{
	struct maru_pool *p = guarded();
	const struct dev_map *map = &media_region(&p->media, 0)->map;
	struct maru_buf buf;
	struct guard outer;
	uint64_t off = 0;

	ck_assert_int_eq(maru_alloc(p, 100, &buf), 0);
	poison_page(buf.data);
	ck_assert(!guard_inside());
	if (GUARD_CATCH(&outer))
		ck_abort_msg("led back to the outer one");
	guard_enter(&outer, map);
	ck_assert(!guard_run(map, touch, buf.data, &off));
	ck_assert(guard_inside());
	guard_leave(&outer);
	ck_assert(!guard_inside());
	ck_assert_uint_eq(off,
			  (uint64_t)((unsigned char *)buf.data - map->base));
	poison_heal(p, buf.data, POISON_PAGE);
	ck_assert_int_eq(maru_abort(p, &buf), 0);
}
END_TEST

/* The real thing: a page that the kernel takes for broken. */
START_TEST(a_page_that_the_kernel_has_poisoned)
{
	struct maru_pool *p = guarded();
	struct maru_view view;
	void *page;

	ck_assert_int_eq(test_put(p, 1, 100), 0);
	ck_assert_int_eq(test_hold(p, 1, &view), 0);
	page = (void *)(uintptr_t)view.data;
	if (madvise(page, POISON_PAGE, MADV_HWPOISON)) {
		printf("skipped: MADV_HWPOISON: %s\n", strerror(errno));
		ck_assert_int_eq(maru_release(p, &view), 0);
		return;
	}
	ck_assert_int_eq(maru_probe(p, &view), -EIO);
	ck_assert_int_eq(maru_release(p, &view), 0);
	ck_assert_uint_eq(test_stats(p).bad, 1);
	ck_assert_int_eq(test_put(p, 1, 100), 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_fault_of_the_programs_own_goes_to_its_handler,
		a_read_in_place_by_the_program_is_its_own_affair,
		a_signal_that_was_sent_is_passed_on,
		a_signal_that_was_ignored_is_so_still,
		where_nobody_handles_it_the_process_dies_of_it,
		a_handler_that_came_later_and_calls_ours_does_no_harm,
		a_handler_that_came_later_stays_when_the_last_handle_goes,
		the_former_handler_is_back_when_the_last_guarded_handle_goes,
		threads_are_struck_each_for_itself,
		guards_nest_and_the_inner_one_comes_first,
		a_page_that_the_kernel_has_poisoned,
	};

	return test_run("the guard's handler", TEST_MEM, tests,
			TEST_LEN(tests));
}
