#!/bin/sh
# The suites of the public calls once more, all handles guarded: a verb under
# the guard is the same verb.
set -u
[ -n "${BUILD-}" ] || { echo 'no BUILD'; exit 77; }
MARU_TEST_GUARD=1
export MARU_TEST_GUARD
bad=0
for t in api_store api_write api_hold api_linear api_stat batch; do
	# Word splitting wanted: the prefix is empty or two words.
	# shellcheck disable=SC2086
	${RUN_PREFIX-} "$BUILD/tests/check_$t" || bad=1
done
exit $bad
