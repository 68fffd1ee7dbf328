// SPDX-License-Identifier: BSD-3-Clause
/* Loss of power: images of the medium, repaired and judged. */
#include "common.h"
#include "common_medium.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Lines that a repair goes by; it makes all others anew. */
static bool is_believed(const struct medium *m, uint32_t line)
{
	uint64_t off = (uint64_t)line * LINE;

	if (medium_in(m, SECTION_SLABS, off))
		return (off - m->sb.section[SECTION_SLABS].off) % 256 == 0;
	return medium_in(m, SECTION_BLOCKS, off) ||
	       medium_in(m, SECTION_DATA, off) ||
	       medium_in(m, SECTION_CONTROL, off) ||
	       medium_in(m, SECTION_SUPER_A, off) ||
	       medium_in(m, SECTION_SUPER_B, off) ||
	       medium_in(m, SECTION_SUPER_C, off);
}

static void try_it(struct medium *m, struct tried *t)
{
	bool use = m->plan->usable && m->count->distinct % m->plan->usable == 0;

	m->count->distinct++;
	t->hash = m->hash;
	medium_write(m);
	t->as_is = (int8_t)power_as_is(m->path, &t->found[0]);
	if (t->as_is)
		medium_write(m);
	t->repaired = (int8_t)power_repair(m->path, m->plan->fsck_flags, use,
					   &t->found[1]);
	m->all_differ = use;
	for (unsigned key = 0; key < POWER_KEYS; key++)
		m->count->kept += t->found[1].version[key] != 0;
}

static void judge(struct medium *m, uint32_t at)
{
	struct tried *t;
	bool good;

	if (m->count->distinct >= TRIED / 2)
		return;
	t = medium_tried(m);
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
	medium_take_back(m);
}

/* All that repair does not believe: stored, or (@torn) by chance. */
static void let_rest(struct medium *m, bool torn)
{
	uint32_t i;

	for (i = 0; i < m->open_nr; i++) {
		uint32_t no = m->open[i];

		if (!is_believed(m, no) && (!torn || medium_chance(m, 2)))
			medium_let(m, no, NONE, NULL);
	}
}

static void image_of_subset(struct medium *m, const uint32_t *no, uint32_t nr,
			    uint64_t subset, uint32_t at)
{
	uint32_t i;

	let_rest(m, true);
	for (i = 0; i < nr; i++)
		if (subset >> i & 1)
			medium_let(m, no[i], NONE, NULL);
	judge(m, at);
}

static void image_by_chance(struct medium *m, const uint32_t *no, uint32_t nr,
			    uint32_t at)
{
	bool torn = medium_chance(m, 2);
	uint32_t i;

	let_rest(m, true);
	for (i = 0; i < nr; i++) {
		const struct line *l = &m->line[no[i]];
		uint64_t mask = test_random(&m->random);

		if (torn)
			medium_let(m, no[i], NONE, &mask);
		else
			medium_let(m, no[i],
				   medium_chance(m, l->stored - l->kept + 1),
				   NULL);
	}
	judge(m, at);
}

/* One line alone, or all but one. */
static void images_of_one(struct medium *m, const uint32_t *no, uint32_t nr,
			  uint32_t at)
{
	uint32_t most = m->plan->singles, k, i, one;

	for (k = 0; k < nr && k < most; k++) {
		one = nr <= most ? k : medium_chance(m, nr);
		medium_let(m, no[one], NONE, NULL);
		judge(m, at);
		let_rest(m, false);
		for (i = 0; i < nr; i++)
			if (i != one)
				medium_let(m, no[i], NONE, NULL);
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
		medium_let(m, no[i], NONE, NULL);
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

/* Is the power cut behind this entry?  @rest: of those not believed, so far */
static bool is_cut(const struct medium *m, uint32_t i, uint32_t *rest,
		   bool *fully)
{
	const struct record_entry *e = &record->log[i];

	if (i < m->plan->from || e->kind == RECORD_FLUSH)
		return false;
	*fully = e->kind == RECORD_DRAIN ||
		 (is_believed(m, (uint32_t)(e->off / LINE)) &&
		  !medium_in(m, SECTION_DATA, e->off));
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

	for (i = 0; i < record->nr && !medium_late(m); i++) {
		medium_go_on(m, i);
		if (is_cut(m, i, &rest, &fully) && ++nr % step == 0)
			cut(m, i + 1, fully);
	}
}

void power_lose(uint32_t entries)
{
	struct medium *m = medium_start(NULL, NULL);
	int fd = open(power_target(), O_WRONLY | O_CLOEXEC);
	uint32_t i;

	for (i = 0; i < entries; i++)
		medium_go_on(m, i);
	medium_change_boot(m, m->kept);
	if (fd < 0 ||
	    pwrite(fd, m->kept, record->bytes, 0) != (ssize_t)record->bytes)
		abort();
	close(fd);
	medium_end(m);
}

uint64_t power_cut(const struct power_plan *plan, struct power_count *count)
{
	struct medium *m = medium_start(plan, count);

	record_quiet(true);
	replay(m);
	record_quiet(false);
	medium_end(m);
	return count->bad;
}
