// SPDX-License-Identifier: BSD-3-Clause
/* Write into a device that cannot be written to by write(): by a mapping. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A mapping's offset and length; a device may want it larger than this. */
#define WINDOW (2ull << 20)

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s DEVICE OFFSET BYTES VALUE [WINDOW]\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long long off, len, window, from;
	unsigned char *p;
	int fd;

	if (argc < 5)
		return usage(argv[0]);
	off = strtoull(argv[2], NULL, 0);
	len = strtoull(argv[3], NULL, 0);
	window = argc > 5 ? strtoull(argv[5], NULL, 0) : WINDOW;
	from = off / window * window;
	if (off + len > from + window)
		return usage(argv[0]);
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	p = mmap(NULL, window, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)from);
	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memset(p + (off - from), (int)strtol(argv[4], NULL, 0), len);
	return 0;
}
