// SPDX-License-Identifier: BSD-3-Clause
/*
 * maru_fsck() of damaged pools.  Looking changes nothing; what was repaired is
 * clean when it is looked at again, repairing it again changes nothing, and
 * every entry that was kept can be found, read and held.
 */
#include "common_fuzz.h"

#include "base/err.h"

#include <maru.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS "EMEDIUMTYPE EUCLEAN EINVAL EBUSY ENOSPC"

static void tell(void *ctx, const struct maru_fault *fault)
{
	struct maru_fault *last = ctx;

	FUZZ_MUST(fault->invariant <= 39);
	FUZZ_MUST(fault->what != NULL && fault->what[0] != '\0');
	*last = *fault;
}

static int fsck(uint32_t flags, struct maru_fsck_result *res)
{
	static struct maru_fault last;
	struct maru_fsck_opts o = {
		.size = sizeof(o), .flags = flags, .fn = tell, .ctx = &last
	};
	int rc;

	err_clear();
	rc = fuzz_rc("maru_fsck", maru_fsck(fuzz_target(), &o, res), ERRORS);
	FUZZ_MUST(rc == 0 || maru_errmsg()[0] != '\0');
	return rc;
}

static void look_only(uint32_t flags)
{
	struct maru_fsck_result res;

	fuzz_remember();
	fsck(flags, &res);
	FUZZ_MUST(fuzz_same());
	FUZZ_MUST(res.fixed == 0 && res.dropped == 0 && res.freed == 0);
}

/* Every kept entry is whole: held, and read by a reader too. */
static uint64_t read_all(struct maru_pool *p, struct maru_pool *reader,
			 bool values)
{
	static unsigned char buf[FUZZ_BYTES];
	struct maru_iter it = { 0 };
	struct maru_entry e;
	uint64_t nr = 0;

	for (; maru_iter_next(p, &it, &e) == 1; nr++) {
		struct maru_view v;
		size_t len;
		int rc;

		FUZZ_MUST(maru_exists(p, e.key, e.klen) == 1);
		FUZZ_MUST(maru_retrieve(p, e.key, e.klen, &v) == 0);
		FUZZ_MUST(v.len == e.len && v.ref.addr == e.ref.addr);
		fuzz_inside(p, v.data, v.len);
		rc = maru_read(reader, e.key, e.klen, buf, sizeof(buf), &len);
		FUZZ_MUST(rc == 0 || (rc == MARU_E_CORRUPT && !values));
		FUZZ_MUST(rc != 0 ||
			  (len == v.len && memcmp(buf, v.data, len) == 0));
		FUZZ_MUST(maru_release(p, &v) == 0);
	}
	return nr;
}

/* The pool is as good as new. */
static void use(struct maru_pool *p)
{
	static const char key[] = "an entry that comes after the repair";
	struct maru_stats st = { .size = sizeof(st) };
	struct maru_view v;

	FUZZ_MUST(maru_store(p, key, sizeof(key), fuzz_value(), 5000) >= 0);
	FUZZ_MUST(maru_retrieve(p, key, sizeof(key), &v) == 0);
	FUZZ_MUST(memcmp(v.data, fuzz_value(), 5000) == 0);
	FUZZ_MUST(maru_delete(p, key, sizeof(key)) == -EBUSY);
	FUZZ_MUST(maru_release(p, &v) == 0);
	FUZZ_MUST(maru_delete(p, key, sizeof(key)) == 0);
	FUZZ_MUST(maru_check(p, NULL, NULL) == 0);
	FUZZ_MUST(maru_clear(p, NULL) == 0);
	FUZZ_MUST(maru_stats(p, &st) == 0);
	FUZZ_MUST(st.entries == 0 && st.used_bytes == 0 && st.pins == 0);
}

static void use_all(bool values, uint64_t kept)
{
	struct maru_pool *p = fuzz_open(0), *reader;

	/* what this version may only read it does not open to write */
	if (p == NULL && strstr(maru_errmsg(), "may only read") != NULL)
		return;
	FUZZ_MUST(p != NULL);
	reader = fuzz_open(MARU_OPEN_RDONLY);
	FUZZ_MUST(reader != NULL);
	FUZZ_MUST(read_all(p, reader, values) == kept);
	use(p);
	FUZZ_MUST(maru_close(reader, 0) == 0);
	FUZZ_MUST(maru_close(p, 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maru_fsck_result res, again;
	struct fuzz_input in;
	uint32_t flags = MARU_FSCK_REPAIR;

	fuzz_parse(&in, data, size);
	fuzz_set_up(&in);
	fuzz_guard_strict(false);
	if (in.what & 1)
		flags |= MARU_FSCK_DATA;
	if (in.what & 2)
		flags |= MARU_FSCK_REBUILD;
	if (in.what & 4)
		look_only(flags & MARU_FSCK_DATA);
	if (fsck(flags, &res) != 0)
		return 0;
	FUZZ_MUST(res.fixed == res.faults);
	FUZZ_MUST(fsck(flags & MARU_FSCK_DATA, &again) == 0);
	FUZZ_MUST(again.faults == 0 && again.kept == res.kept);
	fuzz_remember();
	FUZZ_MUST(fsck(MARU_FSCK_REPAIR | (flags & MARU_FSCK_DATA), &again) ==
		  0);
	FUZZ_MUST(again.faults == 0 && again.dropped == 0 && again.freed == 0);
	FUZZ_MUST(fuzz_same());
	use_all(flags & MARU_FSCK_DATA, res.kept);
	FUZZ_MUST(fsck(0, &again) == 0 && again.faults == 0);
	return 0;
}
