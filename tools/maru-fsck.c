/* SPDX-License-Identifier: BSD-3-Clause */
/* maru-fsck: check a pool, and repair it if told to. */
#include <inttypes.h>
#include <stdio.h>
#include "common.h"

struct fsck {
	const char *target;
	struct maru_fsck_opts opts;
	bool no_change, quiet, json;
	bool begun; /* the JSON object is open */
	struct out out;
};

static const struct argp_option options[] = {
	{ "no-change", 'n', NULL, 0,
	  "Look and change nothing (the default); the pool may be in use", 0 },
	{ "repair", 'y', NULL, 0, "Mend what is broken", 0 },
	{ "data", 'd', NULL, 0, "Also read every value that has a checksum",
	  0 },
	{ "rebuild", 'R', NULL, 0,
	  "With --repair: rebuild the tables even if nothing is broken", 0 },
	{ "online", 'O', NULL, 0,
	  "Others are at work, or may be: tell only what is surely broken", 0 },
	{ "clear-bad", 'B', NULL, 0,
	  "With --repair: use blocks again whose memory had failed", 0 },
	{ "takeover", 'T', NULL, 0,
	  "With --repair: silent hosts are certainly down, or cut off", 0 },
	{ "offset", 'o', "BYTES", 0, "Where in the target the pool begins", 0 },
	{ "json", 'j', NULL, 0, "Print the report as a JSON object", 0 },
	{ "quiet", 'q', NULL, 0, "Print nothing but errors", 0 },
	{ 0 },
};

static void parse_end(struct argp_state *state, const struct fsck *f)
{
	uint32_t flags = f->opts.flags;

	if (f->no_change && flags & MARU_FSCK_REPAIR)
		argp_error(state,
			   "--no-change and --repair exclude each other");
	if (flags & MARU_FSCK_ONLINE && flags & MARU_FSCK_REPAIR)
		argp_error(state, "--online and --repair exclude each other");
	if (flags & MARU_FSCK_REBUILD && !(flags & MARU_FSCK_REPAIR))
		argp_error(state, "--rebuild needs --repair");
	if (flags & MARU_FSCK_CLEAR_BAD && !(flags & MARU_FSCK_REPAIR))
		argp_error(state, "--clear-bad needs --repair");
	if (flags & MARU_FSCK_TAKEOVER && !(flags & MARU_FSCK_REPAIR))
		argp_error(state, "--takeover needs --repair");
}

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	struct fsck *f = state->input;

	switch (opt) {
	case 'n':
		f->no_change = true;
		return 0;
	case 'y':
		f->opts.flags |= MARU_FSCK_REPAIR;
		return 0;
	case 'd':
		f->opts.flags |= MARU_FSCK_DATA;
		return 0;
	case 'R':
		f->opts.flags |= MARU_FSCK_REBUILD;
		return 0;
	case 'O':
		f->opts.flags |= MARU_FSCK_ONLINE;
		return 0;
	case 'B':
		f->opts.flags |= MARU_FSCK_CLEAR_BAD;
		return 0;
	case 'T':
		f->opts.flags |= MARU_FSCK_TAKEOVER;
		return 0;
	case 'o':
		f->opts.offset = tool_size(state, "--offset", arg);
		return 0;
	case 'j':
		f->json = true;
		return 0;
	case 'q':
		f->quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "more than one target: %s", arg);
		f->target = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which target?");
		return 0;
	case ARGP_KEY_SUCCESS:
		parse_end(state, f);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ &tool_argp, 0, NULL, -1 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "TARGET[,TARGET...]",
	.doc = "Check the pool in TARGET, and repair it if told to."
	       "\vExit status: 0 clean, 1 faults mended, 4 faults left, "
	       "8 could not run (not a pool, or in use), 16 usage.",
	.children = children,
};

/* Not before there is something to say: a failed run prints no half object. */
static void begin_json(struct fsck *f)
{
	if (f->begun)
		return;
	f->begun = true;
	out_open(&f->out, true);
	out_text(&f->out, "target", f->target);
	out_list(&f->out, "list");
}

static void json_fault(struct fsck *f, const struct maru_fault *fault)
{
	struct out *out = &f->out;

	begin_json(f);
	out_row(out);
	out_u64(out, "invariant", fault->invariant);
	if (fault->addr == UINT64_MAX)
		out_none(out, "addr");
	else
		out_u64(out, "addr", fault->addr);
	out_text(out, "what", fault->what);
	out_flag(out, "fixed", fault->fixed);
	out_row_end(out);
}

static void print_fault(void *ctx, const struct maru_fault *fault)
{
	struct fsck *f = ctx;

	if (f->json) {
		json_fault(f, fault);
		return;
	}
	if (f->quiet)
		return;
	if (fault->invariant)
		printf("invariant %" PRIu32 ": ", fault->invariant);
	else
		printf("note: ");
	if (fault->addr != UINT64_MAX)
		printf("block %" PRIu32 ":%" PRIu32 ": ",
		       maru_addr_region(fault->addr),
		       maru_addr_page(fault->addr));
	printf("%s%s\n", fault->what, fault->fixed ? " (mended)" : "");
}

static void json_result(struct fsck *f, const struct maru_fsck_result *res)
{
	struct out *out = &f->out;

	begin_json(f);
	out_list_end(out);
	out_u64(out, "faults", res->faults);
	out_u64(out, "fixed", res->fixed);
	out_u64(out, "kept", res->kept);
	out_u64(out, "dropped", res->dropped);
	out_u64(out, "freed", res->freed);
	out_u64(out, "bad", res->bad);
	out_u64(out, "dead", res->dead);
	out_close(out);
}

static const char *plural(uint64_t nr)
{
	return nr == 1 ? "" : "s";
}

static void print_result(const struct fsck *f,
			 const struct maru_fsck_result *res)
{
	printf("%s: ", f->target);
	if (!res->faults)
		printf("clean");
	else
		printf("%" PRIu64 " fault%s, %" PRIu64 " mended", res->faults,
		       plural(res->faults), res->fixed);
	printf("; %" PRIu64 " entr%s kept, %" PRIu64 " dropped, %" PRIu64
	       " buffer%s freed",
	       res->kept, res->kept == 1 ? "y" : "ies", res->dropped,
	       res->freed, plural(res->freed));
	if (res->bad)
		printf(", %" PRIu64 " bad block%s", res->bad, plural(res->bad));
	putchar('\n');
}

static int failure(struct fsck *f, int err)
{
	tool_say(f->target, "%s", tool_errmsg(f->target, err));
	if (f->begun) {
		out_list_end(&f->out);
		out_text(&f->out, "error", tool_errmsg(f->target, err));
		out_close(&f->out);
	}
	/* -EIO: a memory error in its tables */
	return err == MARU_E_CORRUPT || err == -EIO ? TOOL_DAMAGED :
						      TOOL_FAILED;
}

static int verdict(const struct maru_fsck_result *res)
{
	if (!res->faults)
		return TOOL_OK;
	return res->fixed >= res->faults ? TOOL_FIXED : TOOL_DAMAGED;
}

int main(int argc, char **argv)
{
	struct fsck f = { .opts.size = sizeof(f.opts) };
	struct maru_fsck_result res = { 0 };
	int rc;

	tool_start();
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &f);
	f.opts.flags |= MARU_FSCK_GUARD;
	f.opts.fn = print_fault;
	f.opts.ctx = &f;
	rc = maru_fsck(f.target, &f.opts, &res);
	if (rc < 0)
		return failure(&f, rc);
	if (f.json)
		json_result(&f, &res);
	else if (!f.quiet)
		print_result(&f, &res);
	return verdict(&res);
}
