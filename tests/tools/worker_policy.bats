# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# worker: what becomes of messages whose commands fail, and how long commands and workers live.
# Assigned by run and spawn, and code for other shells:
# shellcheck disable=SC2154,SC2016

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=policy_$BATS_TEST_NUMBER
	alarm=
}

teardown() {
	touch go
	end_spawned
	[ -z "$alarm" ] || "$broker" ctl set_vm_memory_high_watermark 0.6
}

put() { printf '%s\n' "$@" | work-publish -q "$queue" -l; }

# Pauses of a blink in the worker, then of half a second in a queue.
quick=(--hold 0.3 --delays "100ms,200ms,500ms" --attempts 4)

set_up() {
	worker --setup -q "$queue" "${quick[@]}"
}

# What is in the dead queue, as an object a line.
dead() { # [N]
	timeout 20 /usr/bin/python3 "$tests/peer.py" get-json "$queue.dead" "${1:-1}"
}

field() { # NAME: of objects on standard input; headers.NAME for a header
	/usr/bin/python3 -c '
import json, sys
for line in sys.stdin:
    value = json.loads(line)
    for name in sys.argv[1].split(".", 1):
        value = value.get(name)
    print(value)' "$1"
}

lines_are() { # N PATTERN FILE
	[ "$(grep -c "$2" "$3" 2>/dev/null)" = "$1" ]
}

all_gone() { # FILE
	while read -r pid; do
		await 5 gone "$pid"
	done <"$1"
}

# --setup

@test "--setup declares all queues, and again" {
	run -0 set_up
	[ "$output" = "" ]
	run -0 set_up
	[ "$output" = "" ]
	for name in "$queue" "$queue.dead" "$queue.retry.500ms"; do
		[ "$(depth "$name")" -eq 0 ]
	done
	run -1 peer depth "$queue.retry.200ms"
}

@test "--setup differs from what is there: 78" {
	set_up
	run -78 worker --setup -q "$queue" "${quick[@]}" --retry-type=classic
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *x-queue-type* ]]
}

@test "--setup uses the main queue that is there, and warns" {
	declare_queue "$queue" '{"x-queue-type": "quorum"}'
	run -0 set_up
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "worker: warning: '$queue' was there before and stays as it is"* ]]
	run -78 worker --setup -q "$queue" "${quick[@]}" --declare=strict
}

@test "--setup cuts no name: 64 if one of its queues has too long a one" {
	long=$(printf 'x%.0s' {1..244})
	for delays in 5s,5001ms 5001ms,5s; do
		run -64 worker --setup -q "$long" --attempts 3 --delays "$delays"
		[ "$output" = "worker: --queue: too long for --setup (see worker --help)" ]
	done
	run -64 worker --setup -q "${long}xxxxxxx" --attempts 1
}

@test "what the broker itself gives up is in the dead queue" {
	need_control ctl
	worker --setup -q "$queue" --arg x-delivery-limit=2
	put crash
	for _ in 1 2 3; do
		run worker -q "$queue" --idle-timeout 2 sh -c 'kill -KILL $PPID; sleep 5'
	done
	dead | field body | grep -qx crash
	[ "$(depth "$queue")" -eq 0 ]
}

# Attempts

@test "short pauses here, a longer one in a queue, then the dead" {
	set_up
	put bad
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'cat >>log; echo " $AMQP_ATTEMPT $AMQP_ROUTING_KEY" >>log
		echo "no luck: $AMQP_ATTEMPT" >&2; exit 3'
	dead >got
	cat >wanted <<-EOS
		bad 1 $queue
		bad 2 $queue
		bad 3 $queue
		bad 4 $queue
	EOS
	tr -s '\n' <log | cmp wanted -
	grep -qx "worker: message '.*': command failed with exit status 3; trying again in 0.1 s" w.err
	grep -qx "worker: message '.*': command failed with exit status 3; trying again in 0.2 s" w.err
	grep -qx "worker: message '.*': command failed with exit status 3; it goes to '$queue.retry.500ms'" w.err
	grep -qx "worker: message '.*': command failed with exit status 3; it goes to '$queue.dead'" w.err
	[ "$(field headers.x-attempt <got)" = 4 ]
	[ "$(field headers.x-last-exit <got)" = 3 ]
	[ "$(field headers.x-last-error <got)" = "no luck: 4" ]
	[ "$(field headers.x-dead-reason <got)" = attempts ]
	[ "$(field headers.x-origin-queue <got)" = "$queue" ]
	[ "$(field message_id <got)" != None ]
	[ "$(field headers.x-death <got)" = None ]
	lines_are 4 "no luck" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 0 ]
}

