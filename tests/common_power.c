// SPDX-License-Identifier: BSD-3-Clause
/* The medium under a log of stores, flushes and drains: all it may hold. */
#include "common.h"
#include "common_power.h"

#include "media/media.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define LINE 64u
#define PAGE 4096u
#define NONE UINT32_MAX
#define CLIENTS 4
#define TRIED_BITS 18
#define TRIED (1u << TRIED_BITS)
#define UNDECIDED 4096 /* lines of an image that are told one by one */

/* What is stored but not surely on the medium, of one line. */
struct line {
	uint32_t head, tail;   /* entries of the log */
	uint32_t stored, kept; /* words: ever, and those surely there */
	uint32_t at;	       /* in the list of such lines, or NONE */
};

/* A flush that no drain has completed yet. */
struct flush {
	uint32_t line, stored;
};

/* What became of an image that was tried. */
struct tried {
	uint64_t hash;
	int8_t as_is, repaired; /* as power_as_is() and power_repair() say */
	struct power_found found[2];
};

struct medium {
	const struct power_plan *plan;
	struct power_count *count;
	struct media_super sb;
	unsigned char *kept; /* what is surely there; at times, an image */
	struct line *line;
	uint32_t *next; /* of the same line, by entry of the log */
	uint32_t *open; /* lines with something undecided */
	uint32_t open_nr;
	struct flush *flush[CLIENTS];
	uint32_t flush_nr[CLIENTS];
	uint64_t hash; /* of kept: the sum over its lines */
	struct tried *tried;
	uint64_t random, boot[2];
	/* the image as a file, and which of its pages may differ from ours */
	int fd;
	char path[64];
	unsigned char *image;
	unsigned char *used; /* pages behind the tables that were stored to */
	bool all_differ;
	/* lines of the present image that differ from kept, and what was there */
	uint32_t changed[UNDECIDED], changed_nr;
	unsigned char was[UNDECIDED][LINE];
};

static uint64_t line_hash(const struct medium *m, uint32_t line)
{
	return XXH3_64bits_withSeed(m->kept + (uint64_t)line * LINE, LINE,
				    line);
}

static bool in(const struct medium *m, enum section_id id, uint64_t off)
{
	const struct media_section *s = &m->sb.section[id];

	return off >= s->off && off - s->off < s->len;
}

/* Lines that a repair goes by; it makes all others anew. */
static bool is_believed(const struct medium *m, uint32_t line)
{
	uint64_t off = (uint64_t)line * LINE;

	if (in(m, SECTION_SLABS, off))
		return (off - m->sb.section[SECTION_SLABS].off) % 256 == 0;
	return in(m, SECTION_BLOCKS, off) || in(m, SECTION_DATA, off) ||
	       in(m, SECTION_CONTROL, off) || in(m, SECTION_SUPER_A, off) ||
	       in(m, SECTION_SUPER_B, off) || in(m, SECTION_SUPER_C, off);
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

static void let_be(struct medium *m, uint32_t i)
{
	const struct record_entry *e = &record->log[i];

	if (e->kind == RECORD_STORE)
		store(m, i);
	else if (e->kind == RECORD_FLUSH)
		flush(m, e);
	else
		drain(m, e->who);
}

/* Images --------------------------------------------------------------------- */

/* Into the image: this line, with the words that @mask says, or the first @n. */
static void let_through(struct medium *m, uint32_t no, uint32_t n,
			const uint64_t *mask)
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

static void take_back(struct medium *m)
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
static void change_boot(const struct medium *m, unsigned char *image)
{
	unsigned char *boot = image + m->sb.section[SECTION_CONTROL].off + 16;

	if (!memcmp(boot, &m->boot[1], 8))
		*boot ^= 1;
}

/* The image into the file, page by page where it is another. */
static void write_image(struct medium *m)
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
	change_boot(m, m->image);
}

static void try_it(struct medium *m, struct tried *t)
{
	bool use = m->plan->usable && m->count->distinct % m->plan->usable == 0;

	m->count->distinct++;
	t->hash = m->hash;
	write_image(m);
	t->as_is = (int8_t)power_as_is(m->path, &t->found[0]);
	if (t->as_is)
		write_image(m);
	t->repaired = (int8_t)power_repair(m->path, m->plan->fsck_flags, use,
					   &t->found[1]);
	m->all_differ = use;
	for (unsigned key = 0; key < POWER_KEYS; key++)
		m->count->kept += t->found[1].version[key] != 0;
}

static struct tried *find_tried(struct medium *m)
{
	uint64_t i = m->hash >> (64 - TRIED_BITS);

	/* a sum of hashes: the same image has the same one */
	while (m->tried[i].hash && m->tried[i].hash != m->hash)
		i = (i + 1) % TRIED;
	return &m->tried[i];
}

static void judge(struct medium *m, uint32_t at)
{
	struct tried *t;
	bool good;

	if (m->count->distinct >= TRIED / 2)
		return;
	t = find_tried(m);
	m->count->images++;
	if (!t->hash)
		try_it(m, t);
	m->count->accepted += t->as_is == 1;
	m->count->refused += !t->as_is;
	good = t->as_is >= 0 && t->repaired >= 0 &&
	       power_judge(&t->found[1], at) &&
	       (t->as_is != 1 || power_judge(&t->found[0], at));
	if (!good && m->count->bad++ < 5)
		fprintf(stderr,
			"power: bad image at entry %u of %u, %u lines undecided\n",
			at, record->nr, m->open_nr);
	take_back(m);
}

