#!/bin/sh
# The tools as a user meets them: exit statuses, messages, tables, JSON, and
# that maru-fsck mends what this script breaks.
#
# The tools are found in PATH; BUILD and CC, when set, let a small program be
# built that fills pools and keeps one in use.
set -u
LC_ALL=C
# What a sanitizer finds must not look like a status of the tools.
ASAN_OPTIONS=${ASAN_OPTIONS-}:exitcode=99
UBSAN_OPTIONS=${UBSAN_OPTIONS-}:exitcode=99
TSAN_OPTIONS=${TSAN_OPTIONS-}:exitcode=99
LSAN_OPTIONS=${LSAN_OPTIONS-}:exitcode=99
export LC_ALL ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS
bad=0
nr=0
here=$(cd "$(dirname "$0")" && pwd)

for t in maru-mkpool maru-dump maru-fsck maru-fence; do
	command -v $t >/dev/null || { echo "no $t in PATH"; exit 77; }
done
[ -d /dev/shm ] && [ -w /dev/shm ] && TMPDIR=/dev/shm
export TMPDIR
dir=$(mktemp -d "${TMPDIR:-/tmp}/maru-tools.XXXXXX") || exit 77
holder=
trap '[ -z "$holder" ] || kill -9 $holder 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
pool=$dir/pool

fail() {
	bad=$((bad + 1))
	echo "FAULT: $*"
	sed 's/^/  out| /' "$dir/out" | head -n 20
	sed 's/^/  err| /' "$dir/err" | head -n 20
}

# want STATUS COMMAND...: output goes to $dir/out and $dir/err
want() {
	status=$1
	shift
	nr=$((nr + 1))
	"$@" >"$dir/out" 2>"$dir/err"
	rc=$?
	[ $rc = "$status" ] || fail "'$*' exits $rc, not $status"
}

# says WORD: the last command's errors name it
says() {
	grep -qF -- "$1" "$dir/err" || fail "stderr says nothing of '$1'"
}

shows() {
	grep -qE -- "$1" "$dir/out" || fail "no line '$1' in the output"
}

silent() {
	[ ! -s "$dir/out" ] || fail 'output where there should be none'
}

# The last output is JSON and has member $1.
json() {
	if command -v jq >/dev/null; then
		jq -e "$1 != null" <"$dir/out" >/dev/null 2>&1 ||
			fail "no JSON with $1"
	elif python3 -c '' 2>/dev/null; then
		python3 -c 'import json, sys
v = json.load(sys.stdin)
for k in sys.argv[1].strip(".").split("."): v = v[k]' "$1" \
			<"$dir/out" 2>/dev/null || fail "no JSON with $1"
	else
		shows "\"${1##*.}\": "
	fi
}

# number NAME: of the last JSON output, the first of that name
number() {
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$dir/out" | head -n 1
}

make() {
	rm -f "$pool"
	want 0 maru-mkpool -q -s 16M "$@" "$pool"
}

# offset SECTION and length SECTION, bytes from the file's start
place() {
	maru-dump -j "$pool" sections 2>/dev/null | sed -n \
		"s/.*\"name\": \"$1\", \"off\": \([0-9]*\), \"len\": \([0-9]*\).*/\\$2/p"
}

