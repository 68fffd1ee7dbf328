/* SPDX-License-Identifier: BSD-3-Clause */
/* Replay a request trace against a pool with several processes. */
#include "common.h"
#include "common_replay.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_BYTES (1ull << 30)
#define DEFAULT_REQUESTS 12000
#define DEMO_SECONDS 40

static const struct argp_option options[] = {
	{ "pool", 'p', "TARGET", 0,
	  "Use the pool in TARGET, made if there is none; it stays, warm for "
	  "the next run (default: a pool in anonymous memory)",
	  0 },
	{ "bytes", 'b', "SIZE", 0, "Size of a pool that is made (1G)", 0 },
	{ "processes", 'n', "N", 0, "Instances, a process each (3)", 0 },
	{ "value-size", 'v', "SIZE", 0, "Size of a block's value (64K)", 0 },
	{ "trace", 't', "FILE", 0,
	  "JSON lines, each with an array \"hash_ids\": the blocks of a "
	  "request (default: a generated trace of that shape)",
	  0 },
	{ "requests", 'r', "N", 0, "Requests to generate (12000)", 0 },
	{ "seed", 's', "N", 0, "Seed of the generated trace (1)", 0 },
	{ "limit", 'l', "N", 0, "Replay the first N requests only", 0 },
	{ "seconds", 'S', "N", 0, "Take no more requests after N seconds", 0 },
	{ "kill", 'k', NULL, 0,
	  "Kill an instance with SIGKILL half-way, while it holds values", 0 },
	{ "copy", 'c', NULL, 0,
	  "Copy in and out (maru_store, maru_read) instead of in place", 0 },
	{ "alloc", 'a', NULL, 0,
	  "Write without claiming keys first: who commits first wins", 0 },
	{ "crc", 'C', NULL, 0, "Make the pool with checksums of values", 0 },
	{ "think", 'T', "US", 0, "Take US microseconds to compute a block", 0 },
	{ "json", 'j', NULL, 0,
	  "Print the report as a JSON object; the story goes to stderr", 0 },
	{ "demo", 'd', NULL, 0,
	  "As --kill, within a minute, and let maru-dump and maru-fsck of the "
	  "PATH look at the pool at the end",
	  0 },
	{ 0 },
};

static uint32_t number(const char *option, const char *text, uint64_t min)
{
	const uint64_t n = bench_number(option, text);

	if (n < min || n > UINT32_MAX)
		bench_die(BENCH_USAGE, "--%s %s: out of range", option, text);
	return (uint32_t)n;
}

