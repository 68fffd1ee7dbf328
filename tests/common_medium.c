// SPDX-License-Identifier: BSD-3-Clause
/* What of a log of stores is surely in memory, and what a line may hold. */
#include "common_medium.h"

#include "common.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

static uint64_t line_hash(const struct medium *m, uint32_t line)
{
	return XXH3_64bits_withSeed(m->kept + (uint64_t)line * LINE, LINE,
				    line);
}

bool medium_in(const struct medium *m, enum section_id id, uint64_t off)
{
	const struct media_section *s = &m->sb.section[id];

	return off >= s->off && off - s->off < s->len;
}

/* The log -------------------------------------------------------------------- */

static void open_line(struct medium *m, uint32_t no)
{
	m->line[no].at = m->open_nr;
	m->open[m->open_nr++] = no;
}

static void close_line(struct medium *m, uint32_t no)
{
	uint32_t last = m->open[--m->open_nr];

	m->open[m->line[no].at] = last;
	m->line[last].at = m->line[no].at;
	m->line[no].at = NONE;
}

static void store(struct medium *m, uint32_t entry)
{
	uint64_t off = record->log[entry].off;
	uint32_t no = (uint32_t)(off / LINE);
	struct line *l = &m->line[no];

	m->next[entry] = NONE;
	if (l->at == NONE) {
		l->head = entry;
		open_line(m, no);
	} else {
		m->next[l->tail] = entry;
	}
	l->tail = entry;
	l->stored++;
	m->used[off / PAGE] = 1;
}

static void put(struct medium *m, uint32_t entry)
{
	const struct record_entry *e = &record->log[entry];

	memcpy(m->kept + e->off, &e->word, 8);
}

/* All that was stored to the line up to its @stored-th word is there. */
static void keep(struct medium *m, uint32_t no, uint32_t stored)
{
	struct line *l = &m->line[no];

	if (l->at == NONE || stored <= l->kept)
		return;
	m->hash -= line_hash(m, no);
	for (; l->kept < stored; l->kept++) {
		put(m, l->head);
		l->head = m->next[l->head];
	}
	m->hash += line_hash(m, no);
	if (l->kept == l->stored)
		close_line(m, no);
}

static void flush(struct medium *m, const struct record_entry *e)
{
	uint32_t first = (uint32_t)(e->off / LINE), i;
	uint32_t last = (uint32_t)((e->off + e->word - 1) / LINE);
	uint32_t *nr = &m->flush_nr[e->who % CLIENTS];

	for (i = 0; i < m->open_nr; i++) {
		uint32_t no = m->open[i];

		if (no < first || no > last)
			continue;
		if (*nr == RECORD_MAX)
			abort();
		m->flush[e->who % CLIENTS][(*nr)++] =
			(struct flush){ no, m->line[no].stored };
	}
}

static void drain(struct medium *m, unsigned who)
{
	uint32_t i;

	for (i = 0; i < m->flush_nr[who % CLIENTS]; i++)
		keep(m, m->flush[who % CLIENTS][i].line,
		     m->flush[who % CLIENTS][i].stored);
	m->flush_nr[who % CLIENTS] = 0;
}

/* What a host that lives has read or changed is not lost with another's cache. */
static void survive(struct medium *m, uint32_t i)
{
	const struct record_entry *e = &record->log[i];

	if (e->kind == RECORD_STORE)
		store(m, i);
	if (e->kind == RECORD_STORE || e->kind == RECORD_LOAD)
		keep(m, (uint32_t)(e->off / LINE),
		     m->line[e->off / LINE].stored);
}

void medium_go_on(struct medium *m, uint32_t i)
{
	const struct record_entry *e = &record->log[i];

	if (m->plan && m->plan->lost && !e->who) {
		survive(m, i);
		return;
	}
	if (e->kind == RECORD_STORE)
		store(m, i);
	else if (e->kind == RECORD_FLUSH)
		flush(m, e);
	else
		drain(m, e->who);
}

/* Images --------------------------------------------------------------------- */

/* Into the image: this line, with the words that @mask says, or the first @n. */
void medium_let(struct medium *m, uint32_t no, uint32_t n, const uint64_t *mask)
{
	const struct line *l = &m->line[no];
	uint32_t entry = l->head, i;

	if (m->changed_nr == UNDECIDED)
		return; /* stays old, which is an image too */
	m->changed[m->changed_nr] = no;
	memcpy(m->was[m->changed_nr++], m->kept + (uint64_t)no * LINE, LINE);
	m->hash -= line_hash(m, no);
	for (i = 0; i < n && l->kept + i < l->stored; i++) {
		if (!mask || *mask >> i % 64 & 1)
			put(m, entry);
		entry = m->next[entry];
	}
	m->hash += line_hash(m, no);
}