# break_at OFFSET BYTES: by noise, the same at each run
break_at() {
	[ -n "$1" ] || { fail 'no such section'; return; }
	broken=0
	while [ $broken -lt "$2" ]; do
		printf '\245\132\377\001\200\177\063\314'
		broken=$((broken + 8))
	done | dd of="$pool" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# The first run sees it, the second mends it, the third finds nothing.
mends() {
	want 4 maru-fsck -n "$pool"
	shows '^invariant [0-9]+: '
	shows ': [0-9]+ faults?, 0 mended; '
	want 1 maru-fsck -y "$pool"
	shows ' \(mended\)$'
	want 0 maru-fsck -y "$pool"
	shows ': clean; '
	want 0 maru-fsck "$pool"
	want 0 maru-dump "$pool" all
}

usage() {
	want 16 "$@"
	silent
	says "$1: "
}

test_usage() {
	for t in maru-mkpool maru-dump maru-fsck maru-fence; do
		want 0 $t --help
		shows "^Usage: $t "
		want 0 $t -h
		want 0 $t -V
		shows "^$t [0-9]+\.[0-9]+\.[0-9]+$"
		want 0 $t --version
		usage $t
		usage $t --no-such-option "$pool"
		usage $t --offset=x "$pool"
		says --offset
		[ ! -w /dev/full ] || want 8 sh -c "$t --help >/dev/full"
	done
	for size in '' 0 -1 +1 ' 1' 1.5G 1KB 0x10 12Q K 18446744073709551616 \
		16777216T; do
		usage maru-mkpool -s "$size" "$pool"
		says --size
	done
	usage maru-mkpool -s 16M -u 5G "$pool"
	usage maru-mkpool -s 16M -u 5000 "$pool"
	usage maru-mkpool -s 16M -n 0 "$pool"
	usage maru-mkpool -s 16M -n 1025 "$pool"
	usage maru-mkpool -s 16M -m 8 "$pool"
	usage maru-mkpool -s 16M -m 1777 "$pool"
	usage maru-mkpool -s 16M "$pool" "$pool"
	usage maru-dump "$pool" entires
	says entires
	usage maru-dump -k x:0 "$pool"
	usage maru-dump -s alive "$pool"
	usage maru-dump -n x "$pool"
	usage maru-fsck -n -y "$pool"
	usage maru-fsck -R "$pool"
	usage maru-fsck -B "$pool"
	usage maru-fsck -T "$pool"
	usage maru-fence -c '' "$pool"
	usage maru-mkpool -s 16M -H both "$pool"
	usage maru-mkpool -s 16M -H fabric -T 99 "$pool"
	usage maru-mkpool -s 16M -T 1000 "$pool"
	usage maru-fsck -O -y "$pool"
	[ ! -e "$pool" ] || fail 'a usage error made the pool'
}

test_mkpool() {
	want 0 maru-mkpool -s 16M -u 64K -c 192K -n 32 -r 32M -C -S -l 'my pool' \
		-m 600 "$pool"
	shows "$pool: .*16 MiB"
	[ "$(stat -c %a:%s "$pool")" = 600:16777216 ] || fail 'mode or size'
	want 1 maru-mkpool -s 16M "$pool"
	silent
	says "$pool"
	want 0 maru-mkpool -f -q -s 16M -l other "$pool"
	silent
	want 0 maru-mkpool -f -j -k -d "$pool"
	json .uuid
	[ "$(number bytes)" = 16777216 ] || fail 'bytes in JSON'
	shows '"siphash": true'
	[ "$(number quarantine_ms)" = 2000 ] || fail 'default quarantine'
	want 0 maru-mkpool -f -j -Q 250 "$pool"
	[ "$(number quarantine_ms)" = 250 ] || fail 'quarantine'
	want 0 maru-mkpool -f -q -Q 0 "$pool"
	want 0 maru-dump "$pool" super
	shows '^  quarantine_ms +0$'
	usage maru-mkpool -f -Q 86400001 "$pool"
	usage maru-mkpool -f -Q 1s "$pool"

	echo something >"$dir/file"
	want 8 maru-mkpool -s 16M "$dir/file"
	truncate -s 16M "$dir/file"
	want 1 maru-mkpool -s 16M "$dir/file"
	[ "$(head -n 1 "$dir/file")" = something ] ||
		fail 'a file was overwritten'
	: >"$dir/empty"
	want 0 maru-mkpool -s 16M "$dir/empty"
	want 8 maru-mkpool -s 16M "$dir/no/such/folder/pool"
	says "$dir/no/such/folder"

	# a window; what is around it stays
	rm -f "$dir/window"
	truncate -s 24M "$dir/window"
	want 0 maru-mkpool -o 4M -s 16M "$dir/window"
	want 0 maru-fsck -o 4M "$dir/window"
	want 0 maru-dump -o 4M "$dir/window" super
	want 8 maru-dump "$dir/window"
	usage maru-mkpool -f -o 1M -s 16M "$dir/window"
	[ "$(head -c 4194304 "$dir/window" | tr -d '\000' | wc -c)" = 0 ] ||
		fail 'mkpool wrote before its window'
}

test_dump() {
	make -l 'tools test'
	want 0 maru-dump "$pool"
	shows '^super:$'
	shows '^  label +tools test$'
	shows '^  bytes +16 MiB \(16777216\)$'
	shows '^classes:$'
	shows '^clients:$'
	shows '^stats:$'
	want 0 maru-dump -j "$pool" all
	for s in super sections regions classes slabs entries blocks hosts \
		clients holds stats placement; do
		json .$s
		cp "$dir/out" "$dir/all"
		want 0 maru-dump "$pool" $s
		shows "^$s:$"
		! grep -nE '.{101}' "$dir/out" || fail "$s: wide lines"
		want 0 maru-dump -j "$pool" $s
		json .$s
		cp "$dir/all" "$dir/out"
	done
	want 0 maru-dump -n 2 -s empty "$pool" slabs
	[ "$(grep -c ' empty ' "$dir/out")" = 2 ] || fail 'two slabs'
	shows '^  \.\.\.$'
	[ ! -w /dev/full ] ||
		want 8 sh -c "maru-dump '$pool' all >/dev/full"
	want 0 sh -c "maru-dump '$pool' all | head -n 1 >/dev/null"
}

test_fsck() {
	make
	want 0 maru-fsck "$pool"
	shows "^$pool: clean; 0 entries kept"
	want 0 maru-fsck -y -R -d "$pool"
	want 0 maru-fsck -q -y "$pool"
	silent
	want 0 maru-fsck -y -B "$pool"
	want 0 maru-fsck --online -d "$pool"
	want 0 maru-fsck -j -n "$pool"
	json .faults
	cp "$pool" "$dir/before"
	want 0 maru-fsck -n "$pool"
	cmp -s "$pool" "$dir/before" || fail 'fsck -n changed the pool'
}

# Any copy may be lost, and the others bring it back.
test_super() {
	make
	for copy in super-a super-b super-c; do
		at=$(place $copy 1)
		[ -n "$at" ] || { fail "no section $copy"; continue; }
		break_at "$at" 256
		want 4 maru-dump "$pool"
		shows '^stats:$'
		says 'superblock copy'
		want 4 maru-dump -j "$pool" super
		json .damage
		mends
	done
	a=$(place super-a 1) b=$(place super-b 1) c=$(place super-c 1)
	break_at "$a" 8
	break_at "$((b + 200))" 8
	want 4 maru-dump "$pool" all
	mends
	for at in $a $b $c; do
		break_at "$at" 4096
	done
	want 8 maru-dump "$pool"
	want 8 maru-fsck "$pool"
	want 8 maru-fsck -y "$pool"
	says "$pool"
}

# A crash of a tool would show as 128 and more.
tame() {
	nr=$((nr + 1))
	"$@" >"$dir/out" 2>"$dir/err"
	rc=$?
	case $rc in
	0 | 1 | 4 | 8) ;;
	*) fail "'$*' exits $rc" ;;
	esac
	! grep -qE 'Sanitizer|runtime error' "$dir/err" || fail "'$*'"
}

