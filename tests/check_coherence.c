// SPDX-License-Identifier: BSD-3-Clause
/* The coherence test passes on one memory, and fails on what is not one. */
#include <maru.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common_cache.h"
#include "common_plain.h"

#define MIB (UINT64_C(1) << 20)
#define LINES (sizeof(struct litmus_window) / sizeof(union line))

/* Rounds and time-out of a participant, in @ms. */
static struct maru_coherence_opts options(uint32_t nr, uint32_t ms)
{
	return (struct maru_coherence_opts){
		.size = sizeof(struct maru_coherence_opts),
		.participants = nr,
		.rounds = 20,
		.timeout_ms = ms,
	};
}

/* A file of tmpfs, without a name, as "fd:N". */
static char path[32];
static int shm;

static void shm_file(uint64_t bytes)
{
	shm = open("/dev/shm", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	ck_assert_int_ge(shm, 0);
	ck_assert_int_eq(ftruncate(shm, (off_t)bytes), 0);
	snprintf(path, sizeof(path), "fd:%d", shm);
}

static void *shm_map(uint64_t off, uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, shm,
		       (off_t)off);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static bool is_all(const unsigned char *p, int byte, uint64_t len)
{
	while (len && *p == byte)
		p++, len--;
	return !len;
}

static void shm_is_zero(void)
{
	ck_assert(is_all(shm_map(0, MIB), 0, MIB));
}

/* The test in another process: its exit status is 64 + what it returned. */
static pid_t other(const char *target, const struct maru_coherence_opts *o)
{
	struct maru_coherence_result res;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid)
		_exit(64 + (maru_coherence_test(target, o, &res) & 63));
	return pid;
}

static int other_said(pid_t pid)
{
	int status = plain_wait(pid);

	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status) - 64;
}

static void all_pass(uint32_t nr, const struct maru_coherence_opts *o)
{
	struct maru_coherence_result res;
	pid_t pid[LITMUS_MEMBERS];

	for (uint32_t i = 1; i < nr; i++)
		pid[i] = other(path, o);
	ck_assert_int_eq(maru_coherence_test(path, o, &res), 0);
	for (uint32_t i = 1; i < nr; i++)
		ck_assert_int_eq(other_said(pid[i]), 0);
	ck_assert_uint_eq(res.participants, nr);
	ck_assert_uint_lt(res.rank, nr);
	ck_assert_uint_eq(res.failed, 0);
	ck_assert_uint_eq(res.litmus_nr, LITMUS_NR);
	for (uint32_t i = 0; i < res.litmus_nr; i++) {
		ck_assert_uint_gt(res.litmus[i].tries, 0);
		ck_assert_uint_eq(res.litmus[i].wrong, 0);
	}
}

START_TEST(two_processes_on_one_file_are_coherent)
{
	struct maru_coherence_opts o = options(2, 30000);

	shm_file(MIB);
	all_pass(2, &o);
	shm_is_zero();
}
END_TEST

START_TEST(five_processes_are)
{
	struct maru_coherence_opts o = options(5, 60000);

	o.rounds = 5;
	shm_file(MIB);
	all_pass(5, &o);
}
END_TEST

START_TEST(the_test_stays_in_its_window)
{
	struct maru_coherence_opts o = options(2, 30000);
	unsigned char *p;
	uint64_t end;

	o.flags = MARU_COHERENCE_AT;
	o.offset = 12288;
	shm_file(MIB);
	p = shm_map(0, MIB);
	memset(p, 'a', o.offset);
	memset(p + o.offset + MARU_COHERENCE_BYTES, 'z',
	       MIB - o.offset - MARU_COHERENCE_BYTES);
	all_pass(2, &o);
	end = o.offset + MARU_COHERENCE_BYTES;
	ck_assert(is_all(p, 'a', o.offset));
	ck_assert(is_all(p + o.offset, 0, MARU_COHERENCE_BYTES));
	ck_assert(is_all(p + end, 'z', MIB - end));
}
END_TEST

/* Participants as threads --------------------------------------------------- */

struct part {
	struct litmus l;
	struct soft_cache cache;
	enum litmus_id id;
	pthread_t thread;
	int rc;
};

static void *take_part(void *arg)
{
	struct part *p = arg;

	p->rc = litmus_meet(&p->l);
	if (!p->rc)
		p->rc = litmus_run(&p->l, p->id);
	if (!p->rc)
		p->rc = litmus_part(&p->l);
	return NULL;
}

