#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# worker: what becomes of the output of its commands.
# shellcheck disable=SC2016,SC2154 # code for other shells; variables of run and spawn

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=output_$BATS_TEST_NUMBER
	peer drop "$queue"
}

teardown() {
	touch go # whatever waits for it
	end_spawned
}

# Put each argument into the queue.
put() { printf '%s\n' "$@" | work-publish -q "$queue" -l; }

# In one piece

@test "--collect: outputs of several commands are never mixed" {
	seq 20 | work-publish -q "$queue" -l
	run -0 worker -q "$queue" -P 4 -c 20 --collect sh -c 'b=$(cat); for i in 1 2 3; do echo "$b $i"; sleep 0.02; done'
	[ "${#lines[@]}" -eq 60 ]
	awk '{ if (NR % 3 == 1) b = $1; if ($1 != b || $2 != (NR - 1) % 3 + 1) exit 1 }' <<<"$output"
}

@test "--collect: 100 MB through a pipe, byte for byte" {
	put task
	worker -q "$queue" -c 1 --collect head -c 100000000 /dev/zero | cmp - <(head -c 100000000 /dev/zero)
}

@test "--collect: a full disk: 74, and the message is back" {
	put task
	run -74 --separate-stderr bash -c "worker -q $queue --collect cat >/dev/full"
	[ "$stderr" = "worker: cannot write standard output: No space left on device" ]
	await_depth 5 1 "$queue"
}