test_tables() {
	cp "$1" "$dir/good"
	for s in slabs blocks buckets clients; do
		cp "$dir/good" "$pool"
		break_at "$(place $s 1)" 256
		tame maru-dump "$pool" all
		mends
		cp "$dir/good" "$pool"
		break_at "$(($(place $s 1) + $(place $s 2) / 2))" 1024
		tame maru-dump -j "$pool" all
		json .super
		tame maru-fsck "$pool"
		tame maru-fsck -y "$pool"
		want 0 maru-fsck -y "$pool"
	done
	cp "$dir/good" "$pool"
	for s in $(maru-dump "$pool" sections |
		awk '/^  [a-z]/ && !/^  (name|super|data)/ { print $1 }'); do
		cp "$dir/good" "$pool"
		break_at "$(place "$s" 1)" 1024
		tame maru-dump "$pool" all
		tame maru-fsck "$pool"
		tame maru-fsck -y "$pool"
		want 0 maru-fsck -y "$pool"
	done
}

test_no_pool() {
	want 8 maru-dump "$dir/absent"
	says "maru-dump: $dir/absent: "
	want 8 maru-fsck "$dir/absent"
	want 8 maru-fsck -y "$dir"
	want 8 maru-dump "$dir"
	: >"$dir/nothing"
	truncate -s 16M "$dir/zeroes"
	head -c 65536 /dev/urandom >"$dir/noise"
	for f in nothing zeroes noise; do
		want 8 maru-dump "$dir/$f"
		silent
		want 8 maru-fsck "$dir/$f"
		want 8 maru-fsck -y -j "$dir/$f"
		silent
		says "$dir/$f: "
	done
	make
	truncate -s 12M "$pool"
	want 4 maru-dump "$pool"
	want 4 maru-fsck "$pool"
	want 4 maru-fsck -y "$pool"
	truncate -s 64K "$pool"
	tame maru-dump "$pool" all
	tame maru-fsck -y "$pool"
}

