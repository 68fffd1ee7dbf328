/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests share.
 *
 *   common.c        a pool on each medium, made afresh for every test and
 *                   looked over when the test has ended
 *   common_child.c  other processes: clients that stay, die and are waited for
 *   common_value.c  keys by number, values that follow from a number; this one
 *                   needs no libcheck and serves the stress programs too
 *   common_pack.c   the same keys packed, for the batch calls
 *   common_disturb.c  a thread that is interrupted again and again
 *
 * $MARU_TEST_POOL names one more medium. With $MARU_TEST_ALONE it is the only
 * one, and of all suites: so they run on the devices of virtual machines.
 *
 * A test of many threads asserts after it has joined them: libcheck's asserts
 * belong to one thread of a process.
 */
#ifndef TESTS_COMMON_H
#define TESTS_COMMON_H

#include <maru.h>

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <check.h>

/*
 * Check's channel to its runner is one buffered file that a forked child would
 * share and, killed, leave in pieces: a child tells of its failure on stderr.
 */
extern bool test_is_child;
void test_child_failed(const char *file, int line, const char *expr,
		       const char *fmt, ...)
	__attribute__((noreturn, format(printf, 4, 5)));

#define _mark_point(file, line) \
	(test_is_child ? (void)0 : _mark_point(file, line))
#define _ck_assert_failed(file, line, expr, ...)                            \
	(test_is_child ? test_child_failed(file, line, expr, __VA_ARGS__) : \
			 _ck_assert_failed(file, line, expr, __VA_ARGS__))

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TEST_SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TEST_SLOW 1
#endif
#endif
#ifndef TEST_SLOW
#define TEST_SLOW 0
#endif

/** Loops of a test: a tenth of @n where test_slow(). */
#define TEST_ROUNDS(n) (test_slow() ? (n) / 10 + 1 : (n))

#define TEST_LEN(array) (sizeof(array) / sizeof((array)[0]))

/** A string literal as key and length, or as value and length. */
#define S(literal) (literal), sizeof(literal) - 1

/* common_value.c ----------------------------------------------------------- */

/** test_slow() - by a sanitizer, or on a machine that says $MARU_TEST_SLOW */
bool test_slow(void);

#define TEST_KEY 32 /* room for a key by number */

/** test_mix() - a number that looks random and follows from @x. */
uint64_t test_mix(uint64_t x);

/** test_random() - the next of a series; @state is any number to start. */
uint64_t test_random(uint64_t *state);

/** test_key() - the key of number @no; its length. */
size_t test_key(char key[TEST_KEY], uint64_t no);

/** test_fill() - the value of number @no. */
void test_fill(void *buf, size_t len, uint64_t no);

/** test_verify() - 1 if @buf is the value of number @no, else 0. */
int test_verify(const void *buf, size_t len, uint64_t no);

/** test_put() - maru_store() of number @no. */
int test_put(struct maru_pool *pool, uint64_t no, size_t len);

/** test_get() - read number @no: 0, an error, -EILSEQ if the bytes are wrong. */
int test_get(struct maru_pool *pool, uint64_t no, size_t len);

/** test_hold() - maru_retrieve() of number @no. */
int test_hold(struct maru_pool *pool, uint64_t no, struct maru_view *view);

/** test_has() - maru_exists() of number @no. */
int test_has(struct maru_pool *pool, uint64_t no);

/** test_drop() - maru_delete() of number @no. */
int test_drop(struct maru_pool *pool, uint64_t no);

/* common_pack.c ------------------------------------------------------------ */

#define TEST_PACK 1000 /* most keys of a pack */

/** The one pack there is; the next call makes it anew. */
extern struct test_pack {
	char blob[TEST_PACK * TEST_KEY];
	uint64_t off[TEST_PACK + 1];
	struct maru_keys keys;
} test_pack;

const struct maru_keys *test_pack_of(const unsigned *no, unsigned nr);

/** test_pack_range() - numbers @from up to, without, @to. */
const struct maru_keys *test_pack_range(unsigned from, unsigned to);

/** test_prefix() - the pack just made, with MARU_PREFIX. */
const struct maru_keys *test_prefix(const struct maru_keys *keys);

