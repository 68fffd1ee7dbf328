// SPDX-License-Identifier: BSD-3-Clause
/* What happened to a pool before the power was lost, and what was promised. */
#include "common.h"
#include "common_power.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct power_story *power_story;

static char target[64];

void power_stop(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, maru_errmsg());
	exit(1);
}

/*
 * libc copies and clears with one instruction where it can, and the processor
 * stops at each byte of it: not while we look at stores one by one.
 */
int power_ready(char **argv)
{
	static const char tunables[] =
		"glibc.cpu.x86_rep_movsb_threshold=0x40000000:"
		"glibc.cpu.x86_rep_stosb_threshold=0x40000000";
	const char *have = getenv("GLIBC_TUNABLES");

#ifndef __x86_64__
	return 77;
#endif
	if (TEST_SLOW)
		return 77; /* their shadow of the pool's memory is not ours */
	setenv("PMEM2_FORCE_GRANULARITY", "CACHE_LINE", 0);
	if (have && !strcmp(have, tunables))
		return 0;
	setenv("GLIBC_TUNABLES", tunables, 1);
	execv("/proc/self/exe", argv);
	return 1;
}

static void forget(void)
{
	if (!power_story)
		power_story = mmap(NULL, sizeof(*power_story),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	power_need(power_story != MAP_FAILED);
	memset(power_story, 0, sizeof(*power_story));
}

void power_watch(bool keep)
{
	if (!keep)
		forget();
	/* what was promised before is so from the first entry on */
	for (uint32_t i = 0; keep && i < power_story->op_nr; i++)
		power_story->op[i].begin = power_story->op[i].end = 0;
	power_need(!record_start(target));
}

/* In memory, which children find by the same descriptor. */
static void take_fd(int new)
{
	static int fd = -1;

	record_stop();
	if (fd >= 0)
		close(fd);
	fd = new;
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
}

void power_begin(const struct maru_create_opts *opts)
{
	int fd;

	power_need(!maru_create_mem(opts, &fd));
	take_fd(fd);
	power_watch(false);
}

void power_begin_empty(uint64_t bytes)
{
	int fd = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	power_need(fd >= 0 && !ftruncate(fd, (off_t)bytes));
	power_need(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	take_fd(fd);
	power_watch(false);
}

const char *power_target(void)
{
	return target;
}

struct maru_pool *power_open(void)
{
	/* one thread, as stores are looked at one by one */
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_NO_BEAT };
	struct maru_pool *pool;

	power_need(!maru_open(target, &o, &pool));
	return pool;
}

void power_close(struct maru_pool *pool)
{
	int rc = maru_close(pool, 0);

	power_need(!rc);
}

size_t power_key(char key[MARU_KEY_MAX], unsigned no)
{
	static const size_t len[] = { 6, 31, 192, 193, 1000, 16 };
	size_t n = len[no % TEST_LEN(len)];

	memset(key, 'a' + (int)no, n);
	snprintf(key, 6, "k%04u",
		 (no + POWER_KEYS * power_story->salt[no]) % 10000);
	return n;
}

void power_fill(void *buf, size_t len, unsigned key, unsigned version)
{
	test_fill(buf, len, key * 1000u + version);
}

struct power_op *power_op(enum power_kind kind, unsigned key)
{
	struct power_op *op = &power_story->op[power_story->op_nr];

	power_need(power_story->op_nr < POWER_OPS);
	*op = (struct power_op){ .begin = record->nr,
				 .end = POWER_NEVER,
				 .kind = (uint8_t)kind,
				 .key = (uint8_t)key };
	power_story->op_nr++;
	return op;
}

/* A look leaves traces, unless it is by a handle that only reads. */
static uint64_t keys_there(void)
{
	struct maru_open_opts o = { .size = sizeof(o),
				    .flags = MARU_OPEN_RDONLY };
	struct maru_pool *pool;
	char key[MARU_KEY_MAX];
	uint64_t seen = 0;
	int rc;

	record_loads(false); /* nobody of the scene has looked */
	rc = maru_open(target, &o, &pool);
	power_need(!rc);
	for (unsigned no = 0; no < POWER_KEYS; no++)
		if (maru_exists(pool, key, power_key(key, no)) == 1)
			seen |= 1ull << no;
	maru_close(pool, 0);
	return seen;
}

static uint64_t evictions(struct maru_pool *pool)
{
	struct maru_stats st = { .size = sizeof(st) };

	return maru_stats(pool, &st) ? 0 : st.total.evictions;
}

void power_done(struct maru_pool *pool, struct power_op *op, int rc)
{
	uint64_t now;

	op->rc = rc;
	op->end = record->nr;
	if (!pool)
		return;
	now = evictions(pool);
	op->sweeps |= op->kind == POWER_SWEEP || now != power_story->evicted;
	power_story->evicted = now;
	if (op->sweeps || op->kind == POWER_SYNC)
		op->seen = keys_there();
}

static struct power_op *store_op(unsigned key, size_t len)
{
	struct power_op *op = power_op(POWER_STORE, key);

	op->version = ++power_story->version[key];
	power_need(op->version < POWER_VERSIONS);
	power_story->len[key][op->version] = (uint32_t)len;
	return op;
}

int power_store(struct maru_pool *pool, unsigned key, size_t len)
{
	char name[MARU_KEY_MAX];
	size_t klen = power_key(name, key);
	struct power_op *op = store_op(key, len);
	void *val = malloc(len + 1);
	int rc;

	power_fill(val, len, key, op->version);
	rc = maru_store(pool, name, klen, val, len);
	power_done(pool, op, rc);
	free(val);
	return rc;
}

static int write_it(struct maru_pool *pool, struct power_op *op,
		    struct maru_buf *buf, size_t len)
{
	char name[MARU_KEY_MAX];
	size_t klen = power_key(name, op->key);

	buf->len = len;
	power_fill(buf->data, len, op->key, op->version);
	return maru_commit(pool, buf, name, klen, NULL);
}

int power_write(struct maru_pool *pool, unsigned key, size_t len, bool claim)
{
	char name[MARU_KEY_MAX];
	size_t klen = power_key(name, key);
	struct power_op *op = store_op(key, len);
	struct maru_buf buf;
	int rc = claim ? maru_reserve(pool, name, klen, len, &buf) :
			 maru_alloc(pool, len, &buf);

	if (!rc)
		rc = write_it(pool, op, &buf, len);
	power_done(pool, op, rc);
	return rc;
}

int power_place(struct maru_pool *pool, unsigned key, size_t len, size_t room)
{
	struct power_op *op = store_op(key, len);
	struct maru_buf buf;
	int rc = maru_alloc(pool, room, &buf);

	if (!rc)
		rc = write_it(pool, op, &buf, len);
	power_done(pool, op, rc);
	return rc;
}

int power_delete(struct maru_pool *pool, unsigned key)
{
	char name[MARU_KEY_MAX];
	size_t klen = power_key(name, key);
	struct power_op *op = power_op(POWER_DELETE, key);
	int rc = maru_delete(pool, name, klen);

	power_done(pool, op, rc);
	return rc;
}

void power_clear(struct maru_pool *pool)
{
	struct power_op *op = power_op(POWER_SWEEP, 0);
	int rc = maru_clear(pool, NULL);

	power_need(!rc);
	power_done(pool, op, rc);
}

void power_sync(struct maru_pool *pool)
{
	struct power_op *op = power_op(POWER_SYNC, 0);
	int rc = maru_sync(pool);

	power_need(!rc);
	power_done(pool, op, rc);
}

unsigned power_drains(void)
{
	const struct power_op *op = &power_story->op[power_story->op_nr - 1];

	return record_drains(op->begin, op->end);
}

static void be_child(void (*fn)(struct maru_pool *pool), uint32_t stores)
{
	struct maru_pool *pool;

	record_be(record_who() + 1, POWER_NEVER);
	pool = power_open();
	power_story->child = record->nr;
	record_be(record_who(), record->nr + stores);
	fn(pool);
	_exit(0);
}

bool power_child(void (*fn)(struct maru_pool *pool), uint32_t stores)
{
	int status;
	pid_t pid = fork();

	power_need(pid >= 0);
	if (!pid)
		be_child(fn, stores);
	power_need(waitpid(pid, &status, 0) == pid);
	record_be(record_who(), POWER_NEVER);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	power_need(WIFEXITED(status) && !WEXITSTATUS(status));
	return false;
}
