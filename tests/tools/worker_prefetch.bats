# SPDX-License-Identifier: MIT
# How many messages a worker has in hand, and queues that are none.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=prefetch_$BATS_TEST_NUMBER
	drop "$queue"
}

teardown() { end_spawned; }

has_lines() { # N FILE
	[ -e "$2" ] && [ "$(wc -l <"$2")" -eq "$1" ]
}

# With one job. The failing ones rest for a second at least, so without room for others none would be done before.
@test "messages that rest do not block the others" {
	declare_queue "$queue"
	{ yes bad | head -n 3 && seq 100; } | send -q "$queue" -l
	# shellcheck disable=SC2016 # the command's own shell
	spawn worker worker -q "$queue" sh -c 'read -r x; [ "$x" != bad ] && echo "$x" >>done'
	await 20 has_lines 100 "done"
	kill -TERM "$worker_pid"
	expect_status 0 worker
	await_depth 5 3 "$queue"
}

@test "with one job, ten different messages that failed are seen" {
	declare_queue "$queue"
	seq 12 | send -q "$queue" -l
	spawn worker worker -q "$queue" false
	await_log '10 different messages failed in a row' worker.err 20
	kill -TERM "$worker_pid"
	expect_status 0 worker
	await_depth 5 12 "$queue"
}

@test "--prefetch fixes how many are in hand" {
	declare_queue "$queue"
	seq 12 | send -q "$queue" -l
	spawn worker worker -q "$queue" -p 1 false
	await_log 'goes back' worker.err
	await_depth 5 11 "$queue"
	kill -TERM "$worker_pid"
	expect_status 0 worker
}

@test "what was taken ahead goes back when a job is long" {
	declare_queue "$queue"
	{ yes short | head -n 200 && echo long && yes later | head -n 50; } | send -q "$queue" -l
	# shellcheck disable=SC2016
	spawn worker worker -q "$queue" sh -c 'read -r x; echo "$x" >>done; [ "$x" != long ] || exec sleep 60'
	await 60 grep -qs long "done"
	# A later one may come before it, and where it came by an added consumer, the first one has one in hand.
	await 20 eval '[ $(($(depth "$queue") + $(wc -l <done))) -ge 250 ]'
}

@test "a count takes ahead, runs as many as it says, and leaves the rest" {
	declare_queue "$queue"
	seq 500 | send -q "$queue" -l
	# shellcheck disable=SC2016
	run -0 worker -q "$queue" -c 400 sh -c 'read -r x; echo "$x" >>done'
	[ "$(sort -nu "done" | wc -l)" -eq 400 ]
	await_depth 5 100 "$queue"
	run -0 worker -q "$queue" -c 100 true
	await_depth 5 0 "$queue"
}

@test "a count is reached though what was taken ahead went back for a long job" {
	declare_queue "$queue"
	{ yes short | head -n 200 && echo long && yes later | head -n 50; } | send -q "$queue" -l
	mkfifo hold
	# shellcheck disable=SC2016
	spawn worker worker -q "$queue" -c 251 sh -c 'read -r x; echo "$x" >>done; [ "$x" != long ] || cat hold'
	await 60 grep -qs long "done"
	await 20 eval '[ $(($(depth "$queue") + $(wc -l <done))) -ge 250 ]'
	: >hold
	expect_status 0 worker
	has_lines 251 "done"
	await_depth 5 0 "$queue"
}

@test "a stream is 78, with a word about receive" {
	declare_queue "$queue" '{"x-queue-type": "stream"}'
	seq 20 | send -q "$queue" -l
	run -78 timeout 20 worker -q "$queue" true
	[[ $output == *"stream"*"receive --offset"* ]]
	await_depth 20 20 "$queue"
	run -78 timeout 20 worker -q "$queue" --until-empty --declare=passive true
	[[ $output == *"20 messages and gives none"*"receive --offset"* ]]
}

@test "--setup, too, finds a stream: 78" {
	declare_queue "$queue" '{"x-queue-type": "stream"}'
	run -78 worker -q "$queue" --setup
	[[ $output == *"stream"*"receive --offset"* ]]
}
