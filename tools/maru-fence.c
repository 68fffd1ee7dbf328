/* SPDX-License-Identifier: BSD-3-Clause */
/* maru-fence: the hosts that share a pool, and that one of them is down. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "common.h"

struct fence {
	const char *target;
	uint64_t offset;
	const char *confirm; /* a host's name or number, or NULL */
	bool wait, json;
	struct maru_pool *pool;
	struct maru_super super;
	struct maru_host host[MARU_HOSTS_MAX];
	int nr;
};

static const struct argp_option options[] = {
	{ "confirm", 'c', "HOST", 0,
	  "HOST, by name or number, is certainly down, or cut off from the "
	  "memory: what it had may be used again",
	  0 },
	{ "wait", 'w', NULL, 0,
	  "Watch for as long as a host may be silent, so that those that are "
	  "gone are declared so",
	  0 },
	{ "offset", 'o', "BYTES", 0, "Where in the target the pool begins", 0 },
	{ "json", 'j', NULL, 0, "Print the hosts as a JSON object", 0 },
	{ 0 },
};

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	struct fence *f = state->input;

	switch (opt) {
	case 'c':
		if (!*arg)
			argp_error(state, "--confirm: which host?");
		f->confirm = arg;
		return 0;
	case 'w':
		f->wait = true;
		return 0;
	case 'o':
		f->offset = tool_size(state, "--offset", arg);
		return 0;
	case 'j':
		f->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "more than one target: %s", arg);
		f->target = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which target?");
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
	.args_doc = "TARGET",
	.doc = "Show the hosts that share the pool in TARGET, or say that one "
	       "of them is down."
	       "\vExit status: 0, 1 refused (no such host, several of that "
	       "name, or not declared gone), 4 the pool is damaged, 8 could "
	       "not run, 16 usage.",
	.children = children,
};

static int failure(const struct fence *f, int err)
{
	tool_say(f->target, "%s", tool_errmsg(f->target, err));
	return err == MARU_E_CORRUPT || err == -EIO ? TOOL_DAMAGED :
						      TOOL_FAILED;
}

/* Who only looks comes as nobody; who watches or confirms, as a client. */
static int attach(struct fence *f)
{
	struct maru_open_opts opts = {
		.size = sizeof(opts),
		.offset = f->offset,
		.flags = MARU_OPEN_GUARD,
	};
	int rc;

	if (!f->wait && !f->confirm)
		opts.flags |= MARU_OPEN_RDONLY | MARU_OPEN_INSPECT;
	rc = maru_open(f->target, &opts, &f->pool);
	return rc ? rc : maru_inspect_super(f->pool, &f->super);
}

static int look(struct fence *f)
{
	int nr = maru_hosts(f->pool, f->host, MARU_HOSTS_MAX);

	f->nr = nr < 0 ? 0 : nr;
	return nr < 0 ? nr : 0;
}

static void list(const struct fence *f)
{
	struct out out;

	out_open(&out, f->json);
	if (f->json) {
		out_text(&out, "target", f->target);
		out_text(&out, "share", tool_share(f->super.share));
		out_u64(&out, "host_ms", f->super.host_ms);
	}
	out_table(&out, "hosts", tool_host_columns);
	for (int i = 0; i < f->nr; i++) {
		out_row(&out);
		tool_host_cells(&out, &f->host[i]);
		out_row_end(&out);
	}
	out_table_end(&out);
	out_close(&out);
}

/* The library's thread does the work; we wait, in steps. */
static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static bool is_there(const struct maru_host *h)
{
	return h->state == MARU_HOST_ACTIVE || h->state == MARU_HOST_CLAIMED;
}

