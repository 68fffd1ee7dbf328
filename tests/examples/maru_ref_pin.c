// SPDX-License-Identifier: BSD-3-Clause
/* maru_ref_pin(3): hand an entry to another client without its key. */
#include <maru.h>

#include <stdio.h>
#include <string.h>

/* The receiving side: pin, read, give the pin back. */
static int receive(struct maru_pool *pool, const struct maru_ref *ref,
		   char *buf, size_t cap)
{
	const void *data;
	size_t len;
	int err;

	err = maru_ref_pin(pool, ref, 1);
	if (err < 0)
		return err; /* MARU_E_STALE: it has gone meanwhile */
	err = maru_ref_data(pool, ref, &data, &len);
	if (err == 0)
		memcpy(buf, data, len < cap ? len : cap);
	return maru_ref_unpin(pool, ref, 1) < 0 ? MARU_E_STALE : err;
}

static int check(struct maru_pool *a, struct maru_pool *b)
{
	uint64_t addr = maru_addr(3, 70000);
	struct maru_view view;
	struct maru_ref ref;
	const void *data;
	char buf[5];
	size_t len;

	if (maru_addr_region(addr) != 3 || maru_addr_page(addr) != 70000)
		return 1;
	if (maru_store(a, "k", 1, "value", 5) != 0)
		return 2;
	if (maru_retrieve(a, "k", 1, &view) != 0)
		return 3;
	ref = view.ref; /* 16 bytes, good to send */
	if (receive(b, &ref, buf, 5) != 0 || memcmp(buf, "value", 5) != 0)
		return 4;
	if (maru_ref_unpin(b, &ref, 1) != -EINVAL)
		return 5; /* b holds none any more */
	if (maru_ref_data(b, &ref, &data, &len) != -EINVAL)
		return 6;
	if (maru_release(a, &view) != 0 || maru_delete(a, "k", 1) != 0)
		return 7;
	/* Another entry may now be at this address, in another version. */
	if (maru_store(a, "k", 1, "other", 5) != 0)
		return 8;
	return receive(b, &ref, buf, 5) == MARU_E_STALE ? 0 : 9;
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
