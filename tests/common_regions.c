// SPDX-License-Identifier: BSD-3-Clause
/* A pool of several small regions, with something in each. */
#include "common_regions.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct maru_create_opts regions_opts(uint32_t flags)
{
	struct maru_create_opts o = test_opts();

	o.bytes = REGIONS_BYTES;
	o.max_clients = 8;
	o.flags |= flags;
	return o;
}

struct maru_pool *regions_pool(unsigned nr, uint32_t flags)
{
	struct maru_create_opts o = regions_opts(flags);
	int rc = maru_create(test_targets(nr), &o);

	ck_assert_msg(rc == 0, "create: %d, %s", rc, maru_errmsg());
	return test_open(0);
}

uint32_t regions_of(struct maru_pool *p, unsigned no)
{
	struct maru_view view;
	uint32_t region;

	if (test_hold(p, no, &view))
		return UINT32_MAX;
	region = maru_addr_region(view.ref.addr);
	ck_assert_int_eq(test_verify(view.data, view.len, no), 1);
	ck_assert_int_eq(maru_release(p, &view), 0);
	return region;
}

unsigned regions_fill(struct maru_pool *p, uint32_t no)
{
	unsigned nr = 0, there = 0;

	while (there < 20) {
		ck_assert_int_eq(test_put(p, nr, REGIONS_LEN), 0);
		there += regions_of(p, nr) == no;
		ck_assert_uint_lt(++nr, 20000);
	}
	ck_assert_uint_eq(test_stats(p).total.evictions, 0);
	return nr;
}

unsigned regions_in(struct maru_pool *p, unsigned nr, uint32_t no)
{
	unsigned i, in = 0;

	for (i = 0; i < nr; i++)
		in += regions_of(p, i) == no;
	return in;
}

unsigned regions_kept(struct maru_pool *p, unsigned nr)
{
	unsigned i, kept = 0;

	for (i = 0; i < nr; i++) {
		int rc = test_get(p, i, REGIONS_LEN);

		ck_assert_msg(rc == 0 || rc == -ENOENT, "%u: %d", i, rc);
		kept += rc == 0;
	}
	return kept;
}

void regions_says(const char *what)
{
	ck_assert_msg(strstr(maru_errmsg(), what) != NULL, "not '%s': %s", what,
		      maru_errmsg());
}

void regions_refused(const char *target, int err, const char *what)
{
	struct maru_pool *p;
	int rc = maru_open(target, NULL, &p);

	ck_assert_msg(rc == err, "%s: %d, %s", target, rc, maru_errmsg());
	ck_assert_ptr_null(p);
	regions_says(what);
}

const char *regions_list(const char *a, const char *b)
{
	static char list[2 * PATH_MAX];
	int n = snprintf(list, sizeof(list), "%s", test_path(a));

	snprintf(list + n, sizeof(list) - (size_t)n, ",%s", test_path(b));
	return list;
}
