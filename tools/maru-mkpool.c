/* SPDX-License-Identifier: BSD-3-Clause */
/* maru-mkpool: format a file, a device or a window of one as an empty pool. */
#include <stdio.h>
#include <stdlib.h>
#include "common.h"

#define CLASSES_MAX 16

struct mkpool {
	const char *target;
	struct maru_create_opts opts;
	uint64_t classes[CLASSES_MAX];
	bool quiet, json, list;
};

static const struct argp_option options[] = {
	{ "force", 'f', NULL, 0, "Format over what is there", 0 },
	{ "size", 's', "BYTES", 0,
	  "Size of the pool (default: all of an existing target)", 0 },
	{ "offset", 'o', "BYTES", 0,
	  "Where in the target the pool begins, a multiple of 2M", 0 },
	{ "unit", 'u', "BYTES", 0, "Smallest block, 4K to 2M (default 64K)",
	  0 },
	{ "class", 'c', "BYTES", 0,
	  "A value size that blocks shall fit exactly (up to 16 times)", 0 },
	{ "max-clients", 'n', "N", 0,
	  "Processes at a time, 1 to 1024 (default 64)", 0 },
	{ "max-size", 'r', "BYTES", 0,
	  "Size that the pool may grow to (default: its size)", 0 },
	{ "quarantine", 'Q', "MS", 0,
	  "Keep back what a dead client was writing so long, 0: not at all "
	  "(default 2000)",
	  0 },
	{ "share", 'H', "HOW", 0,
	  "Whose processes share it: host, those of one (the default); fabric, "
	  "of hosts whose caches the fabric keeps coherent; noncoherent",
	  0 },
	{ "host-timeout", 'T', "MS", 0,
	  "With fabric: a host without a sign of life for so long is declared "
	  "gone, 100 to 3600000 (default 10000)",
	  0 },
	{ "durable", 'd', NULL, 0, "Entries survive loss of power", 0 },
	{ "siphash", 'k', NULL, 0, "Keys may come from an attacker", 0 },
	{ "crc", 'C', NULL, 0, "Checksum every value", 0 },
	{ "sparse", 'S', NULL, 0, "Do not allocate a plain file's blocks", 0 },
	{ "label", 'l', "TEXT", 0, "The pool's name, up to 63 bytes", 0 },
	{ "mode", 'm', "OCTAL", 0, "Mode of a new file (default 660)", 0 },
	{ "quiet", 'q', NULL, 0, "Print nothing but errors", 0 },
	{ "json", 'j', NULL, 0, "Print what was made as a JSON object", 0 },
	{ "list", 'L', NULL, 0,
	  "List the DAX devices of this host and what is on them; make nothing",
	  0 },
	{ 0 },
};

static uint32_t parse_u32(const struct argp_state *state, const char *what,
			  const char *arg)
{
	uint64_t value = tool_size_some(state, what, arg);

	if (value > UINT32_MAX)
		argp_error(state, "%s: '%s' is too much", what, arg);
	return (uint32_t)value;
}

static void add_class(const struct argp_state *state, struct mkpool *m,
		      const char *arg)
{
	if (m->opts.class_nr == CLASSES_MAX)
		argp_error(state, "--class: more than %d", CLASSES_MAX);
	m->classes[m->opts.class_nr++] = tool_size_some(state, "--class", arg);
	m->opts.classes = m->classes;
}

/* Options that take a value. */
static error_t parse_value(int opt, char *arg, struct argp_state *state)
{
	static const struct tool_range clients = { 1, MARU_CLIENTS_MAX, 10 };
	static const struct tool_range modes = { 1, 0777, 8 };
	static const struct tool_range delays = { 0, 86400000, 10 };
	static const struct tool_range silences = { 100, 3600000, 10 };
	struct mkpool *m = state->input;
	struct maru_create_opts *o = &m->opts;

	switch (opt) {
	case 's':
		o->bytes = tool_size_some(state, "--size", arg);
		return 0;
	case 'o':
		o->offset = tool_size(state, "--offset", arg);
		return 0;
	case 'u':
		o->unit = parse_u32(state, "--unit", arg);
		return 0;
	case 'c':
		add_class(state, m, arg);
		return 0;
	case 'n':
		o->max_clients = (uint32_t)tool_number(state, "--max-clients",
						       arg, &clients);
		return 0;
	case 'r':
		o->max_bytes = tool_size_some(state, "--max-size", arg);
		return 0;
	case 'Q':
		o->quarantine_ms = (uint32_t)tool_number(state, "--quarantine",
							 arg, &delays);
		if (!o->quarantine_ms)
			o->quarantine_ms = MARU_QUARANTINE_NONE;
		return 0;
	case 'H':
		o->share = tool_share_of(state, arg);
		return 0;
	case 'T':
		o->host_ms = (uint32_t)tool_number(state, "--host-timeout", arg,
						   &silences);
		return 0;
	case 'l':
		o->label = arg;
		return 0;
	case 'm':
		o->mode = (uint32_t)tool_number(state, "--mode", arg, &modes);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static uint32_t create_flag(int opt)
{
	switch (opt) {
	case 'f':
		return MARU_CREATE_FORCE;
	case 'd':
		return MARU_CREATE_DURABLE;
	case 'k':
		return MARU_CREATE_SIPHASH;
	case 'C':
		return MARU_CREATE_CRC;
	case 'S':
		return MARU_CREATE_SPARSE;
	default:
		return 0;
	}
}

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	struct mkpool *m = state->input;

	switch (opt) {
	case 'q':
		m->quiet = true;
		return 0;
	case 'j':
		m->json = true;
		return 0;
	case 'L':
		m->list = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "more than one target: %s", arg);
		m->target = arg;
		return 0;
	case ARGP_KEY_END:
		if (!m->list && !m->target)
			argp_error(state, "which target?");
		if (m->list && m->target)
			argp_error(state, "--list takes no target: %s",
				   m->target);
		return 0;
	}
	if (!create_flag(opt))
		return parse_value(opt, arg, state);
	m->opts.flags |= create_flag(opt);
	return 0;
}

