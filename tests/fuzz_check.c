// SPDX-License-Identifier: BSD-3-Clause
/* maru_check() of damaged pools, by handles of every kind. */
#include "common_fuzz.h"

#include <string.h>

static unsigned told;

static void tell(void *ctx, const struct maru_fault *fault)
{
	(void)ctx;
	told += fault->invariant != 0;
	FUZZ_MUST(fault->invariant <= 39);
	FUZZ_MUST(fault->what != NULL && fault->what[0] != '\0');
	FUZZ_MUST(!fault->fixed);
}

static void check(struct maru_pool *p)
{
	int rc;

	told = 0;
	rc = maru_check(p, tell, NULL);
	FUZZ_MUST(rc >= 0 && (unsigned)rc == told);
	FUZZ_MUST(maru_check(p, NULL, NULL) == rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct maru_pool *p;

	fuzz_parse(&in, data, size);
	fuzz_set_up(&in);
	fuzz_guard_strict(false); /* the superblocks are looked at */
	fuzz_remember();
	p = fuzz_open(MARU_OPEN_RDONLY | (in.what & 1 ? MARU_OPEN_INSPECT : 0));
	if (p != NULL) {
		check(p);
		FUZZ_MUST(fuzz_same());
		FUZZ_MUST(maru_close(p, 0) == 0);
	}
	p = in.what & 2 ? fuzz_open(0) : NULL;
	if (p == NULL)
		return 0;
	check(p);
	FUZZ_MUST(maru_close(p, MARU_CLOSE_FORCE) == 0);
	return 0;
}
