#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A quorum queue that drops what is given back more than 20 times: no program of ours makes it do so.
# Brokers before 4.0 have no such limit unless it is asked for, so here it is.
# With RMQ_SOAK=MINUTES each is done forty times instead of 24, and a worker whose command always fails runs for that
# long; 17 minutes were enough to lose a message.
# shellcheck disable=SC2016,SC2154,SC2086 # code for other shells; variables of run and spawn; a number

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
times=${RMQ_SOAK:+40}
times=${times:-24}
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=back_$BATS_TEST_NUMBER
	declare_queue "$q" '{"x-queue-type": "quorum", "x-delivery-limit": 20}'
}

# Messages 1 to N, with a body that fills pipes if a size is given.
fill() { # N [SIZE]
	seq "$1" | sed "s/\$/ $(head -c "${2:-1}" /dev/zero | tr '\0' x)/" | send -q "$q" -l
}

# All that are there, and perhaps those that are done: each number up to N.
all_there() { # N [FILE]
	receive -q "$q" -W 10 --until-empty -F '%s\n' | cut -d ' ' -f 1 >rest
	sort -un rest "${2:-/dev/null}" | cmp - <(seq "$1")
}

# Whether a return counts by itself: from 4.3 on basic.nack does not.
counts_returns() { limits_classic; }

@test "worker -c 1, whose command fails" {
	send -q "$q" -H n=1 --message-id m1 task
	for _ in $(seq $times); do
		run -1 worker -q "$q" -c 1 -W 5 -- false
		[[ $output == *"worker: message 'm1': command failed with exit status 1; it goes back to its queue"* ]]
	done
	receive -q "$q" -c 1 -J -W 5 >got
	grep -q '"message_id":"m1"' got
	grep -q '"n":"1"' got
	grep -q '"payload":"task"' got
}

@test "worker -p 50, ended by SIGTERM" {
	fill 100
	for n in $(seq $times); do
		spawn w worker -q "$q" -p 50 -- sh -c 'cut -d " " -f 1 >>finished; echo >>begun; sleep 0.05'
		await 10 eval '[ -s begun ]'
		kill -TERM "$w_pid"
		expect_status 0 w
		rm begun
	done
	all_there 100 finished
}

@test "SIGUSR1: a worker that is paused and goes on" {
	need_control ctl
	fill 60
	spawn w worker -q "$q" -p 50 -- sh -c 'cut -d " " -f 1 >>finished; sleep 0.2'
	for n in $(seq $times); do
		await_consumers 10 1 "$q"
		kill -USR1 "$w_pid"
		await 10 eval '[ "$(grep -c "paused$" w.err)" -eq '"$n"' ]'
		await_consumers 10 0 "$q"
		kill -USR1 "$w_pid"
		await 10 eval '[ "$(grep -c "going on$" w.err)" -eq '"$n"' ]'
	done
	kill -TERM "$w_pid"
	expect_status 0 w
	all_there 60 finished
}

@test "receive, whose reader is slow" {
	fill 300 20000
	for _ in $(seq $times); do
		receive -q "$q" -W 0.3 | { sleep 0.4; cut -d ' ' -f 1; } >>finished
	done
	all_there 300 finished
}

@test "receive --peek" {
	fill 30
	for _ in $(seq $times); do
		run -0 --separate-stderr receive -q "$q" --peek
		[ "${#lines[@]}" -eq 30 ]
	done
	all_there 30
}

@test "move that moves nothing, and one that only looks" {
	fill 30
	declare_queue "$q.to"
	for _ in $(seq $((times / 2))); do
		run -0 move --filter n=1 "$q" "$q.to"
		run -0 move --dry-run "$q" "$q.to"
	done
	all_there 30
	[ "$(depth "$q.to")" -eq 0 ]
}

# Given back so often that the next ten are not given back.
wear() { # BODY [OPTION...]
	local body=$1
	shift
	send -q "$q" "$@" "$body"
	for _ in {1..10}; do receive -q "$q" --peek >/dev/null 2>&1; done
}

@test "what came back ten times is tried again where it is, and goes to the end of its queue as a copy" {
	counts_returns || skip "here a return does not count"
	peer exchange "$q.in" topic '{"durable": true}'
	peer bind "$q" "$q.in" a.b
	send -e "$q.in" -r a.b --message-id m1 -H n=1 bad
	for _ in {1..10}; do receive -q "$q" --peek >/dev/null 2>&1; done
	spawn w worker -q "$q" -- sh -c 'echo "$AMQP_EXCHANGE $AMQP_ROUTING_KEY" >>log; exit 1'
	await 15 eval '[ "$(grep -c . log)" -ge 3 ]'
	kill -TERM "$w_pid"
	expect_status 0 w
	grep -q "^worker: message 'm1': command failed with exit status 1; trying again in 1 s$" w.err
	grep -q "^worker: warning: queue '$q' drops what is given back too often; copies of what came back 10 times go to its end instead$" w.err
	run -0 worker -q "$q" -c 1 -W 5 -- sh -c 'echo "$AMQP_EXCHANGE $AMQP_ROUTING_KEY $AMQP_MESSAGE_ID"; echo "$AMQP_HEADERS" >headers'
	[ "$output" = "$q.in a.b m1" ]
	# The worker may have had the copy, too, before it ended.
	run ! grep -E '"x-delivery-count": ?[0-9]{2}' headers
}

@test "a copy that may not be made: the message goes back as it is, and is named, 75" {
	counts_returns || skip "here a return does not count"
	need_control ctl
	wear task --message-id m1
	user=reader_$BATS_TEST_NUMBER
	"$broker" ctl add_user "$user" secret
	"$broker" ctl set_permissions -p "${VHOST:-/}" "$user" '' '' '.*'
	AMQP_URL="amqp://$user:secret@${AMQP_URL##*@}" run -75 receive -q "$q" --peek
	"$broker" ctl delete_user "$user"
	[[ $output == *"receive: cannot put a copy of message 'm1' into queue '$q': "*"; it goes back as it is, and may be dropped"* ]]
	receive -q "$q" -c 1 -W 5 | cmp - <(echo task)
}

@test "a soak: a worker whose command always fails" {
	[ -n "${RMQ_SOAK:-}" ] || skip "RMQ_SOAK is not set"
	send -q "$q" task
	spawn w worker -q "$q" -- false
	sleep $((RMQ_SOAK * 60))
	kill -TERM "$w_pid"
	expect_status 0 w
	receive -q "$q" -c 1 -W 5 | cmp - <(echo task)
}
