// SPDX-License-Identifier: BSD-3-Clause
/* Option structs of callers built against another version. */
#include "cache/pool.h"

#include "base/err.h"

#include <string.h>

int opts_read(void *own, size_t own_size, const void *given, const char *name)
{
	const unsigned char *p = given;
	size_t size, i;

	memset(own, 0, own_size);
	if (!given)
		return 0;
	memcpy(&size, given, sizeof(size));
	if (size < sizeof(size) || size > 4096)
		return err_set(-EINVAL, "%s: size %zu is not sizeof(struct %s)",
			       name, size, name);
	for (i = own_size; i < size; i++)
		if (p[i])
			return err_set(
				-EINVAL,
				"%s: an option at byte %zu is not known to this library version",
				name, i);
	memcpy(own, given, bits_min(size, own_size));
	return 0;
}
