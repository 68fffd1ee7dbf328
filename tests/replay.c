// SPDX-License-Identifier: BSD-3-Clause
/*
 * A fuzzing program without its engine: runs the inputs that are kept in
 * tests/corpus/NAME, or those that are named.
 */
#include "common_fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 4096u

static int run(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(path, "r");
	size_t len, i;
	uint8_t *exact;

	if (f == NULL) {
		perror(path);
		return 1;
	}
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	exact = malloc(len + 1);
	if (exact == NULL)
		return 1;
	for (i = 0; i < len; i++)
		exact[i] = data[i];
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

static int run_folder(const char *folder, unsigned *nr)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	char path[4096];
	int bad = 0;

	if (dir == NULL) {
		perror(folder);
		return 1;
	}
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		bad |= run(path);
		(*nr)++;
	}
	closedir(dir);
	return bad;
}

int main(int argc, char **argv)
{
	char folder[256];
	unsigned nr = 0;
	int bad = 0;

	for (int i = 1; i < argc; i++, nr++)
		bad |= run(argv[i]);
	if (argc < 2) {
		snprintf(folder, sizeof(folder), "tests/corpus/%s",
			 program_invocation_short_name);
		bad = run_folder(folder, &nr);
	}
	printf("%u inputs\n", nr);
	return bad || nr == 0;
}