static struct part part[2];

static void *shared_window(void)
{
	void *p = mmap(NULL, LITMUS_WINDOW, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static void part_make(struct part *p, void *window)
{
	*p = (struct part){
		.l = { .w = window,
		       .nr = 2,
		       .rounds = 16,
		       .timeout_ns = 60000000000u,
		       .name = "test" },
	};
}

static void run_two(void *(*fn)(void *))
{
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			pthread_create(&part[i].thread, NULL, fn, &part[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(part[i].thread, NULL);
}

/* Over a cache that knows nothing of others; true: both have noticed. */
static bool is_noticed(void *window, int litmus)
{
	for (int i = 0; i < 2; i++) {
		part_make(&part[i], NULL);
		part[i].id = (enum litmus_id)litmus;
		ck_assert_int_eq(
			soft_cache_start(&part[i].cache, window, LINES), 0);
		part[i].l.w = (struct litmus_window *)part[i].cache.own;
	}
	run_two(take_part);
	for (int i = 0; i < 2; i++)
		soft_cache_stop(&part[i].cache);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(part[i].rc, 0);
		for (int id = 0; id < LITMUS_NR; id++)
			if (id != litmus)
				ck_assert_uint_eq(part[i].l.tally[id].wrong, 0);
	}
	return part[0].l.tally[litmus].wrong && part[1].l.tally[litmus].wrong;
}

/* What a thread meets is chance, and little of it where it is slow. */
START_TEST(a_cache_that_knows_nothing_of_others_is_caught_by_each_test)
{
	void *window = shared_window();
	bool noticed = false;

	for (int tries = 0; tries < 10 && !noticed; tries++) {
		memset(window, 0, LITMUS_WINDOW);
		noticed = is_noticed(window, _i);
	}
	ck_assert_msg(noticed, "%s saw nothing",
		      litmus_name((enum litmus_id)_i));
}
END_TEST

START_TEST(the_same_threads_without_it_pass_each_test)
{
	void *window = shared_window();

	for (int i = 0; i < 2; i++) {
		part_make(&part[i], window);
		part[i].id = (enum litmus_id)_i;
	}
	run_two(take_part);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(part[i].rc, 0);
		ck_assert_uint_gt(part[i].l.tally[_i].tries, 0);
		ck_assert_uint_eq(part[i].l.tally[_i].wrong, 0);
	}
}
END_TEST

/* As the page says: then only these two pass. */
START_TEST(caches_that_are_flushed_by_hand_pass_what_flushes)
{
	void *window = shared_window();
	bool passes = _i == LITMUS_IDENTITY || _i == LITMUS_FLUSH;

	for (int i = 0; i < 2; i++) {
		part_make(&part[i], NULL);
		part[i].id = (enum litmus_id)_i;
		ck_assert_int_eq(
			soft_cache_by_hand(&part[i].cache, window, LINES), 0);
		part[i].l.w = (struct litmus_window *)part[i].cache.own;
		part[i].l.write_back = soft_cache_write_back;
		part[i].l.forget = soft_cache_forget;
	}
	run_two(take_part);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(part[i].rc, 0);
		ck_assert_uint_gt(part[i].l.tally[_i].tries, 0);
		ck_assert_int_eq(part[i].l.tally[_i].wrong == 0, passes);
		soft_cache_stop(&part[i].cache);
	}
}
END_TEST

static void *meet_only(void *arg)
{
	struct part *p = arg;

	p->rc = litmus_meet(&p->l);
	return NULL;
}

START_TEST(who_stops_in_the_middle_is_missed)
{
	void *window = shared_window();

	part_make(&part[0], window);
	part_make(&part[1], window);
	run_two(meet_only);
	ck_assert_int_eq(part[0].rc, 0);
	ck_assert_int_eq(part[1].rc, 0);
	part[0].l.timeout_ns = 1000000;
	ck_assert_int_eq(litmus_barrier(&part[0].l), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "did it die"));
	litmus_give_up(&part[0].l);
	ck_assert_int_eq(litmus_barrier(&part[1].l), -ECANCELED);
}
END_TEST