void medium_take_back(struct medium *m)
{
	while (m->changed_nr) {
		uint32_t no = m->changed[--m->changed_nr];

		m->hash -= line_hash(m, no);
		memcpy(m->kept + (uint64_t)no * LINE, m->was[m->changed_nr],
		       LINE);
		m->hash += line_hash(m, no);
	}
}

/* What was its boot is not ours, as the host was down. */
void medium_change_boot(const struct medium *m, unsigned char *image)
{
	unsigned char *boot = image + m->sb.section[SECTION_CONTROL].off + 16;

	if (!memcmp(boot, &m->boot[1], 8))
		*boot ^= 1;
}

/* The image into the file, page by page where it is another. */
void medium_write(struct medium *m)
{
	uint64_t page, pages = record->bytes / PAGE;
	uint64_t tables = m->sb.section[SECTION_DATA].off / PAGE;

	for (page = 0; page < pages; page++) {
		uint64_t off = page * PAGE;

		if (page >= tables && page + 1 < pages && !m->used[page] &&
		    !m->all_differ)
			continue;
		if (memcmp(m->image + off, m->kept + off, PAGE))
			memcpy(m->image + off, m->kept + off, PAGE);
	}
	m->all_differ = false;
	medium_change_boot(m, m->image);
}

struct tried *medium_tried(struct medium *m)
{
	uint64_t i = m->hash >> (64 - TRIED_BITS);

	/* a sum of hashes: the same image has the same one */
	while (m->tried[i].hash && m->tried[i].hash != m->hash)
		i = (i + 1) % TRIED;
	return &m->tried[i];
}

uint32_t medium_chance(struct medium *m, uint32_t below)
{
	return (uint32_t)(test_random(&m->random) % below);
}

/* All ----------------------------------------------------------------------- */

static void *room(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

struct medium *medium_start(const struct power_plan *plan,
			    struct power_count *count)
{
	struct medium *m = room(sizeof(*m));
	uint64_t lines = record->bytes / LINE;
	unsigned i;

	record_stop();
	m->plan = plan;
	m->count = count;
	m->random = plan ? plan->seed : 0;
	media_boot_id(m->boot);
	memcpy(&m->sb,
	       memcmp(record_base, MEDIA_MAGIC, 8) ? record_now : record_base,
	       sizeof(m->sb));
	m->kept = room(record->bytes);
	memcpy(m->kept, record_base, record->bytes);
	m->line = room(lines * sizeof(*m->line));
	m->open = room(lines * sizeof(*m->open));
	m->next = room(RECORD_MAX * sizeof(*m->next));
	m->used = room(record->bytes / PAGE);
	m->tried = room(TRIED * sizeof(*m->tried));
	for (i = 0; i < CLIENTS; i++)
		m->flush[i] = room(RECORD_MAX * sizeof(*m->flush[i]));
	for (uint64_t no = 0; no < lines; no++) {
		m->line[no].at = NONE;
		m->hash += line_hash(m, (uint32_t)no);
	}
	m->fd = memfd_create("image", MFD_ALLOW_SEALING);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)record->bytes) ||
	    fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK))
		abort();
	m->image = mmap(NULL, record->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			m->fd, 0);
	if (m->image == MAP_FAILED)
		abort();
	snprintf(m->path, sizeof(m->path), "fd:%d", m->fd);
	m->all_differ = true;
	return m;
}

void medium_end(struct medium *m)
{
	uint64_t lines = record->bytes / LINE;
	unsigned i;

	munmap(m->kept, record->bytes);
	munmap(m->image, record->bytes);
	munmap(m->line, lines * sizeof(*m->line));
	munmap(m->open, lines * sizeof(*m->open));
	munmap(m->next, RECORD_MAX * sizeof(*m->next));
	munmap(m->used, record->bytes / PAGE);
	munmap(m->tried, TRIED * sizeof(*m->tried));
	for (i = 0; i < CLIENTS; i++)
		munmap(m->flush[i], RECORD_MAX * sizeof(*m->flush[i]));
	close(m->fd);
	munmap(m, sizeof(*m));
}

bool medium_late(const struct medium *m)
{
	struct timespec t;

	if (m->plan->until == 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9 > m->plan->until;
}