static const struct argp_child children[] = {
	{ &tool_argp, 0, NULL, -1 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "TARGET[,TARGET...]\n--list",
	.doc = "Format TARGET, or several of them together, as an empty pool."
	       "\vTARGET is a path, fd:N, dax:NAME or uuid:UUID; a plain file "
	       "that is absent is made. A comma in a name is written \\,. Of "
	       "several, --size and --offset are of each. BYTES may end in K, "
	       "M, G or T.",
	.children = children,
};

static void report_json(const struct mkpool *m, const struct maru_super *super)
{
	char uuid[TOOL_UUID_TEXT];
	struct out out;

	out_open(&out, true);
	out_text(&out, "target", m->target);
	out_u64(&out, "offset", m->opts.offset);
	out_text(&out, "uuid", tool_uuid_text(uuid, super->uuid));
	out_text(&out, "label", super->label);
	out_u64(&out, "bytes", super->bytes);
	out_u64(&out, "max_bytes", super->max_bytes);
	out_u64(&out, "unit", super->unit);
	out_u64(&out, "regions", super->regions);
	out_u64(&out, "max_clients", super->max_clients);
	out_u64(&out, "quarantine_ms", super->quarantine_ms);
	out_text(&out, "share", tool_share(super->share));
	out_u64(&out, "host_ms", super->host_ms);
	out_list(&out, "classes");
	for (size_t i = 0; i < m->opts.class_nr; i++)
		out_u64(&out, NULL, m->classes[i]);
	out_list_end(&out);
	out_flag(&out, "durable", super->create_flags & MARU_CREATE_DURABLE);
	out_flag(&out, "siphash", super->create_flags & MARU_CREATE_SIPHASH);
	out_flag(&out, "crc", super->create_flags & MARU_CREATE_CRC);
	out_close(&out);
}

static void report(const struct mkpool *m, const struct maru_super *super)
{
	char size[TOOL_SIZE_TEXT], unit[TOOL_SIZE_TEXT], uuid[TOOL_UUID_TEXT];

	if (m->json) {
		report_json(m, super);
		return;
	}
	printf("%s: pool %s, %s in units of %s, up to %u clients", m->target,
	       tool_uuid_text(uuid, super->uuid),
	       tool_size_text(size, super->bytes),
	       tool_size_text(unit, super->unit), super->max_clients);
	if (super->share)
		printf(" on up to %d hosts, each gone after %u ms of silence",
		       MARU_HOSTS_MAX, super->host_ms);
	putchar('\n');
}

/* What was made is told from the pool itself. */
static int show(const struct mkpool *m)
{
	struct maru_open_opts opts = {
		.size = sizeof(opts),
		.offset = m->opts.offset,
		.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT,
	};
	struct maru_pool *pool;
	struct maru_super super;
	int rc = maru_open(m->target, &opts, &pool);

	if (!rc)
		rc = maru_inspect_super(pool, &super);
	if (rc)
		tool_say(m->target, "made, but cannot be read back: %s",
			 tool_errmsg(m->target, rc));
	else
		report(m, &super);
	maru_close(pool, 0);
	return rc ? TOOL_FAILED : TOOL_OK;
}

static int failure(int err)
{
	switch (err) {
	case -EEXIST:
	case -EBUSY:
		return TOOL_REFUSED;
	case -EINVAL:
	case -ENOTSUP:
		return TOOL_USAGE;
	default:
		return TOOL_FAILED;
	}
}

int main(int argc, char **argv)
{
	struct mkpool m = { .opts.size = sizeof(m.opts) };
	int rc;

	tool_start();
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &m);
	if (m.list)
		return tool_devices(m.json);
	rc = maru_create(m.target, &m.opts);
	if (rc) {
		tool_say(m.target, "%s", tool_errmsg(m.target, rc));
		return failure(rc);
	}
	return m.quiet && !m.json ? TOOL_OK : show(&m);
}
