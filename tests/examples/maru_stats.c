// SPDX-License-Identifier: BSD-3-Clause
/* maru_stats(3): what is in the pool and who is there. */
#include <maru.h>

#include <stdio.h>
#include <stdlib.h>

/* Print every counter of the pool. */
static int print_counters(struct maru_pool *pool)
{
	struct maru_stats st = { .size = sizeof(st) };
	int err;

	err = maru_stats(pool, &st);
	if (err < 0)
		return err;
#define PRINT(name, text)                                                      \
	printf("%-16s %10llu  %s\n", #name, (unsigned long long)st.total.name, \
	       text);
	MARU_COUNTERS(PRINT)
#undef PRINT
	return 0;
}

/* The same as JSON; the caller frees it. */
static char *json(struct maru_pool *pool)
{
	int len = maru_stats_json(pool, NULL, 0);
	size_t cap;
	char *buf;

	if (len < 0)
		return NULL;
	cap = (size_t)len + 256; /* numbers may grow meanwhile */
	buf = malloc(cap);
	if (buf && maru_stats_json(pool, buf, cap) < 0) {
		free(buf);
		buf = NULL;
	}
	return buf;
}

static int check(struct maru_pool *a, struct maru_pool *b)
{
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_client who[2];
	char *s;

	if (maru_store(a, "k", 1, "value", 5) != 0)
		return 1;
	if (maru_pin(b, "k", 1, 3) != 0)
		return 2;
	if (print_counters(a) != 0)
		return 3;
	if (maru_stats(a, &st) != 0 || st.entries != 1 || st.value_bytes != 5)
		return 4;
	if (st.pins != 3 || st.pinned_entries != 1 || st.clients != 2)
		return 5;
	if (st.self.stores != 1 || st.total.stores != 1)
		return 6;
	if (maru_clients(a, who, 2) != 2 || maru_clients(a, NULL, 0) != 2)
		return 7;
	if (who[0].pins != 0 || who[1].pins != 3 || who[1].alive == 0)
		return 8;
	s = json(a);
	if (!s || s[0] != '{')
		return 9;
	free(s);
	if (maru_reap(a) != 0)
		return 10; /* nobody died */
	return maru_unpin(b, "k", 1, 3) < 0 ? 11 : 0;
}

int main(void)
{
	struct maru_create_opts opts = {
		.size = sizeof(opts),
		.bytes = 16 << 20,
	};
	struct maru_pool *a, *b;
	char target[32];
	int fd, err;

	if (maru_create_mem(&opts, &fd) < 0)
		return 1;
	snprintf(target, sizeof(target), "fd:%d", fd);
	/* Two handles are two clients, also in one process. */
	if (maru_open(target, NULL, &a) < 0 || maru_open(target, NULL, &b) < 0)
		return 1;
	err = check(a, b);
	if (!err)
		err = maru_close(a, 0) < 0 || maru_close(b, 0) < 0;
	if (err)
		fprintf(stderr, "check %d: not as documented\n", err);
	return err != 0;
}
