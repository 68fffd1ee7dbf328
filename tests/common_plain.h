/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the lower rooms share: there is no pool yet. */
#ifndef TESTS_COMMON_PLAIN_H
#define TESTS_COMMON_PLAIN_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include <check.h>

#define PLAIN_LEN(array) (sizeof(array) / sizeof((array)[0]))

/** plain_run() - run @tests; 0 when all passed, else 1: what main() returns. */
int plain_run(const char *name, const TTest *const *tests, size_t nr);

/** plain_path() - a path in this program's folder; a fresh one every test. */
const char *plain_path(const char *name);

/** plain_file() - make a file of @len zeroes there; its path. */
const char *plain_file(const char *name, size_t len);

/** plain_put() - write a few bytes into a file. */
void plain_put(const char *path, off_t off, const void *bytes, size_t len);

/** plain_wait() - the status of a child, as waitpid() gives it. */
int plain_wait(pid_t pid);

/** plain_fds() - how many descriptors this process has. */
int plain_fds(void);

/**
 * plain_golden() - what @print prints is, line by line, what the file says
 *
 * MARU_GOLDEN=write writes the file anew.
 */
void plain_golden(const char *path, void (*print)(FILE *out));

/**
 * plain_namespace() - go to a mount namespace of our own, as its root
 *
 * Return: 0, or -1 with errno where that is not permitted.
 */
int plain_namespace(void);

#endif
