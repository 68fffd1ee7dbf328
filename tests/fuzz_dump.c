// SPDX-License-Identifier: BSD-3-Clause
/* maru-dump of damaged pools: it ends, its JSON is JSON, its text is text. */
#include "../tools/common.h"
/* it prepares for the end of the program, which here does not come */
#define tool_start() ((void)0)
#define main dump_main
int dump_main(int argc, char **argv);
#include "../tools/maru-dump.c"
#undef main
/* the tools' word for their number of sections is the library's for its own */
#undef SECTION_NR

#include "common_fuzz.h"
#include "common_fuzz_tool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const states[] = { NULL, "live", "claimed", "dead" };
	struct fuzz_input in;
	const char *args[12] = { "maru-dump", "", "all" };
	int nr = 3, rc;
	const char *out;

	fuzz_parse(&in, data, size);
	fuzz_set_up(&in);
	fuzz_guard_strict(true);
	args[1] = fuzz_target();
	if (in.what & 1)
		args[nr++] = "--json";
	if (in.what & 2)
		args[nr++] = "--limit=3";
	if (in.what & 4)
		args[nr++] = "--key=entry";
	if (states[in.what >> 3 & 3] != NULL) {
		args[nr++] = "--state";
		args[nr++] = states[in.what >> 3 & 3];
	}
	fuzz_remember();
	rc = fuzz_tool_run(dump_main, nr, args, &out);
	FUZZ_MUST(rc == TOOL_OK || rc == TOOL_DAMAGED || rc == TOOL_FAILED);
	FUZZ_MUST(fuzz_same());
	FUZZ_MUST(fuzz_tool_plain(out));
	FUZZ_MUST(!(in.what & 1) || *out == '\0' || fuzz_tool_json(out));
	return 0;
}
