/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A log of every store to a pool, every flush and every drain.
 *
 * The library under test is the one that is shipped.  Its mappings of the pool
 * are read-only: a store faults, the page is opened for this one instruction,
 * and what it changed is written down.  Flushes and drains come by functions
 * that libpmem2 hands out; the ones it hands out here write them down and then
 * do them.
 *
 * Where loads are to be noted as well, a mapping cannot be accessed at all, and
 * each access is let through by itself.
 *
 * The log lies in memory that children share, so that it also holds what a
 * client did that was killed.  Processes take turns; nothing here is for two
 * threads at once.  Only on Linux with x86-64.
 */
#ifndef TESTS_COMMON_RECORD_H
#define TESTS_COMMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define RECORD_MAX (1u << 20)

enum record_kind { RECORD_STORE, RECORD_FLUSH, RECORD_DRAIN, RECORD_LOAD };

struct record_entry {
	uint64_t off;  /* STORE: of an aligned word; FLUSH, LOAD: a byte */
	uint64_t word; /* STORE: what is there now; FLUSH: bytes */
	uint16_t kind, who;
};

struct record {
	uint64_t bytes; /* of the pool */
	uint32_t nr;
	uint32_t die_at; /* who is not 0 is killed at so many entries */
	struct record_entry log[RECORD_MAX];
};

extern struct record *record;
extern unsigned char *record_base; /* the pool as it was at the start */
extern unsigned char *record_now;  /* and with all that is in the log */

/** record_start() - from now on, what maps @path is watched; 0 or -errno */
int record_start(const char *path);

/** record_stop() - write nothing down any more; what is mapped stays so */
void record_stop(void);

/** record_be() - the number of this process, and when it dies */
void record_be(unsigned who, uint32_t die_at);

unsigned record_who(void);

/** record_quiet() - no flushing at all: for tests of images, which are memory */
void record_quiet(bool on);

/** record_loads() - whether loads by what maps the pool next are noted, too */
void record_loads(bool on);

/** record_poke() - a word that was so from the start */
void record_poke(const char *path, uint64_t off, uint64_t word);

/** record_drains() - how many there are among the entries @from to @to */
unsigned record_drains(uint32_t from, uint32_t to);

/** record_first() - the first entry of that process, or how many there are */
uint32_t record_first(unsigned who);

#endif
