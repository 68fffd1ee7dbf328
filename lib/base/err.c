// SPDX-License-Identifier: BSD-3-Clause
/* This thread's last error sentence, and a sentence for every code. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static __thread char message[512];

static void format(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0)));

static void format(const char *fmt, va_list ap)
{
	vsnprintf(message, sizeof(message), fmt, ap);
}

int err_set(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(const char *fmt, ...)
{
	int err = errno;
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	format(fmt, ap);
	va_end(ap);
	n = strlen(message);
	snprintf(message + n, sizeof(message) - n, ": %s",
		 strerrordesc_np(err));
	return -err;
}

void err_clear(void)
{
	message[0] = '\0';
}

const char *maru_errmsg(void)
{
	return message;
}

static const char *own_sentence(int err)
{
	switch (err) {
	case MARU_E_CORRUPT:
		return "Pool is damaged, run maru-fsck";
	case MARU_E_FORMAT:
		return "Not a pool, or of a format this version does not know";
	case MARU_E_STALE:
		return "Handle of something released, reused or voided";
	case MARU_E_CLOSED:
		return "Pool handle is of another process or was fenced";
	case MARU_E_OTHER:
		return "Another pool than the one that was expected";
	case -ENOTUNIQ:
		return "More than one device holds it";
	case -ENOENT:
		return "No such entry";
	case -ENOSPC:
		return "No room in the pool that is not held";
	case -EFBIG:
		return "Value is larger than the pool can hold";
	case -EUSERS:
		return "All client slots are taken";
	case -EINPROGRESS:
		return "Key is being written by another client";
	case -EOVERFLOW:
		return "Too many pins of one client on one entry";
	case -EROFS:
		return "Pool handle is read-only";
	case -EBUSY:
		return "Held by a client";
	default:
		return NULL;
	}
}

const char *maru_strerror(int err)
{
	const char *s;

	if (err == MARU_EXISTED)
		return "Key was there already";
	if (err >= 0)
		return "Success";
	s = own_sentence(err);
	if (!s)
		s = strerrordesc_np(-err);
	return s ? s : "Unknown error";
}
