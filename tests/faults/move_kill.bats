# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# move, killed again and again: no message is lost, and few are there twice. With RMQ_SOAK=1 there
# are 100,000 messages.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

kills=5
window=100	# --prefetch

# Kill it as soon as the target has more than before: it has messages in its hands then.
kill_move() {
	local before
	before=$(queue stat target)
	spawn mover move -p "$window" source target
	while [ "$(queue stat target)" = "$before" ]; do :; done
	kill -KILL "$mover_pid" || return
	expect_status 137 mover
}

try() { # TYPE
	local n=30000 twice
	[ -z "${RMQ_SOAK:-}" ] || n=100000
	cd "$BATS_TEST_TMPDIR" || return
	queue delete source
	queue delete target
	queue declare --queue-type="$1" source
	queue declare --queue-type="$1" target
	seq "$n" | send -q source -l
	for ((i = 0; i < kills; i++)); do kill_move; done
	queue stat source target
	[ "$(depth source)" -gt 0 ]
	move -p "$window" source target
	queue wait --empty source
	receive -q target --until-empty | sort -n >got
	uniq got | cmp - <(seq "$n")
	twice=$(($(wc -l <got) - n))
	echo "# $1: $n messages, $kills kills, $twice twice" >&3
	[ "$twice" -le $((kills * window)) ]
}

@test "classic queues" { try classic; }

@test "quorum queues" { try quorum; }
