// SPDX-License-Identifier: BSD-3-Clause
/* A pool on each medium, made afresh for every test and looked over after. */
#include "common.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDLES 64
#define NAMED_BYTES (128 << 20) /* of a file that is not there yet, or less */

static enum test_medium medium;
static char scratch[PATH_MAX - 64]; /* folder of this program */
static char target[2 * PATH_MAX];
static int mem_fd[TEST_REGIONS] = { [0 ... TEST_REGIONS - 1] = -1 };
static int named_fd = -1; /* locked: one program at a time uses it */
static struct maru_pool *handle[HANDLES];
static uint64_t used_at_start;

const char *test_target(void)
{
	return target;
}

struct maru_create_opts test_opts(void)
{
	return (struct maru_create_opts){
		.size = sizeof(struct maru_create_opts),
		.bytes = 32u << 20,
		.unit = 4096,
		.max_clients = 16,
		.flags = MARU_CREATE_SPARSE,
		/* what the dead were writing is free when they are reaped */
		.quarantine_ms = MARU_QUARANTINE_NONE,
	};
}

/* For regions.sh: all of a suite's pools in so many regions. */
static unsigned regions(void)
{
	const char *nr = getenv("MARU_TEST_REGIONS");

	return nr ? (unsigned)atoi(nr) : 1;
}

