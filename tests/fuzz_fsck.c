// SPDX-License-Identifier: BSD-3-Clause
/* maru-fsck of damaged pools: what it says is text or JSON, and is so. */
#include "../tools/common.h"
/* it prepares for the end of the program, which here does not come */
#define tool_start() ((void)0)
#define main fsck_main
int fsck_main(int argc, char **argv);
#include "../tools/maru-fsck.c"
#undef main

#include "common_fuzz.h"
#include "common_fuzz_tool.h"

static int run(unsigned what)
{
	const char *args[8] = { "maru-fsck", fuzz_target() };
	const char *out;
	int nr = 2, rc;

	if (what & 1)
		args[nr++] = "--json";
	if (what & 2)
		args[nr++] = "--data";
	if (what & 4)
		args[nr++] = "--repair";
	if ((what & 12) == 12)
		args[nr++] = "--rebuild";
	rc = fuzz_tool_run(fsck_main, nr, args, &out);
	FUZZ_MUST(rc == TOOL_OK || rc == TOOL_FIXED || rc == TOOL_DAMAGED ||
		  rc == TOOL_FAILED);
	FUZZ_MUST(fuzz_tool_plain(out));
	FUZZ_MUST(!(what & 1) || *out == '\0' || fuzz_tool_json(out));
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	int rc;

	fuzz_parse(&in, data, size);
	fuzz_set_up(&in);
	fuzz_guard_strict(false);
	fuzz_remember();
	rc = run(in.what);
	if (!(in.what & 4)) {
		FUZZ_MUST(fuzz_same());
		FUZZ_MUST(rc != TOOL_FIXED);
	} else if (rc == TOOL_FIXED) {
		FUZZ_MUST(run(in.what & 3) == TOOL_OK);
	}
	return 0;
}