/* Marks that nobody keeps alive, as of a run that was killed. */
static void leave_marks(unsigned nr)
{
	struct litmus_window *w = shm_map(MIB - LITMUS_WINDOW, LITMUS_WINDOW);

	part_make(&part[0], w);
	part_make(&part[1], w);
	run_two(meet_only);
	w->area[3].q[1].v = 7;
	/* whole, though of nobody: copies of one that was alive */
	for (unsigned i = 0; i < nr; i++)
		if (!w->slot[i].nonce.v)
			w->slot[i] = *part[0].l.slot[0];
	munmap(w, LITMUS_WINDOW);
}

START_TEST(what_a_killed_run_left_is_not_in_the_way)
{
	struct maru_coherence_opts o = options(2, 30000);

	shm_file(MIB);
	leave_marks(LITMUS_SLOTS / 2);
	all_pass(2, &o);
	shm_is_zero();
}
END_TEST

START_TEST(a_window_full_of_marks_is_cleared_by_force)
{
	struct maru_coherence_opts o = options(2, 30000);
	struct maru_coherence_result res;

	shm_file(MIB);
	leave_marks(LITMUS_SLOTS);
	ck_assert_int_eq(maru_coherence_test(path, &o, &res), -EBUSY);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "force"));
	o.flags = MARU_COHERENCE_FORCE;
	all_pass(2, &o);
}
END_TEST

/* What is refused ----------------------------------------------------------- */

static int alone(const char *target, const struct maru_coherence_opts *o)
{
	struct maru_coherence_result res;

	return maru_coherence_test(target, o, &res);
}

START_TEST(who_is_alone_is_told_so)
{
	struct maru_coherence_opts o = options(2, 20);
	const char *file = plain_file("one", MIB);

	ck_assert_int_eq(alone(file, &o), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "nobody else came"));
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), file));
	/* nothing of it is left that would make data look like a test's */
	plain_put(file, MIB - 100, "mine", 4);
	ck_assert_int_eq(alone(file, &o), -EEXIST);
}
END_TEST

START_TEST(two_files_are_not_one_memory)
{
	struct maru_coherence_opts o = options(2, 300);
	const char *file = plain_file("one", MIB);
	pid_t pid = other(plain_file("two", MIB), &o);

	ck_assert_int_eq(alone(file, &o), -ETIMEDOUT);
	ck_assert_int_eq(other_said(pid), -ETIMEDOUT & 63);
}
END_TEST

START_TEST(two_windows_are_not_one_memory)
{
	struct maru_coherence_opts o = options(2, 300), at = o;
	const char *file = plain_file("one", MIB);
	pid_t pid = other(file, &o);

	at.flags = MARU_COHERENCE_AT;
	ck_assert_int_eq(alone(file, &at), -ETIMEDOUT);
	ck_assert_int_eq(other_said(pid), -ETIMEDOUT & 63);
}
END_TEST

START_TEST(who_was_told_other_numbers_is_refused)
{
	struct maru_coherence_opts o = options(2, 5000), three = o;
	const char *file = plain_file("one", MIB);
	int said, heard;
	pid_t pid;

	three.participants = 3;
	pid = other(file, &three);
	said = alone(file, &o) & 63;
	heard = other_said(pid);
	/* on a slow machine one may be gone before the other looks */
	ck_assert(said == (-EINVAL & 63) || heard == (-EINVAL & 63));
	ck_assert(said == (-EINVAL & 63) || said == (-ETIMEDOUT & 63));
	ck_assert(heard == (-EINVAL & 63) || heard == (-ETIMEDOUT & 63));
}
END_TEST

START_TEST(data_is_not_overwritten_unless_forced)
{
	struct maru_coherence_opts o = options(2, 20);
	const char *file = plain_file("one", MIB);

	plain_put(file, MIB - 100, "mine", 4);
	ck_assert_int_eq(alone(file, &o), -EEXIST);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "data"));
	o.flags = MARU_COHERENCE_FORCE;
	ck_assert_int_eq(alone(file, &o), -ETIMEDOUT);
}
END_TEST

START_TEST(a_file_system_is_not_overwritten)
{
	static const uint32_t head[2] = { 1, 8 * MIB / 4096 - 1 };
	struct maru_coherence_opts o = options(2, 20);
	const char *file = plain_file("one", 8 * MIB);

	plain_put(file, 1024, head, sizeof(head));
	plain_put(file, 4086, "SWAPSPACE2", 10);
	ck_assert_int_eq(alone(file, &o), -EEXIST);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "swap space"));
}
END_TEST

