/* SPDX-License-Identifier: BSD-3-Clause */
/* The superblock, for maru-dump. */
#include <stdio.h>
#include "common_dump.h"

static void identity(struct out *out, const struct maru_super *super)
{
	char text[TOOL_UUID_TEXT];

	out_text(out, "uuid", tool_uuid_text(text, super->uuid));
	/* text in JSON too: 64 bits are more than some readers' numbers */
	snprintf(text, sizeof(text), "%#018jx", (uintmax_t)super->incarnation);
	out_text(out, "incarnation", text);
	out_text(out, "label", super->label);
	out_u64(out, "major", super->major);
	out_u64(out, "minor", super->minor);
	out_hex(out, "compat", super->compat);
	out_hex(out, "ro_compat", super->ro_compat);
	out_hex(out, "incompat", super->incompat);
	out_time(out, out->json ? "created_ns" : "created", super->created_ns);
}

static void flags(struct out *out, uint32_t create)
{
	if (out->json) {
		out_u64(out, "create_flags", create);
		return;
	}
	out_flag(out, "durable", create & MARU_CREATE_DURABLE);
	out_flag(out, "siphash", create & MARU_CREATE_SIPHASH);
	out_flag(out, "crc", create & MARU_CREATE_CRC);
}

static void copies(struct out *out, uint32_t ok)
{
	char text[16];

	if (out->json) {
		out_u64(out, "copies_ok", ok);
		return;
	}
	snprintf(text, sizeof(text), "%d of 3", __builtin_popcount(ok));
	out_text(out, "copies_ok", text);
}

static void fields(struct out *out, const struct maru_super *super)
{
	identity(out, super);
	out_size(out, "bytes", super->bytes);
	out_size(out, "max_bytes", super->max_bytes);
	out_size(out, "unit", super->unit);
	out_u64(out, "regions", super->regions);
	out_u64(out, "pages", super->pages);
	out_u64(out, "slabs", super->slabs);
	out_u64(out, "slab_pages", super->slab_pages);
	out_u64(out, "buckets", super->buckets);
	out_u64(out, "max_clients", super->max_clients);
	out_u64(out, "quarantine_ms", super->quarantine_ms);
	out_text(out, "share", tool_share(super->share));
	out_u64(out, "host_ms", super->host_ms);
	flags(out, super->create_flags);
	copies(out, super->copies_ok);
	out_bit(out, "clean", super->clean);
}

int dump_super(struct dump *d)
{
	int rc = maru_inspect_super(d->pool, &d->super);

	if (rc)
		return rc;
	out_object(&d->out, "super");
	fields(&d->out, &d->super);
	out_object_end(&d->out);
	return 0;
}
