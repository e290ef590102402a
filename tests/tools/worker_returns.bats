# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# worker --retry-type=classic: queues for delays that give nothing back by themselves, and how their
# messages come back.
# Assigned by run and spawn, and code for other shells:
# shellcheck disable=SC2154,SC2016

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=returns_$BATS_TEST_NUMBER
	alarm=
	user=
}

teardown() {
	end_spawned
	[ -z "$alarm" ] || "$broker" ctl set_vm_memory_high_watermark 0.6
	[ -z "$user" ] || "$broker" ctl delete_user "$user"
}

# A pause of a blink in the worker, then of half a second in a queue.
quick=(--retry-type=classic --hold 0.3 --delays "100ms,500ms" --attempts 3)
slow=(--retry-type=classic --delays 1h --attempts 2)

# What a worker leaves in the queue for a delay, with these headers.
wait_in() { # DELAY BODY [HEADERS]
	local headers='{"x-attempt": 1, "x-origin-routing-key": "k"}'
	publish_pika "" "$queue.delay.$1" "$2" "{\"headers\": ${3:-$headers}}"
}

# A worker that brings messages back and takes none.
spawn_paused() { # OPTION...
	spawn w worker -q "$queue" "$@" cat
	await_consumers 10 1 "$queue"
	kill -USR1 "$w_pid"
	await_consumers 10 0 "$queue"
}

end_worker() {
	kill -TERM "$w_pid"
	expect_status 0 w
}

# --setup

@test "--setup declares queues that only keep, and again" {
	run -0 worker --setup -q "$queue" "${quick[@]}"
	[ "$output" = "" ]
	run -0 worker --setup -q "$queue" "${quick[@]}"
	[ "$output" = "" ]
	for name in "$queue" "$queue.dead" "$queue.delay.500ms"; do
		[ "$(depth "$name")" -eq 0 ]
	done
	run -1 peer depth "$queue.retry.500ms"
	wait_in 500ms kept
	run -0 worker -q "$queue" "${slow[@]}" --idle-timeout 2 cat
	[ "$(depth "$queue.delay.500ms")" -eq 1 ]
}

@test "--setup does not take a queue that is there in another way: 78" {
	declare_queue "$queue.delay.500ms" '{"x-message-ttl": 500}'
	run -78 worker --setup -q "$queue" "${quick[@]}"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"'$queue.delay.500ms'"*x-message-ttl* ]]
}

@test "--setup for the other type: 78" {
	worker --setup -q "$queue" "${quick[@]}"
	run -78 worker --setup -q "$queue" "${quick[@]:1}" --retry-type=quorum
	[[ $output == *"'$queue.dead'"*x-queue-type* ]]
}

@test "a worker for the other type says that there are no such queues" {
	worker --setup -q "$queue" "${quick[@]}"
	work-publish -q "$queue" bad
	spawn w worker -q "$queue" "${quick[@]:1}" --retry-type=quorum false
	await_log "have no queues of their own (worker --setup makes them): .*'$queue.retry.500ms'" w.err
	end_worker
}

@test "no other type: 64" {
	run -64 worker --retry-type=stream true
	[[ $output == "worker: --retry-type=stream: must be quorum or classic"* ]]
}

# There and back

@test "pauses in a classic queue are as long as they should be, and the message ends among the dead" {
	worker --setup -q "$queue" "${quick[@]}" --queue-type=classic
	work-publish -q "$queue" --message-id m1 bad
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'date +%s%N >>log; echo "$AMQP_ATTEMPT $AMQP_ROUTING_KEY $AMQP_REDELIVERED" >>attempts; exit 3'
	timeout 20 /usr/bin/python3 "$tests/peer.py" get-json "$queue.dead" >got
	printf '%s\n' "1 $queue 0" "2 $queue 0" "3 $queue 0" | cmp attempts -
	{ read -r _ && read -r second && read -r third; } <log
	[ $((third - second)) -ge 500000000 ]
	grep -q '"x-attempt": 3' got
	grep -q '"x-dead-reason": "attempts"' got
	end_worker
	printf '%s\n' "worker: message 'm1': command failed with exit status 3; trying again in 0.1 s" \
		"worker: message 'm1': command failed with exit status 3; it goes to '$queue.delay.500ms'" \
		"worker: message 'm1': command failed with exit status 3; it goes to '$queue.dead'" | cmp w.err -
	[ "$(depth "$queue.delay.500ms")" -eq 0 ]
}

