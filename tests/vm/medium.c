// SPDX-License-Identifier: BSD-3-Clause
/* What the library makes of a medium: compares it with what it must be. */
#include "base/err.h"
#include "dev/dev.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static const char *const kinds[] = {
	[DEV_FILE] = "file",
	[DEV_FSDAX] = "fsdax",
	[DEV_DAX] = "dax",
	[DEV_MEM] = "mem",
};
static const char *const granularities[] = {
	[DEV_BYTE] = "byte",
	[DEV_LINE] = "line",
	[DEV_PAGE] = "page",
};

/* The flag `sf` of a mapping by MAP_SYNC, as /proc/PID/smaps has it. */
static bool synchronous(const void *base)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool ours = false, found = false;
	unsigned long long from;
	char line[512], dash;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx%c", &from, &dash) == 2 && dash == '-')
			ours = from == (uintptr_t)base;
		if (ours && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, " sf") != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

static int compare(const char *what, const char *is, const char *wanted)
{
	if (!strcmp(is, wanted))
		return 0;
	printf("%s is %s, not %s\n", what, is, wanted);
	return 1;
}

/* Through to the last byte, and made durable. */
static int use(struct dev *dev, struct dev_map *map)
{
	unsigned char last;

	memset(map->base + map->len - 64, 0x5a, 64);
	dev_flush(map, map->base + map->len - 64, 64);
	dev_drain(map);
	if (dev_sync(map, 0, map->len)) {
		printf("sync: %s\n", maru_errmsg());
		return 1;
	}
	if (dev_read(dev, map->len - 1, &last, 1) || last != 0x5a) {
		puts("another mapping does not show what was written");
		return 1;
	}
	return 0;
}

/* Pieces of a page map only where the device's alignment lets them. */
static int window(struct dev *dev)
{
	struct dev_map map;
	int rc = dev_map(dev, 4096, 4096, &map);

	if (!rc)
		dev_unmap(&map);
	if (!rc == (dev->align <= 4096))
		return 0;
	printf("a page of a device aligned to %llu: %d\n",
	       (unsigned long long)dev->align, rc);
	return 1;
}

int main(int argc, char **argv)
{
	struct dev_map map;
	struct dev *dev;
	int bad;

	if (argc != 4) {
		fprintf(stderr, "usage: %s TARGET KIND GRANULARITY\n", argv[0]);
		return 2;
	}
	if (dev_create_file(argv[1], 16 * MIB, 0600, false, &dev) ||
	    dev_map(dev, 0, 16 * MIB, &map)) {
		fprintf(stderr, "%s\n", maru_errmsg());
		return 1;
	}
	bad = compare("kind", kinds[dev->kind], argv[2]);
	bad += compare("granularity", granularities[map.granularity], argv[3]);
	if (synchronous(map.base) != (dev->kind == DEV_FSDAX)) {
		puts("MAP_SYNC is where it should not be, or is not");
		bad++;
	}
	bad += use(dev, &map) + window(dev);
	dev_unmap(&map);
	dev_close(dev);
	return bad != 0;
}
