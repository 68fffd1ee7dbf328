#!/bin/sh
# Suites once more, their pools in two regions: a verb is the same verb,
# wherever its block lies.
set -u
[ -n "${BUILD-}" ] || { echo 'no BUILD'; exit 77; }
MARU_TEST_REGIONS=2
export MARU_TEST_REGIONS
bad=0
for t in api_write batch client fsck_client fsck_dir fsck_media guard sums; do
	# Word splitting wanted: the prefix is empty or two words.
	# shellcheck disable=SC2086
	${RUN_PREFIX-} "$BUILD/tests/check_$t" || bad=1
done
exit $bad
