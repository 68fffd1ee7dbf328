/* SPDX-License-Identifier: BSD-3-Clause */
/* What a replay tells people: progress while it runs, a report at its end. */
#include "common.h"
#include "common_replay.h"

#include <inttypes.h>
#include <unistd.h>

const char *const replay_call_names[CALL_NR] = {
#define REPLAY_X(name) #name,
	REPLAY_CALLS(REPLAY_X)
#undef REPLAY_X
};

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* Ever rarer, but often enough on a terminal; and at the end. */
static int is_due(const struct replay *rp, int last)
{
	static uint64_t then;
	const uint64_t now = bench_now();
	const uint64_t ran = now - rp->start_ns;
	uint64_t gap = ran / 8 > 500000000u ? ran / 8 : 500000000u;

	if (isatty(fileno(rp->say)))
		gap = 200000000u;
	if (!last && now - (then ? then : rp->start_ns) < gap)
		return 0;
	then = now;
	return 1;
}

void report_progress(struct replay *rp, int last)
{
	const uint64_t served = replay_total(rp, served);
	const double s = (double)(bench_now() - rp->start_ns) / 1e9;
	const int tty = isatty(fileno(rp->say));
	unsigned alive = 0;

	if (!is_due(rp, last))
		return;
	for (uint32_t i = 0; i < rp->opts.instances; i++)
		alive += rp->pid[i] != 0;
	fprintf(rp->say,
		"%s  %3.0f %%  %6" PRIu64 " of %u requests  hit ratio "
		"%.3f  %5.1f s  %u instances%s",
		tty ? "\r" : "", 100 * ratio((double)served, rp->trace.req_nr),
		served, rp->trace.req_nr,
		ratio((double)replay_total(rp, hits),
		      (double)replay_total(rp, blocks)),
		s, alive, tty && !last ? "" : "\n");
	fflush(rp->say);
}

static void say_head(const struct replay *rp)
{
	const struct replay_opts *o = &rp->opts;

	fprintf(rp->say, "\ntrace      %s\n", rp->trace.what);
	fprintf(rp->say, "           %u requests, %" PRIu64 " blocks of %s\n",
		rp->trace.req_nr, rp->trace.id_nr,
		bench_size((double)o->value_len));
	fprintf(rp->say, "pool       %s, %s for values\n",
		o->target ? o->target : "anonymous memory",
		bench_size((double)rp->after.data_bytes));
	fprintf(rp->say, "instances  %u, %s%s\n", o->instances,
		o->copy ? "copying" : "reading and writing in place",
		rp->death.done ? ", one killed" : "");
}

static void say_work(const struct replay *rp)
{
	const double blocks = (double)replay_total(rp, blocks);
	const double hits = (double)replay_total(rp, hits);
	const double bytes = (double)replay_total(rp, read_bytes);
	const uint64_t served = replay_total(rp, served);

	fprintf(rp->say, "\nrequests   %" PRIu64 " served", served);
	if (rp->death.done)
		fprintf(rp->say, ", %" PRIu64 " lost with the killed instance",
			replay_total(rp, taken) - served);
	if (served + 1 < rp->trace.req_nr)
		fprintf(rp->say, "; stopped before %" PRIu64 " more",
			rp->trace.req_nr - replay_total(rp, taken));
	fprintf(rp->say,
		"\nhit ratio  %.4f: %.0f of %.0f blocks were cached "
		"and led their request\n",
		ratio(hits, blocks), hits, blocks);
	fprintf(rp->say,
		"%s   %s, every byte verified (%.1f GB/s while at "
		"it)\n",
		rp->opts.copy ? "copied  " : "in place", bench_size(bytes),
		ratio(bytes, (double)replay_total(rp, verify_ns)));
	fprintf(rp->say, "stored     %s in %" PRIu64 " blocks\n",
		bench_size((double)replay_total(rp, store_bytes)),
		replay_total(rp, stored));
	fprintf(rp->say,
		"           not stored: %" PRIu64 " there already, %" PRIu64
		" being written, %" PRIu64 " no room\n",
		replay_total(rp, existed), replay_total(rp, in_progress),
		replay_total(rp, no_room));
	fprintf(rp->say, "evictions  %" PRIu64 "\n",
		rp->after.total.evictions - rp->before.evictions);
}

static void say_speed(const struct replay *rp)
{
	const double s = (double)rp->run_ns / 1e9;
	const double bytes = (double)replay_total(rp, read_bytes) +
			     (double)replay_total(rp, store_bytes);

	fprintf(rp->say,
		"time       %.2f s: %.0f requests/s, %.0f blocks/s, "
		"%.2f GB/s in and out\n",
		s, ratio((double)replay_total(rp, served), s),
		ratio((double)replay_total(rp, blocks), s),
		ratio(bytes, s) / 1e9);
}

static void say_survivors(const struct replay *rp)
{
	const struct replay_death *d = &rp->death;

	if (!d->done)
		return;
	fprintf(rp->say, "after the  ");
	for (uint32_t i = 0; i < rp->opts.instances; i++)
		if ((int)i != d->no)
			fprintf(rp->say, "instance %u served %" PRIu64 "; ", i,
				atomic_load(&rp->shared->seat[i].n.served) -
					d->at[i]);
	fprintf(rp->say,
		"\nkill       instance %d's %" PRIu64 " pins and %u "
		"buffers were gone in %s\n",
		d->no, d->pins_before, d->bufs_before,
		bench_time((double)d->reap_ns));
}

void replay_sum_call(const struct replay *rp, int call,
		     struct replay_timing *sum)
{
	*sum = (struct replay_timing){ 0 };
	for (uint32_t i = 0; i < rp->opts.instances; i++) {
		const struct replay_timing *t = &rp->shared->seat[i].time[call];

		hist_merge(&sum->call, &t->call);
		sum->keys += t->keys;
	}
}

static void say_calls(const struct replay *rp)
{
	static struct replay_timing sum;

	fprintf(rp->say, "\n%-15s %7s %5s %9s %8s %8s %8s %8s\n", "call",
		"calls", "keys", "mean/key", "p50", "p99", "p99.9", "max");
	for (int c = 0; c < CALL_NR; c++) {
		const struct hist *h = &sum.call;

		replay_sum_call(rp, c, &sum);
		if (!h->nr)
			continue;
		fprintf(rp->say, "%-15s %7" PRIu64 " %5.1f %9s",
			replay_call_names[c], h->nr,
			ratio((double)sum.keys, (double)h->nr),
			bench_time(ratio((double)h->sum, (double)sum.keys)));
		fprintf(rp->say, " %8s %8s %8s",
			bench_time(hist_quantile(h, .5)),
			bench_time(hist_quantile(h, .99)),
			bench_time(hist_quantile(h, .999)));
		fprintf(rp->say, " %8s\n", bench_time((double)h->max));
	}
}

void report_text(const struct replay *rp)
{
	say_head(rp);
	say_work(rp);
	say_survivors(rp);
	say_speed(rp);
	say_calls(rp);
	fprintf(rp->say,
		"\nat rest    %" PRIu64 " entries, %s of values; "
		"buffers %" PRIu64 ", claims %" PRIu64 ", pins %" PRIu64 "\n",
		rp->after.entries, bench_size((double)rp->after.value_bytes),
		rp->after.buffers, rp->after.claims, rp->after.pins);
}

void report_verdict(const struct replay *rp)
{
	fprintf(rp->say, "\nverdict    %s\n",
		rp->faults ?
			"FAILED" :
			"every byte as it was written, nothing left behind");
}
