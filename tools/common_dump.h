/* SPDX-License-Identifier: BSD-3-Clause */
/* What maru-dump asks for and the sections it is made of. */
#ifndef TOOLS_COMMON_DUMP_H
#define TOOLS_COMMON_DUMP_H

#include "common.h"

#define SECTION_NR 11
#define NOTE_NR 32

struct dump {
	/* asked for */
	const char *target;
	uint64_t offset;
	bool json;
	unsigned order[SECTION_NR]; /* sections, as they were named */
	unsigned order_nr;
	unsigned char key[MARU_KEY_MAX]; /* prefix */
	size_t klen;			 /* 0: any key */
	const char *state;		 /* NULL: any state */
	uint64_t limit;			 /* rows of a section, 0: all */

	/* under way */
	struct maru_pool *pool;
	struct maru_super super;
	struct out out;
	uint64_t left; /* rows that this section may still have */
	bool cut;      /* it had more */
	bool odd;      /* it had a state that is none */

	/* what came of it */
	unsigned cuts;	      /* bit per section */
	char *notes[NOTE_NR]; /* what is wrong */
	unsigned note_nr;
	bool damaged, failed;
};

struct dump_section {
	const char *name;
	bool summary;		     /* shown when none is named */
	bool shared;		     /* but only if several hosts share */
	int (*show)(struct dump *d); /* 0 or a libmaru error */
};

extern const struct dump_section dump_sections[SECTION_NR];

/* Whether a slab, a block or a client can be in it. */
bool dump_state_known(const char *name);

/* Begins a row; false: the limit is reached, and the section is cut. */
bool dump_row(struct dump *d);

/* A state's name as the next cell; one that is none is damage. */
void dump_state(struct dump *d, const char *const *names, unsigned state);

/* Without --state what is free or empty is left out. */
bool dump_state_wanted(const struct dump *d, const char *const *names,
		       unsigned state);

/* Everybody there, to be freed; how many, or a libmaru error. */
int dump_clients(struct dump *d, struct maru_client **list);

int dump_super(struct dump *d);

/* common_walk.c */
int dump_slabs(struct dump *d);
int dump_entries(struct dump *d);
int dump_blocks(struct dump *d);
int dump_holds(struct dump *d);
extern const char *const dump_slab_states[];
extern const char *const dump_block_states[];

#endif
