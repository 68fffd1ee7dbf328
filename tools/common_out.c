/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Output: sections of fields and tables. Written as it comes, for a pool may
 * have millions of blocks; numbers are exact in JSON.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "common.h"

/* Valid UTF-8 without control characters: it can do a terminal no harm. */
static bool harmless(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	json_t *string = json_string(text);

	if (!string)
		return false;
	json_decref(string);
	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f ||
		    (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return false;
	}
	return true;
}

/* Bytes that are no text become \xHH. */
static const char *clean(char *to, size_t cap, const char *text)
{
	size_t at = 0;

	if (harmless(text))
		return text;
	for (; *text && at + 5 < cap; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c <= 0x7e)
			to[at++] = (char)c;
		else
			at += (size_t)sprintf(to + at, "\\x%02x", c);
	}
	to[at] = '\0';
	return to;
}

static void json_text(const char *text)
{
	char safe[TOOL_KEY_TEXT * 2];
	json_t *string = json_string(clean(safe, sizeof(safe), text));

	if (!string || json_dumpf(string, stdout, JSON_ENCODE_ANY))
		fputs("null", stdout);
	json_decref(string);
}

/* What stands before a member or an element: a comma, space, its name. */
static void json_member(struct out *out, const char *name)
{
	unsigned bit = 1u << out->depth;
	bool more = out->some & bit;

	if (more)
		putchar(',');
	if (out->depth <= 2)
		printf("\n%*s", (int)out->depth * 2, "");
	else if (more)
		putchar(' ');
	out->some |= bit;
	if (name)
		printf("\"%s\": ", name); /* ours: nothing to escape */
}

static void json_begin(struct out *out, const char *name, char bracket)
{
	json_member(out, name);
	putchar(bracket);
	out->depth++;
	out->some &= ~(1u << out->depth);
}

static void json_end(struct out *out, char bracket)
{
	bool some = out->some & 1u << out->depth;

	out->depth--;
	if (some && out->depth < 2)
		printf("\n%*s", (int)out->depth * 2, "");
	putchar(bracket);
}

void out_open(struct out *out, bool json)
{
	*out = (struct out){ .json = json };
	if (!json)
		return;
	putchar('{');
	out->depth = 1;
}

void out_close(struct out *out)
{
	if (!out->json)
		return;
	json_end(out, '}');
	putchar('\n');
}

/* An empty line between sections, none before the first. */
static void title(struct out *out, const char *name)
{
	printf("%s%s:\n", out->some ? "\n" : "", name);
	out->some = 1;
}

void out_object(struct out *out, const char *name)
{
	if (out->json)
		json_begin(out, name, '{');
	else if (out->depth++ == 0)
		title(out, name);
}

void out_object_end(struct out *out)
{
	if (out->json)
		json_end(out, '}');
	else
		out->depth--;
}

void out_list(struct out *out, const char *name)
{
	json_begin(out, name, '[');
}

void out_list_end(struct out *out)
{
	json_end(out, ']');
}

void out_table(struct out *out, const char *name,
	       const struct out_column *columns)
{
	out->columns = columns;
	out->rows = 0;
	if (out->json)
		json_begin(out, name, '[');
	else
		title(out, name);
}

void out_table_end(struct out *out)
{
	out->columns = NULL;
	if (out->json)
		json_end(out, ']');
	else if (!out->rows)
		puts("  none");
}

static void cell(struct out *out, const char *text)
{
	const struct out_column *column = &out->columns[out->at++];
	int room = OUT_WIDTH - out->used - 2;
	int width = column->width;

	if (!column[1].head) {
		if ((int)strlen(text) > room) {
			printf("  %.*s...", room - 3, text);
			return;
		}
		width = width < 0 ? 0 : width; /* no space at the line's end */
	}
	out->used += printf("  %*s", width, text);
}

static void heads(struct out *out)
{
	out->at = 0;
	out->used = 0;
	for (const struct out_column *c = out->columns; c->head; c++)
		cell(out, c->head);
	putchar('\n');
}

void out_row(struct out *out)
{
	if (out->json)
		json_begin(out, NULL, '{');
	else if (!out->rows)
		heads(out);
	out->rows++;
	out->at = 0;
	out->used = 0;
}

void out_row_end(struct out *out)
{
	if (out->json)
		json_end(out, '}');
	else
		putchar('\n');
}

/* For people: a cell, or a line. */
static void plain(struct out *out, const char *name, const char *text)
{
	if (out->columns)
		cell(out, text);
	else
		printf("  %-16s %s\n", name, text);
}

void out_u64(struct out *out, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	if (!out->json) {
		plain(out, name, text);
		return;
	}
	json_member(out, name);
	fputs(text, stdout);
}

void out_int(struct out *out, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	if (!out->json) {
		plain(out, name, text);
		return;
	}
	json_member(out, name);
	fputs(text, stdout);
}

void out_flag(struct out *out, const char *name, bool value)
{
	if (!out->json) {
		plain(out, name, value ? "yes" : "no");
		return;
	}
	json_member(out, name);
	fputs(value ? "true" : "false", stdout);
}

void out_none(struct out *out, const char *name)
{
	if (!out->json) {
		plain(out, name, "-");
		return;
	}
	json_member(out, name);
	fputs("null", stdout);
}

void out_text(struct out *out, const char *name, const char *text)
{
	char safe[TOOL_KEY_TEXT * 2];

	if (out->json) {
		json_member(out, name);
		json_text(text);
		return;
	}
	text = clean(safe, sizeof(safe), text);
	plain(out, name, *text ? text : "-");
}

void out_counter(struct out *out, const char *name, uint64_t value,
		 const char *meaning)
{
	if (out->json)
		out_u64(out, name, value);
	else
		printf("  %-16s %-20" PRIu64 " %s\n", name, value, meaning);
}
