// SPDX-License-Identifier: BSD-3-Clause
/* The host's DAX devices, for who has to choose one. */
#include "base/bits.h"
#include "base/err.h"
#include "media/target.h"

#include <maru/device.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum maru_device_medium medium(const struct scan *s)
{
	if (s->eadr)
		return MARU_MEDIUM_EADR;
	if (s->nvdimm)
		return MARU_MEDIUM_NVDIMM;
	return s->cxl ? MARU_MEDIUM_CXL : MARU_MEDIUM_VOLATILE;
}

static void describe(const struct scan *s, struct maru_device *d)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->name, s->name, sizeof(d->name));
	memcpy(d->path, s->path, sizeof(d->path));
	d->bytes = s->size;
	d->align = s->align;
	d->numa_node = s->numa_node;
	d->mode = (enum maru_device_mode)s->mode;
	d->medium = medium(s);
}

static void describe_pool(const struct media_super *sb, struct maru_device *d)
{
	memcpy(d->uuid, sb->region_uuid, sizeof(d->uuid));
	memcpy(d->pool_uuid, sb->pool_uuid, sizeof(d->pool_uuid));
	memcpy(d->label, sb->label, sizeof(d->label) - 1);
	d->incarnation = sb->nonce;
	d->pool_bytes = sb->region_bytes;
}

static void describe_content(const struct media_found *f, struct maru_device *d)
{
	d->content = (enum maru_device_content)f->content;
	if (f->content == MEDIA_POOL)
		describe_pool(&f->sb, d);
	memcpy(d->what, f->what, sizeof(d->what));
	memcpy(d->why, f->why, sizeof(d->why));
	d->err = f->rc;
}

/* The caller's structs may be shorter or longer than ours. */
static void hand_out(void *to, size_t size, struct maru_device *d)
{
	memset(to, 0, size);
	d->size = size;
	memcpy(to, d, bits_min(size, sizeof(*d)));
}

static int list_all(const struct scan *list, size_t nr, unsigned char *out,
		    size_t size)
{
	struct media_found *f = malloc(sizeof(*f));
	struct maru_device d;

	if (!f)
		return err_set(-ENOMEM, "no memory for a list of DAX devices");
	for (size_t i = 0; i < nr; i++) {
		describe(&list[i], &d);
		media_look(&list[i], 0, f);
		describe_content(f, &d);
		hand_out(out + i * size, size, &d);
	}
	free(f);
	err_clear(); /* of what the looks said */
	return 0;
}

int maru_devices(struct maru_device *out, size_t cap)
{
	size_t size = out && cap ? out->size : sizeof(*out);
	struct scan *list;
	int nr, rc;

	if ((!out && cap) || size < sizeof(size_t) || size > 65536)
		return err_set(
			-EINVAL,
			"size: set the first one's to sizeof(struct maru_device)");
	nr = scan_devices(&list);
	if (nr < 0)
		return nr;
	rc = list_all(list, bits_min((size_t)nr, cap), (unsigned char *)out,
		      size);
	free(list);
	return rc ? rc : nr;
}
