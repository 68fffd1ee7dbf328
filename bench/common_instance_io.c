/* SPDX-License-Identifier: BSD-3-Clause */
/* How an instance uses the pool: in place with batches, or by copying. */
#include "common.h"
#include "common_instance.h"
#include "common_value.h"

/* Blocks that are written at a time: bounds what is held unfinished. */
#define STORE_BATCH 32u

static void doing(struct instance *in, const char *what)
{
	atomic_store_explicit(&in->seat->doing, what, memory_order_relaxed);
}

/* In place. */

/* A prefix batch tells of every index: hits, the stop, and what was left. */
static void check_prefix(struct instance *in)
{
	for (uint32_t i = 0; i < in->nr; i++) {
		const int want = i < in->hits  ? 0 :
				 i == in->hits ? -ENOENT :
						 -ECANCELED;

		if (in->res[i] != want)
			instance_fail(in,
				      "maru_retrieve_batch: %u leading "
				      "hits, but result %u of %u is %d (%s)",
				      in->hits, i, in->nr, in->res[i],
				      maru_strerror(in->res[i]));
	}
}

static void find_in_place(struct instance *in)
{
	struct maru_keys keys = instance_keys(in, 0, in->nr);
	const uint64_t start = bench_now();
	int n;

	doing(in, "maru_retrieve_batch");
	keys.flags = MARU_PREFIX;
	n = maru_retrieve_batch(in->pool, &keys, in->view, in->res);
	if (n < 0)
		instance_fail(in, "maru_retrieve_batch: %s", bench_why(n));
	instance_timed(in, CALL_retrieve_batch, start, in->nr);
	in->hits = (uint32_t)n;
	check_prefix(in);
	doing(in, "verifying");
	for (uint32_t i = 0; i < in->hits; i++)
		instance_verify(in, i, in->view[i].data, in->view[i].len);
}

static void release_in_place(struct instance *in)
{
	const uint64_t start = bench_now();
	int n;

	if (!in->hits)
		return;
	doing(in, "maru_release_batch");
	n = maru_release_batch(in->pool, in->view, in->hits, in->res);
	instance_timed(in, CALL_release_batch, start, in->hits);
	if (n < 0)
		instance_fail(in, "maru_release_batch: %s", bench_why(n));
	for (uint32_t i = 0; i < in->hits; i++)
		if (in->res[i])
			instance_fail(in,
				      "maru_release_batch: view %u of %u: "
				      "%s",
				      i, in->hits, maru_strerror(in->res[i]));
}

/* Buffers for @nr blocks from @first on; how many, or -ENOSPC. */
static int get_room(struct instance *in, uint32_t first, uint32_t nr)
{
	const struct maru_keys keys = instance_keys(in, first, nr);
	const uint64_t start = bench_now();
	int n;

	doing(in, "maru_reserve_batch");
	n = maru_reserve_batch(in->pool, &keys, in->len, in->buf, in->res);
	instance_timed(in, CALL_reserve_batch, start, nr);
	if (n < 0 && n != -ENOSPC)
		instance_fail(in, "maru_reserve_batch: %s", bench_why(n));
	return n;
}

/* The same without claiming the keys: who commits first wins. */
static int get_unclaimed_room(struct instance *in, uint32_t first, uint32_t nr)
{
	const uint64_t start = bench_now();
	int n;

	(void)first;
	doing(in, "maru_alloc_batch");
	n = maru_alloc_batch(in->pool, in->len, nr, in->buf);
	instance_timed(in, CALL_alloc_batch, start, nr);
	if (n < 0 && n != -ENOSPC)
		instance_fail(in, "maru_alloc_batch: %s", bench_why(n));
	for (uint32_t i = 0; i < nr; i++)
		in->res[i] = 0;
	return n;
}

/* Write the values of the buffers that we got; they move to the front. */
static uint32_t fill_new(struct instance *in, uint32_t first, uint32_t nr)
{
	const uint64_t start = bench_now();
	uint32_t got = 0;

	doing(in, "filling");
	for (uint32_t i = 0; i < nr; i++) {
		const struct key_hash h = in->hash[first + i];

		in->seat->n.existed += in->res[i] == MARU_EXISTED;
		in->seat->n.in_progress += in->res[i] == -EINPROGRESS;
		if (in->res[i] < 0 && in->res[i] != -EINPROGRESS)
			instance_fail(in,
				      "maru_reserve_batch: key %u of %u: "
				      "%s",
				      i, nr, maru_strerror(in->res[i]));
		if (in->res[i])
			continue;
		value_fill(in->buf[i].data, in->value_len, key_seed(h));
		key_put(in->new_blob + (size_t)got * KEY_LEN, in->tag, h);
		in->buf[got++] = in->buf[i];
	}
	in->seat->n.fill_ns += bench_now() - start;
	return got;
}

