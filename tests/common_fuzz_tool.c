// SPDX-License-Identifier: BSD-3-Clause
/* Running a tool's main() in this process, its output into memory. */
#include "common_fuzz_tool.h"

#include "common_fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *printed;
static size_t printed_len;

int fuzz_tool_run(fuzz_tool_fn tool, int nr, const char *const *args,
		  const char **out)
{
	char *argv[FUZZ_TOOL_ARGS + 1] = { NULL };
	FILE *own_out = stdout, *own_err = stderr;
	static FILE *sink;
	FILE *memory;
	int rc;

	free(printed);
	printed = NULL;
	if (sink == NULL)
		sink = fopen("/dev/null", "w");
	memory = open_memstream(&printed, &printed_len);
	if (memory == NULL || sink == NULL)
		fuzz_fail("no memory");
	memcpy(argv, args, (size_t)nr * sizeof(argv[0]));
	stdout = memory;
	stderr = sink;
	rc = tool(nr, argv);
	stdout = own_out;
	stderr = own_err;
	fclose(memory);
	*out = printed;
	return rc;
}

int fuzz_tool_json(const char *text)
{
	/* counters may have more than 63 bits, which this reader has not */
	json_t *json = json_loads(
		text, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);

	json_decref(json);
	return json != NULL;
}

int fuzz_tool_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return 0;
	}
	return 1;
}