@test "a message comes back as it is, and persistent" {
	worker --setup -q "$queue" "${quick[@]}" --queue-type=classic
	publish_pika "" "$queue.delay.500ms" task '{"headers": {"x-attempt": 2, "n": 5, "t": [true, {"a": "b"}]},
		"content_type": "text/plain", "content_encoding": "x", "priority": 3, "correlation_id": "c",
		"reply_to": "r", "message_id": "m", "timestamp": 7, "type": "t", "app_id": "a", "delivery_mode": 2}'
	peer get-json "$queue.delay.500ms" >before
	publish_pika "" "$queue.delay.500ms" task '{"headers": {"x-attempt": 2, "n": 5, "t": [true, {"a": "b"}]},
		"content_type": "text/plain", "content_encoding": "x", "priority": 3, "correlation_id": "c",
		"reply_to": "r", "message_id": "m", "timestamp": 7, "type": "t", "app_id": "a", "delivery_mode": 1}'
	spawn_paused "${quick[@]}"
	await_depth 10 1 "$queue"
	peer get-json "$queue" >after
	sed "s/$queue.delay.500ms/$queue/" before | cmp - after
	end_worker
	[ "$(cat w.err)" = "worker: paused" ]
}

@test "a time that cannot be true, or none, is no reason to wait for longer than the delay" {
	worker --setup -q "$queue" "${quick[@]}"
	spawn_paused "${quick[@]}"
	wait_in 500ms none
	wait_in 500ms future '{"x-last-failed-at": 4102444800}'
	wait_in 500ms endless '{"x-last-failed-at": 9223372036854775807}'
	wait_in 500ms negative '{"x-last-failed-at": -1}'
	wait_in 500ms words '{"x-last-failed-at": "yesterday"}'
	wait_in 500ms table '{"x-last-failed-at": {"a": 1}}'
	wait_in 500ms past '{"x-last-failed-at": 0}'
	await_depth 10 7 "$queue"
	end_worker
	[ "$(cat w.err)" = "worker: paused" ]
}

@test "a long delay: who is due comes back, who is not stays, also when the worker ends" {
	worker --setup -q "$queue" "${slow[@]}"
	spawn_paused "${slow[@]}"
	wait_in 1h due "{\"x-last-failed-at\": $(($(date +%s) - 3601))}"
	wait_in 1h later "{\"x-last-failed-at\": $(($(date +%s) - 1800))}"
	await_depth 10 1 "$queue"
	[ "$(get_pika "$queue")" = due ]
	await_depth 10 0 "$queue.delay.1h"
	end_worker
	[ "$(depth "$queue")" -eq 0 ]
	[ "$(get_pika "$queue.delay.1h")" = later ]
}

@test "many that are due at once all come back, in their order" {
	worker --setup -q "$queue" "${slow[@]}"
	spawn_paused "${slow[@]}"
	seq 300 | send -q "$queue.delay.1h" -l --header x-last-failed-at:int=0
	await_depth 20 300 "$queue"
	get_pika "$queue" 300 | cmp - <(seq 300)
	end_worker
	[ "$(depth "$queue.delay.1h")" -eq 0 ]
}

@test "-c N and --until-empty" {
	worker --setup -q "$queue" "${quick[@]}"
	wait_in 500ms task
	run -0 worker -q "$queue" "${quick[@]}" -c 1 cat
	[ "$output" = task ]
	worker --setup -q "$queue" "${slow[@]}"
	wait_in 1h later "{\"x-last-failed-at\": $(date +%s)}"
	run -0 worker -q "$queue" "${slow[@]}" --until-empty cat
	[ "$output" = "" ]
	[ "$(depth "$queue.delay.1h")" -eq 1 ]
}

@test "--until-empty: 1 if no command succeeded, 0 if one did" {
	worker --setup -q "$queue" "${quick[@]}"
	seq 3 | work-publish -q "$queue" -l
	run -1 worker -q "$queue" "${quick[@]}" --until-empty sh -c 'exit 65'
	[ "${lines[-1]}" = "worker: cannot finish any message: 3 commands failed" ]
	seq 3 | work-publish -q "$queue" -l
	run -0 worker -q "$queue" "${quick[@]}" --until-empty sh -c '[ "$(cat)" = 3 ] || exit 65'
	run -0 worker -q "$queue" "${quick[@]}" --until-empty sh -c 'exit 65'
}

# Obstacles