START_TEST(a_pool_is_not_overwritten)
{
	struct maru_create_opts c = { .size = sizeof(c),
				      .offset = 2 * MIB,
				      .bytes = 8 * MIB };
	struct maru_coherence_opts o = options(2, 20);
	const char *file = plain_file("one", 12 * MIB);

	ck_assert_int_eq(maru_create(file, &c), 0);
	ck_assert_int_eq(alone(file, &o), -ETIMEDOUT); /* behind it */
	o.flags = MARU_COHERENCE_AT;
	ck_assert_int_eq(alone(file, &o), -ETIMEDOUT); /* before it */
	o.offset = 10 * MIB - 8192;
	ck_assert_int_eq(alone(file, &o), -EEXIST);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), "a maru pool"));
	o.offset = 2 * MIB - 8192;
	ck_assert_int_eq(alone(file, &o), -EEXIST);
	o.offset = 2 * MIB;
	ck_assert_int_eq(alone(file, &o), -EEXIST);
}
END_TEST

START_TEST(a_pool_in_use_is_not_overwritten_even_if_forced)
{
	struct maru_create_opts c = { .size = sizeof(c), .bytes = 8 * MIB };
	struct maru_coherence_opts o = options(2, 20);
	const char *file = plain_path("pool");
	struct maru_pool *pool;

	ck_assert_int_eq(maru_create(file, &c), 0);
	ck_assert_int_eq(maru_open(file, NULL, &pool), 0);
	o.flags = MARU_COHERENCE_FORCE;
	ck_assert_int_eq(alone(file, &o), -EBUSY);
	ck_assert_int_eq(maru_close(pool, 0), 0);
	ck_assert_int_eq(alone(file, &o), -ETIMEDOUT);
}
END_TEST

START_TEST(what_is_too_small_is_refused)
{
	struct maru_coherence_opts o = options(2, 20);

	ck_assert_int_eq(alone(plain_file("small", 61440), &o), -ENOSPC);
	o.flags = MARU_COHERENCE_AT;
	o.offset = MIB - 61440;
	ck_assert_int_eq(alone(plain_file("one", MIB), &o), -ENOSPC);
}
END_TEST

static void refused(const char *file, const char *word,
		    struct maru_coherence_opts o)
{
	ck_assert_int_eq(alone(file, &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(maru_errmsg(), word));
}

START_TEST(options_out_of_range_are_refused)
{
	const char *file = plain_file("one", MIB);
	struct maru_coherence_opts o = options(1, 20);

	refused(file, "participants", o);
	refused(file, "participants", options(17, 20));
	o = options(2, 20);
	o.rounds = 1000001;
	refused(file, "rounds", o);
	o = options(2, 20);
	o.offset = 4096;
	refused(file, "offset", o);
	o.flags = MARU_COHERENCE_AT;
	o.offset = 4097;
	refused(file, "offset", o);
	o.offset = 0;
	o.flags = 4;
	refused(file, "flags", o);
	ck_assert_int_eq(maru_coherence_test(file, NULL, NULL), -EINVAL);
}
END_TEST

static int run_each(void)
{
	Suite *suite = suite_create("litmus");
	TCase *tcase = tcase_create("litmus");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(
		tcase,
		a_cache_that_knows_nothing_of_others_is_caught_by_each_test, 0,
		LITMUS_NR);
	tcase_add_loop_test(tcase, the_same_threads_without_it_pass_each_test,
			    0, LITMUS_NR);
	tcase_add_loop_test(tcase,
			    caches_that_are_flushed_by_hand_pass_what_flushes,
			    0, LITMUS_NR);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

int main(void)
{
	const TTest *const tests[] = {
		two_processes_on_one_file_are_coherent,
		five_processes_are,
		the_test_stays_in_its_window,
		who_stops_in_the_middle_is_missed,
		what_a_killed_run_left_is_not_in_the_way,
		a_window_full_of_marks_is_cleared_by_force,
		who_is_alone_is_told_so,
		two_files_are_not_one_memory,
		two_windows_are_not_one_memory,
		who_was_told_other_numbers_is_refused,
		data_is_not_overwritten_unless_forced,
		a_file_system_is_not_overwritten,
		a_pool_is_not_overwritten,
		a_pool_in_use_is_not_overwritten_even_if_forced,
		what_is_too_small_is_refused,
		options_out_of_range_are_refused,
	};

	return plain_run("coherence", tests, PLAIN_LEN(tests)) | run_each();
}
