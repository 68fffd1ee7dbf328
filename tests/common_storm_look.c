// SPDX-License-Identifier: BSD-3-Clause
/* What is left when the storm is over: counted independently, and compared. */
#include "common_storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PATIENCE_S 5

static uint64_t failures;

static void expect(const char *what, uint64_t is, uint64_t want)
{
	if (is == want)
		return;
	fprintf(stderr, "FAIL: %s: %llu, not %llu\n", what,
		(unsigned long long)is, (unsigned long long)want);
	failures++;
}

static void tell(void *ctx, const struct maru_fault *fault)
{
	fprintf(stderr, "FAIL: %s pool: invariant %u at %#llx: %s\n",
		(const char *)ctx, fault->invariant,
		(unsigned long long)fault->addr, fault->what);
}

/* Bytes of the blocks of all entries; those of the load are read, too. */
static uint64_t entries_bytes(struct maru_pool *pool, uint64_t *nr)
{
	struct load_board board = { 0 };
	struct maru_iter it = { 0 };
	struct maru_entry e;
	struct load l;
	uint64_t bytes = 0;
	int rc;

	load_start(&l, pool, &board, 0);
	for (*nr = 0; (rc = maru_iter_next(pool, &it, &e)) == 1; ++*nr) {
		unsigned long long no;
		char key[TEST_KEY] = "";

		bytes += e.block;
		memcpy(key, e.key, e.klen < TEST_KEY ? e.klen : TEST_KEY - 1);
		if (sscanf(key, "number %llu", &no) != 1)
			expect("key of no number", 1, 0);
		else if (no < DURABLE_FIRST)
			expect(key,
			       (uint64_t)test_get(pool, no, load_len(&l, no)),
			       0);
	}
	expect("end of the walk", (uint64_t)rc, 0);
	return bytes;
}

/* The dead may keep something for a while, where the pool says so. */
static struct maru_stats at_rest(struct maru_pool *pool)
{
	struct maru_stats st = { .size = sizeof(st) };

	for (unsigned i = 0; i < PATIENCE_S * 100; i++) {
		expect("reap", maru_reap(pool) >= 0, 1);
		expect("stats", (uint64_t)maru_stats(pool, &st), 0);
		if (st.clients == 1 && st.buffers == 0)
			break;
		storm_pause_us(10000);
	}
	return st;
}

static struct maru_stats looked_over(struct maru_pool *pool, const char *name)
{
	struct maru_stats st = at_rest(pool);
	char label[64];
	uint64_t nr, bytes;

	snprintf(label, sizeof(label), "%s", name);
	expect("slots that are not free", st.clients, 1);
	expect("buffers", st.buffers, 0);
	expect("blocks in quarantine", st.quarantined, 0);
	expect("claims", st.claims, 0);
	expect("pins", st.pins, 0);
	bytes = entries_bytes(pool, &nr);
	expect("entries walked", nr, st.entries);
	expect("bytes of their blocks", bytes, st.used_bytes);
	expect("faults", (uint64_t)maru_check(pool, tell, label), 0);
	printf("%s pool: %llu entries, %llu evictions, %llu reaps, %llu blocks "
	       "reaped, %llu bytes leaked\n",
	       name, (unsigned long long)st.entries,
	       (unsigned long long)st.total.evictions,
	       (unsigned long long)st.total.reaps,
	       (unsigned long long)st.total.reaped_blocks,
	       (unsigned long long)(st.used_bytes - bytes));
	return st;
}

static void durable_all(struct maru_pool *pool)
{
	struct durable_count n =
		durable_count(&storm->durable, pool, storm->workers);

	printf("durable keys: %llu there, %llu lost, %llu came back, %llu "
	       "wrong\n",
	       (unsigned long long)n.there, (unsigned long long)n.lost,
	       (unsigned long long)n.back, (unsigned long long)n.wrong);
	expect("durable keys lost", n.lost, 0);
	expect("deleted keys that came back", n.back, 0);
	expect("durable keys with wrong bytes", n.wrong, 0);
}

static void fsck(uint64_t offset, const char *path)
{
	char label[] = "closed";
	struct maru_fsck_opts o = {
		.size = sizeof(o), .offset = offset, .fn = tell, .ctx = label
	};
	struct maru_fsck_result res = { 0 };
	char line[400];
	int status;

	expect("maru_fsck()", (uint64_t)maru_fsck(storm->target, &o, &res), 0);
	expect("its faults", res.faults, 0);
	snprintf(line, sizeof(line),
		 "if command -v maru-fsck >/dev/null; then "
		 "maru-fsck -n --offset %llu '%s'; else exit 99; fi",
		 (unsigned long long)offset, path);
	fflush(stdout);
	status = system(line);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		printf("maru-fsck is not in PATH\n");
	else
		expect("maru-fsck -n", (uint64_t)status, 0);
}

uint64_t storm_look_over(const char *path)
{
	struct maru_pool *pool;
	int rc;

	pool = storm_join(0, &rc);
	expect("open", (uint64_t)rc, 0);
	if (rc == 0) {
		looked_over(pool, "low");
		expect("close", (uint64_t)maru_close(pool, 0), 0);
	}
	pool = storm_join(STORM_WINDOW, &rc);
	expect("open", (uint64_t)rc, 0);
	if (rc == 0) {
		expect("evictions from the high pool",
		       looked_over(pool, "high").total.evictions, 0);
		durable_all(pool);
		expect("close", (uint64_t)maru_close(pool, 0), 0);
	}
	fsck(0, path);
	fsck(STORM_WINDOW, path);
	return failures;
}
