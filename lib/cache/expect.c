// SPDX-License-Identifier: BSD-3-Clause
/* A name may lead to another pool than it did: the caller can say which. */
#include "cache/open.h"

#include "base/err.h"
#include "media/target.h"

#include <stdio.h>
#include <string.h>

#define SIDE_TEXT (MEDIA_UUID_TEXT + 40)

static const unsigned char any[16];

/* A region other than the first has a UUID of its own besides the pool's. */
static bool same_pool(const unsigned char uuid[16],
		      const struct media_super *sb)
{
	return !memcmp(uuid, any, 16) || !memcmp(uuid, sb->pool_uuid, 16) ||
	       !memcmp(uuid, sb->region_uuid, 16);
}

static const char *side(char text[SIDE_TEXT], const unsigned char uuid[16],
			uint64_t incarnation)
{
	char hex[MEDIA_UUID_TEXT];

	if (!incarnation)
		snprintf(text, SIDE_TEXT, "%s", media_uuid_text(uuid, hex));
	else
		snprintf(text, SIDE_TEXT, "%s incarnation %#018llx",
			 memcmp(uuid, any, 16) ? media_uuid_text(uuid, hex) :
						 "any UUID,",
			 (unsigned long long)incarnation);
	return text;
}

int expect_check(const struct maru_open_opts *o, const struct media_super *sb,
		 const char *name)
{
	char here[SIDE_TEXT], wanted[SIDE_TEXT];

	if (same_pool(o->expect_uuid, sb) &&
	    (!o->expect_incarnation || o->expect_incarnation == sb->nonce))
		return 0;
	return err_set(MARU_E_OTHER,
		       "%s: holds pool %s, not the expected %s: it was made "
		       "anew, or the name is another device's now; look for "
		       "the pool by uuid:UUID, or take the values of this one "
		       "from `maru-dump %s super`",
		       name, side(here, sb->pool_uuid, sb->nonce),
		       side(wanted, o->expect_uuid, o->expect_incarnation),
		       name);
}
