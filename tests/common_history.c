// SPDX-License-Identifier: BSD-3-Clause
/* Histories as text and back; the part of one that is enough to see it. */
#include "common_history.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *const names[] = {
#define HISTORY_X(name, pins) #name,
	HISTORY_CALLS(HISTORY_X)
#undef HISTORY_X
};

static const struct {
	const char *name;
	int rc;
} results[] = {
	{ "ENOENT", -ENOENT },	     { "EBUSY", -EBUSY },
	{ "ENOSPC", -ENOSPC },	     { "EINPROGRESS", -EINPROGRESS },
	{ "ETIMEDOUT", -ETIMEDOUT }, { "ESTALE", -ESTALE },
	{ "EINVAL", -EINVAL },	     { "EAGAIN", -EAGAIN },
	{ "ESHUTDOWN", -ESHUTDOWN }, { "EUCLEAN", -EUCLEAN },
	{ "ECANCELED", -ECANCELED },
};

const char *history_call_name(unsigned call)
{
	return call < HISTORY_CALL_NR ? names[call] : "?";
}

struct history *history_new(void)
{
	struct history *h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return h == MAP_FAILED ? NULL : h;
}

void history_free(struct history *h)
{
	munmap(h, sizeof(*h));
}

/* Out ------------------------------------------------------------------------ */

static uint64_t first_instant(const struct history *h)
{
	uint64_t first = HISTORY_NEVER;

	for (unsigned l = 0; l < h->line_nr; l++)
		for (unsigned i = 0; i < h->line[l].nr; i++)
			if (h->line[l].op[i].begin < first)
				first = h->line[l].op[i].begin;
	return first;
}

static void print_time(FILE *f, const char *before, uint64_t t, uint64_t zero)
{
	if (t == HISTORY_NEVER)
		fprintf(f, "%s-", before);
	else
		fprintf(f, "%s%llu", before, (unsigned long long)(t - zero));
}

static void print_result(FILE *f, const struct history_op *op)
{
	if (op->end == HISTORY_NEVER) {
		fprintf(f, " = ?");
		return;
	}
	for (size_t i = 0; i < TEST_LEN(results); i++) {
		if (results[i].rc == op->rc) {
			fprintf(f, " = %s", results[i].name);
			return;
		}
	}
	fprintf(f, " = %d", op->rc);
}

static void print_op(FILE *f, const struct history_op *op, uint64_t zero)
{
	print_time(f, " ", op->begin, zero);
	print_time(f, " ", op->end, zero);
	fprintf(f, " %s", history_call_name(op->call));
	if (op->key != HISTORY_NO_KEY)
		fprintf(f, " k%u", op->key);
	if (op->value == HISTORY_TORN)
		fprintf(f, " torn");
	else if (op->value != 0)
		fprintf(f, " v%llx", (unsigned long long)op->value);
	print_result(f, op);
	if (op->view)
		fprintf(f, " view");
	if (op->from)
		fprintf(f, " from %u", op->from);
	if (op->again)
		fprintf(f, " changed");
	fputc('\n', f);
}

void history_print(FILE *f, const struct history *h)
{
	uint64_t zero = first_instant(h);

	fprintf(f, "history pressure %u\n", h->pressure);
	for (unsigned c = 0; c < h->client_nr; c++) {
		const struct history_client *cl = &h->client[c];

		fprintf(f, "client %u", c);
		print_time(f, " killed ", cl->killed, zero);
		print_time(f, " gone ", cl->gone, zero);
		print_time(f, " reaped ", cl->reaped, zero);
		fputc('\n', f);
	}
	for (unsigned l = 0; l < h->line_nr; l++) {
		fprintf(f, "line %u client %u\n", l, h->line[l].client);
		for (unsigned i = 0; i < h->line[l].nr; i++)
			print_op(f, &h->line[l].op[i], zero);
	}
	fprintf(f, "end\n");
}

/* In ------------------------------------------------------------------------- */

static uint64_t parse_time(const char *text)
{
	return *text == '-' ? HISTORY_NEVER : strtoull(text, NULL, 10);
}

static int parse_result(const char *text)
{
	for (size_t i = 0; i < TEST_LEN(results); i++)
		if (strcmp(results[i].name, text) == 0)
			return results[i].rc;
	return atoi(text);
}

static int parse_call(const char *text)
{
	for (unsigned i = 0; i < HISTORY_CALL_NR; i++)
		if (strcmp(names[i], text) == 0)
			return (int)i;
	return -1;
}

static int parse_op(char *text, struct history_op *op)
{
	char *save = NULL, *word = strtok_r(text, " \n", &save);
	int call;

	memset(op, 0, sizeof(*op));
	op->key = HISTORY_NO_KEY;
	op->begin = parse_time(word);
	if ((word = strtok_r(NULL, " \n", &save)) == NULL)
		return -1;
	op->end = parse_time(word);
	word = strtok_r(NULL, " \n", &save);
	if (word == NULL || (call = parse_call(word)) < 0)
		return -1;
	op->call = (uint16_t)call;
	while ((word = strtok_r(NULL, " \n", &save)) != NULL) {
		if (word[0] == 'k')
			op->key = (uint16_t)atoi(word + 1);
		else if (strcmp(word, "view") == 0)
			op->view = 1;
		else if (word[0] == 'v')
			op->value = strtoull(word + 1, NULL, 16);
		else if (strcmp(word, "torn") == 0)
			op->value = HISTORY_TORN;
		else if (strcmp(word, "changed") == 0)
			op->again = 1;
		else if (strcmp(word, "=") == 0)
			op->rc = parse_result(strtok_r(NULL, " \n", &save));
		else if (strcmp(word, "from") == 0)
			op->from = (uint16_t)atoi(strtok_r(NULL, " \n", &save));
	}
	return op->key == HISTORY_NO_KEY || op->key < HISTORY_KEYS ? 0 : -1;
}

