#!/bin/sh
# The tools on a host with DAX devices, which are made up: a /sys that libdaxctl
# reads, and plain files for nodes, in a mount namespace of our own.
set -u
LC_ALL=C
ASAN_OPTIONS=${ASAN_OPTIONS-}:exitcode=99
UBSAN_OPTIONS=${UBSAN_OPTIONS-}:exitcode=99
TSAN_OPTIONS=${TSAN_OPTIONS-}:exitcode=99
LSAN_OPTIONS=${LSAN_OPTIONS-}:exitcode=99
export LC_ALL ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS
bad=0
nr=0

for t in maru-mkpool maru-dump maru-fsck; do
	command -v $t >/dev/null || { echo "no $t in PATH"; exit 77; }
done
if [ "${1-}" != inside ]; then
	how=-m
	unshare $how true 2>/dev/null || how=-rm
	unshare $how true 2>/dev/null || {
		echo 'no mount namespaces are permitted here'
		exit 77
	}
	exec unshare $how sh "$0" inside
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/maru-devices.XXXXXX") || exit 77
trap 'umount -l "$dir/root" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
root=$dir/root
mkdir "$root"
mount -t tmpfs none "$root" || { echo 'no tmpfs can be mounted'; exit 77; }

fail() {
	bad=$((bad + 1))
	echo "FAULT: $*"
	sed 's/^/  out| /' "$dir/out" | head -n 40
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

says() {
	grep -qF -- "$1" "$dir/err" || fail "stderr says nothing of '$1'"
}

shows() {
	grep -qE -- "$1" "$dir/out" || fail "no line '$1' in the output"
}

# device NAME BYTES DRIVER: in region 0 or 1, on nodes 3 and 4
device() {
	region=$root/sys/devices/fake/dax_${1#dax}
	region=${region%.*}
	at=$region/$1
	mkdir -p "$region/dax_region" "$at"
	no=${region##*_}
	echo "$no" >"$region/dax_region/id"
	echo "$2" >"$region/dax_region/size"
	echo 0 >"$region/dax_region/available_size"
	echo 2097152 >"$region/dax_region/align"
	echo "$2" >"$at/size"
	echo 2097152 >"$at/align"
	echo 0x100000000 >"$at/resource"
	echo dax:t0 >"$at/modalias"
	echo $((3 + no)) >"$at/target_node"
	ln -s /sys/bus/dax "$at/subsystem"
	ln -s "${at#"$root"}" "$root/sys/bus/dax/devices/$1"
	[ -z "$3" ] || ln -s "/sys/bus/dax/drivers/$3" "$at/driver"
	truncate -s "$2" "$root/dev/$1"
}

# Its driver is looked for by the number of its node, which a file has none of.
numbered() {
	mount --bind "$2" "$root/dev/$1"
	ln -s "$(readlink "$root/sys/bus/dax/devices/$1")" \
		"$root/sys/dev/char/$(stat -Lc %Hr:%Lr "$2")"
}

mkdir -p "$root/dev" "$root/sys/bus/dax/devices" "$root/sys/dev/char" \
	"$root/sys/bus/dax/drivers/device_dax" "$root/sys/bus/dax/drivers/kmem"
: >"$root/dev/null"
mount --bind /dev/null "$root/dev/null"
device dax0.0 16777216 device_dax
device dax0.1 33554432 device_dax
device dax0.2 0 ''
device dax1.0 16777216 kmem
numbered dax1.0 /dev/full
mount --rbind "$root/sys" /sys && mount --rbind "$root/dev" /dev || exit 77

uuid_of() {
	sed -n 's/.*"uuid": "\([-0-9a-f]*\)".*/\1/p' "$dir/out" | head -n 1
}

test_list() {
	want 0 maru-mkpool --list
	shows '^ +name +size +align +node +mode +medium +holds$'
	shows '^  dax0\.0 +16 MiB +2 MiB +3 +devdax +volatile +empty$'
	shows '^  dax0\.2 +0 B .* seed '
	shows '^  dax1\.0 +16 MiB +2 MiB +4 +system-ram '
	shows '^  dax1\.0: unusable: .*daxctl reconfigure-device -m devdax'
	shows '^  dax0\.2: unusable: .*size 0'
	! grep -q 'dax0.0: unusable' "$dir/out" || fail 'dax0.0 is usable'
	want 0 maru-mkpool -q -l 'my label' dax:dax0.1
	want 0 maru-mkpool -L
	shows '^  dax0\.1 .* pool [-0-9a-f]{36}$'
	shows '^  dax0\.1: label +my label$'
	! grep -nE '.{101}' "$dir/out" | grep -v unusable || fail 'wide lines'
	want 0 maru-mkpool --list --json
	shows '"name": "dax0.1", "path": "/dev/dax0.1", "bytes": 33554432,'
	shows '"mode": "devdax", "medium": "volatile", "content": "pool",'
	shows '"label": "my label", .*"usable": true'
	shows '"mode": "seed", .*"usable": false, "err": -19, "why": '
	uuid=$(uuid_of)
	if command -v jq >/dev/null; then
		nr=$((nr + 1))
		[ "$(jq '.devices | length' "$dir/out")" = 4 ] ||
			fail 'four devices in JSON'
	fi
	want 16 maru-mkpool --list dax:dax0.0
}

# By its UUID wherever it is, with all three tools.
test_targets() {
	want 0 maru-dump "uuid:$uuid" super
	shows "^  uuid +$uuid$"
	shows '^  incarnation +0x[0-9a-f]{16}$'
	want 0 maru-dump "dax:$uuid" super
	want 0 maru-dump dax:dax0.1 stats
	want 0 maru-fsck "uuid:$uuid"
	want 0 maru-fsck -y "uuid:$uuid"
	want 1 maru-mkpool "uuid:$uuid"
	says 'holds a maru pool, label my label'
	want 8 maru-dump uuid:00000000-0000-4000-8000-000000000000
	says 'none of 4 DAX devices'
	says 'dax0.0: empty'
	says "dax0.1: pool $uuid"
	want 8 maru-dump dax:dax7.0
	says 'dax0.0, dax0.1, dax0.2, dax1.0'
	want 1 maru-mkpool dax:dax1.0
	says 'in use as system RAM'
	want 16 maru-mkpool uuid:0
	cp /dev/dax0.1 "$dir/copy"
	truncate -s 32M /dev/dax0.0
	cp "$dir/copy" /dev/dax0.0
	want 8 maru-dump "uuid:$uuid"
	says '/dev/dax0.0, /dev/dax0.1'
}

test_placement() {
	want 0 maru-dump dax:dax0.1 placement
	shows '^placement:$'
	want 0 maru-dump -j dax:dax0.1 placement
	shows '"placement": \{'
	shows '"nodes": \['
}

test_list
test_targets
test_placement
echo "$nr commands, $bad faults"
[ $bad = 0 ]
