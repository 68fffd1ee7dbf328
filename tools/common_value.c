/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that are a number in JSON and something handier for people. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "common.h"

void out_hex(struct out *out, const char *name, uint64_t value)
{
	char text[24];

	if (out->json) {
		out_u64(out, name, value);
		return;
	}
	snprintf(text, sizeof(text), "%#" PRIx64, value);
	out_text(out, name, text);
}

void out_size(struct out *out, const char *name, uint64_t bytes)
{
	char size[TOOL_SIZE_TEXT], text[2 * TOOL_SIZE_TEXT];

	if (out->json) {
		out_u64(out, name, bytes);
		return;
	}
	tool_size_text(size, bytes);
	snprintf(text, sizeof(text), "%s (%" PRIu64 ")", size, bytes);
	out_text(out, name, out->columns || bytes < 1024 ? size : text);
}

void out_bit(struct out *out, const char *name, uint64_t value)
{
	if (out->json)
		out_u64(out, name, value);
	else
		out_flag(out, name, value);
}

void out_addr(struct out *out, const char *name, uint64_t addr)
{
	char text[24];

	if (out->json) {
		out_u64(out, name, addr);
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu32,
		 maru_addr_region(addr), maru_addr_page(addr));
	out_text(out, name, text);
}

void out_time(struct out *out, const char *name, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char text[40] = "?";
	struct tm tm;

	if (out->json) {
		out_u64(out, name, ns);
		return;
	}
	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	out_text(out, name, text);
}

/* The two largest units: 3d4h, 12m30s. */
static void age(char *text, size_t cap, uint64_t s)
{
	if (s < 60)
		snprintf(text, cap, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(text, cap, "%um%us", (unsigned)s / 60,
			 (unsigned)s % 60);
	else if (s < 86400)
		snprintf(text, cap, "%uh%um", (unsigned)s / 3600,
			 (unsigned)s / 60 % 60);
	else
		snprintf(text, cap, "%" PRIu64 "d%uh", s / 86400,
			 (unsigned)(s / 3600 % 24));
}

void out_age(struct out *out, const char *name, uint64_t ns)
{
	uint64_t then = ns / 1000000000;
	uint64_t now = (uint64_t)time(NULL);
	char text[32];

	if (out->json) {
		out_u64(out, name, ns);
		return;
	}
	age(text, sizeof(text), now > then ? now - then : 0);
	out_text(out, name, text);
}