static int parse_trace(int key, const char *arg, struct replay_opts *o)
{
	switch (key) {
	case 't':
		o->trace_path = arg;
		return 0;
	case 'r':
		o->requests = number("requests", arg, 1);
		return 0;
	case 's':
		o->seed = bench_number("seed", arg);
		return 0;
	case 'l':
		o->limit = number("limit", arg, 0);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int parse_flag(int key, struct replay_opts *o)
{
	switch (key) {
	case 'k':
		o->kill = 1;
		return 0;
	case 'c':
		o->copy = 1;
		return 0;
	case 'a':
		o->alloc = 1;
		return 0;
	case 'C':
		o->crc = 1;
		return 0;
	case 'j':
		o->json = 1;
		return 0;
	case 'd':
		o->demo = 1;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct replay_opts *o = state->input;

	switch (key) {
	case 'p':
		o->target = arg;
		return 0;
	case 'b':
		o->bytes = bench_number("bytes", arg);
		return 0;
	case 'n':
		o->instances = number("processes", arg, 1);
		return 0;
	case 'v':
		o->value_len = bench_number("value-size", arg);
		return 0;
	case 'S':
		o->seconds = number("seconds", arg, 0);
		return 0;
	case 'T':
		o->think_us = number("think", arg, 0);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: options only", arg);
		return 0;
	}
	return parse_flag(key, o) ? parse_trace(key, arg, o) : 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Replay a trace of LLM requests against a pool: several "
	       "processes look for the longest cached prefix of each request, "
	       "verify every byte of it in place and store the other blocks."
	       "\v" BENCH_EXITS,
};

static void check_options(struct replay_opts *o)
{
	if (o->instances > REPLAY_INSTANCES_MAX)
		bench_die(BENCH_USAGE, "--processes %u: at most %d",
			  o->instances, REPLAY_INSTANCES_MAX);
	if (o->copy && o->alloc)
		bench_die(BENCH_USAGE, "--copy and --alloc exclude each other");
	o->kill |= o->demo;
	if (o->kill && o->instances < 2)
		bench_die(BENCH_USAGE, "--kill needs two processes at least");
	if (o->demo && !o->seconds)
		o->seconds = DEMO_SECONDS;
}

/* The size that values have is a class of its own: no byte is wasted. */
static void make_pool(struct replay *rp)
{
	const struct replay_opts *o = &rp->opts;
	struct maru_create_opts create = {
		.size = sizeof(create),
		.bytes = o->bytes,
		.unit = 4096,
		.flags = o->crc ? MARU_CREATE_CRC : 0,
		.max_clients = o->instances < 56 ? 64 : o->instances + 8,
		.label = "replay",
		/* no device writes here: the dead's buffers need not wait */
		.quarantine_ms = MARU_QUARANTINE_NONE,
		.classes = &o->value_len,
		.class_nr = o->value_len ? 1 : 0,
	};

	while (create.unit < o->value_len && create.unit < 65536)
		create.unit *= 2;
	bench_pool_make(&rp->pool, o->target, &create);
	fprintf(rp->say, "pool: %s, %s\n",
		o->target ? o->target : "anonymous memory",
		rp->pool.made ? bench_size((double)o->bytes) :
				"found as it was");
}

static void get_trace(struct replay *rp)
{
	const struct replay_opts *o = &rp->opts;
	const uint32_t nr = o->limit && o->limit < o->requests ? o->limit :
								 o->requests;

	if (o->trace_path)
		trace_load(&rp->trace, o->trace_path, o->limit);
	else
		trace_generate(&rp->trace, nr, o->seed);
	fprintf(rp->say,
		"trace: %s\n%u requests, %llu blocks of %s, "
		"%u instances\n",
		rp->trace.what, rp->trace.req_nr,
		(unsigned long long)rp->trace.id_nr,
		bench_size((double)o->value_len), o->instances);
}

static void share(struct replay *rp)
{
	rp->shared =
		bench_shared(sizeof(*rp->shared) +
			     rp->opts.instances * sizeof(rp->shared->seat[0]));
	atomic_store(&rp->shared->hold, -1);
	atomic_store(&rp->shared->kill_due, rp->opts.kill);
	/* Values of another size are other values. */
	snprintf(rp->tag, sizeof(rp->tag), "kv/replay/%013llu/",
		 (unsigned long long)rp->opts.value_len);
}

/* A tool of the PATH; its exit code. */
static int run_tool(const struct replay *rp, const char *const *args)
{
	int status = 0;
	pid_t pid;

	fprintf(rp->say, "\n$");
	for (int i = 0; args[i]; i++)
		fprintf(rp->say, " %s", args[i]);
	fputc('\n', rp->say);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return BENCH_CANNOT;
	if (!pid) {
		dup2(fileno(rp->say), STDOUT_FILENO);
		execvp(args[0], (char *const *)(uintptr_t)args);
		fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void run_tools(struct replay *rp)
{
	const char *const dump[] = { "maru-dump", rp->pool.path, "super",
				     "stats", NULL };
	const char *const fsck[] = { "maru-fsck", "-n", rp->pool.path, NULL };
	int rc = run_tool(rp, dump);

	if (rc)
		replay_fault(rp, "maru-dump: exit %d", rc);
	rc = run_tool(rp, fsck);
	if (rc)
		replay_fault(rp, "maru-fsck -n: exit %d", rc);
}

int main(int argc, char **argv)
{
	static struct replay rp = {
		.opts = {
			.bytes = DEFAULT_BYTES,
			.value_len = 65536,
			.seed = 1,
			.instances = 3,
			.requests = DEFAULT_REQUESTS,
		},
	};

	argp_err_exit_status = BENCH_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &rp.opts);
	check_options(&rp.opts);
	rp.say = rp.opts.json ? stderr : stdout;
	get_trace(&rp);
	make_pool(&rp);
	share(&rp);
	replay_run(&rp);
	report_text(&rp);
	if (rp.opts.demo)
		run_tools(&rp);
	report_verdict(&rp);
	if (rp.opts.json)
		report_json(&rp);
	bench_pool_drop(&rp.pool);
	trace_free(&rp.trace);
	return rp.faults ? BENCH_WRONG : BENCH_OK;
}