@test "65 and 100 go to the dead at once, signals are tried again" {
	set_up
	put 65 100 killed
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'b=$(cat); [ $b = killed ] && kill -KILL $$; exit $b'
	dead 3 >got
	field body <got | sort | paste -s -d ' ' | grep -qx "100 65 killed"
	grep '"body": "65"' got | field headers.x-dead-reason | grep -qx exit
	grep '"body": "65"' got | field headers.x-attempt | grep -qx 1
	grep '"body": "killed"' got | field headers.x-last-signal | grep -qx 9
	grep '"body": "killed"' got | field headers.x-dead-reason | grep -qx attempts
}

@test "a command is told where its message came from at first" {
	set_up
	peer exchange "$queue.x" topic '{"durable": true}'
	peer bind "$queue" "$queue.x" 'a.#'
	publish_pika "$queue.x" a.b task
	worker -q "$queue" --idle-timeout 2 "${quick[@]}" sh -c 'echo "$AMQP_EXCHANGE $AMQP_ROUTING_KEY $AMQP_ATTEMPT" >>log; false' || true
	tail -n 1 log | grep -qx "$queue.x a.b 4"
	dead >got
	[ "$(field headers.x-origin-routing-key <got)" = a.b ]
	peer drop-exchange "$queue.x"
}

@test "nothing in a message sends its copy elsewhere" {
	set_up
	declare_queue "$queue.other"
	publish_pika "" "$queue" forged '{"headers": {"CC": ["'"$queue.other"'"], "x-attempt": 9223372036854775807,
		"x-death": [], "kept": 1}, "user_id": "guest", "expiration": "60000", "priority": 3, "message_id": "m-1"}'
	[ "$(depth "$queue.other")" -eq 1 ]
	worker -q "$queue" --idle-timeout 1 "${quick[@]}" false
	dead >got
	[ "$(depth "$queue.other")" -eq 1 ]
	[ "$(field headers.kept <got)" = 1 ]
	[ "$(field headers.x-origin-cc <got)" = "['$queue.other']" ]
	[ "$(field headers.x-origin-user-id <got)" = guest ]
	[ "$(field headers.x-origin-expiration <got)" = 60000 ]
	[ "$(field headers.CC <got)" = None ]
	[ "$(field user_id <got)" = None ]
	[ "$(field expiration <got)" = None ]
	[ "$(field priority <got)" = 3 ]
	[ "$(field message_id <got)" = m-1 ]
	[ "$(field headers.x-attempt <got)" = 5 ]
}

@test "-c: a failed message goes to a queue at once, and the status is 1" {
	set_up
	put bad
	run -1 worker -q "$queue" "${quick[@]}" -c 1 false
	[[ ${lines[0]} == "worker: message '"*"': command failed with exit status 1; it goes to '$queue.retry.500ms'" ]]
	await_depth 10 1 "$queue"
	run -0 worker -q "$queue" "${quick[@]}" -c 1 sh -c 'echo "$AMQP_ATTEMPT"'
	[ "$output" = 2 ]
}

@test "standard error is passed on, and its end is kept: valid, escaped, at most 1 KiB" {
	set_up
	put noisy
	spawn w worker -q "$queue" --attempts 1 sh -c 'head -c 3000000 /dev/zero | tr "\0" x >&2; printf "\n\033[1m\377\303\244\n" >&2; false'
	dead >got
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(tr -cd x <w.err | wc -c)" -ge 3000000 ]
	field headers.x-last-error <got >said
	[ "$(wc -c <said)" -le 1025 ]
	grep -q 'x\\n\\033\[1m\\377' said
}

@test "a child in the background may go on writing to standard error" {
	set_up
	put task
	spawn w worker -q "$queue" sh -c '(sleep 1; echo late >&2; echo alive >finished) & exit 0'
	await_depth 5 0 "$queue"
	await 5 test -s finished
	await_log late w.err
}

# Other meanings of exit statuses