# A client that stores keys, pins one, claims another, and waits.
client_source() {
	cat <<'C'
#include <maru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char value[100000];

int main(int argc, char **argv)
{
	struct maru_open_opts opts = { .size = sizeof(opts), .name = "filler" };
	struct maru_pool *pool;
	struct maru_buf buf;
	char key[32];
	int i, nr = atoi(argv[2]);

	if (argc < 3 || maru_open(argv[1], &opts, &pool)) {
		fprintf(stderr, "open: %s\n", maru_errmsg());
		return 1;
	}
	for (i = 0; i < nr; i++) {
		sprintf(key, "key-%d", i);
		memset(value, i, sizeof(value));
		if (maru_store(pool, key, strlen(key), value,
			       sizeof(value) - (size_t)i) < 0)
			return 2;
	}
	if (maru_store(pool, "x:\001\377", 4, value, 3) < 0)
		return 2;
	if (argc == 3)
		return maru_close(pool, 0) ? 3 : 0;
	if (strcmp(argv[3], "stay") &&
	    (maru_pin(pool, "key-1", 5, 3) ||
	     maru_reserve(pool, "wanted", 6, 5, &buf)))
		return 4;
	puts("ready");
	fflush(stdout);
	pause();
	return 5;
}
C
}

build_client() {
	build=${BUILD-}
	[ -n "$build" ] && [ -e "$build/libmaru.so" ] || return 1
	case ${MODE-} in
	asan) flags='-fsanitize=address,undefined' ;;
	ubsan) flags='-fsanitize=undefined' ;;
	tsan) flags='-fsanitize=thread' ;;
	cov) flags='--coverage' ;;
	*) flags= ;;
	esac
	client_source >"$dir/filler.c"
	# shellcheck disable=SC2086
	(cd "$dir" && ${CC:-cc} $flags -std=gnu11 -I"$here/../include" \
		-o filler filler.c "$build/libmaru.so" -Wl,-rpath,"$build") \
		>"$dir/out" 2>"$dir/err" || { fail 'cannot build a client'; return 1; }
}

test_full() {
	make -C
	want 0 "$dir/filler" "$pool" 20
	want 0 maru-fsck -d "$pool"
	shows ': clean; 21 entries kept'
	want 0 maru-dump "$pool" entries
	shows ' key-7$'
	shows ' x:783a01ff$'
	[ "$(grep -c ' key-' "$dir/out")" = 20 ] || fail '20 keys'
	want 0 maru-dump -k key-1 "$pool" entries blocks
	[ "$(grep -c ' key-1[0-9]*$' "$dir/out")" = 22 ] || fail '22 keys'
	want 0 maru-dump -k x:783a -j "$pool" entries
	json .entries
	[ "$(grep -c '"key": ' "$dir/out")" = 1 ] || fail 'one key'
	want 0 maru-dump -s live "$pool" blocks
	[ "$(grep -c ' live ' "$dir/out")" = 21 ] || fail '21 live blocks'
	[ "$(grep -c ' free ' "$dir/out")" = 0 ] || fail 'no free blocks'
	want 0 maru-dump -n 5 -j "$pool" entries
	[ "$(grep -c '"key": ' "$dir/out")" = 5 ] || fail 'five entries'
	json .truncated
	want 0 maru-dump "$pool" stats super
	[ "$(grep -c '^[a-z]*:$' "$dir/out")" = 2 ] || fail 'two sections'
	[ "$(head -n 1 "$dir/out")" = stats: ] || fail 'their order'
	want 0 maru-dump -j "$pool" stats
	[ "$(number entries)" = 21 ] || fail 'entries in stats'
	[ "$(number stores)" = 21 ] || fail 'stores in stats'
	cp "$pool" "$dir/full"
	test_tables "$dir/full"
	cp "$dir/full" "$pool"
	want 0 maru-fsck -y -R "$pool"
	shows ': clean; 21 entries kept, 0 dropped'
	test_values
}

# A value's byte flips: only --data looks.
test_values() {
	at=$(place data 1)
	i=0
	while [ $i -lt 100 ]; do
		break_at $((at + i * 65536 + 8)) 8
		i=$((i + 1))
	done
	want 0 maru-fsck "$pool"
	want 4 maru-fsck -d "$pool"
	want 1 maru-fsck -y -d "$pool"
	want 0 maru-fsck -y -d "$pool"
}

