// SPDX-License-Identifier: BSD-3-Clause
/* A target that lists several names, and names that are of one thing. */
#include "dev/dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

/* The name up to the next comma that is not quoted; returns what follows. */
static const char *take_name(const char *p, char *name)
{
	while (*p && *p != ',') {
		if (*p == '\\' && (p[1] == ',' || p[1] == '\\'))
			p++;
		*name++ = *p++;
	}
	*name = '\0';
	return p;
}

static int add(struct dev_list *list, const char *target, const char **p)
{
	char *name;

	if (list->nr == DEV_LIST_MAX)
		return err_set(-EINVAL,
			       "%.40s...: lists more than %u targets; quote a "
			       "comma of a name with a backslash",
			       target, DEV_LIST_MAX);
	name = malloc(strlen(*p) + 1);
	if (!name)
		return err_set(-ENOMEM, "%s: out of memory", target);
	*p = take_name(*p, name);
	list->name[list->nr++] = name;
	if (*name)
		return 0;
	return err_set(-EINVAL,
		       list->nr == 1 && !**p ?
			       "no target: give a path or fd:N%s" :
			       "%s: an empty name is among those it lists",
		       target);
}

int dev_list_parse(const char *target, struct dev_list *list)
{
	const char *p = target;
	int rc;

	memset(list, 0, sizeof(*list));
	do {
		rc = add(list, target, &p);
	} while (!rc && *p++);
	if (rc)
		dev_list_free(list);
	return rc;
}

void dev_list_free(struct dev_list *list)
{
	while (list->nr)
		free(list->name[--list->nr]);
}

bool dev_is_same(const struct dev *a, const struct dev *b)
{
	struct stat x, y;

	if (fstat(a->fd, &x) || fstat(b->fd, &y) ||
	    S_ISCHR(x.st_mode) != S_ISCHR(y.st_mode))
		return false;
	return S_ISCHR(x.st_mode) ?
		       x.st_rdev == y.st_rdev :
		       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
