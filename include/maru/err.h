/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors: every call returns 0 or more on success and a negative errno on
 * failure.  The names below are those with a meaning of their own here.
 */
#ifndef MARU_ERR_H
#define MARU_ERR_H

#include <errno.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Success: the key was there already; the first writer's value stays. */
#define MARU_EXISTED 1

#define MARU_E_CORRUPT (-EUCLEAN)    /* the pool's bytes cannot be trusted */
#define MARU_E_FORMAT (-EMEDIUMTYPE) /* not a pool, or a format not known */
#define MARU_E_STALE (-ESTALE)	   /* handle of something released or reused */
#define MARU_E_OTHER (-EREMCHG)	   /* another pool than the one expected */
#define MARU_E_CLOSED (-ESHUTDOWN) /* handle inherited over fork, or fenced */

/**
 * maru_strerror() - a sentence for an error that a libmaru call returned
 * @err: the return value; 0 and positive values are success
 *
 * Return: a constant string, never NULL.
 */
const char *maru_strerror(int err);

/**
 * maru_errmsg() - what this thread's last failed call had to say
 *
 * Names the thing that was wrong and what to do next.  Set by calls that
 * open, create, inspect or repair, and by any call given a bad argument;
 * a miss, a busy entry or a full pool set nothing.
 *
 * Return: a string of this thread, valid until its next failing call; "" when
 *	there was none.
 */
const char *maru_errmsg(void);

#ifdef __cplusplus
}
#endif
#endif