static void add_target(unsigned no)
{
	size_t at = strlen(target);
	const char *sep = no ? "," : "";
	char *to = target + at;

	if (mem_fd[no] >= 0)
		close(mem_fd[no]);
	mem_fd[no] = -1;
	if (medium == TEST_MEM) {
		mem_fd[no] =
			memfd_create("maru", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_ge(mem_fd[no], 0);
		snprintf(to, sizeof(target) - at, "%sfd:%d", sep, mem_fd[no]);
		return;
	}
	unlink(test_path(test_region_name(no)));
	snprintf(to, sizeof(target) - at, "%s%s", sep,
		 test_path(test_region_name(no)));
}

const char *test_targets(unsigned nr)
{
	ck_assert_uint_le(nr, TEST_REGIONS);
	target[0] = '\0';
	for (unsigned i = 0; i < nr; i++)
		add_target(i);
	return target;
}

const char *test_region_name(unsigned no)
{
	static char name[16];

	snprintf(name, sizeof(name), no ? "pool%u" : "pool", no);
	return name;
}

void test_format(const struct maru_create_opts *opts)
{
	struct maru_create_opts o = opts != NULL ? *opts : test_opts();
	int rc;

	switch (medium) {
	case TEST_MEM:
		if (regions() > 1) {
			o.bytes /= regions();
			rc = maru_create(test_targets(regions()), &o);
			break;
		}
		if (mem_fd[0] >= 0)
			close(mem_fd[0]);
		rc = maru_create_mem(&o, &mem_fd[0]);
		snprintf(target, sizeof(target), "fd:%d", mem_fd[0]);
		break;
	case TEST_TMPFS:
		o.bytes /= regions();
		rc = maru_create(test_targets(regions()), &o);
		break;
	default:
		snprintf(target, sizeof(target), "%s",
			 getenv("MARU_TEST_POOL"));
		o.flags |= MARU_CREATE_FORCE;
		rc = maru_create(target, &o);
	}
	ck_assert_msg(rc == 0, "create: %d, %s", rc, maru_errmsg());
}

static struct maru_pool *join(unsigned flags)
{
	/* for guard.sh: all of a suite's handles guarded */
	unsigned guard = getenv("MARU_TEST_GUARD") ? MARU_OPEN_GUARD : 0;
	struct maru_open_opts o = {
		.size = sizeof(o),
		.flags = flags | guard,
	};
	struct maru_pool *pool;
	int rc = maru_open(target, &o, &pool);

	ck_assert_msg(rc == 0, "open %s: %d, %s", target, rc, maru_errmsg());
	ck_assert_ptr_nonnull(pool);
	return pool;
}

struct maru_pool *test_open(unsigned flags)
{
	struct maru_pool *pool = join(flags);

	for (unsigned i = 0; i < HANDLES; i++) {
		if (handle[i] == NULL) {
			handle[i] = pool;
			return pool;
		}
	}
	ck_abort_msg("too many handles");
	return NULL;
}

struct maru_pool *test_pool(const struct maru_create_opts *opts)
{
	struct maru_pool *pool;

	test_format(opts);
	pool = test_open(0);
	used_at_start = test_stats(pool).used_bytes;
	return pool;
}

void test_close(struct maru_pool *pool)
{
	int rc = maru_close(pool, 0);

	ck_assert_msg(rc == 0, "close: %d, %s", rc, maru_errmsg());
	for (unsigned i = 0; i < HANDLES; i++)
		if (handle[i] == pool)
			handle[i] = NULL;
}

struct maru_stats test_stats(struct maru_pool *pool)
{
	struct maru_stats st = { .size = sizeof(st) };

	ck_assert_int_eq(maru_stats(pool, &st), 0);
	return st;
}

size_t test_unit(struct maru_pool *pool)
{
	struct maru_region r;

	ck_assert_int_eq(maru_region(pool, 0, &r), 0);
	return r.unit;
}

const char *test_path(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

const char *test_file(const char *name, size_t len, int byte)
{
	const char *path = test_path(name);
	char *bytes = malloc(len + 1);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(bytes);
	memset(bytes, byte, len);
	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	free(bytes);
	return path;
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	fprintf(stderr, "fault: invariant %u at %#llx: %s\n", fault->invariant,
		(unsigned long long)fault->addr, fault->what);
}

void test_sound(struct maru_pool *pool)
{
	ck_assert_int_eq(maru_check(pool, tell, NULL), 0);
}

static void nothing_held(struct maru_pool *pool)
{
	struct maru_stats st;

	ck_assert_int_ge(maru_reap(pool), 0);
	st = test_stats(pool);
	ck_assert_uint_eq(st.pins, 0);
	ck_assert_uint_eq(st.pinned_entries, 0);
	ck_assert_uint_eq(st.buffers, 0);
	ck_assert_uint_eq(st.claims, 0);
	test_sound(pool);
}

static void file_sound(void)
{
	struct maru_fsck_opts o = { .size = sizeof(o), .fn = tell };
	struct maru_fsck_result res;
	int rc = maru_fsck(target, &o, &res);

	ck_assert_msg(rc == 0, "fsck: %d, %s", rc, maru_errmsg());
	ck_assert_uint_eq(res.faults, 0);
}

/* All that was used is free again when the entries are gone. */
static void all_given_back(void)
{
	struct maru_pool *pool = join(0);
	struct maru_stats st;

	ck_assert_int_eq(maru_clear(pool, NULL), 0);
	st = test_stats(pool);
	ck_assert_uint_eq(st.entries, 0);
	ck_assert_uint_eq(st.value_bytes, 0);
	ck_assert_uint_eq(st.used_bytes, used_at_start);
	test_sound(pool);
	ck_assert_int_eq(maru_close(pool, 0), 0);
}

static void setup(void)
{
	memset(handle, 0, sizeof(handle));
	target[0] = '\0';
	test_scene_make();
}

static void teardown(void)
{
	unsigned open_nr = 0;

	for (unsigned i = 0; i < HANDLES; i++) {
		if (handle[i] == NULL)
			continue;
		if (open_nr++ == 0)
			nothing_held(handle[i]);
		test_close(handle[i]);
	}
	if (open_nr > 0) {
		file_sound();
		all_given_back();
	}
}

static void use_mem(void)
{
	medium = TEST_MEM;
}

static void use_tmpfs(void)
{
	medium = TEST_TMPFS;
}

static void use_named(void)
{
	struct stat st;

	medium = TEST_NAMED;
	named_fd = open(getenv("MARU_TEST_POOL"), O_RDWR | O_CREAT | O_CLOEXEC,
			0660);
	if (named_fd < 0)
		return; /* the tests will say why */
	flock(named_fd, LOCK_EX);
	if (fstat(named_fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size < NAMED_BYTES && ftruncate(named_fd, NAMED_BYTES) != 0)
		perror(getenv("MARU_TEST_POOL"));
}

static void leave_named(void)
{
	if (named_fd >= 0)
		close(named_fd);
}

static Suite *suite(const char *name, enum test_medium m,
		    const TTest *const *tests, size_t nr)
{
	static const char *const label[] = { "memfd", "tmpfs", "named pool" };
	static const SFun use[] = { use_mem, use_tmpfs, use_named };
	static char title[TEST_MEDIA][128]; /* libcheck keeps the pointer */
	Suite *s;
	TCase *tc;

	snprintf(title[m], sizeof(title[m]), "%s, %s", name, label[m]);
	s = suite_create(title[m]);
	tc = tcase_create(label[m]);
	tcase_add_unchecked_fixture(tc, use[m],
				    m == TEST_NAMED ? leave_named : NULL);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < nr; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

static int make_scratch(void)
{
	const char *tmp = getenv("TMPDIR");

	if (access("/dev/shm", W_OK | X_OK) == 0)
		tmp = "/dev/shm";
	snprintf(scratch, sizeof(scratch), "%s/maru-test-XXXXXX",
		 tmp != NULL ? tmp : "/tmp");
	return mkdtemp(scratch) != NULL;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st, (void)type, (void)at;
	remove(path);
	return 0;
}

static void remove_scratch(void)
{
	nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/*
 * Clears up when this process and all its children are gone, however they
 * went.  Returns what keeps it waiting.
 */
static int leave_a_cleaner(void)
{
	int fd[2];
	pid_t pid;
	char c;

	if (pipe(fd) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		setsid(); /* not in the group that a timeout kills */
		close(fd[1]);
		while (read(fd[0], &c, 1) < 0 && errno == EINTR)
			;
		remove_scratch();
		_exit(0);
	}
	close(fd[0]);
	return fd[1];
}

int test_run(const char *name, enum test_medium media,
	     const TTest *const *tests, size_t nr)
{
	SRunner *sr = srunner_create(NULL);
	/* for virtual machines: the named medium alone, and all suites on it */
	bool alone = getenv("MARU_TEST_ALONE") && getenv("MARU_TEST_POOL");
	int failed, cleaner;

	/* libcheck's own would be 4 seconds and no more */
	setenv("CK_DEFAULT_TIMEOUT", "30", 0);
	setenv("CK_TIMEOUT_MULTIPLIER", test_slow() ? "4" : "1", 0);
	if (!make_scratch()) {
		perror(scratch);
		return 1;
	}
	cleaner = leave_a_cleaner();
	if (alone)
		srunner_add_suite(sr, suite(name, TEST_NAMED, tests, nr));
	for (unsigned m = 0; !alone && m < TEST_MEDIA && m <= media; m++)
		if (m != TEST_NAMED || getenv("MARU_TEST_POOL") != NULL)
			srunner_add_suite(sr, suite(name, m, tests, nr));
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	remove_scratch();
	close(cleaner);
	return failed != 0;
}
