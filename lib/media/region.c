// SPDX-License-Identifier: BSD-3-Clause
/* Which of the targets given is which region of a pool? */
#include "media/region.h"
#include "media/target.h"

#include "base/bits.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>

int media_given_add(struct media_given *g, const char *name)
{
	struct media_one *one;
	char path[PATH_MAX];
	uint32_t i;
	int rc = g->nr < g->room ? media_target(name, g->window, path) :
				   -ENOSPC;

	if (rc)
		return rc;
	one = calloc(1, sizeof(*one));
	rc = one ? dev_open(path, g->flags, &one->dev) :
		   err_set(-ENOMEM, "%s: out of memory", name);
	if (rc) {
		free(one);
		return rc;
	}
	g->one[g->nr++] = one;
	for (i = 0; i + 1 < g->nr; i++)
		if (g->one[i]->dev && dev_is_same(g->one[i]->dev, one->dev))
			return err_set(-EINVAL,
				       "%s: is the same as %s; name it once",
				       name, g->one[i]->dev->name);
	one->rc = media_super_read(one->dev, g->window, &one->sb, &one->ok);
	return 0;
}

int media_given_open(struct media_given *g, const char *target, unsigned flags,
		     uint64_t window)
{
	struct dev_list list;
	uint32_t i;
	int rc = dev_list_parse(target, &list);

	memset(g, 0, sizeof(*g));
	if (rc)
		return rc;
	g->window = window;
	g->flags = flags;
	g->room = list.nr + MEDIA_REGION_MAX;
	g->one = calloc(g->room, sizeof(*g->one));
	if (!g->one)
		rc = err_set(-ENOMEM, "%s: out of memory", target);
	for (i = 0; i < list.nr && !rc; i++)
		rc = media_given_add(g, list.name[i]);
	dev_list_free(&list);
	if (rc)
		media_given_close(g);
	return rc;
}

void media_given_close(struct media_given *g)
{
	while (g->nr) {
		dev_close(g->one[--g->nr]->dev);
		free(g->one[g->nr]);
	}
	free(g->one);
	g->one = NULL;
}

static struct dev *take(struct media_one *one)
{
	struct dev *dev = one->dev;

	one->dev = NULL;
	return dev;
}

int media_given_root(struct media_given *g, struct dev **dev)
{
	uint32_t i, round;

	/* one that cannot be read will say so itself */
	for (round = 0; round < 2; round++)
		for (i = 0; i < g->nr; i++) {
			struct media_one *one = g->one[i];

			if (round ? !one->rc : one->rc || one->sb.region_no)
				continue;
			*dev = take(one);
			return 0;
		}
	return err_set(
		-EINVAL,
		"%s: is region %u of a pool of %u; name its region 0 too",
		g->one[0]->dev->name, g->one[0]->sb.region_no,
		g->one[0]->sb.region_nr);
}

const struct media_region_entry *media_table(const struct media *m, uint32_t no)
{
	const struct media_region_entry *e =
		media_at(media_region(m, 0), SECTION_REGIONS);

	return &e[no];
}

static bool is_of_pool(const struct media *m, const struct media_super *sb)
{
	const struct media_super *root = &media_region(m, 0)->sb;

	return !memcmp(sb->pool_uuid, root->pool_uuid, 16) &&
	       sb->nonce == root->nonce && sb->region_nr == root->region_nr;
}

/* By its superblock: the table may be what is damaged. */
static struct media_one *among_given(struct media_given *g,
				     const struct media *m, uint32_t no)
{
	uint32_t i;

	for (i = 0; i < g->nr; i++) {
		struct media_one *one = g->one[i];

		if (one->dev && !one->rc && one->sb.region_no == no &&
		    is_of_pool(m, &one->sb))
			return one;
	}
	return NULL;
}

/* On whatever device of this host. */
static struct media_one *by_uuid(struct media_given *g, const struct media *m,
				 uint32_t no)
{
	char name[8 + MEDIA_UUID_TEXT] = "uuid:";

	media_uuid_text(media_table(m, no)->uuid, name + strlen(name));
	return media_given_add(g, name) ? NULL : among_given(g, m, no);
}

/* Where a region may be found, in this order. */
static struct media_one *(*const sources[])(struct media_given *g,
					    const struct media *m,
					    uint32_t no) = {
	among_given,
	by_uuid,
};

int media_given_region(struct media_given *g, const struct media *m,
		       uint32_t no, struct media_one **one)
{
	size_t i;

	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		*one = sources[i](g, m, no);
		if (*one)
			return 0;
	}
	return -ENODEV;
}

static int say_stranger(const struct media_one *one, const struct media *m)
{
	const struct media_region *root = media_region(m, 0);
	const char *name = one->dev->name, *pool = root->dev->name;
	uint32_t no = one->sb.region_no;
	char text[MEDIA_UUID_TEXT];

	if (memcmp(one->sb.pool_uuid, root->sb.pool_uuid, 16))
		return err_set(
			-EINVAL,
			"%s: is region %u of another pool than %s, of pool %s",
			name, no, pool,
			media_uuid_text(one->sb.pool_uuid, text));
	if (one->sb.nonce != root->sb.nonce)
		return err_set(
			-EINVAL,
			"%s: is region %u of %s as it was before it was made anew",
			name, no, pool);
	if (no < m->region_nr && media_region(m, no))
		return err_set(-EINVAL,
			       "%s: is region %u of the pool, and so is %s",
			       name, no, media_region(m, no)->dev->name);
	return err_set(MARU_E_CORRUPT,
		       "%s: is region %u of %u, the pool %s has %u", name, no,
		       one->sb.region_nr, pool, m->region_nr);
}

int media_given_left(const struct media_given *g, const struct media *m,
		     bool unread)
{
	struct media_super sb;
	uint32_t i, ok;
	int rc;

	for (i = 0; i < g->nr; i++) {
		const struct media_one *one = g->one[i];

		if (!one->dev || (one->rc && !unread))
			continue;
		if (!one->rc)
			return say_stranger(one, m);
		/* once more, for what it says */
		rc = media_super_read(one->dev, g->window, &sb, &ok);
		return rc ? rc : -EAGAIN;
	}
	return 0;
}

int media_missing(const struct media *m, uint32_t no)
{
	char text[MEDIA_UUID_TEXT];

	return err_set(
		-ENODEV,
		"%s: the pool has %u regions, and region %u (%s) is not among the targets; name its target too",
		media_region(m, 0)->dev->name, m->region_nr, no,
		media_uuid_text(media_table(m, no)->uuid, text));
}
