/* SPDX-License-Identifier: BSD-3-Clause */
/* Request traces: building one, and reading one from a file. */
#include "common_trace.h"
#include "common.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *array, uint64_t *cap, size_t size)
{
	*cap = *cap ? *cap * 2 : 1024;
	array = reallocarray(array, *cap, size);
	if (!array)
		bench_die(BENCH_CANNOT, "no memory for the trace");
	return array;
}

void trace_begin(struct trace *t)
{
	if (t->req_nr == t->req_cap)
		t->req = grow(t->req, &t->req_cap, sizeof(*t->req));
	t->req[t->req_nr++] = (struct trace_req){ .first = t->id_nr };
}

void trace_block(struct trace *t, uint64_t id)
{
	struct trace_req *req = &t->req[t->req_nr - 1];

	if (t->id_nr == t->id_cap)
		t->id = grow(t->id, &t->id_cap, sizeof(*t->id));
	t->id[t->id_nr++] = id;
	if (++req->nr > t->longest)
		t->longest = req->nr;
}

/* What is wrong with the line, or NULL. */
static const char *add_line(struct trace *t, const json_t *line)
{
	const json_t *ids = json_object_get(line, "hash_ids");
	size_t i;
	const json_t *id;

	if (!json_is_array(ids))
		return "no array \"hash_ids\"";
	trace_begin(t);
	json_array_foreach(ids, i, id)
	{
		if (!json_is_integer(id) || json_integer_value(id) < 0)
			return "a block id that is not a whole number";
		trace_block(t, (uint64_t)json_integer_value(id));
	}
	return NULL;
}

static void parse_line(struct trace *t, const char *text, size_t len)
{
	json_error_t error;
	json_t *line = json_loadb(text, len, 0, &error);
	const char *wrong = line ? add_line(t, line) : error.text;

	if (wrong)
		bench_die(BENCH_CANNOT, "%s:%u: %s", t->what, t->req_nr + 1,
			  wrong);
	json_decref(line);
}

void trace_load(struct trace *t, const char *path, uint32_t limit)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	*t = (struct trace){ 0 };
	if (!f)
		bench_die(BENCH_CANNOT, "trace %s: %s", path, strerror(errno));
	snprintf(t->what, sizeof(t->what), "%s", path);
	while ((!limit || t->req_nr < limit) &&
	       (len = getline(&line, &cap, f)) >= 0)
		parse_line(t, line, (size_t)len);
	if (ferror(f))
		bench_die(BENCH_CANNOT, "trace %s: %s", path, strerror(errno));
	free(line);
	fclose(f);
	if (!t->req_nr)
		bench_die(BENCH_CANNOT, "trace %s is empty", path);
}

void trace_free(struct trace *t)
{
	free(t->req);
	free(t->id);
}
