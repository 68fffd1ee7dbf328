/* SPDX-License-Identifier: BSD-3-Clause */
/* maru-cohtest: does this memory behave as one for all hosts that map it? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common.h"

/* Not those of fsck(8): there is nothing to mend. */
enum {
	COHERENT = 0,
	NOT_COHERENT = 1,
	USAGE = 2,
	COULD_NOT = 3,
};

struct cohtest {
	const char *target;
	struct maru_coherence_opts opts;
	uint32_t forks; /* participants that this program makes */
	bool quiet, json;
};

static const struct argp_option options[] = {
	{ "participants", 'n', "N", 0,
	  "How many take part, 2 to 16 (default 2)", 0 },
	{ "offset", 'o', "BYTES", 0,
	  "Where the test is, a multiple of 4K (default: the target's end)",
	  0 },
	{ "rounds", 'r', "N", 0, "Rounds of each test (default 2000)", 0 },
	{ "timeout", 't', "SECONDS", 0,
	  "How long to wait for the others (default 10)", 0 },
	{ "force", 'f', NULL, 0, "Overwrite what is there", 0 },
	{ "fork", 'F', "N", 0, "Make all participants here, N processes", 0 },
	{ "quiet", 'q', NULL, 0, "Print nothing but errors", 0 },
	{ "json", 'j', NULL, 0, "Print the result as a JSON object", 0 },
	{ 0 },
};

static uint32_t number(const struct argp_state *state, const char *what,
		       const char *arg, uint64_t max)
{
	const struct tool_range range = { max == MARU_COHERENCE_MEMBERS ? 2 : 1,
					  max, 10 };

	return (uint32_t)tool_number(state, what, arg, &range);
}

static error_t parse_value(int opt, char *arg, struct argp_state *state)
{
	struct cohtest *c = state->input;

	switch (opt) {
	case 'n':
		c->opts.participants = number(state, "--participants", arg,
					      MARU_COHERENCE_MEMBERS);
		return 0;
	case 'F':
		c->forks = number(state, "--fork", arg, MARU_COHERENCE_MEMBERS);
		return 0;
	case 'o':
		c->opts.offset = tool_size(state, "--offset", arg);
		c->opts.flags |= MARU_COHERENCE_AT;
		return 0;
	case 'r':
		c->opts.rounds = number(state, "--rounds", arg, 1000000);
		return 0;
	case 't':
		c->opts.timeout_ms =
			1000 * number(state, "--timeout", arg, 86400);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	struct cohtest *c = state->input;

	switch (opt) {
	case 'f':
		c->opts.flags |= MARU_COHERENCE_FORCE;
		return 0;
	case 'q':
		c->quiet = true;
		return 0;
	case 'j':
		c->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "more than one target: %s", arg);
		c->target = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which target?");
		return 0;
	case ARGP_KEY_END:
		if (c->forks && c->opts.participants)
			argp_error(state, "--fork makes all participants; "
					  "leave --participants out");
		return 0;
	default:
		return parse_value(opt, arg, state);
	}
}

static const struct argp_child children[] = {
	{ &tool_argp, 0, NULL, -1 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "TARGET",
	.doc = "Test whether TARGET is one coherent memory for all who map it."
	       "\vRun the same command on each host, within the timeout. It "
	       "overwrites 64 KiB of TARGET. Exit status: 0 coherent, 1 not, "
	       "2 wrong usage, 3 the test could not be made.",
	.children = children,
};

static void report_json(const struct cohtest *c,
			const struct maru_coherence_result *res)
{
	struct out out;

	out_open(&out, true);
	out_text(&out, "target", c->target);
	out_u64(&out, "offset", res->offset);
	out_u64(&out, "participants", res->participants);
	out_u64(&out, "rank", res->rank);
	out_flag(&out, "coherent", !res->failed);
	out_object(&out, "litmus");
	for (uint32_t i = 0; i < res->litmus_nr; i++) {
		out_object(&out, res->litmus[i].name);
		out_u64(&out, "tries", res->litmus[i].tries);
		out_u64(&out, "wrong", res->litmus[i].wrong);
		out_u64(&out, "want", res->litmus[i].want);
		out_u64(&out, "got", res->litmus[i].got);
		out_object_end(&out);
	}
	out_object_end(&out);
	out_close(&out);
}

static void report_text(const struct cohtest *c,
			const struct maru_coherence_result *res)
{
	for (uint32_t i = 0; i < res->litmus_nr; i++) {
		const struct maru_litmus *l = &res->litmus[i];

		printf("%-12s%-8s%12llu tries", l->name,
		       l->wrong ? "FAILED" : "ok",
		       (unsigned long long)l->tries);
		if (l->wrong)
			printf(", %llu wrong in all",
			       (unsigned long long)l->wrong);
		if (l->want != l->got)
			printf(", here first %llu for %llu",
			       (unsigned long long)l->got,
			       (unsigned long long)l->want);
		putchar('\n');
	}
	printf("%s: participant %u of %u: %s\n", c->target, res->rank + 1,
	       res->participants, res->failed ? "NOT COHERENT" : "coherent");
}

static int take_part(const struct cohtest *c)
{
	struct maru_coherence_result res;
	int rc = maru_coherence_test(c->target, &c->opts, &res);

	if (rc < 0) {
		tool_say(c->target, "%s", tool_errmsg(c->target, rc));
		return rc == -EINVAL ? USAGE : COULD_NOT;
	}
	if (c->json)
		report_json(c, &res);
	else if (!c->quiet)
		report_text(c, &res);
	return rc ? NOT_COHERENT : COHERENT;
}

/* One of them, quiet; it shall not outlive the program. */
static void make_other(const struct cohtest *c)
{
	struct cohtest quiet = *c;
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		tool_say(c->target, "fork: %s", strerror(errno));
		exit(COULD_NOT);
	}
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	quiet.json = false;
	quiet.quiet = true;
	_exit(getppid() == parent ? take_part(&quiet) : COULD_NOT);
}

/* All ended well, if they were there and saw what we saw. */
static int wait_others(const struct cohtest *c, int status)
{
	int how;

	for (uint32_t i = 1; i < c->forks; i++)
		if (wait(&how) < 0 || !WIFEXITED(how))
			status = COULD_NOT;
		else if (WEXITSTATUS(how) > status)
			status = WEXITSTATUS(how);
	return status;
}

int main(int argc, char **argv)
{
	struct cohtest c = { .opts.size = sizeof(c.opts) };

	tool_start();
	argp_err_exit_status = USAGE;
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &c);
	if (c.forks)
		c.opts.participants = c.forks;
	for (uint32_t i = 1; i < c.forks; i++)
		make_other(&c);
	return wait_others(&c, take_part(&c));
}