static void commit_new(struct instance *in, uint32_t nr)
{
	const struct maru_keys keys = {
		.blob = in->new_blob,
		.off = in->off,
		.nr = nr,
	};
	const uint64_t start = bench_now();
	int n;

	doing(in, "maru_commit_batch");
	n = maru_commit_batch(in->pool, &keys, in->buf, in->res);
	instance_timed(in, CALL_commit_batch, start, nr);
	if (n < 0)
		instance_fail(in, "maru_commit_batch: %s", bench_why(n));
	for (uint32_t i = 0; i < nr; i++) {
		if (in->res[i] < 0 && in->res[i] != -ENOSPC)
			instance_fail(in,
				      "maru_commit_batch: key %u of %u: "
				      "%s",
				      i, nr, maru_strerror(in->res[i]));
		in->seat->n.no_room += in->res[i] < 0;
		in->seat->n.existed += in->res[i] == MARU_EXISTED;
		in->seat->n.stored += in->res[i] == 0;
		in->seat->n.store_bytes += in->res[i] ? 0 : in->value_len;
	}
}

static void store_in_place(struct instance *in,
			   int (*room)(struct instance *, uint32_t, uint32_t))
{
	uint32_t nr, got;

	for (uint32_t i = in->hits; i < in->nr; i += nr) {
		nr = in->nr - i < STORE_BATCH ? in->nr - i : STORE_BATCH;
		if (room(in, i, nr) < 0) {
			/* Later blocks are no use without these. */
			in->seat->n.no_room += in->nr - i;
			return;
		}
		got = fill_new(in, i, nr);
		if (!got)
			continue;
		instance_hold(in, got);
		commit_new(in, got);
	}
}

static void store_claimed(struct instance *in)
{
	store_in_place(in, get_room);
}

static void store_unclaimed(struct instance *in)
{
	store_in_place(in, get_unclaimed_room);
}

/* By copying. */

static int copy_out(struct instance *in, uint32_t i)
{
	const uint64_t start = bench_now();
	size_t len = 0;
	int err;

	doing(in, "maru_read");
	err = maru_read(in->pool, in->blob + in->off[i], KEY_LEN, in->copy,
			in->value_len, &len);
	instance_timed(in, CALL_read, start, 1);
	if (err && err != -ENOENT)
		instance_fail(in, "maru_read: %s", bench_why(err));
	if (!err)
		instance_verify(in, i, in->copy, len);
	return err;
}

static void find_by_copy(struct instance *in)
{
	while (in->hits < in->nr && !copy_out(in, in->hits))
		in->hits++;
}

static int copy_in(struct instance *in, uint32_t i)
{
	uint64_t start = bench_now();
	int err;

	value_fill(in->copy, in->value_len, key_seed(in->hash[i]));
	in->seat->n.fill_ns += bench_now() - start;
	doing(in, "maru_store");
	start = bench_now();
	err = maru_store(in->pool, in->blob + in->off[i], KEY_LEN, in->copy,
			 in->value_len);
	instance_timed(in, CALL_store, start, 1);
	if (err < 0 && err != -ENOSPC)
		instance_fail(in, "maru_store: %s", bench_why(err));
	in->seat->n.existed += err == MARU_EXISTED;
	in->seat->n.stored += err == 0;
	in->seat->n.store_bytes += err ? 0 : in->value_len;
	return err;
}

static void store_by_copy(struct instance *in)
{
	for (uint32_t i = in->hits; i < in->nr; i++) {
		if (copy_in(in, i) >= 0)
			continue;
		in->seat->n.no_room += in->nr - i;
		return;
	}
}

static void release_nothing(struct instance *in)
{
	(void)in;
}

const struct instance_ops *instance_ops(const struct replay_opts *opts)
{
	static const struct instance_ops claimed = {
		find_in_place, store_claimed, release_in_place,
	}, unclaimed = {
		find_in_place, store_unclaimed, release_in_place,
	}, by_copy = {
		find_by_copy, store_by_copy, release_nothing,
	};

	return opts->copy ? &by_copy : opts->alloc ? &unclaimed : &claimed;
}