#define TEST_KEYS(...)                                           \
	test_pack_of((const unsigned[]){ __VA_ARGS__ },          \
		     sizeof((const unsigned[]){ __VA_ARGS__ }) / \
			     sizeof(unsigned))

/* common_disturb.c --------------------------------------------------------- */

/**
 * test_disturb() - interrupt this thread all the time, at any instruction
 *
 * It then gives way or sleeps for some microseconds, so that on few processors
 * too the calls of several overlap in all their parts.
 */
void test_disturb(uint64_t seed);
void test_disturb_end(void);

/* common.c ----------------------------------------------------------------- */

enum test_medium {
	TEST_MEM,   /* memfd */
	TEST_TMPFS, /* file in /dev/shm */
	TEST_NAMED, /* $MARU_TEST_POOL, 128 MiB or more; is formatted! */
	TEST_MEDIA,
};

/**
 * test_run() - run @tests on the media up to @media (TEST_MEDIA: on all)
 *
 * Return: 0 when all passed, else 1; what main() returns.
 */
int test_run(const char *name, enum test_medium media,
	     const TTest *const *tests, size_t nr);

/** test_opts() - options of a small pool: 32 MiB, 4 KiB units, 16 clients. */
struct maru_create_opts test_opts(void);

/** test_format() - a fresh pool on the medium; @opts NULL: test_opts(). */
void test_format(const struct maru_create_opts *opts);

#define TEST_REGIONS 8u

/**
 * test_targets() - @nr fresh, empty targets on the medium; a list of them
 *
 * It is test_target(), too.  On tmpfs they are test_path()s of
 * test_region_name()s.
 */
const char *test_targets(unsigned nr);
const char *test_region_name(unsigned no);

/** test_target() - what maru_open() takes, after test_format(). */
const char *test_target(void);

/** test_pool() - test_format() and a handle. */
struct maru_pool *test_pool(const struct maru_create_opts *opts);

/** test_open() - one more handle to the pool; closed after the test. */
struct maru_pool *test_open(unsigned flags);

/** test_close() - close a handle of the above now. */
void test_close(struct maru_pool *pool);

/** test_stats() - maru_stats(), asserted. */
struct maru_stats test_stats(struct maru_pool *pool);

/** test_unit() - bytes of the pool's smallest block. */
size_t test_unit(struct maru_pool *pool);

/** test_path() - a path in the tests' own scratch folder, on tmpfs. */
const char *test_path(const char *name);

/** test_file() - make a file of @len bytes of @byte there; its path. */
const char *test_file(const char *name, size_t len, int byte);

/** test_sound() - assert that maru_check() finds nothing. */
void test_sound(struct maru_pool *pool);

/* common_child.c ----------------------------------------------------------- */

/** What a test and its children share; zeroed before every test. */
struct test_scene {
	sem_t ready;	/* child: I am where you want me */
	sem_t go;	/* test: go on */
	int64_t no[64]; /* for what a test likes to hand around */
};
extern struct test_scene *test_scene;

void test_scene_make(void);

typedef void (*test_client_fn)(struct maru_pool *pool, unsigned no);

/** test_fork() - run @fn in a child that has no handle (@pool is NULL). */
pid_t test_fork(test_client_fn fn, unsigned no);

/** test_client() - run @fn in a child with a handle of its own. */
pid_t test_client(test_client_fn fn, unsigned no);

/** test_staying() - test_client() that has got to test_stay(). */
pid_t test_staying(test_client_fn fn, unsigned no);

/** test_stay() - in a child: say ready, wait for go. */
void test_stay(void);

void test_post(sem_t *sem);

/** test_pass() - wait for a post, not for ever. */
void test_pass(sem_t *sem);

/** test_ended() - wait until the child has ended by itself, and well. */
void test_ended(pid_t pid);

/** test_kill() - SIGKILL, and wait until it is gone. */
void test_kill(pid_t pid);

/** test_died_of() - wait until the child has died of signal @sig. */
void test_died_of(pid_t pid, int sig);

/** test_stop() - SIGSTOP, and wait until it stands still. */
void test_stop(pid_t pid);

#endif