static uint32_t chance(struct medium *m, uint32_t below)
{
	return (uint32_t)(test_random(&m->random) % below);
}

/* All that repair does not believe: stored, or (@torn) by chance. */
static void let_rest(struct medium *m, bool torn)
{
	uint32_t i;

	for (i = 0; i < m->open_nr; i++) {
		uint32_t no = m->open[i];

		if (!is_believed(m, no) && (!torn || chance(m, 2)))
			let_through(m, no, NONE, NULL);
	}
}

static void image_of_subset(struct medium *m, const uint32_t *no, uint32_t nr,
			    uint64_t subset, uint32_t at)
{
	uint32_t i;

	let_rest(m, true);
	for (i = 0; i < nr; i++)
		if (subset >> i & 1)
			let_through(m, no[i], NONE, NULL);
	judge(m, at);
}

static void image_by_chance(struct medium *m, const uint32_t *no, uint32_t nr,
			    uint32_t at)
{
	bool torn = chance(m, 2);
	uint32_t i;

	let_rest(m, true);
	for (i = 0; i < nr; i++) {
		const struct line *l = &m->line[no[i]];
		uint64_t mask = test_random(&m->random);

		if (torn)
			let_through(m, no[i], NONE, &mask);
		else
			let_through(m, no[i],
				    chance(m, l->stored - l->kept + 1), NULL);
	}
	judge(m, at);
}

/* One line alone, or all but one. */
static void images_of_one(struct medium *m, const uint32_t *no, uint32_t nr,
			  uint32_t at)
{
	uint32_t most = m->plan->singles, k, i, one;

	for (k = 0; k < nr && k < most; k++) {
		one = nr <= most ? k : chance(m, nr);
		let_through(m, no[one], NONE, NULL);
		judge(m, at);
		let_rest(m, false);
		for (i = 0; i < nr; i++)
			if (i != one)
				let_through(m, no[i], NONE, NULL);
		judge(m, at);
	}
}

static void cut(struct medium *m, uint32_t at, bool fully)
{
	static uint32_t no[UNDECIDED];
	uint32_t nr = 0, i;

	for (i = 0; i < m->open_nr && nr < UNDECIDED; i++)
		if (is_believed(m, m->open[i]))
			no[nr++] = m->open[i];
	m->count->cuts++;
	let_rest(m, false);
	for (i = 0; i < nr; i++)
		let_through(m, no[i], NONE, NULL);
	judge(m, at); /* all of it: what there is if caches survive */
	if (!fully)
		return;
	judge(m, at); /* nothing that need not be */
	if (nr > 1 && nr <= m->plan->subsets)
		for (i = 1; i + 1 < 1u << nr; i++)
			image_of_subset(m, no, nr, i, at);
	else
		images_of_one(m, no, nr, at);
	for (i = 0; i < m->plan->randoms && m->open_nr; i++)
		image_by_chance(m, no, nr, at);
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

static struct medium *start(const struct power_plan *plan,
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

static void tear_down(struct medium *m)
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

static bool late(const struct power_plan *plan)
{
	struct timespec t;

	if (plan->until == 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9 > plan->until;
}

/* Is the power cut behind this entry?  @rest: of those not believed, so far */
static bool is_cut(const struct medium *m, uint32_t i, uint32_t *rest,
		   bool *fully)
{
	const struct record_entry *e = &record->log[i];

	if (i < m->plan->from || e->kind == RECORD_FLUSH)
		return false;
	*fully = e->kind == RECORD_DRAIN ||
		 (is_believed(m, (uint32_t)(e->off / LINE)) &&
		  !in(m, SECTION_DATA, e->off));
	return *fully || ++*rest % m->plan->stride == 0;
}

/* Every how manyth of them, to do with so many. */
static uint32_t cut_step(const struct medium *m)
{
	uint32_t i, rest = 0, nr = 0;
	bool fully;

	for (i = 0; i < record->nr; i++)
		nr += is_cut(m, i, &rest, &fully);
	return m->plan->cuts ? nr / m->plan->cuts + 1 : 1;
}

/* Each entry into the model, and the power cut behind it. */
static void replay(struct medium *m)
{
	uint32_t step = cut_step(m), nr = (uint32_t)m->plan->seed, rest = 0, i;
	bool fully;

	for (i = 0; i < record->nr && !late(m->plan); i++) {
		let_be(m, i);
		if (is_cut(m, i, &rest, &fully) && ++nr % step == 0)
			cut(m, i + 1, fully);
	}
}

void power_lose(uint32_t entries)
{
	struct medium *m = start(NULL, NULL);
	int fd = open(power_target(), O_WRONLY | O_CLOEXEC);
	uint32_t i;

	for (i = 0; i < entries; i++)
		let_be(m, i);
	change_boot(m, m->kept);
	if (fd < 0 ||
	    pwrite(fd, m->kept, record->bytes, 0) != (ssize_t)record->bytes)
		abort();
	close(fd);
	tear_down(m);
}

uint64_t power_cut(const struct power_plan *plan, struct power_count *count)
{
	struct medium *m = start(plan, count);

	record_quiet(true);
	replay(m);
	record_quiet(false);
	tear_down(m);
	return count->bad;
}
