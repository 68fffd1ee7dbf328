// SPDX-License-Identifier: BSD-3-Clause
/* What is in a place that somebody wants to format? */
#include "dev/dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "base/bits.h"
#include "base/err.h"

#define PROBE_LEN (2u << 20)

static size_t first_nonzero(const unsigned char *p, size_t len)
{
	size_t i;

	/* Most are empty: each byte equal to the one before, and the first 0.*/
	if (!len || (!p[0] && !memcmp(p, p + 1, len - 1)))
		return len;
	for (i = 0; i < len && !p[i]; i++)
		;
	return i;
}

static const char *value(blkid_probe pr, const char *name)
{
	const char *data;

	return blkid_probe_lookup_value(pr, name, &data, NULL) ? NULL : data;
}

static const char *article(const char *word)
{
	return strchr("aeioux", *word) ? "an" : "a";
}

static bool phrase(blkid_probe pr, char *what, size_t cap)
{
	const char *type = value(pr, "TYPE"), *usage = value(pr, "USAGE");
	const char *table = value(pr, "PTTYPE");

	if (type && !strcmp(type, "swap"))
		snprintf(what, cap, "swap space");
	else if (type && usage && !strcmp(usage, "filesystem"))
		snprintf(what, cap, "%s %s file system", article(type), type);
	else if (type && usage && !strcmp(usage, "raid"))
		snprintf(what, cap, "a part of a volume (%s)", type);
	else if (type)
		snprintf(what, cap, "data of type %s", type);
	else if (table && !strcmp(table, "gpt"))
		snprintf(what, cap, "a GPT partition table");
	else if (table)
		snprintf(what, cap, "a partition table (%s)", table);
	else
		return false;
	return true;
}

/* A memfd of the window's size, so that what looks at sizes is content. */
static int copy_to_mem(const unsigned char *p, size_t have, uint64_t len)
{
	int fd = memfd_create("maru-probe", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)len))
		goto undo_fd;
	for (; done < have; done += (size_t)n) {
		n = pwrite(fd, p + done, have - done, (off_t)done);
		if (n <= 0)
			goto undo_fd;
	}
	return fd;

undo_fd:
	close(fd);
	return -1;
}

static bool ask(int fd, uint64_t len, char *what, size_t cap)
{
	blkid_probe pr = blkid_new_probe();
	bool named = false;
	int rc;

	if (!pr)
		return false;
	if (blkid_probe_set_device(pr, fd, 0, (blkid_loff_t)len) ||
	    blkid_probe_enable_superblocks(pr, 1) ||
	    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE |
							  BLKID_SUBLKS_USAGE) ||
	    blkid_probe_enable_partitions(pr, 1))
		goto out;
	rc = blkid_do_safeprobe(pr);
	if (rc == 0)
		named = phrase(pr, what, cap);
	else if (rc == -2)
		named = snprintf(what, cap,
				 "signatures of several file systems");
out:
	blkid_free_probe(pr);
	return named;
}

/* libblkid says nothing where a checksum or the size does not fit. */
static bool looks_gpt(const unsigned char *p, size_t len)
{
	for (size_t sector = 512; sector <= 4096; sector *= 8)
		if (len >= sector + 8 && !memcmp(p + sector, "EFI PART", 8))
			return true;
	return false;
}

static void name_it(const unsigned char *p, size_t have, uint64_t len,
		    char *what, size_t cap)
{
	int fd = copy_to_mem(p, have, len);
	bool named = fd >= 0 && ask(fd, len, what, cap);

	if (fd >= 0)
		close(fd);
	if (named)
		return;
	if (looks_gpt(p, have))
		snprintf(what, cap, "a GPT partition table");
	else
		snprintf(what, cap, "data (first non-zero byte at %zu)",
			 first_nonzero(p, have));
}

int dev_probe(struct dev *dev, uint64_t off, uint64_t len, char *what,
	      size_t cap)
{
	size_t have = bits_min(len, PROBE_LEN);
	unsigned char *p;
	int rc;

	if (cap)
		*what = '\0';
	if (len > INT64_MAX)
		return err_set(-EINVAL, "%s: no device is that large",
			       dev->name);
	p = malloc(have ? have : 1);
	if (!p)
		return err_sys("%s: cannot probe it", dev->name);
	rc = dev_read(dev, off, p, have);
	if (!rc && first_nonzero(p, have) < have) {
		name_it(p, have, len, what, cap);
		rc = 1;
	}
	free(p);
	return rc;
}
