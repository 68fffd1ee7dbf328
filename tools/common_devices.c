/* SPDX-License-Identifier: BSD-3-Clause */
/* The DAX devices of this host as a table, for maru-mkpool --list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common.h"

static const char *const modes[] = {
	[MARU_DEVICE_DEVDAX] = "devdax",    [MARU_DEVICE_RAM] = "system-ram",
	[MARU_DEVICE_UNBOUND] = "unbound",  [MARU_DEVICE_SEED] = "seed",
	[MARU_DEVICE_NODELESS] = "no-node",
};

static const char *const media[] = {
	[MARU_MEDIUM_VOLATILE] = "volatile",
	[MARU_MEDIUM_NVDIMM] = "nvdimm",
	[MARU_MEDIUM_EADR] = "eadr",
	[MARU_MEDIUM_CXL] = "cxl",
};

static const char *const contents[] = {
	[MARU_CONTENT_UNSEEN] = "unseen",
	[MARU_CONTENT_EMPTY] = "empty",
	[MARU_CONTENT_POOL] = "pool",
	[MARU_CONTENT_OTHER] = "other",
};

/* "pool UUID" fits the last column exactly; its label goes below. */
static const char *holds(const struct maru_device *d, char text[160])
{
	char uuid[TOOL_UUID_TEXT];

	switch (d->content) {
	case MARU_CONTENT_POOL:
		snprintf(text, 160, "pool %s", tool_uuid_text(uuid, d->uuid));
		return text;
	case MARU_CONTENT_OTHER:
		return d->what;
	case MARU_CONTENT_EMPTY:
		return "empty";
	default:
		return "see below";
	}
}

static void row(struct out *out, const struct maru_device *d)
{
	char text[160];

	out_row(out);
	out_text(out, "name", d->name);
	out_text(out, "size", tool_size_text(text, d->bytes));
	out_text(out, "align", tool_size_text(text, d->align));
	if (d->numa_node < 0)
		out_none(out, "node");
	else
		out_int(out, "node", d->numa_node);
	out_text(out, "mode", modes[d->mode]);
	out_text(out, "medium", media[d->medium]);
	out_text(out, "holds", holds(d, text));
	out_row_end(out);
}

static void notes(struct out *out, const struct maru_device *d)
{
	char head[48];

	snprintf(head, sizeof(head), "%s: label", d->name);
	if (d->label[0])
		out_text(out, head, d->label); /* anybody's bytes */
	if (d->err)
		printf("  %s: unusable: %s\n", d->name, d->why);
}

static void table(struct out *out, const struct maru_device *list, int nr)
{
	static const struct out_column columns[] = {
		{ "name", -7 },	  { "size", 10 },  { "align", 6 },
		{ "node", 4 },	  { "mode", -10 }, { "medium", -8 },
		{ "holds", -41 }, { NULL, 0 },
	};

	out_table(out, "devices", columns);
	for (int i = 0; i < nr; i++)
		row(out, &list[i]);
	out_table_end(out);
	for (int i = 0; i < nr; i++)
		notes(out, &list[i]);
}

static void object(struct out *out, const struct maru_device *d)
{
	char text[TOOL_UUID_TEXT];
	bool pool = d->content == MARU_CONTENT_POOL;

	out_row(out);
	out_text(out, "name", d->name);
	out_text(out, "path", d->path);
	out_u64(out, "bytes", d->bytes);
	out_u64(out, "align", d->align);
	out_int(out, "numa_node", d->numa_node);
	out_text(out, "mode", modes[d->mode]);
	out_text(out, "medium", media[d->medium]);
	out_text(out, "content", contents[d->content]);
	if (pool) {
		out_text(out, "uuid", tool_uuid_text(text, d->uuid));
		out_text(out, "pool_uuid", tool_uuid_text(text, d->pool_uuid));
		snprintf(text, sizeof(text), "%#018jx",
			 (uintmax_t)d->incarnation);
		out_text(out, "incarnation", text);
		out_text(out, "label", d->label);
		out_u64(out, "pool_bytes", d->pool_bytes);
	}
	if (d->content == MARU_CONTENT_OTHER)
		out_text(out, "what", d->what);
	out_flag(out, "usable", !d->err);
	if (d->err) {
		out_int(out, "err", d->err);
		out_text(out, "why", d->why);
	}
	out_row_end(out);
}

static void objects(struct out *out, const struct maru_device *list, int nr)
{
	out_table(out, "devices", NULL);
	for (int i = 0; i < nr; i++)
		object(out, &list[i]);
	out_table_end(out);
}

#define DEVICES_MAX 1024

int tool_devices(bool json)
{
	struct maru_device *list = calloc(DEVICES_MAX, sizeof(*list));
	struct out out;
	int nr = -ENOMEM;

	if (list) {
		list->size = sizeof(*list);
		nr = maru_devices(list, DEVICES_MAX);
	}
	if (nr < 0) {
		tool_say("devices", "%s", tool_errmsg("devices", nr));
		free(list);
		return TOOL_FAILED;
	}
	nr = nr > DEVICES_MAX ? DEVICES_MAX : nr;
	out_open(&out, json);
	if (json)
		objects(&out, list, nr);
	else
		table(&out, list, nr);
	out_close(&out);
	free(list);
	return TOOL_OK;
}
