#!/bin/sh
# maru-cohtest as a user meets it: exit statuses, messages, text and JSON.
set -u
LC_ALL=C
# What a sanitizer finds must not look like a status of the tool.
ASAN_OPTIONS=${ASAN_OPTIONS-}:exitcode=99
UBSAN_OPTIONS=${UBSAN_OPTIONS-}:exitcode=99
TSAN_OPTIONS=${TSAN_OPTIONS-}:exitcode=99
export LC_ALL ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
command -v maru-cohtest >/dev/null || { echo 'no maru-cohtest in PATH'; exit 77; }
[ -d /dev/shm ] && [ -w /dev/shm ] && TMPDIR=/dev/shm
export TMPDIR
dir=$(mktemp -d "${TMPDIR:-/tmp}/maru-cohtest.XXXXXX") || exit 77
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
bad=0
mem=$dir/mem

fail() {
	bad=$((bad + 1))
	echo "FAULT: $*"
	sed 's/^/  out| /' "$dir/out"
	sed 's/^/  err| /' "$dir/err"
}

# want STATUS OPTION...: output goes to $dir/out and $dir/err
want() {
	status=$1
	shift
	maru-cohtest "$@" >"$dir/out" 2>"$dir/err"
	rc=$?
	[ $rc = "$status" ] || fail "'$*' exits $rc, not $status"
}

shows() {
	grep -qE -- "$1" "$dir/out" || fail "no line '$1' in the output"
}

says() {
	grep -qF -- "$1" "$dir/err" || fail "stderr says nothing of '$1'"
}

truncate -s 1M "$mem"
set -- -r 20 -t 30
want 0 "$@" -F 2 "$mem"
for t in identity add cas neighbours lines dekker message bytes stream flush; do
	shows "^$t +ok"
done
shows 'of 2: coherent$'
want 0 "$@" -F 3 -o 8K -j "$mem"
shows '"coherent": true'
shows '"offset": 8192'
shows '"participants": 3'
want 0 "$@" -q -F 2 "$mem"
[ ! -s "$dir/out" ] || fail 'not quiet'

# two commands, as on two hosts
maru-cohtest "$@" -n 2 "$mem" >"$dir/other" 2>&1 &
other=$!
want 0 "$@" -n 2 "$mem"
wait $other || fail 'the other command failed'
sed -s 's/.*participant \(.\).*/\1/;$!d' "$dir/out" "$dir/other" | sort |
	tr -d '\n' | grep -qx 12 || fail 'not the participants 1 and 2'
head -c 1M /dev/zero | cmp -s - "$mem" || fail 'something is left'

want 3 -t 1 "$mem"
says 'nobody else came within 1000 ms'
want 3 "$dir/absent"
says absent
want 2
want 2 "$mem" "$mem"
want 2 -n 1 "$mem"
want 2 -n 2 -F 2 "$mem"
want 2 -o 1 "$mem"
want 2 --bogus "$mem"
printf x | dd of="$mem" bs=1 seek=1000000 conv=notrunc 2>/dev/null
want 3 "$@" -F 2 "$mem"
says 'force'
want 0 "$@" -f -F 2 "$mem"
want 0 --help
shows '--fork'
want 0 -V
echo "$bad faults"
[ $bad = 0 ]