/* Whoever is silent all the time has been declared gone at the end. */
static int watch(struct fence *f)
{
	uint64_t step = f->super.host_ms / 20 + 1, i;
	uint64_t beats[MARU_HOSTS_MAX] = { 0 };
	int rc = look(f), left = 1;

	for (int k = 0; k < f->nr; k++)
		beats[f->host[k].no] = f->host[k].beats;
	for (i = 0; !rc && left && i < 30; i++) {
		pause_ms((long)step);
		rc = look(f);
		left = 0;
		for (int k = 0; k < f->nr; k++) {
			const struct maru_host *h = &f->host[k];

			left += is_there(h) && !h->self &&
				beats[h->no] == h->beats;
		}
	}
	return rc;
}

/* NULL: it has been told why. */
static const struct maru_host *find(const struct fence *f)
{
	const struct maru_host *found = NULL;
	char number[16];
	unsigned nr = 0;

	for (int i = 0; i < f->nr; i++) {
		snprintf(number, sizeof(number), "%u", f->host[i].no);
		if (!strcmp(f->confirm, number))
			return &f->host[i];
		if (strcmp(f->confirm, f->host[i].name) != 0)
			continue;
		found = &f->host[i];
		nr++;
	}
	if (nr == 1)
		return found;
	if (!f->super.share)
		tool_say(f->target, "is a pool of one host, which has no table "
				    "of hosts");
	else if (!nr)
		tool_say(f->target, "no host '%s'", f->confirm);
	else
		tool_say(f->target, "%u hosts are '%s': give the number", nr,
			 f->confirm);
	return NULL;
}

/* Those of the name, so that one can choose. */
static void tell_numbers(const struct fence *f)
{
	for (int i = 0; i < f->nr; i++) {
		const struct maru_host *h = &f->host[i];
		const char *state = tool_host_state(h->state);

		if (!strcmp(f->confirm, h->name))
			tool_say(f->target, "  host %u is %s, client slots: %u",
				 h->no, state ? state : "?", h->clients);
	}
}

/* What it had is given back when the pool's quarantine is over, too. */
static bool wait_for_end(struct fence *f, uint32_t no)
{
	uint64_t limit = f->super.quarantine_ms + 2ull * f->super.host_ms;
	uint64_t step = f->super.host_ms / 20 + 1, waited = 0;
	struct maru_host now;

	for (;;) {
		now.state = MARU_HOST_FREE;
		if (look(f))
			return false;
		for (int i = 0; i < f->nr; i++)
			if (f->host[i].no == no)
				now = f->host[i];
		if (now.state != MARU_HOST_CONFIRMED &&
		    now.state != MARU_HOST_FENCED)
			return true;
		if (waited > limit)
			return false;
		pause_ms((long)step);
		waited += step;
	}
}

static int confirm(struct fence *f)
{
	const struct maru_host *h = find(f);
	uint32_t no;
	bool done;
	int rc;

	if (!h) {
		tell_numbers(f);
		return TOOL_REFUSED;
	}
	no = h->no;
	rc = maru_host_confirm(f->pool, no);
	if (rc == -ENOENT || rc == -EBUSY) {
		tool_say(f->target, "%s", tool_errmsg(f->target, rc));
		return TOOL_REFUSED;
	}
	if (rc)
		return failure(f, rc);
	maru_tick(f->pool);
	done = f->wait && wait_for_end(f, no);
	if (!f->json)
		printf("%s: host %u is confirmed to be down%s\n", f->target, no,
		       done ? "; all it had is given back" : "");
	return TOOL_OK;
}

static int run(struct fence *f)
{
	int rc = f->wait ? watch(f) : look(f), status = TOOL_OK;

	if (rc)
		return failure(f, rc);
	if (f->confirm)
		status = confirm(f);
	if (f->confirm && !look(f) && !f->json)
		return status;
	list(f);
	return status;
}

int main(int argc, char **argv)
{
	struct fence f = { 0 };
	int rc, status;

	tool_start();
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &f);
	rc = attach(&f);
	status = rc ? failure(&f, rc) : run(&f);
	/* struck by a memory error, or fenced: there is nothing to be kept */
	maru_close(f.pool, MARU_CLOSE_FORCE);
	return status;
}
