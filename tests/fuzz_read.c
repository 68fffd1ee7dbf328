// SPDX-License-Identifier: BSD-3-Clause
/* A read-only handle on a damaged pool: every call that it takes. */
#include "common_fuzz.h"

#include <maru.h>
#include <string.h>

static void refused(struct maru_pool *p, unsigned no)
{
	unsigned char key[MARU_KEY_MAX];
	size_t klen = fuzz_key(key, no);
	struct maru_view view;
	struct maru_buf buf;

	FUZZ_MUST(maru_store(p, key, klen, "x", 1) == -EROFS);
	FUZZ_MUST(maru_retrieve(p, key, klen, &view) == -EROFS);
	FUZZ_MUST(maru_pin(p, key, klen, 1) == -EROFS);
	FUZZ_MUST(maru_delete(p, key, klen) == -EROFS);
	FUZZ_MUST(maru_touch(p, key, klen) == -EROFS);
	FUZZ_MUST(maru_alloc(p, 1, &buf) == -EROFS);
	FUZZ_MUST(maru_reserve(p, key, klen, 1, &buf) == -EROFS);
	FUZZ_MUST(maru_clear(p, NULL) == -EROFS);
	FUZZ_MUST(maru_evict(p, 1, NULL) == -EROFS);
	FUZZ_MUST(maru_reap(p) == -EROFS);
}

static void exists_batch(struct maru_pool *p, const struct fuzz_input *in)
{
	unsigned char blob[FUZZ_CALLS * MARU_KEY_MAX];
	uint64_t off[FUZZ_CALLS + 1] = { 0 };
	int res[FUZZ_CALLS], rc;
	struct maru_keys keys = { .blob = blob,
				  .off = off,
				  .nr = in->call_nr,
				  .flags = in->what & 1 ? MARU_PREFIX : 0 };

	for (unsigned i = 0; i < in->call_nr; i++)
		off[i + 1] = off[i] + fuzz_key(blob + off[i], in->call[i].key);
	rc = maru_exists_batch(p, &keys, res);
	FUZZ_MUST(rc >= 0 && rc <= (int)in->call_nr);
}

static void use(struct maru_pool *p, struct fuzz_input *in)
{
	static const size_t caps[] = { 1, 100, 4096, 9000, 4097, 1, 200000 };

	for (unsigned i = 0; i < in->call_nr; i++) {
		const struct fuzz_call *c = &in->call[i];

		switch (c->what % 4) {
		case 0:
			fuzz_edit_next(in);
			break;
		case 1:
			fuzz_look(p, 1u << c->a % 6);
			break;
		default:
			fuzz_read_key(p, c->key % FUZZ_KEYS,
				      caps[c->b % TEST_LEN(caps)]);
		}
	}
	fuzz_look(p, in->what);
	fuzz_read_all(p);
	exists_batch(p, in);
	refused(p, in->what % FUZZ_KEYS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t flags = MARU_OPEN_RDONLY;
	struct fuzz_input in;
	struct maru_pool *p;

	fuzz_parse(&in, data, size);
	fuzz_set_up(&in);
	fuzz_guard_strict(true);
	if (in.what & 0x40)
		flags |= MARU_OPEN_INSPECT;
	if (in.what & 0x80)
		flags |= MARU_OPEN_VERIFY;
	fuzz_remember();
	p = fuzz_open(flags);
	FUZZ_MUST(fuzz_same());
	if (p == NULL)
		return 0;
	use(p, &in);
	if (!(in.flags & FUZZ_LATER))
		FUZZ_MUST(fuzz_same());
	FUZZ_MUST(maru_close(p, 0) == 0);
	return 0;
}
