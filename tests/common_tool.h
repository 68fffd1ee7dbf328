/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a tool's main() in this process, its output into memory. */
#ifndef TESTS_COMMON_TOOL_H
#define TESTS_COMMON_TOOL_H

#include <stddef.h>

typedef int (*tool_main_fn)(int argc, char **argv);

#define TOOL_ARGS 16

/** tool_run() - its exit status; @out: what it printed, until the next run */
int tool_run(tool_main_fn tool, int nr, const char *const *args,
	     const char **out);

/** tool_json() - is this one JSON text, and nothing else? */
int tool_json(const char *text);

/** tool_plain() - nothing in it that could do a terminal harm? */
int tool_plain(const char *text);

#endif
