/* SPDX-License-Identifier: BSD-3-Clause */
/* Is this memory one coherent memory for all hosts that map it? */
#ifndef MARU_COHERENCE_H
#define MARU_COHERENCE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MARU_COHERENCE_BYTES 65536 /* what the test overwrites */
#define MARU_COHERENCE_MEMBERS 16  /* most participants */

#define MARU_COHERENCE_FORCE 0x01u /* overwrite what is there */
#define MARU_COHERENCE_AT 0x02u	   /* at offset; else at the target's end */

struct maru_coherence_opts {
	size_t size;	       /* sizeof(struct maru_coherence_opts) */
	uint64_t offset;       /* multiple of 4 KiB, with MARU_COHERENCE_AT */
	uint32_t flags;	       /* MARU_COHERENCE_* */
	uint32_t participants; /* 2 to MARU_COHERENCE_MEMBERS; 0: 2 */
	uint32_t rounds;       /* up to 1000000; 0: 2000 */
	uint32_t timeout_ms;   /* to wait for others; 0: 10000 */
};

/** One test: counts of all participants, an example of this one. */
struct maru_litmus {
	const char *name;
	uint64_t tries, wrong;
	uint64_t want, got; /* the first that was wrong here, else 0 and 0 */
};

struct maru_coherence_result {
	uint64_t offset;       /* where the test was */
	uint32_t participants; /* who took part */
	uint32_t rank;	       /* of this one, from 0 */
	uint32_t litmus_nr;    /* of the following */
	uint32_t failed;       /* how many of them went wrong */
	struct maru_litmus litmus[16];
};

/**
 * maru_coherence_test() - race the other participants on scratch memory
 *
 * Each participant, a process of any host, makes the same call; they find each
 * other in the memory.  It overwrites MARU_COHERENCE_BYTES of the target.
 *
 * Return: 0, it behaved as one coherent memory; 1, it did not, see @res;
 *	-ETIMEDOUT, not all came, or one stopped; -ECANCELED, one gave up;
 *	-EEXIST, something is there; -EBUSY, a pool in use, or another run;
 *	-EINVAL, -ENOSPC; errnos of the system.
 */
int maru_coherence_test(const char *target,
			const struct maru_coherence_opts *opts,
			struct maru_coherence_result *res);

#ifdef __cplusplus
}
#endif
#endif
