// SPDX-License-Identifier: BSD-3-Clause
/* Two writing handles on a damaged pool and a script of every call. */
#include "common_fuzz.h"

#include <string.h>

#define HANDLES 2u

static void run(struct fuzz_hand *hands, struct fuzz_input *in)
{
	for (unsigned i = 0; i < in->call_nr; i++) {
		const struct fuzz_call *c = &in->call[i];
		struct fuzz_hand *h = &hands[c->what >> 7];

		if (h->pool == NULL)
			h = &hands[0];
		if (h->pool != NULL)
			fuzz_act(h, in, c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_hand hands[HANDLES];
	struct fuzz_input in;

	memset(hands, 0, sizeof(hands));
	fuzz_parse(&in, data, size);
	fuzz_set_up(&in);
	fuzz_guard_strict(false); /* maru_check() looks at superblocks */
	hands[0].pool = fuzz_open(in.what & 1 ? MARU_OPEN_VERIFY : 0);
	if (in.what & 2)
		hands[1].pool = fuzz_open(0);
	run(hands, &in);
	for (unsigned i = HANDLES; i-- > 0;)
		if (hands[i].pool != NULL) {
			fuzz_hold_all(hands[i].pool);
			fuzz_leave(&hands[i]);
		}
	return 0;
}
