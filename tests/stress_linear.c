// SPDX-License-Identifier: BSD-3-Clause
/*
 * Thousands of short histories of several processes on a few keys, in which
 * processes are killed at any instruction: each must have an order.
 *
 * Two pools: in a calm one nothing may vanish but by a delete; in a tight one
 * there is hardly any room and things are evicted all the time.
 */
#include "common_history.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL_BYTES MARU_POOL_MIN

static struct {
	uint64_t points;
	unsigned undecided, refused, failed;
} found;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static struct maru_pool *make_pool(char target[32])
{
	struct maru_create_opts o = { .size = sizeof(o),
				      .bytes = POOL_BYTES,
				      .unit = 4096,
				      .max_clients = 24,
				      .flags = MARU_CREATE_SPARSE,
				      .quarantine_ms = MARU_QUARANTINE_NONE };
	struct maru_pool *pool = NULL;
	int fd;

	if (maru_create_mem(&o, &fd) != 0)
		return NULL;
	snprintf(target, 32, "fd:%d", fd);
	maru_open(target, NULL, &pool);
	return pool;
}

/* Takes all room but @keep bytes, in buffers that are never committed. */
static void tighten(struct maru_pool *pool, size_t keep)
{
	struct maru_buf buf, first;
	size_t len = POOL_BYTES;

	if (maru_alloc(pool, keep, &first) != 0)
		return;
	for (; len >= 4096; len /= 2)
		while (maru_alloc(pool, len, &buf) == 0)
			;
	maru_abort(pool, &first);
}

static void judge(const struct history *h, uint64_t seed)
{
	struct history_verdict v = history_check(h);

	if (v.points > found.points)
		found.points = v.points;
	if (v.linear == 0) {
		found.refused++;
		history_complain(h, seed);
	} else if (v.linear < 0) {
		found.undecided++;
		fprintf(stderr, "seed %llu: too large a search\n",
			(unsigned long long)seed);
	}
}

static int check_file(const char *path)
{
	struct history *h = history_new();
	FILE *f = fopen(path, "r");
	struct history_verdict v;

	if (f == NULL || h == NULL || history_parse(f, h) != 0) {
		fprintf(stderr, "%s: cannot be read as a history\n", path);
		return 16;
	}
	fclose(f);
	v = history_check(h);
	printf("%s: %s, %llu points\n", path,
	       v.linear > 0 ? "has an order" :
	       v.linear < 0 ? "too large to say" :
			      "has no order",
	       (unsigned long long)v.points);
	if (v.linear == 0)
		history_complain(h, 0);
	history_free(h);
	return v.linear != 1;
}

static void show(const struct history_count *n, const struct history_play *p)
{
	printf("histories %llu, operations %llu (at most %llu in one), pending "
	       "%llu, kills %llu, replaced %llu, stops %llu\n",
	       (unsigned long long)n->histories, (unsigned long long)n->ops,
	       (unsigned long long)n->longest, (unsigned long long)n->pending,
	       (unsigned long long)n->kills,
	       (unsigned long long)(p[0].replaced + p[1].replaced),
	       (unsigned long long)(p[0].stops + p[1].stops));
	for (unsigned i = 0; i < HISTORY_CALL_NR; i++)
		if (n->called[i] > 0)
			printf("%s%s %llu", i > 0 ? ", " : "",
			       history_call_name(i),
			       (unsigned long long)n->called[i]);
	printf("\nno order %u, undecided %u, failed %u; longest search %llu "
	       "points\n",
	       found.refused, found.undecided, found.failed,
	       (unsigned long long)found.points);
}

static int storm(uint64_t seed, uint64_t rounds, time_t seconds)
{
	struct history_play play[2] = { { .kills = 1 },
					{ .kills = 1, .pressure = 1 } };
	struct history *h = history_new();
	struct history_count n = { 0 };
	char target[2][32];
	time_t begin = now(), shown = begin;

	for (int i = 0; i < 2; i++) {
		play[i].target = target[i];
		play[i].pool = make_pool(target[i]);
		if (play[i].pool == NULL || h == NULL) {
			fprintf(stderr, "cannot make a pool: %s\n",
				maru_errmsg());
			return 1;
		}
	}
	tighten(play[1].pool, 48 << 10);
	for (uint64_t i = 0; i < rounds; i++) {
		struct history_play *p = &play[i % 4 == 3];

		if (seconds > 0 && now() - begin >= seconds)
			break;
		p->seed = seed + i;
		p->round = i + 1;
		if (history_play(p, h) != 0) {
			fprintf(stderr, "FAIL: seed %llu\n",
				(unsigned long long)p->seed);
			found.failed++;
		}
		history_count(h, &n);
		judge(h, p->seed);
		if (found.refused + found.failed > 9)
			break;
		if (now() - shown >= 10) {
			shown = now();
			fprintf(stderr, "%llu histories, %llu kills\n",
				(unsigned long long)n.histories,
				(unsigned long long)n.kills);
		}
	}
	show(&n, play);
	for (int i = 0; i < 2; i++)
		found.failed += maru_close(play[i].pool, MARU_CLOSE_FORCE) != 0;
	history_free(h);
	return found.refused + found.undecided + found.failed != 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", required_argument, NULL, 'c' },
		{ "histories", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	const char *time_s = getenv("STRESS_TIME");
	uint64_t seed = (uint64_t)time(NULL) << 20, rounds = 2000;
	time_t seconds = 0;
	int c;

	if (time_s != NULL) {
		seconds = atoi(time_s);
		rounds = UINT64_MAX;
	}
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			return check_file(optarg);
		case 'n':
			rounds = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seconds = atoi(optarg);
			rounds = UINT64_MAX;
			break;
		case 'r':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr,
				"usage: %s [--histories N] [--seconds N] "
				"[--seed N] | --check FILE\n",
				argv[0]);
			return 16;
		}
	}
	printf("seed %llu\n", (unsigned long long)seed);
	return storm(seed, rounds, seconds);
}
