/* SPDX-License-Identifier: BSD-3-Clause */
/* maru-dump: show what a pool holds; the sections are in common_dump.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common_dump.h"

static const struct argp_option options[] = {
	{ "offset", 'o', "BYTES", 0, "Where in the target the pool begins", 0 },
	{ "json", 'j', NULL, 0, "Print one JSON object, numbers exact", 0 },
	{ "key", 'k', "PATTERN", 0,
	  "Only entries, blocks and holds whose key begins with PATTERN: text, "
	  "or bytes as x:HEX",
	  0 },
	{ "state", 's', "STATE", 0, "Only slabs, blocks and clients in STATE",
	  0 },
	{ "limit", 'n', "N", 0, "At most N rows of a section; 0: all", 0 },
	{ 0 },
};

/* A section named twice is shown once: JSON members are unique. */
static void add_section(struct dump *d, unsigned no)
{
	for (unsigned i = 0; i < d->order_nr; i++) {
		if (d->order[i] == no)
			return;
	}
	d->order[d->order_nr++] = no;
}

static bool add_sections(struct dump *d, const char *name)
{
	bool all = !strcmp(name, "all");
	bool found = all;

	for (unsigned no = 0; no < SECTION_NR; no++) {
		if (!all && strcmp(name, dump_sections[no].name) != 0)
			continue;
		add_section(d, no);
		found = true;
	}
	return found;
}

static void add_summary(struct dump *d)
{
	for (unsigned no = 0; no < SECTION_NR; no++) {
		const struct dump_section *s = &dump_sections[no];

		if (s->summary && (!s->shared || d->super.share))
			add_section(d, no);
	}
}

static void parse_arg(const struct argp_state *state, struct dump *d,
		      const char *arg)
{
	if (!d->target)
		d->target = arg;
	else if (!add_sections(d, arg))
		argp_error(state, "no section '%s'", arg);
}

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	static const struct tool_range limits = { 0, UINT64_MAX, 10 };
	struct dump *d = state->input;

	switch (opt) {
	case 'o':
		d->offset = tool_size(state, "--offset", arg);
		return 0;
	case 'j':
		d->json = true;
		return 0;
	case 'k':
		d->klen = tool_key(state, "--key", arg, d->key);
		return 0;
	case 's':
		if (!dump_state_known(arg))
			argp_error(state, "--state: no state '%s'", arg);
		d->state = arg;
		return 0;
	case 'n':
		d->limit = tool_number(state, "--limit", arg, &limits);
		return 0;
	case ARGP_KEY_ARG:
		parse_arg(state, d, arg);
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
	.args_doc = "TARGET[,TARGET...] [SECTION...]",
	.doc = "Show the pool in TARGET, live or broken, and change nothing."
	       "\vSections: super sections regions classes slabs entries "
	       "blocks hosts clients holds stats placement all; without any: super "
	       "classes clients stats, and hosts where several share the pool.\n\nExit status: 0, 4 the pool is damaged (what "
	       "could be read was printed), 8 could not run, 16 usage.",
	.children = children,
};

/* Says it now, and once more in JSON. */
__attribute__((format(printf, 2, 3))) static void note(struct dump *d,
						       const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	tool_say(d->target, "%s", text);
	if (d->note_nr < NOTE_NR)
		d->notes[d->note_nr++] = text;
	else
		free(text);
}

static void judge(struct dump *d, const char *name, int rc)
{
	if (d->odd) {
		note(d, "%s: a state that is none", name);
		d->damaged = true;
	}
	if (!rc)
		return;
	note(d, "%s: %s", name, tool_errmsg(d->target, rc));
	if (rc == MARU_E_CORRUPT || rc == -EIO)
		d->damaged = true;
	else
		d->failed = true;
}

static void show_section(struct dump *d, unsigned no)
{
	const struct dump_section *section = &dump_sections[no];
	int rc;

	d->left = d->limit ? d->limit : UINT64_MAX;
	d->cut = false;
	d->odd = false;
	rc = section->show(d);
	if (d->cut)
		d->cuts |= 1u << no;
	if (d->cut && !d->json)
		puts("  ...");
	judge(d, section->name, rc);
}

static void json_cuts(struct dump *d)
{
	out_list(&d->out, "truncated");
	for (unsigned no = 0; no < SECTION_NR; no++) {
		if (d->cuts & 1u << no)
			out_text(&d->out, NULL, dump_sections[no].name);
	}
	out_list_end(&d->out);
}

static void json_notes(struct dump *d)
{
	out_list(&d->out, "damage");
	for (unsigned i = 0; i < d->note_nr; i++)
		out_text(&d->out, NULL, d->notes[i]);
	out_list_end(&d->out);
}

static void show(struct dump *d)
{
	out_open(&d->out, d->json);
	if (d->json)
		out_text(&d->out, "target", d->target);
	for (unsigned i = 0; i < d->order_nr; i++)
		show_section(d, d->order[i]);
	if (d->json && d->cuts)
		json_cuts(d);
	if (d->json && d->note_nr)
		json_notes(d);
	out_close(&d->out);
}

static int attach(struct dump *d)
{
	struct maru_open_opts opts = {
		.size = sizeof(opts),
		.offset = d->offset,
		.flags = MARU_OPEN_RDONLY | MARU_OPEN_INSPECT | MARU_OPEN_GUARD,
	};
	int rc = maru_open(d->target, &opts, &d->pool);

	if (!rc)
		return TOOL_OK;
	tool_say(d->target, "%s", tool_errmsg(d->target, rc));
	return rc == MARU_E_CORRUPT || rc == -EIO ? TOOL_DAMAGED : TOOL_FAILED;
}

static void judge_region(struct dump *d, uint32_t no,
			 const struct maru_region *region)
{
	for (unsigned i = 0; i < 3 && region->bytes; i++) {
		if (region->copies_ok & 1u << i)
			continue;
		if (no)
			note(d, "region %u: superblock copy %u is damaged", no,
			     i);
		else
			note(d, "superblock copy %u is damaged", i);
		d->damaged = true;
	}
	if (region->bytes)
		return;
	note(d, "region %u is not there", no);
	d->damaged = true;
}

/* Told whatever the sections: a copy that is lost is easy to overlook. */
static void judge_copies(struct dump *d)
{
	struct maru_region region;

	for (uint32_t no = 0; !maru_region(d->pool, no, &region); no++)
		judge_region(d, no, &region);
}

int main(int argc, char **argv)
{
	struct dump d = { 0 };
	int rc;

	tool_start();
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &d);
	rc = attach(&d);
	if (rc)
		return rc;
	rc = maru_inspect_super(d.pool, &d.super);
	if (!rc)
		judge_copies(&d);
	if (!d.order_nr)
		add_summary(&d);
	show(&d);
	maru_close(d.pool, 0);
	while (d.note_nr)
		free(d.notes[--d.note_nr]);
	if (d.damaged)
		return TOOL_DAMAGED;
	return d.failed ? TOOL_FAILED : TOOL_OK;
}
