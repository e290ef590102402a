# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# worker whose command takes longer than the broker waits for acknowledgements. The broker must be
# one's own.

# Assigned in broker.bash and by spawn; for await.
# shellcheck disable=SC2154,SC2016

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
	end_spawned
	be_patient
}

lines_are() { # N PATTERN FILE
	[ "$(grep -c "$2" "$3" 2>/dev/null)" = "$1" ]
}

# The job keeps its command, its message is there for others, and nothing waits here meanwhile.
too_slow() { # TYPE
	local q=$1
	need_control ctl
	be_impatient 1000 500
	declare_queue "$q" "{\"x-queue-type\": \"$q\"}"
	publish_pika "" "$q" task	# without an id
	spawn w worker -q "$q" sh -c 'echo begin >>log; until [ -e go ]; do sleep 0.02; done; echo end >>log'
	await_log '^worker: the broker took its messages back: .*; the messages of running commands will be delivered again$' w.err 20
	await_depth 10 1 "$q"
	await_consumers 10 0 "$q"
	lines_are 1 begin log
	be_patient
	touch go
	await 10 lines_are 2 end log
	await_depth 10 0 "$q"
	await_consumers 10 1 "$q"
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(wc -l <w.err)" -eq 1 ]
	lines_are 2 begin log
}

@test "a pause that is longer than the consumer timeout, in a classic queue" {
	limits_classic || skip "these brokers do not limit it"
	need_control ctl
	worker --setup -q pause --retry-type=classic --delays 12s --attempts 2
	be_impatient 3200 500	# its time comes between two timeouts: what is taken back just then comes twice
	send -q pause task
	spawn w worker -q pause --retry-type=classic --delays 12s --attempts 2 sh -c 'echo "$AMQP_ATTEMPT" >>log; [ "$AMQP_ATTEMPT" = 2 ]'
	await 40 lines_are 1 2 log
	await_depth 10 0 pause.delay.12s
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(wc -l <log)" -eq 2 ]
	[ "$(wc -l <w.err)" -eq 1 ]
	[ "$(depth pause.delay.12s)" -eq 0 ]
}

@test "a command past the consumer timeout, from a quorum queue" { too_slow quorum; }

@test "a command past the consumer timeout, from a classic queue" {
	limits_classic || skip "these brokers do not limit it"
	too_slow classic
}

# The first redelivery comes while the command runs, as there is another job for it.
done_once() { # JOBS LINES
	need_control ctl
	be_impatient 1000 500
	worker --setup -q "known$1"
	send -q "known$1" --message-id m-1 task
	spawn w worker -q "known$1" -P "$1" sh -c 'echo begin >>log; until [ -e go ]; do sleep 0.02; done; echo end >>log'
	await_log "took its messages back" w.err 20
	[ "$1" -eq 1 ] || await 20 eval '[ "$(grep -c "took its messages back" w.err)" -ge 2 ]'
	be_patient
	touch go
	await_log end log
	await_depth 20 0 "known$1"
	[ "$1" -ne 1 ] || await_log "^worker: message 'm-1' was done before it came back: acknowledged$" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	lines_are 1 begin log
	[ "$(depth "known$1")$(depth "known$1.dead")" = 00 ]
}

@test "a message with an id that is done too late is acknowledged when it comes back" { done_once 1; }

@test "a message with an id that comes back while its command runs belongs to that again" { done_once 2; }

@test "a message that takes too long once is done the second time" {
	need_control ctl
	be_impatient 2000 500
	worker --setup -q once
	publish_pika "" once slow
	spawn w worker -q once sh -c 'cat >>log; echo >>log; [ "$(wc -l <log)" -gt 1 ] || until [ -e go ]; do sleep 0.02; done'
	await_log "took its messages back" w.err 20
	touch go
	await 20 lines_are 2 slow log
	await_depth 20 0 once
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth once)" -eq 0 ]
	[ "$(depth once.dead)" -eq 0 ]
}

@test "a message that takes too long at its first attempt, then at its second, goes to the dead" {
	need_control ctl
	be_impatient 1000 500
	worker --setup -q later
	publish_pika "" later task
	# The second command of all fails, so that the third is the second attempt at the second delivery.
	spawn w worker -q later --delays 100ms sh -c 'taken() { grep -c "took its" w.err; }
		echo "$AMQP_ATTEMPT" >>log; [ "$(wc -l <log)" -ne 2 ] || exit 1
		n=$(taken); until [ "$(taken)" -gt "$n" ]; do sleep 0.05; done'
	await_depth 40 1 later.dead
	[ "$(paste -s -d ' ' log)" = "1 1 2" ]
	timeout 20 /usr/bin/python3 "$tests/peer.py" get-json later.dead | grep -q '"x-dead-reason": "timeout"'
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth later)" -eq 0 ]
}

@test "messages that take too long twice go to the dead" {
	need_control ctl
	be_impatient 1000 500
	worker --setup -q twice
	publish_pika "" twice a
	publish_pika "" twice b
	# Each command ends when messages were taken back once more.
	spawn w worker -q twice -P 2 sh -c 'taken() { grep -c "took its" w.err; }
		n=$(taken); until [ "$(taken)" -gt "$n" ]; do sleep 0.05; done; cat >>log; echo >>log'
	await_depth 40 2 twice.dead
	lines_are 2 a log
	lines_are 2 b log
	[ "$(timeout 20 /usr/bin/python3 "$tests/peer.py" get-json twice.dead 2 | grep -c '"x-dead-reason": "timeout"')" -eq 2 ]
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth twice)" -eq 0 ]
}
