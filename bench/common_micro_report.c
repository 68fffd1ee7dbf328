/* SPDX-License-Identifier: BSD-3-Clause */
/* What the slices came to: median, range and quantiles of every run. */
#include "common.h"
#include "common_micro.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
	double median, min, max;
};

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct range range_of(const double *v, uint32_t nr)
{
	double sorted[MICRO_ROUNDS_MAX];

	memcpy(sorted, v, nr * sizeof(*v));
	qsort(sorted, nr, sizeof(*v), ascending);
	return (struct range){
		.median = (sorted[nr / 2] + sorted[(nr - 1) / 2]) / 2,
		.min = sorted[0],
		.max = sorted[nr - 1],
	};
}

static double gb_per_s(const struct micro_run *run)
{
	return range_of(run->per_s, run->rounds).median *
	       (double)run->what->bytes / 1e9;
}

/* Throughput as a share of a bare copy's of this kind and size; or 0. */
static double share_of(const struct micro_run *runs, uint32_t nr,
		       const struct micro_run *run, const char *kind)
{
	if (strncmp(run->what->name, "store_", 6))
		return 0;
	for (uint32_t i = 0; i < nr; i++)
		if (!strncmp(runs[i].what->name, kind, strlen(kind)) &&
		    runs[i].what->bytes == run->what->bytes &&
		    runs[i].workers == run->workers)
			return gb_per_s(run) / gb_per_s(&runs[i]);
	return 0;
}

static void show_line(const struct micro_run *runs, uint32_t nr,
		      const struct micro_run *run)
{
	const struct range ns = range_of(run->ns, run->rounds);
	const double of_memcpy = share_of(runs, nr, run, "memcpy_");
	const double of_stream = share_of(runs, nr, run, "stream_");

	printf("%-16s %u %9s %9s %9s", run->what->name, run->workers,
	       bench_time(ns.median), bench_time(ns.min), bench_time(ns.max));
	printf(" %9s", bench_time(hist_quantile(&run->group, .99)));
	if (run->what->bytes)
		printf(" %6.1f", gb_per_s(run));
	if (of_memcpy > 0)
		printf(" %5.0f %%", 100 * of_memcpy);
	if (of_stream > 0)
		printf(" %5.0f %%", 100 * of_stream);
	putchar('\n');
}

void micro_show_table(const struct micro_run *runs, uint32_t nr)
{
	printf("%-16s %s %9s %9s %9s %9s %6s %7s %7s\n", "case", "n", "median",
	       "min", "max", "p99", "GB/s", "/memcpy", "/stream");
	for (uint32_t i = 0; i < nr; i++)
		show_line(runs, nr, &runs[i]);
	puts("\nn: processes.  median, min, max: of the rounds' mean time per "
	     "key, as one\nprocess sees it.  p99: of groups of operations.  "
	     "GB/s: all processes together.\n/memcpy, /stream: share of a "
	     "bare copy's throughput into the same mapping.");
}

void micro_show_csv(const struct micro_run *runs, uint32_t nr)
{
	puts("case,processes,rounds,median_ns,min_ns,max_ns,p50_ns,p99_ns,"
	     "p99_9_ns,keys_per_s,bytes_per_s,of_memcpy,of_stream");
	for (uint32_t i = 0; i < nr; i++) {
		const struct micro_run *run = &runs[i];
		const struct range ns = range_of(run->ns, run->rounds);

		printf("%s,%u,%u,%.2f,%.2f,%.2f,%.0f,%.0f,%.0f,%.0f,%.0f,"
		       "%.3f,%.3f\n",
		       run->what->name, run->workers, run->rounds, ns.median,
		       ns.min, ns.max, hist_quantile(&run->group, .5),
		       hist_quantile(&run->group, .99),
		       hist_quantile(&run->group, .999),
		       range_of(run->per_s, run->rounds).median,
		       gb_per_s(run) * 1e9, share_of(runs, nr, run, "memcpy_"),
		       share_of(runs, nr, run, "stream_"));
	}
}

static json_t *run_json(const struct micro_run *runs, uint32_t nr,
			const struct micro_run *run)
{
	const struct range ns = range_of(run->ns, run->rounds);

	return json_pack("{ss ss si si sf sf sf sf sf sf sf sf sf sf}", "case",
			 run->what->name, "about", run->what->about,
			 "processes", (int)run->workers, "rounds",
			 (int)run->rounds, "median_ns", ns.median, "min_ns",
			 ns.min, "max_ns", ns.max, "p50_ns",
			 hist_quantile(&run->group, .5), "p99_ns",
			 hist_quantile(&run->group, .99), "p99_9_ns",
			 hist_quantile(&run->group, .999), "keys_per_s",
			 range_of(run->per_s, run->rounds).median,
			 "bytes_per_s", gb_per_s(run) * 1e9, "of_memcpy",
			 share_of(runs, nr, run, "memcpy_"), "of_stream",
			 share_of(runs, nr, run, "stream_"));
}

void micro_show_json(const struct micro_run *runs, uint32_t nr)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < nr; i++)
		json_array_append_new(all, run_json(runs, nr, &runs[i]));
	json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(all);
}
