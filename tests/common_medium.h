/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory under a log of stores, flushes and drains, replayed entry by
 * entry: what of it is surely there, and what each line may hold beyond that.
 */
#ifndef TESTS_COMMON_MEDIUM_H
#define TESTS_COMMON_MEDIUM_H

#include "common_power.h"

#include "media/media.h"

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

/** medium_start() - as it was at the first entry; @plan may be NULL */
struct medium *medium_start(const struct power_plan *plan,
			    struct power_count *count);
void medium_end(struct medium *m);

/** medium_in() - is @off in that section? */
bool medium_in(const struct medium *m, enum section_id id, uint64_t off);

/** medium_go_on() - by one entry of the log */
void medium_go_on(struct medium *m, uint32_t entry);

/**
 * medium_let() - into the image: a line, with its first @n words
 * @mask: of these those whose bits are set; NULL: all
 */
void medium_let(struct medium *m, uint32_t no, uint32_t n,
		const uint64_t *mask);

/** medium_take_back() - what was let into the image */
void medium_take_back(struct medium *m);

/** medium_change_boot() - the host was down: its boot is not ours */
void medium_change_boot(const struct medium *m, unsigned char *image);

/** medium_write() - the image into its file */
void medium_write(struct medium *m);

/** medium_tried() - whether this image was: its hash is 0 if not */
struct tried *medium_tried(struct medium *m);

/** medium_chance() - a number below @below */
uint32_t medium_chance(struct medium *m, uint32_t below);

/** medium_late() - is it time to end? */
bool medium_late(const struct medium *m);

#endif
