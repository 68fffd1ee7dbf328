/* SPDX-License-Identifier: BSD-3-Clause */
/* Error codes with a sentence of this thread that names the thing. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <maru/err.h>

/**
 * err_set() - remember what failed, for maru_errmsg()
 * @code: negative errno, returned as it is: `return err_set(-EINVAL, ...)`
 */
int err_set(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/** err_sys() - as err_set() with ": strerror(errno)" added; -errno. */
int err_sys(const char *fmt, ...) __attribute__((format(printf, 1, 2), cold));

/** err_clear() - forget this thread's message. */
void err_clear(void);

#endif
