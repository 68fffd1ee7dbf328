/* SPDX-License-Identifier: BSD-3-Clause */
/* Comparing what a test prints with a file that is kept. */
#ifndef TESTS_COMMON_GOLDEN_H
#define TESTS_COMMON_GOLDEN_H

#include <stdio.h>

/** golden() - assert that what @print prints is, line by line, what the file
 * says; MARU_GOLDEN=write writes it anew */
void golden(const char *path, void (*print)(FILE *out));

#endif
