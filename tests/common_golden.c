// SPDX-License-Identifier: BSD-3-Clause
/* Comparing what a test prints with a file that is kept. */
#include "common_golden.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

void golden(const char *path, void (*print)(FILE *out))
{
	const char *mode = getenv("MARU_GOLDEN");
	bool anew = mode && !strcmp(mode, "write");
	char was[256], is[256], *more, *text = NULL;
	FILE *file, *out;
	size_t len = 0;
	unsigned no = 0;

	out = open_memstream(&text, &len);
	print(out);
	ck_assert_int_eq(fclose(out), 0);
	file = fopen(path, anew ? "w+e" : "re");
	ck_assert_msg(file != NULL, "%s: run in the top folder", path);
	if (anew)
		ck_assert_int_ge(fputs(text, file), 0);
	rewind(file);
	out = fmemopen(text, len, "r");
	do {
		no++;
		strcpy(was, "the end\n");
		strcpy(is, "the end\n");
		more = fgets(was, sizeof(was), file);
		if (fgets(is, sizeof(is), out))
			more = is;
		ck_assert_msg(!strcmp(was, is), "%s:%u: was %sis %s", path, no,
			      was, is);
	} while (more);
	fclose(out);
	fclose(file);
	free(text);
}
