/* SPDX-License-Identifier: BSD-3-Clause */
/* Nanoseconds per operation, by one and by two processes. */
#include "common.h"
#include "common_micro.h"

#include <argp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct argp_option options[] = {
	{ "only", 'o', "NAME", 0,
	  "Only cases whose name begins with NAME; may be given again", 0 },
	{ "entries", 'e', "N", 0, "Entries to find keys among (100000)", 0 },
	{ "bytes", 'b', "SIZE", 0,
	  "Size of either pool that values are stored to (512M)", 0 },
	{ "seconds", 's', "N", 0, "Measure for about N seconds in all (45)",
	  0 },
	{ "rounds", 'r', "N", 0, "Slices of each case (5)", 0 },
	{ "pool", 'p', "TARGET", 0,
	  "Make the pools side by side in TARGET, whose content is lost "
	  "(default: anonymous memory)",
	  0 },
	{ "json", 'j', NULL, 0, "Print a JSON array", 0 },
	{ "csv", 'c', NULL, 0, "Print comma-separated values", 0 },
	{ "list", 'l', NULL, 0, "Print what the cases are", 0 },
	{ 0 },
};

static uint32_t number(const char *option, const char *text, uint64_t max)
{
	const uint64_t n = bench_number(option, text);

	if (n < 1 || n > max)
		bench_die(BENCH_USAGE, "--%s %s: out of range", option, text);
	return (uint32_t)n;
}

static int parse_size(int key, const char *arg, struct micro_opts *o)
{
	switch (key) {
	case 'e':
		o->entries = number("entries", arg, 1u << 28);
		return 0;
	case 'b':
		o->bytes = bench_number("bytes", arg);
		if (o->bytes < 256u << 20)
			bench_die(BENCH_USAGE, "--bytes %s: less than 256M",
				  arg);
		return 0;
	case 's':
		o->seconds = number("seconds", arg, 86400);
		return 0;
	case 'r':
		o->rounds = number("rounds", arg, MICRO_ROUNDS_MAX);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct micro_opts *o = state->input;

	switch (key) {
	case 'o':
		if (o->only_nr == MICRO_ONLY_MAX)
			argp_error(state, "--only: at most %d", MICRO_ONLY_MAX);
		o->only[o->only_nr++] = arg;
		return 0;
	case 'p':
		o->target = arg;
		return 0;
	case 'j':
		o->json = 1;
		return 0;
	case 'c':
		o->csv = 1;
		return 0;
	case 'l':
		o->list = 1;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: options only", arg);
		return 0;
	}
	return parse_size(key, arg, o);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Measure nanoseconds per operation, by one process and by two, "
	       "each on a CPU of its own.  Cases run in short slices in turn; "
	       "shown are the median and the range of the slices.\v" BENCH_EXITS,
};

static int is_wanted(const struct micro_opts *o, const char *name)
{
	for (uint32_t i = 0; i < o->only_nr; i++)
		if (!strncmp(name, o->only[i], strlen(o->only[i])))
			return 1;
	return !o->only_nr;
}

static void add_runs(struct micro *m, const struct micro_case *c)
{
	for (; c->name; c++) {
		if (m->opts.list)
			printf("%-16s %s\n", c->name, c->about);
		if (!is_wanted(&m->opts, c->name))
			continue;
		for (uint32_t n = 1; n <= c->workers; n++)
			m->run[m->run_nr++] =
				(struct micro_run){ .what = c, .workers = n };
	}
}

/* Small blocks: the entries, what a slice adds, and a quarter to spare. */
static void make_pools(struct micro *m)
{
	static const uint64_t v64k = 65536, v1m = 1048576;
	const uint64_t blocks =
		m->opts.entries * 5 / 4 + 2 * MICRO_WORKERS * MICRO_SPARE;
	const uint64_t small = (blocks * 4096 * 5 / 4 + (64u << 20)) &
			       ~(uint64_t)((2u << 20) - 1);
	const uint64_t large = m->opts.bytes & ~(uint64_t)((2u << 20) - 1);
	struct maru_create_opts o[POOL_NR] = {
		[POOL_ENTRIES] = { .bytes = small, .unit = 4096 },
		[POOL_64K] = { .bytes = large, .classes = &v64k, .class_nr = 1 },
		[POOL_1M] = { .bytes = large, .classes = &v1m, .class_nr = 1 },
		[POOL_EMPTY] = { .bytes = small, .unit = 4096 },
	};
	uint64_t offset = 0;

	for (int i = 0; i < POOL_NR; i++) {
		o[i].size = sizeof(o[i]);
		o[i].label = "micro";
		/* no device writes here, and reaping is to be measured whole */
		o[i].quarantine_ms = MARU_QUARANTINE_NONE;
		o[i].flags = MARU_CREATE_FORCE | MARU_CREATE_SPARSE;
		o[i].offset = m->opts.target ? offset : 0;
		bench_pool_make(&m->pool[i], m->opts.target, &o[i]);
		if (!m->pool[i].made)
			bench_die(BENCH_CANNOT, "%s is in use", m->opts.target);
		offset += o[i].bytes;
	}
}

/* A file that is absent is made as large as all the pools. */
static void make_target(struct micro *m)
{
	const uint64_t all =
		2 * m->opts.bytes + (m->opts.entries + 262144) * 16384;
	int fd;

	if (!m->opts.target)
		return;
	fd = open(m->opts.target, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return;
	if (fd < 0 || ftruncate(fd, (off_t)all))
		bench_die(BENCH_CANNOT, "%s: %s", m->opts.target,
			  strerror(errno));
	m->file_made = 1;
	close(fd);
}

static void populate(struct micro *m)
{
	const uint64_t there =
		micro_populate(&m->pool[POOL_ENTRIES], m->opts.entries);

	if (there < m->opts.entries - m->opts.entries / 1000)
		bench_die(BENCH_WRONG,
			  "%llu entries stored with a quarter of "
			  "the pool to spare, only %llu found",
			  (unsigned long long)m->opts.entries,
			  (unsigned long long)there);
}

static void show(const struct micro *m)
{
	if (m->opts.json)
		micro_show_json(m->run, m->run_nr);
	else if (m->opts.csv)
		micro_show_csv(m->run, m->run_nr);
	else
		micro_show_table(m->run, m->run_nr);
}

int main(int argc, char **argv)
{
	static struct micro m = {
		.opts = { .entries = 100000,
			  .bytes = 512u << 20,
			  .seconds = 45,
			  .rounds = 5 },
	};

	argp_err_exit_status = BENCH_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &m.opts);
	add_runs(&m, micro_find_cases);
	add_runs(&m, micro_store_cases);
	add_runs(&m, micro_copy_cases);
	add_runs(&m, micro_life_cases);
	if (m.opts.list)
		return BENCH_OK;
	if (!m.run_nr)
		bench_die(BENCH_USAGE, "--only %s: no such case",
			  m.opts.only[0]);
	m.shared = bench_shared(sizeof(*m.shared));
	make_target(&m);
	make_pools(&m);
	populate(&m);
	micro_run_all(&m);
	show(&m);
	for (int i = 0; i < POOL_NR; i++)
		bench_pool_drop(&m.pool[i]);
	if (m.file_made)
		unlink(m.opts.target);
	return BENCH_OK;
}