/* One line of text; 0, -1 it is wrong */
static int parse_line(char *text, struct history *h)
{
	char t[3][32];
	unsigned no, client;
	struct history_line *l;

	if (sscanf(text, "client %u killed %31s gone %31s reaped %31s", &no,
		   t[0], t[1], t[2]) == 4) {
		if (no != h->client_nr || no >= HISTORY_CLIENTS)
			return -1;
		h->client[h->client_nr++] = (struct history_client){
			parse_time(t[0]), parse_time(t[1]), parse_time(t[2])
		};
		return 0;
	}
	if (sscanf(text, "line %u client %u", &no, &client) == 2) {
		if (no != h->line_nr || no >= HISTORY_LINES ||
		    client >= h->client_nr)
			return -1;
		h->line[h->line_nr++].client = client;
		return 0;
	}
	if (text[0] != ' ' || h->line_nr == 0)
		return 0;
	l = &h->line[h->line_nr - 1];
	if (l->nr == HISTORY_OPS || parse_op(text, &l->op[l->nr]) != 0)
		return -1;
	if (l->op[l->nr].from > l->nr)
		return -1;
	l->nr++;
	return 0;
}

int history_parse(FILE *f, struct history *h)
{
	char text[256];
	int begun = 0;

	memset(h, 0, sizeof(*h));
	h->key_nr = HISTORY_KEYS;
	while (fgets(text, sizeof(text), f) != NULL) {
		if (strncmp(text, "end", 3) == 0 && begun)
			return 0;
		if (sscanf(text, "history pressure %u", &h->pressure) == 1)
			begun = 1;
		else if (begun && parse_line(text, h) != 0)
			return -1;
	}
	return begun ? 0 : -1;
}

/* Beginnings ------------------------------------------------------------------ */

static void cut_instant(uint64_t *t, uint64_t at)
{
	if (*t > at)
		*t = HISTORY_NEVER;
}

static void cut(const struct history *h, uint64_t at, struct history *out)
{
	*out = *h;
	for (unsigned c = 0; c < h->client_nr; c++) {
		cut_instant(&out->client[c].killed, at);
		cut_instant(&out->client[c].gone, at);
		cut_instant(&out->client[c].reaped, at);
	}
	for (unsigned l = 0; l < h->line_nr; l++) {
		struct history_line *line = &out->line[l];

		while (line->nr > 0 && line->op[line->nr - 1].begin > at)
			line->nr--;
		for (unsigned i = 0; i < line->nr; i++)
			cut_instant(&line->op[i].end, at);
	}
}

/* The next return after @at. */
static uint64_t next_return(const struct history *h, uint64_t at)
{
	uint64_t next = HISTORY_NEVER;

	for (unsigned l = 0; l < h->line_nr; l++)
		for (unsigned i = 0; i < h->line[l].nr; i++)
			if (h->line[l].op[i].end > at &&
			    h->line[l].op[i].end < next)
				next = h->line[l].op[i].end;
	return next;
}

void history_shrink(const struct history *h, struct history *out)
{
	uint64_t at = 0;

	do {
		at = next_return(h, at);
		cut(h, at, out);
	} while (at != HISTORY_NEVER && history_check(out).linear == 1);
}

void history_count(const struct history *h, struct history_count *n)
{
	uint64_t ops = 0;

	n->histories++;
	for (unsigned l = 0; l < h->line_nr; l++)
		for (unsigned i = 0; i < h->line[l].nr; i++) {
			const struct history_op *op = &h->line[l].op[i];

			ops++;
			n->pending += op->end == HISTORY_NEVER;
			n->called[op->call]++;
		}
	for (unsigned c = 0; c < h->client_nr; c++)
		n->kills += h->client[c].killed != HISTORY_NEVER;
	n->ops += ops;
	if (ops > n->longest)
		n->longest = ops;
}

void history_complain(const struct history *h, uint64_t seed)
{
	struct history *part = malloc(sizeof(*part));
	const char *dir = getenv("TMPDIR");
	char path[256];
	FILE *f;

	if (part == NULL)
		return;
	history_shrink(h, part);
	fprintf(stderr, "FAIL: seed %llu: no order for key %u in\n",
		(unsigned long long)seed, history_check(part).key);
	history_print(stderr, part);
	snprintf(path, sizeof(path), "%s/history-%llu", dir ? dir : "/tmp",
		 (unsigned long long)seed);
	f = fopen(path, "w");
	if (f != NULL) {
		history_print(f, h);
		fclose(f);
		fprintf(stderr,
			"all of it is in %s, for stress_linear "
			"--check\n",
			path);
	}
	free(part);
}