@test "--exit-map: as for rabbitmq-cli-consumer" {
	declare_queue "$queue.dlx"
	declare_queue "$queue" '{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "'"$queue.dlx"'"}'
	put 0 3 4 5 6
	spawn w worker -q "$queue" --exit-map=strict sh -c 'b=$(cat); echo "$b" >>log; [ "$AMQP_REDELIVERED" = 1 ] || exit $b'
	await 10 eval '[ "$(sort log | paste -s -d " ")" = "0 3 4 4 5 6 6" ]'
	await_depth 5 2 "$queue.dlx"
	await_depth 5 0 "$queue"
	get_pika "$queue.dlx" 2 | sort | paste -s -d ' ' | grep -qx '3 5'
	kill -TERM "$w_pid"
	expect_status 0 w
}

@test "--exit-map=strict: any other status stops the worker, and the message stays" {
	put task
	run -70 worker -q "$queue" --exit-map=strict sh -c 'exit 7'
	[ "${#lines[@]}" -eq 1 ]
	await_depth 5 1 "$queue"
	run -0 worker -q "$queue" --exit-map=strict,7=ack -c 1 sh -c 'exit 7'
}

@test "maps and delays that make no sense: 64" {
	for arg in --exit-map=x --exit-map=256=ack --exit-map=1=perhaps --delays=1s,,2s --delays= --attempts=0; do
		run -64 worker "$arg" true
	done
}

# When the queues for failed messages are in trouble

@test "no queue for the delay: the message is held, and moved when there is one" {
	set_up
	put bad
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'echo >>log; until [ -e dropped ]; do sleep 0.02; done; false'
	await 10 lines_are 1 '' log
	drop "$queue.retry.500ms"
	touch dropped
	await_log "there is no such queue; it is held" w.err
	[ "$(depth "$queue.dead")" -eq 0 ]
	set_up
	dead | field body | grep -qx bad
}

@test "no queue for the delay for a minute: 67, and the message is back" {
	[ -n "${RMQ_SOAK:-}" ] || skip "takes a minute"
	set_up
	put bad
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'echo >>log; false'
	await 10 lines_are 1 '' log
	drop "$queue.retry.500ms"
	expect_status 67 w 90
	[ "$(depth "$queue")" -eq 1 ]
}

@test "a full queue takes no copy: the original is kept" {
	declare_queue "$queue.dead"
	declare_queue "$queue.retry.1h" '{"x-max-length": 1, "x-overflow": "reject-publish"}'
	put 1 2 3
	spawn w worker -q "$queue" -P 3 --delays 1h false
	await_log "does not take failed messages for now" w.err 20
	[ "$(depth "$queue.retry.1h")" -eq 1 ]
	kill -TERM "$w_pid"
	expect_status 0 w 20
	[ "$(depth "$queue")" -eq 2 ]
}

@test "a message that no frame holds with the headers of a copy goes back to its queue" {
	worker --setup -q "$queue" --attempts 1
	send -q "$queue" -H "long=$(printf %0130850d 0)" bad
	spawn w worker -q "$queue" --attempts 1 false
	await_log "^worker: cannot copy message '.*': .*; it goes back to its queue in 1 s$" w.err
	await_log "^worker: cannot copy message '.*': .*; it goes back to its queue in 2 s$" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 1 ]
	[ "$(depth "$queue.dead")" -eq 0 ]
}

@test "a broker that takes no messages: failed ones are held, others are acknowledged" {
	need_control ctl
	worker --setup -q "$queue" --attempts 1
	put bad1 bad2 good
	alarm=1
	spawn w worker -q "$queue" -P 3 --attempts 1 sh -c 'b=$(cat); [ $b = bad1 ] || until [ -e go ]; do sleep 0.05; done; [ $b = good ]'
	await_log "goes to '$queue.dead'" w.err
	await_depth 10 1 "$queue.dead"
	"$broker" ctl set_vm_memory_high_watermark 0.00001
	touch go
	await_log "takes no messages for now" w.err 20
	await 10 eval 'kill -USR2 "$w_pid"; grep -q "0 running, .* 1 being moved, .*; 3 commands .* 1 succeeded" w.err'
	"$broker" ctl set_vm_memory_high_watermark 0.6
	await_depth 20 2 "$queue.dead"
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 0 ]
}

# Outages

@test "when all fail, ten are moved at most, and work goes on afterwards" {
	worker --setup -q "$queue" --attempts 1
	seq 40 | work-publish -q "$queue" -l
	spawn w worker -q "$queue" --attempts 1 -P 2 test -e healed
	await_log "10 different messages failed in a row: pausing" w.err
	sleep 3
	touch healed
	await_log "a command succeeded: going on" w.err 20
	await_depth 10 0 "$queue"
	[ "$(depth "$queue.dead")" -le 10 ]
	[ "$(depth "$queue.dead")" -ge 8 ]
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 0 ]
}

