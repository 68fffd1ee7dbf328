// SPDX-License-Identifier: BSD-3-Clause
/* Which part of a device can be mapped at all. */
#include "dev/dev.h"

#include <errno.h>

#include "base/bits.h"
#include "base/err.h"

static int unaligned(const struct dev *dev, const char *what, uint64_t bytes)
{
	return err_set(-EINVAL,
		       "%s: %s: %llu is no multiple of %llu, the alignment of "
		       "its mappings",
		       dev->name, what, (unsigned long long)bytes,
		       (unsigned long long)dev->align);
}

int dev_fit(const struct dev *dev, uint64_t off, uint64_t *bytes)
{
	uint64_t room = dev->size > off ? dev->size - off : 0;

	if (off % dev->align)
		return unaligned(dev, "offset", off);
	if (*bytes > room)
		return err_set(-ENOSPC,
			       "%s: has %llu bytes from offset %llu, not %llu",
			       dev->name, (unsigned long long)room,
			       (unsigned long long)off,
			       (unsigned long long)*bytes);
	/* who does not care for a page more or less is given what there is */
	if (*bytes % dev->align && dev->align > 4096)
		return unaligned(dev, "bytes", *bytes);
	if (!*bytes)
		*bytes = bits_round_down(room, dev->align);
	if (*bytes)
		return 0;
	return err_set(-ENOSPC,
		       "%s: has %llu bytes from offset %llu, less than the "
		       "alignment of its mappings, %llu; make it larger, or "
		       "with a smaller one: `daxctl create-device --align`",
		       dev->name, (unsigned long long)room,
		       (unsigned long long)off, (unsigned long long)dev->align);
}
