/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzzing programs share: pools to start from, damage done to them,
 * and what has to hold whatever the damage.
 *
 *   common_fuzz.c         an input: choice of a pool, edits, a script of calls
 *   common_fuzz_image.c   the pools to start from, the same in every run
 *   common_fuzz_mutate.c  new inputs out of old ones, by what the format means
 *   common_fuzz_look.c    calls that look, and what must hold of their answers
 *   common_fuzz_acts.c    calls that change
 *   common_fuzz_guard.c   nothing is touched around the pool and in its gaps
 *   common_fuzz_tool.c    a tool's main() in this process
 *
 *   input: base 1 | flags 1 | edits 1 | what 1 | edits x 16 | script x 4
 */
#ifndef TESTS_COMMON_FUZZ_H
#define TESTS_COMMON_FUZZ_H

#include "common.h"

#include "cache/pool.h"

#define FUZZ_BYTES (8u << 20) /* of every pool */
#define FUZZ_HEAD 4u
#define FUZZ_EDITS 24u
#define FUZZ_CALLS 48u
#define FUZZ_VALUE (384u << 10) /* bytes of the largest value */
#define FUZZ_KEYS 96u		/* keys up to this number may be there */

/* common_fuzz_image.c */

enum fuzz_base {
	FUZZ_EMPTY,
	FUZZ_FULL,    /* all classes, long keys, an extent of one block */
	FUZZ_DEAD,    /* and dead clients in the middle of everything */
	FUZZ_DURABLE, /* FULL, durable, checksums, SipHash */
	FUZZ_CRC,     /* FULL, checksums */
	FUZZ_BASES,
};

struct fuzz_image {
	unsigned char *bytes; /* FUZZ_BYTES */
	struct media_super sb;
	uint64_t meta; /* everything up to here is tables */
	/* of the rest those that are not zero */
	uint32_t pages[512], page_nr;
	bool holds[FUZZ_BYTES / MEDIA_PAGE];
	/* records that are in use, for edits that hit something */
	uint32_t used[SECTION_NR][256], used_nr[SECTION_NR];
};

/** fuzz_image() - a base, made on first use */
const struct fuzz_image *fuzz_image(unsigned base);

/** fuzz_key() - the key of number @no, some of them long; its length */
size_t fuzz_key(unsigned char key[MARU_KEY_MAX], unsigned no);

/** fuzz_record() - bytes of one record of a section */
uint32_t fuzz_record(unsigned section);

/* common_fuzz.c */

enum fuzz_op {
	FUZZ_SET,
	FUZZ_XOR,
	FUZZ_ADD,
	FUZZ_COPY, /* from offset value of the section */
	FUZZ_SEAL, /* block off: hash and checksums as its key says */
	FUZZ_OPS,
};

#define FUZZ_STRIDE 0x80u /* in width: repeat in every record */
#define FUZZ_HOSTS 240u	  /* section numbers from here on, in a shared pool */

struct fuzz_edit {
	uint8_t section, op, width, repeat;
	uint32_t off;
	uint64_t value;
};

struct fuzz_call {
	uint8_t what, key, a, b;
};

#define FUZZ_RESEAL 0x01u /* superblock's checksum right after the edits */
#define FUZZ_COPIES 0x02u /* and all three copies the same */
#define FUZZ_LATER 0x04u  /* the last half of the edits between the calls */

struct fuzz_input {
	uint8_t base, flags, edit_nr, what;
	struct fuzz_edit edit[FUZZ_EDITS];
	struct fuzz_call call[FUZZ_CALLS];
	unsigned call_nr;
	unsigned edited; /* edits done so far */
};

void fuzz_parse(struct fuzz_input *in, const uint8_t *data, size_t size);
size_t fuzz_write(const struct fuzz_input *in, uint8_t *data, size_t max);

/** fuzz_set_up() - the pool of an input, damaged as it says */
void fuzz_set_up(struct fuzz_input *in);

/** fuzz_edit() - do one; fuzz_word() - what is there before */
void fuzz_edit(const struct fuzz_edit *e);
uint64_t fuzz_word(const struct fuzz_edit *e);

/** fuzz_heal() - all tables, fuzz_heal_super() superblocks as they were */
void fuzz_heal(void);
void fuzz_heal_super(void);

/** fuzz_edit_next() - one of the later edits */
void fuzz_edit_next(struct fuzz_input *in);

/** fuzz_edit_any() - any edit that makes sense; common_fuzz_mutate.c */
void fuzz_edit_any(uint64_t *seed, const struct fuzz_image *im,
		   struct fuzz_edit *e);

/** fuzz_target() - what maru_open() takes */
const char *fuzz_target(void);

/** fuzz_bytes() - the pool as it is now */
unsigned char *fuzz_bytes(void);

/** fuzz_same() - are the tables still those that fuzz_remember() saw? */
void fuzz_remember(void);
bool fuzz_same(void);

/** fuzz_fail() - what must not be: say so and abort */
void fuzz_fail(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#define FUZZ_MUST(cond)                                                 \
	((cond) ? (void)0 :                                             \
		  fuzz_fail("%s:%d: %s; %s", __FILE__, __LINE__, #cond, \
			    maru_errmsg()))

/** fuzz_rc() - success, or an error that the pages of this call name */
int fuzz_rc(const char *call, int rc, const char *errors);

/** fuzz_inside() - a value's bytes are in the pool's data; reads all of them */
void fuzz_inside(struct maru_pool *pool, const void *data, size_t len);

/** fuzz_open() - open the pool; NULL if it may not be */
struct maru_pool *fuzz_open(uint32_t flags);

/** fuzz_look() - every call that looks without a key; @what: which, bits */
void fuzz_look(struct maru_pool *pool, unsigned what);

/** fuzz_read_key() - read a key in all ways that a reader has */
void fuzz_read_key(struct maru_pool *pool, unsigned no, size_t cap);

/** fuzz_read_all() - read every key once; fuzz_hold_all() - hold, release it */
void fuzz_read_all(struct maru_pool *pool);
void fuzz_hold_all(struct maru_pool *pool);

/** fuzz_live() - somebody else changes the pool meanwhile */
void fuzz_live(bool live);

/** fuzz_value() - FUZZ_VALUE bytes */
const unsigned char *fuzz_value(void);

/* common_fuzz_acts.c */

#define FUZZ_SLOTS 4u /* views, buffers and references of a handle */

struct fuzz_hand {
	struct maru_pool *pool;
	struct maru_view view[FUZZ_SLOTS];
	struct maru_buf buf[FUZZ_SLOTS];
	struct maru_ref ref[FUZZ_SLOTS];
};

/** fuzz_act() - do a call of a script */
void fuzz_act(struct fuzz_hand *h, struct fuzz_input *in,
	      const struct fuzz_call *c);

/** fuzz_leave() - close, with force if need be */
void fuzz_leave(struct fuzz_hand *h);

/* common_fuzz_guard.c */

/** fuzz_guard_strict() - the superblocks too may not be touched once mapped */
void fuzz_guard_strict(bool on);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
