/* SPDX-License-Identifier: BSD-3-Clause */
/* Client slots: who takes part, and what it has done. */
#ifndef CLIENT_FORMAT_H
#define CLIENT_FORMAT_H

#include "media/format.h"

#include <maru/stat.h>

enum client_state {
	CLIENT_FREE = 0,
	CLIENT_JOINING = 1,
	CLIENT_ACTIVE = 2,
	CLIENT_DEAD = 3,
	CLIENT_QUARANTINED = 4,
};

/* A slot.  Its client writes it; after the client's death, reap.c. */
struct media_client {
	/* state 4 | host + 1 8 | fenced 1 | 0 19 | incarnation 32; the host is
	 * 0 in a pool of one host, and of a FREE slot */
	a64 word;
	uint8_t zero[56];
	a64 pid;       /* in its pid namespace; 0: not told yet */
	a64 start;     /* the process' start, clock ticks since boot */
	a64 boot[2];   /* boot id of its kernel */
	a64 pidns;     /* inode of its pid namespace */
	a64 joined_ns; /* CLOCK_REALTIME */
	a64 owes;      /* DYING blocks that it is to free, at least so many */
	a64 due;       /* DEAD, QUARANTINED: when its blocks may be used; 0 */
	char name[32];
	uint8_t zero3[96];
};
MEDIA_SIZE(struct media_client, 256);
MEDIA_AT(struct media_client, word, 0);
MEDIA_AT(struct media_client, pid, 64);
MEDIA_AT(struct media_client, start, 72);
MEDIA_AT(struct media_client, boot, 80);
MEDIA_AT(struct media_client, pidns, 96);
MEDIA_AT(struct media_client, joined_ns, 104);
MEDIA_AT(struct media_client, owes, 112);
MEDIA_AT(struct media_client, due, 120);
MEDIA_AT(struct media_client, name, 128);

enum host_state {
	HOST_FREE = 0,
	HOST_CLAIMED = 1, /* its boot id is being written */
	HOST_ACTIVE = 2,
	HOST_FENCED = 3,    /* declared gone; it might still store */
	HOST_CONFIRMED = 4, /* it stores nothing any more */
};

/* A host that has a fabric pool open.  Owner: host.c, fence.c. */
struct media_host {
	/* state 4 | host + 1 that recovers it 8 | epoch 20 | beat 32, which of
	 * a CLAIMED one is the claimer's tag */
	a64 word;
	uint8_t zero[56];
	a64 boot[2];	/* boot id of its kernel */
	a64 machine[2]; /* its machine id; 0: it has none */
	a64 wait;	/* bit i: so is host i, which had begun to recover it */
	uint8_t zero2[24];
	a64 ask;    /* a newcomer's question, at random */
	a64 answer; /* by any host that reads it */
	uint8_t zero3[48];
	char name[64];
};
MEDIA_SIZE(struct media_host, 256);
MEDIA_AT(struct media_host, word, 0);
MEDIA_AT(struct media_host, boot, 64);
MEDIA_AT(struct media_host, machine, 80);
MEDIA_AT(struct media_host, wait, 96);
MEDIA_AT(struct media_host, ask, 128);
MEDIA_AT(struct media_host, answer, 136);
MEDIA_AT(struct media_host, name, 192);

enum client_counter {
#define MARU_X(name, text) COUNT_##name,
	MARU_COUNTERS(MARU_X)
#undef MARU_X
		COUNT_NR,
};

/*
 * Counters of one slot, in lanes so that threads do not meet.  They grow over
 * all clients that ever had the slot; lane 0 is what they summed up to when
 * the present one joined.  Lanes 1 to n-2 have one thread each that writes,
 * the last one is everybody else's.
 */
struct media_lane {
	a64 count[32];
};
MEDIA_SIZE(struct media_lane, 256);
MEDIA_AT(struct media_lane, count, 0);
static_assert(COUNT_NR <= 32, "counters fit a lane");

#endif
