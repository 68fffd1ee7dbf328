/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking and mending what the media room stores. */
#ifndef MEDIA_CHECK_H
#define MEDIA_CHECK_H

#include "base/fault.h"
#include "media/media.h"

void media_check(const struct media *m, struct fault_sink *sink);

/** media_mend() - all copies and the regions; alone with the pool */
void media_mend(struct media *m);

/** media_regions_write() - the region table: this pool's, and nothing else */
void media_regions_write(const struct media *m);

/** media_entry_ok() - does the region table say of @no what there is? */
bool media_entry_ok(const struct media *m, uint32_t no);

#endif
