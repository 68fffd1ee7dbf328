/* SPDX-License-Identifier: BSD-3-Clause */
/* The hosts of a pool that several share, and the words for how they do. */
#include <stdio.h>
#include <string.h>
#include "common.h"

static const char *const shares[] = {
	[MARU_SHARE_HOST] = "host",
	[MARU_SHARE_FABRIC] = "fabric",
	[MARU_SHARE_NONCOHERENT] = "noncoherent",
};

#define SHARE_NR (sizeof(shares) / sizeof(shares[0]))

const char *tool_share(uint32_t share)
{
	return share < SHARE_NR ? shares[share] : "?";
}

uint32_t tool_share_of(const struct argp_state *state, const char *text)
{
	for (uint32_t i = 0; i < SHARE_NR; i++) {
		if (!strcmp(text, shares[i]))
			return i;
	}
	argp_error(state, "--share: '%s' is not host, fabric or noncoherent",
		   text);
	return 0;
}

const struct out_column tool_host_columns[] = {
	{ "host", 4 },	    { "state", -9 }, { "self", -4 },
	{ "clients", 7 },   { "beats", 10 }, { "silent ms", 9 },
	{ "recoverer", 9 }, { "name", -1 },  { NULL, 0 },
};

const char *tool_host_state(enum maru_host_state state)
{
	static const char *const names[] = {
		[MARU_HOST_FREE] = "free",
		[MARU_HOST_CLAIMED] = "claimed",
		[MARU_HOST_ACTIVE] = "active",
		[MARU_HOST_FENCED] = "fenced",
		[MARU_HOST_CONFIRMED] = "confirmed",
	};

	return (unsigned)state < sizeof(names) / sizeof(names[0]) ?
		       names[state] :
		       NULL;
}

void tool_host_cells(struct out *out, const struct maru_host *host)
{
	const char *state = tool_host_state(host->state);
	char odd[16], boot[TOOL_UUID_TEXT];

	snprintf(odd, sizeof(odd), "?%u", (unsigned)host->state);
	out_u64(out, "no", host->no);
	out_text(out, "state", state ? state : odd);
	out_bit(out, "self", host->self);
	out_u64(out, "clients", host->clients);
	out_u64(out, "beats", host->beats);
	out_u64(out, "silent_ms", host->silent_ms);
	if (host->recoverer < MARU_HOSTS_MAX)
		out_u64(out, "recoverer", host->recoverer);
	else
		out_none(out, "recoverer");
	if (out->json)
		out_text(out, "boot", tool_uuid_text(boot, host->boot));
	out_text(out, "name", host->name);
}
