// SPDX-License-Identifier: BSD-3-Clause
/* Reading a 128-bit identity. */
#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool id_read(const char *path, uint64_t id[2])
{
	char text[64];
	ssize_t n, i;
	unsigned digits = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	id[0] = id[1] = 0;
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	for (i = 0; i < n && digits < 32; i++) {
		if (hex(text[i]) < 0)
			continue;
		id[digits / 16] = id[digits / 16] << 4 | (uint64_t)hex(text[i]);
		digits++;
	}
	if (digits == 32)
		return true;
	errno = EIO;
	return false;
}
