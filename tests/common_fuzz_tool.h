/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a tool's main() in this process, its output into memory. */
#ifndef TESTS_COMMON_FUZZ_TOOL_H
#define TESTS_COMMON_FUZZ_TOOL_H

#include <stddef.h>

typedef int (*fuzz_tool_fn)(int argc, char **argv);

#define FUZZ_TOOL_ARGS 16

/** fuzz_tool_run() - its exit status; @out: what it printed, until the next run */
int fuzz_tool_run(fuzz_tool_fn tool, int nr, const char *const *args,
		  const char **out);

/** fuzz_tool_json() - is this one JSON text, and nothing else? */
int fuzz_tool_json(const char *text);

/** fuzz_tool_plain() - nothing in it that could do a terminal harm? */
int fuzz_tool_plain(const char *text);

#endif