# The pool is in use: looking is allowed, changing is not.
test_live() {
	make -Q 3600000
	mkfifo "$dir/ready"
	"$dir/filler" "$pool" 5 wait >"$dir/ready" 2>"$dir/err" &
	holder=$!
	read -r word <"$dir/ready"
	[ "${word-}" = ready ] || { fail 'the client is not ready'; return; }
	want 0 maru-fsck "$pool"
	want 8 maru-fsck -y "$pool"
	says "$pool"
	want 1 maru-mkpool -f -s 16M "$pool"
	want 0 maru-dump "$pool" clients holds
	shows " active +yes +$holder .* filler$"
	shows " $holder .* 3  no +key-1$"
	shows " $holder .* yes +(wanted|-)$"
	want 0 maru-dump -s owned "$pool" blocks
	[ "$(grep -c ' owned ' "$dir/out")" = 1 ] || fail 'one owned block'
	want 0 maru-dump -j "$pool" all
	json .holds
	[ "$(number pinned_entries)" = 1 ] || fail 'pinned_entries'

	dead=$holder
	kill -9 $holder
	wait $holder 2>/dev/null
	holder=
	tame maru-dump "$pool" all
	want 0 maru-fsck -n "$pool"
	want 0 maru-fsck -y "$pool"
	want 0 maru-dump "$pool" clients
	shows " quarantined +no +$dead +1 .* filler$"
	want 0 maru-dump -s quarantined "$pool" blocks
	[ "$(grep -c ' quarantined ' "$dir/out")" = 1 ] ||
		fail 'one quarantined block'
	want 8 maru-fsck -y -R "$pool"
	says 'devices may still write for 1 dead client'
	want 0 maru-dump -j "$pool" clients
	[ "$(number quarantined)" = 1 ] || fail 'quarantined'
	[ "$(number due_ms)" -gt 1000000 ] || fail 'due_ms'
}

# The same where nothing waits.
test_dead() {
	make -Q 0
	"$dir/filler" "$pool" 5 wait >"$dir/ready" 2>"$dir/err" &
	holder=$!
	read -r word <"$dir/ready"
	[ "${word-}" = ready ] || { fail 'the client is not ready'; return; }
	kill -9 $holder
	wait $holder 2>/dev/null
	holder=
	tame maru-dump "$pool" all
	tame maru-fsck -n "$pool"
	tame maru-fsck -y "$pool"
	want 0 maru-fsck -y "$pool"
	shows '; 6 entries kept'
	want 0 maru-dump "$pool" holds
	shows '^  none$'
}

# shellcheck source=tests/tools_hosts.inc
. "$here/tools_hosts.inc"

# One pool on three targets, a comma in the name of one.
test_regions() {
	rm -f "$dir"/r0 "$dir"/r1 "$dir/r,2"
	list="$dir/r0,$dir/r1,$dir/r\\,2"
	want 0 maru-mkpool -j -s 8M "$list"
	json .regions
	[ "$(number regions)" = 3 ] || fail 'regions'
	[ "$(number bytes)" = 25165824 ] || fail 'bytes of all regions'
	want 1 maru-mkpool -s 8M "$dir/r1"
	says 'holds a maru pool'
	want 0 maru-dump "$dir/r1,$dir/r\\,2,$dir/r0" regions sections
	[ "$(grep -c '  3  [0-9a-f]*-[0-9a-f]*-4' "$dir/out")" = 3 ] ||
		fail 'three regions with three copies each'
	shows '^  super-c  .* 2$'
	want 0 maru-fsck "$list"
	want 8 maru-fsck "$dir/r1"
	says 'name its region 0'
	want 4 maru-dump "$dir/r0,$dir/r1"
	says 'region 2 is not there'
	want 4 maru-fsck "$dir/r0,$dir/r1"
	shows 'region 2: is not there'
	want 8 maru-fsck -y "$dir/r0,$dir/r1"
	says 'region 2 ('
	rm "$dir/r,2"
	truncate -s 8M "$dir/r,2"
	want 1 maru-fsck -y "$list"
	shows 'region 2: superblock copy A'
	want 0 maru-fsck "$list"
	printf x | dd of="$dir/r1" bs=1 seek=300 conv=notrunc 2>/dev/null
	want 4 maru-dump "$list"
	says 'region 1: superblock copy 0 is damaged'
	want 1 maru-fsck -y "$list"
	shows 'region 1: superblock copy A'
	want 0 maru-fsck "$list"
}

test_usage
test_regions
test_mkpool
test_hosts
test_dump
test_fsck
test_super
make
cp "$pool" "$dir/fresh"
test_tables "$dir/fresh"
test_no_pool
if build_client; then
	test_full
	test_live
	test_dead
	test_two_hosts
else
	echo 'no client program: full and live pools were not looked at'
fi
echo "$nr commands, $bad faults"
[ $bad = 0 ]