@test "--halt-after stops with 75, and what was not moved is in the queue" {
	seq 10 | work-publish -q "$queue" -l
	run -75 worker -q "$queue" --halt-after 3 -P 3 false
	[[ $output == *"3 different messages failed in a row: stopping"* ]]
	await_depth 5 10 "$queue"
}

# Time

@test "--job-timeout ends the command and its children, and that is a failure" {
	worker --setup -q "$queue" --attempts 1
	put task
	spawn w worker -q "$queue" --attempts 1 --job-timeout 1 --kill-after 1 \
		sh -c 'trap "" TERM; echo $$ >pid; sleep 100 & echo $! >>pid; wait; wait'
	dead >got
	[ "$(field headers.x-last-signal <got)" = 9 ]
	all_gone pid
	grep -q "message '.*': command did not end within 1 s; it goes to '$queue.dead'" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 0 ]
}

@test "a command that ends by SIGTERM in time is not killed, but has failed" {
	put task
	run -1 worker -q "$queue" -c 1 --job-timeout 1 sh -c 'trap "exit 0" TERM; sleep 100 & wait'
	[[ ${lines[0]} == "worker: message '"*"': command did not end within 1 s; it goes back to its queue" ]]
}

@test "--job-timeout with a classic and with a quorum queue" {
	for type in classic quorum; do
		drop "$queue"
		declare_queue "$queue" '{"x-queue-type": "'$type'"}'
		put task
		run -0 worker -q "$queue" --job-timeout 30 -c 1 cat
		[ "$output" = task ]
	done
}

@test "--max-jobs and --max-time: 0" {
	put 1 2 3
	run -0 worker -q "$queue" --max-jobs 2 cat
	[ "$output" = 12 ]
	await_depth 5 1 "$queue"
	run -0 worker -q "$queue" --max-time 500ms cat
	[ "$output" = 3 ]
}

# Signals

@test "SIGUSR1 pauses and resumes, SIGUSR2 tells what runs" {
	put 1
	spawn w worker -q "$queue" -P 2 sh -c 'echo "$(cat)" >>log; [ -e go ] || until [ -e go ]; do sleep 0.05; done'
	await 10 lines_are 1 . log
	kill -USR2 "$w_pid"
	await_log "1 running, 0 waiting" w.err
	await_log "running for .* s: process .*, message '.*', attempt 1" w.err
	kill -USR1 "$w_pid"
	await_log paused w.err
	await_consumers 5 0 "$queue"
	put 2
	sleep 0.5
	lines_are 1 . log
	[ "$(depth "$queue")" -eq 1 ]
	touch go
	kill -USR1 "$w_pid"
	await 10 lines_are 2 . log
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 0 ]
}

@test "SIGUSR1 while a message waits for its next attempt: when that is due, it is for others" {
	worker --setup -q "$queue" --delays 3s --attempts 2
	put bad
	spawn w worker -q "$queue" --delays 3s --attempts 2 sh -c 'echo >>log; false'
	await_log "trying again in 3 s" w.err
	kill -USR1 "$w_pid"
	await_log paused w.err
	await_depth 10 1 "$queue"
	lines_are 1 '' log
	kill -TERM "$w_pid"
	expect_status 0 w
}

@test "paused and resumed at once, and ended while paused" {
	spawn w worker -q "$queue" sh -c 'cat >>log'
	await_consumers 10 1 "$queue"
	for _ in 1 2 3 4 5 6; do kill -USR1 "$w_pid"; sleep 0.05; done
	put x
	await 10 lines_are 1 x log
	kill -USR1 "$w_pid"
	await_consumers 5 0 "$queue"
	kill -TERM "$w_pid"
	expect_status 0 w
}

@test "SIGTERM while a message waits for its next attempt: it is back" {
	worker --setup -q "$queue" --delays 3s --attempts 2
	put bad
	spawn w worker -q "$queue" --delays 3s --attempts 2 false
	await_log "trying again in 3 s" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 1 ]
}

# The connection

@test "--on-lost=kill ends commands whose message is no longer ours" {
	need_control ctl
	put task
	spawn w worker -q "$queue" --on-lost=kill sh -c 'echo $$ >>pid; sleep 100 & echo $! >>pid; wait'
	await 10 lines_are 2 . pid
	cp pid first
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	all_gone first
	await 20 lines_are 4 . pid
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	signal_again TERM "$w_pid"
	expect_status 75 w
	all_gone pid
}
