/* SPDX-License-Identifier: BSD-3-Clause */
/* Library version and ABI, apart from the pool's format version. */
#ifndef MARU_VERSION_H
#define MARU_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

#define MARU_VERSION "0.1.0"
#define MARU_ABI_VERSION 0

/** maru_version() - "MAJOR.MINOR.PATCH" of the library that is linked. */
const char *maru_version(void);

/** maru_abi_version() - the number in the soname; compare MARU_ABI_VERSION. */
int maru_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
