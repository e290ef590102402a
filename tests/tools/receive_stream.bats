# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive from streams: where it begins, that it ends, and that it goes on where it was.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

# A stream with the numbers 0 to 99, which are their offsets too.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
	declare_queue "$q" '{"x-queue-type": "stream"}'
	seq 0 99 | send -q "$q" -l
}

@test "first, an offset, an age, a time" {
	receive -q "$q" --offset first --until-empty | cmp - <(seq 0 99)
	receive -q "$q" --offset 90 --until-empty | cmp - <(seq 90 99)
	receive -q "$q" --offset 1h --until-empty | cmp - <(seq 0 99)
	receive -q "$q" --offset 1d --until-empty | cmp - <(seq 0 99)
	receive -q "$q" --offset 2020-01-01T00:00:00Z --until-empty | cmp - <(seq 0 99)
	receive -q "$q" --offset 100 --until-empty | cmp - /dev/null
	run -0 receive -q "$q" --offset last --until-empty
	[ "${lines[-1]}" = 99 ]
}

@test "next, which is what it does by itself" {
	local how
	for how in --offset=next ''; do
		spawn recv receive --chat=always -q "$q" ${how:+"$how"}
		await_log 'Waiting for messages' recv.out
		send -q "$q" new
		await_log 'Received new' recv.out
		kill "$recv_pid"
		expect_status 0 recv
		[ "$(wc -l <recv.out)" -eq 2 ]
	done
}

@test "a count, and nothing is given back to it" {
	receive -q "$q" --offset first -c 3 | cmp - <(seq 0 2)
	receive -q "$q" --offset first -p 100 -c 30 | cmp - <(seq 0 29)
	run -0 --separate-stderr receive -q "$q" --offset 97 --peek
	[ "$output" = $'97\n98\n99' ]
	[ -z "$stderr" ]
}

@test "more than the prefetch" {
	receive -q "$q" --offset first -p 7 --until-empty | cmp - <(seq 0 99)
}

@test "until it is empty ends on a stream that shows nothing" {
	run -0 receive -q "$q" --until-empty
	[ -z "$output" ]
}

@test "a stream is made with --queue-type" {
	receive -q "$q.new" --queue-type=stream --offset first --until-empty
	send -q "$q.new" one
	receive -q "$q.new" --offset first -c 1
	run -0 receive -q "$q.new" --offset first -c 1
	[ "$output" = one ]
}

@test "a reader that goes away, a full device" {
	run -74 bash -c "receive -q $q --offset first >/dev/full"
	run -0 bash -c "receive -q $q --offset first | head -n 1; exit \$((PIPESTATUS[0] != 141 && PIPESTATUS[0] != 0))"
	spawn recv receive -q "$q" --offset first
	await_log '^99$' recv.out
	kill "$recv_pid"
	expect_status 0 recv
	seq 0 99 | cmp - recv.out
}

@test "after a lost connection it goes on where it was" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of its own"
	spawn recv receive -q "$q" --offset first -p 10 -c 110
	await_log '^99$' recv.out
	"$broker" ctl close_all_connections -p "$VHOST" 'closed by a test'
	await_log 'receive: reconnected after [0-9.]* s$' recv.err
	seq 100 109 | send -q "$q" -l
	expect_status 0 recv
	seq 0 109 | cmp - recv.out
}

@test "what does not go with a stream is an error" {
	run -64 receive -q "$q" --offset first -A
	[ "$output" = 'receive: a stream needs acknowledgements: it has no --no-ack (see receive --help)' ]
	run -64 receive -q "$q" --queue-type=stream -A
	run -64 receive -q "$q" --offset yesterday
	[ "$output" = 'receive: --offset=yesterday: invalid (see receive --help)' ]
	run -64 receive -q "$q" --offset ''
	send -q "$q.classic" one
	run -78 receive -q "$q.classic" --offset first
	[[ $output == "receive: cannot consume from queue '$q.classic': PRECONDITION_FAILED - invalid arg 'x-stream-offset' "* ]]
}
