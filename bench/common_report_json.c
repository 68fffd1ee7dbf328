/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of a replay as one JSON object. */
#include "common.h"
#include "common_replay.h"

#include <jansson.h>

static void put(json_t *to, const char *name, uint64_t v)
{
	json_object_set_new(to, name, json_integer((json_int_t)v));
}

static void put_real(json_t *to, const char *name, double v)
{
	json_object_set_new(to, name, json_real(v));
}

static json_t *counters_json(const struct replay *rp)
{
	json_t *all = json_object();

#define REPLAY_X(name, text) put(all, #name, replay_total(rp, name));
	REPLAY_COUNTERS(REPLAY_X)
#undef REPLAY_X
	return all;
}

static json_t *call_json(const struct hist *h, uint64_t keys)
{
	json_t *one = json_object();

	put(one, "calls", h->nr);
	put(one, "keys", keys);
	put(one, "total_ns", h->sum);
	put_real(one, "p50_ns", hist_quantile(h, .5));
	put_real(one, "p99_ns", hist_quantile(h, .99));
	put_real(one, "p99_9_ns", hist_quantile(h, .999));
	put(one, "max_ns", h->max);
	return one;
}

static json_t *calls_json(const struct replay *rp)
{
	static struct replay_timing sum;
	json_t *all = json_object();

	for (int c = 0; c < CALL_NR; c++) {
		replay_sum_call(rp, c, &sum);
		if (sum.call.nr)
			json_object_set_new(all, replay_call_names[c],
					    call_json(&sum.call, sum.keys));
	}
	return all;
}

static json_t *death_json(const struct replay *rp)
{
	const struct replay_death *d = &rp->death;
	json_t *one = json_object();

	if (!d->done) {
		json_decref(one);
		return json_null();
	}
	put(one, "instance", (uint64_t)d->no);
	put(one, "pins_before", d->pins_before);
	put(one, "buffers_before", d->bufs_before);
	put(one, "pins_dead", d->pins_dead);
	put(one, "buffers_dead", d->bufs_dead);
	put(one, "reap_ns", d->reap_ns);
	put(one, "served_before", d->served);
	put(one, "served_after", replay_total(rp, served) - d->served);
	return one;
}

static json_t *pool_json(const struct replay *rp)
{
	const struct maru_stats *st = &rp->after;
	json_t *one = json_object();

	json_object_set_new(one, "target", json_string(rp->pool.target));
	put(one, "pool_bytes", st->pool_bytes);
	put(one, "data_bytes", st->data_bytes);
	put(one, "used_bytes", st->used_bytes);
	put(one, "entries", st->entries);
	put(one, "buffers", st->buffers);
	put(one, "claims", st->claims);
	put(one, "pins", st->pins);
	put(one, "evictions", st->total.evictions - rp->before.evictions);
	return one;
}

static void put_speed(json_t *to, const struct replay *rp)
{
	const double blocks = (double)replay_total(rp, blocks);
	const double s = (double)rp->run_ns / 1e9;

	put_real(to, "hit_ratio",
		 blocks > 0 ? (double)replay_total(rp, hits) / blocks : 0);
	put_real(to, "seconds", s);
	put_real(to, "requests_per_second",
		 (double)replay_total(rp, served) / s);
	put_real(to, "blocks_per_second", blocks / s);
}

void report_json(const struct replay *rp)
{
	json_t *all = json_object();

	json_object_set_new(all, "trace", json_string(rp->trace.what));
	put(all, "requests", rp->trace.req_nr);
	put(all, "block_references", rp->trace.id_nr);
	put(all, "value_bytes", rp->opts.value_len);
	put(all, "instances", rp->opts.instances);
	json_object_set_new(all, "copying", json_boolean(rp->opts.copy));
	put_speed(all, rp);
	json_object_set_new(all, "counters", counters_json(rp));
	json_object_set_new(all, "calls", calls_json(rp));
	json_object_set_new(all, "death", death_json(rp));
	json_object_set_new(all, "pool", pool_json(rp));
	put(all, "faults", rp->faults);
	json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(all);
}
