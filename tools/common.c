/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments, read strictly, and messages. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common.h"

/* A full disk must not look like an answer. */
static void close_stdout(void)
{
	bool some = __fpending(stdout) > 0;
	bool bad = ferror(stdout);

	errno = 0;
	if (fclose(stdout) && (some || errno != EBADF))
		bad = true;
	if (!bad)
		return;
	if (errno)
		fprintf(stderr, "%s: write error: %s\n",
			program_invocation_short_name, strerror(errno));
	else
		fprintf(stderr, "%s: write error\n",
			program_invocation_short_name);
	_exit(TOOL_FAILED);
}

void tool_start(void)
{
	argp_err_exit_status = TOOL_USAGE;
	if (atexit(close_stdout))
		exit(TOOL_FAILED);
}

#define OPT_USAGE 0x100

/* --usage is there because argp's own messages speak of it. */
static const struct argp_option options[] = {
	{ "help", 'h', NULL, 0, "Print this list", -1 },
	{ "version", 'V', NULL, 0, "Print the version", -1 },
	{ "usage", OPT_USAGE, NULL, OPTION_HIDDEN, NULL, -1 },
	{ 0 },
};

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (opt) {
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case OPT_USAGE:
		argp_state_help(state, stdout,
				ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case 'V':
		printf("%s %s\n", program_invocation_short_name,
		       maru_version());
		exit(TOOL_OK);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp tool_argp = { .options = options, .parser = parse };

/* Digits only: no sign, no space, no other base. Returns what follows. */
static const char *digits(const char *text, int base, uint64_t *value)
{
	const char *p = text;

	*value = 0;
	for (; *p >= '0' && *p < '0' + base; p++) {
		if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
			return NULL;
	}
	return p == text ? NULL : p;
}

static bool suffix(const char *text, unsigned *shift)
{
	static const char units[] = "KMGT";
	const char *u;

	if (!*text)
		return true;
	u = strchr(units, toupper((unsigned char)*text));
	if (!u || text[1])
		return false;
	*shift = 10 * (unsigned)(u - units + 1);
	return true;
}

uint64_t tool_size(const struct argp_state *state, const char *what,
		   const char *text)
{
	uint64_t value = 0;
	const char *end = digits(text, 10, &value);
	unsigned shift = 0;

	if (!end || !suffix(end, &shift) || value > UINT64_MAX >> shift)
		argp_error(state,
			   "%s: '%s' is not a size: a number of bytes below "
			   "2^64, K, M, G or T may follow",
			   what, text);
	return value << shift;
}

uint64_t tool_size_some(const struct argp_state *state, const char *what,
			const char *text)
{
	uint64_t value = tool_size(state, what, text);

	if (!value)
		argp_error(state, "%s: must be more than 0", what);
	return value;
}

uint64_t tool_number(const struct argp_state *state, const char *what,
		     const char *text, const struct tool_range *range)
{
	uint64_t value = 0;
	const char *end = digits(text, range->base, &value);

	if (end && !*end && value >= range->min && value <= range->max)
		return value;
	if (range->base == 8)
		argp_error(state,
			   "%s: '%s' is not an octal number %#jo to %#jo", what,
			   text, (uintmax_t)range->min, (uintmax_t)range->max);
	argp_error(state, "%s: '%s' is not a number %ju to %ju", what, text,
		   (uintmax_t)range->min, (uintmax_t)range->max);
	return 0;
}

void tool_say(const char *target, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: %s: ", program_invocation_short_name, target);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

const char *tool_errmsg(const char *target, int err)
{
	const char *msg = maru_errmsg();
	size_t len = strlen(target);

	if (!*msg)
		return maru_strerror(err);
	/* The library names it too; once is enough. */
	if (!strncmp(msg, target, len) && !strncmp(msg + len, ": ", 2))
		msg += len + 2;
	return msg;
}