@test "the main queue has gone: kept, said once, and back when it is there again" {
	worker --setup -q "$queue" "${quick[@]}"
	spawn_paused "${quick[@]}"
	drop "$queue"
	wait_in 500ms a
	wait_in 500ms b
	await_log "^worker: cannot bring messages back to '$queue': there is no such queue; they are kept$" w.err
	declare_queue "$queue"
	await_depth 10 2 "$queue"
	end_worker
	[ "$(wc -l <w.err)" -eq 2 ]
}

@test "the main queue has gone, and the worker ends: kept" {
	worker --setup -q "$queue" "${quick[@]}"
	spawn_paused "${quick[@]}"
	drop "$queue"
	wait_in 500ms a
	await_log "there is no such queue; they are kept" w.err
	end_worker
	[ "$(get_pika "$queue.delay.500ms")" = a ]
}

@test "the main queue is full: kept, said once, and back when there is room" {
	worker --setup -q "$queue" "${quick[@]}" --arg x-max-length=1 --arg x-overflow=reject-publish --queue-type=classic
	work-publish -q "$queue" full
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'until [ -e go ]; do sleep 0.05; done; echo >>log'
	await_depth 10 0 "$queue"
	work-publish -q "$queue" full
	wait_in 500ms task
	await_log "^worker: cannot bring messages back to '$queue': the broker does not take them for now: is the queue full?; they are kept$" w.err 20
	touch go
	await 20 eval '[ "$(wc -l <log)" -eq 3 ]'
	end_worker
	[ "$(depth "$queue.delay.500ms")" -eq 0 ]
	[ "$(grep -c "cannot bring" w.err)" -eq 1 ]
}

spawn_before_alarm() {
	need_control ctl
	worker --setup -q "$queue" "${quick[@]}"
	wait_in 500ms task
	alarm=1
	"$broker" ctl set_vm_memory_high_watermark 0.00001
	spawn w worker -q "$queue" "${quick[@]}" sh -c 'cat >>log'
	await_log "^worker: the broker takes no messages for now: .*; messages on their way back are held$" w.err 20
}

@test "a broker that takes no messages: kept, and back afterwards" {
	spawn_before_alarm
	[ ! -e log ]
	"$broker" ctl set_vm_memory_high_watermark 0.6
	await_log task log 20
	end_worker
	[ "$(cat log)" = task ]
}

@test "a broker that takes no messages, and the worker ends: kept" {
	spawn_before_alarm
	end_worker
	[ "$(wc -l <w.err)" -eq 1 ]
	"$broker" ctl set_vm_memory_high_watermark 0.6
	run -0 worker -q "$queue" "${quick[@]}" -c 1 cat
	[ "$output" = task ]
}

@test "a message that the broker refuses stays, and the others come back" {
	need_control ctl
	worker --setup -q "$queue" "${quick[@]}"
	user=somebody_$BATS_TEST_NUMBER
	"$broker" ctl add_user "$user" secret
	"$broker" ctl set_permissions -p "${VHOST:-/}" "$user" '.*' '.*' '.*'
	publish_pika "" "$queue.delay.500ms" odd '{"user_id": "guest"}'
	wait_in 500ms task
	AMQP_URL="amqp://$user:secret@${AMQP_URL##*@}" spawn_paused "${quick[@]}"
	await_depth 10 1 "$queue"
	grep -q "^worker: cannot bring message with key '$queue.delay.500ms' back to '$queue': the broker refused it: .*user_id" w.err
	end_worker
	[ "$(get_pika "$queue.delay.500ms")" = odd ]
}

@test "a delay's queue is deleted: said once, and all goes on when it is there again" {
	worker --setup -q "$queue" "${quick[@]}"
	spawn_paused "${quick[@]}"
	drop "$queue.delay.500ms"
	await_log "^worker: cannot bring messages back to '$queue': .*'$queue.delay.500ms'.*; they are kept$" w.err
	worker --setup -q "$queue" "${quick[@]}"
	wait_in 500ms task
	await_depth 20 1 "$queue"
	end_worker
	[ "$(wc -l <w.err)" -eq 2 ]
}

@test "the connection is lost while a message is held: it comes back all the same, once" {
	need_control ctl
	worker --setup -q "$queue" --retry-type=classic --attempts 2 --delays 2s --hold 1
	spawn_paused --retry-type=classic --attempts 2 --delays 2s --hold 1
	wait_in 2s task
	await_depth 5 0 "$queue.delay.2s"
	"$broker" ctl close_all_connections --vhost "${VHOST:-/}" bye
	await_depth 20 1 "$queue"
	end_worker
	[ "$(depth "$queue")" -eq 1 ]
	[ "$(depth "$queue.delay.2s")" -eq 0 ]
}
