/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An LLM instance: takes requests, finds the longest cached prefix of each,
 * verifies every byte of it, "computes" the other blocks and stores them.
 */
#include "common_instance.h"
#include "common.h"
#include "common_value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Why, for the director; the pool handle is left to be reaped. */
void instance_fail(struct instance *in, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(in->seat->fail, sizeof(in->seat->fail), fmt, ap);
	va_end(ap);
	_exit(BENCH_WRONG);
}

void instance_timed(struct instance *in, enum replay_call call, uint64_t start,
		    uint32_t keys)
{
	hist_add(&in->seat->time[call].call, bench_now() - start);
	in->seat->time[call].keys += keys;
}

struct maru_keys instance_keys(const struct instance *in, uint32_t first,
			       uint32_t nr)
{
	return (struct maru_keys){
		.blob = in->blob,
		.off = in->off + first,
		.nr = nr,
	};
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 200000 };

	nanosleep(&ts, NULL);
}

static void stand_still(struct instance *in, uint32_t views, uint32_t bufs)
{
	in->seat->held_views = views;
	in->seat->held_bufs = bufs;
	atomic_store(&in->seat->holding, 1);
	while (atomic_load(&in->shared->hold) == (int)in->no)
		nap();
	atomic_store(&in->seat->holding, 0);
}

void instance_hold(struct instance *in, uint32_t bufs)
{
	if (in->hits && atomic_load(&in->shared->hold) == (int)in->no)
		stand_still(in, in->view[0].data ? in->hits : 0, bufs);
}

static void build_keys(struct instance *in, const uint64_t *id)
{
	struct key_hash h = { 0 };

	for (uint32_t i = 0; i < in->nr; i++) {
		h = key_chain(h, id[i]);
		in->hash[i] = h;
		key_put(in->blob + (size_t)i * KEY_LEN, in->tag, h);
	}
}

void instance_verify(struct instance *in, uint32_t i, const void *data,
		     size_t len)
{
	const uint64_t start = bench_now();
	struct value_fault fault;
	char hex[33];

	key_hex(hex, in->hash[i]);
	if (len != in->value_len)
		instance_fail(in, "key %.*s+%s: %zu bytes instead of %zu",
			      KEY_TAG_LEN, in->tag, hex, len, in->value_len);
	if (value_check(data, len, key_seed(in->hash[i]), &fault))
		instance_fail(in,
			      "key %.*s+%s: wrong byte at offset %zu: "
			      "expected %016llx, found %016llx",
			      KEY_TAG_LEN, in->tag, hex, fault.off,
			      (unsigned long long)fault.expected,
			      (unsigned long long)fault.found);
	in->seat->n.verify_ns += bench_now() - start;
	in->seat->n.read_bytes += len;
}

/* What a GPU would be busy with for the blocks that were not cached. */
static void compute(const struct instance *in)
{
	const uint64_t us = (uint64_t)in->think_us * (in->nr - in->hits);
	const struct timespec ts = { (time_t)(us / 1000000),
				     (long)(us % 1000000) * 1000 };

	if (us)
		nanosleep(&ts, NULL);
}

static void serve(struct instance *in, const struct replay *rp,
		  const struct trace_req *req)
{
	in->nr = req->nr;
	in->hits = 0;
	build_keys(in, &rp->trace.id[req->first]);
	in->ops->find(in);
	compute(in);
	in->ops->store(in);
	instance_hold(in, 0);
	in->ops->release(in);
	in->seat->n.blocks += in->nr;
	in->seat->n.hits += in->hits;
	in->seat->n.served++;
}

static void *array(size_t nr, size_t size)
{
	void *p = calloc(nr ? nr : 1, size);

	if (!p)
		bench_die(BENCH_CANNOT, "no memory for an instance");
	return p;
}

static void set_up(struct instance *in, const struct replay *rp)
{
	const uint32_t nr = rp->trace.longest;

	in->value_len = rp->opts.value_len;
	in->think_us = rp->opts.think_us;
	in->tag = rp->tag;
	in->blob = array(nr, KEY_LEN);
	in->new_blob = array(nr, KEY_LEN);
	in->off = array(nr + 1, sizeof(*in->off));
	in->hash = array(nr, sizeof(*in->hash));
	in->view = array(nr, sizeof(*in->view));
	in->buf = array(nr, sizeof(*in->buf));
	in->len = array(nr, sizeof(*in->len));
	in->res = array(nr, sizeof(*in->res));
	in->copy = array(1, in->value_len);
	for (uint32_t i = 0; i <= nr; i++)
		in->off[i] = (uint64_t)i * KEY_LEN;
	for (uint32_t i = 0; i < nr; i++)
		in->len[i] = in->value_len;
}

static void tear_down(struct instance *in)
{
	free(in->blob);
	free(in->new_blob);
	free(in->off);
	free(in->hash);
	free(in->view);
	free(in->buf);
	free(in->len);
	free(in->res);
	free(in->copy);
}

static void join(struct instance *in, const struct replay *rp)
{
	char name[MARU_NAME_MAX + 1];
	int err;

	snprintf(name, sizeof(name), "instance-%u", in->no);
	atomic_store(&in->seat->doing, "maru_open");
	err = bench_pool_open(&rp->pool, name, 0, &in->pool);
	if (err < 0)
		instance_fail(in, "maru_open: %s", bench_why(err));
	atomic_store(&in->seat->ready, 1);
	while (!atomic_load(&in->shared->go))
		nap();
}

/* The next request, or NULL.  The last quarter waits for a kill that is due. */
static const struct trace_req *take(struct instance *in,
				    const struct replay *rp)
{
	struct replay_shared *sh = in->shared;
	const uint64_t gate = rp->trace.req_nr - rp->trace.req_nr / 4;
	uint64_t i;

	while (atomic_load(&sh->kill_due) && !atomic_load(&sh->stop) &&
	       atomic_load(&sh->hold) != (int)in->no &&
	       atomic_load(&sh->next) >= gate)
		nap();
	if (atomic_load(&sh->stop))
		return NULL;
	i = atomic_fetch_add(&sh->next, 1);
	if (i >= rp->trace.req_nr)
		return NULL;
	in->seat->n.taken++;
	return &rp->trace.req[i];
}

int instance_main(const struct replay *rp, uint32_t no)
{
	struct instance in = {
		.no = no,
		.shared = rp->shared,
		.seat = &rp->shared->seat[no],
		.ops = instance_ops(&rp->opts),
	};
	const struct trace_req *req;
	int err;

	set_up(&in, rp);
	join(&in, rp);
	while ((req = take(&in, rp)))
		serve(&in, rp, req);
	if (atomic_load(&rp->shared->hold) == (int)no)
		stand_still(&in, 0, 0);
	atomic_store(&in.seat->doing, "maru_close");
	err = maru_close(in.pool, 0);
	if (err < 0)
		instance_fail(&in, "maru_close: %s", bench_why(err));
	tear_down(&in);
	return BENCH_OK;
}
