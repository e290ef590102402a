# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# move: what arrives and how, what stays, and that nothing is lost on the way.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
	t=$q-target
	queue declare "$q"
	queue declare "$t"
}

# Print what a queue holds, and empty it.
bodies() { receive -q "$1" --until-empty; }

# A queue whose messages die at once, and $dead, where they go.
declare_mortal() {
	dead=$q-dead
	mortal=$q-mortal
	queue declare "$dead"
	queue declare --message-ttl=0 --dead-letter-exchange= --dead-letter-routing-key="$dead" "$mortal"
	queue bind "$mortal" amq.topic "$q.key"
}

@test "wrong operands and options" {
	run -64 move
	[[ $output == *'needs the name of a queue'* ]]
	run -64 move "$q"
	[[ $output == *'needs one target: a queue, --exchange or --to-origin'* ]]
	run -64 move --exchange amq.topic "$q" "$t"
	run -64 move --to-origin --exchange amq.topic "$q"
	run -64 move --routing-key k "$q" "$t"
	[[ $output == *'--routing-key is for --exchange'* ]]
	run -64 move "$q" "$q"
	[[ $output == *'the same queue'* ]]
	run -64 move "$q" "$t" more
	run -64 move --filter x "$q" "$t"
	[[ $output == *'--filter=x: needs NAME=VALUE'* ]]
	run -64 move --to-origin=there "$q"
	run -64 move --target-url http://a:b@c "$q" "$t"
	[[ $output != *a:b* ]]
}

@test "everything, in order" {
	seq 3000 | send -q "$q" -l
	run -0 move "$q" "$t"
	[ -z "$output" ]
	bodies "$t" | cmp - <(seq 3000)
	[ "$(depth "$q")" = 0 ]
}

@test "an empty queue is moved at once" {
	run -0 move -v "$q" "$t"
	[[ $output == 'move: moved=0 '* ]]
}

@test "what is missing is 67, and nothing is taken" {
	send -q "$q" x
	run -67 move "$q" no-such-queue
	[[ $output == "move: cannot find queue 'no-such-queue': NOT_FOUND"* ]]
	run -67 move --exchange no-such-exchange "$q"
	[[ $output == "move: cannot find exchange 'no-such-exchange': NOT_FOUND"* ]]
	run -67 move no-such-queue "$t"
	[[ $output == "move: cannot"*"queue 'no-such-queue': NOT_FOUND"* ]]
	[ "$(depth "$q")" = 1 ]
}

@test "no more than --count, and too few are 1" {
	seq 5 | send -q "$q" -l
	run -0 move -c 2 "$q" "$t"
	[ "$(bodies "$t")" = $'1\n2' ]
	run -1 move -c 4 "$q" "$t"
	[ "${lines[0]}" = "move: cannot move 4 messages of queue '$q': there were only 3" ]
	[[ ${lines[1]} == 'move: moved=3 returned=0 '* ]]
	[ "$(bodies "$t")" = $'3\n4\n5' ]
}

@test "properties and headers stay, what brokers wrote and what makes copies goes" {
	publish_pika '' "$q" body '{"content_type": "text/x", "content_encoding": "none", "delivery_mode": 1, "priority": 3,
		"correlation_id": "c", "reply_to": "r", "expiration": "3600000", "message_id": "m", "timestamp": 1795417200,
		"type": "t", "app_id": "a", "headers": {"n": 5, "text": "x", "deep": {"list": [1, "two", true]},
		"x-death": [{"queue": "a", "reason": "expired", "exchange": "", "routing-keys": ["a"], "count": 1}],
		"x-first-death-queue": "a", "x-first-death-reason": "expired", "x-first-death-exchange": "",
		"x-last-death-queue": "a", "x-last-death-reason": "expired", "x-last-death-exchange": "",
		"x-delivery-count": 3, "x-acquired-count": 4}}'
	move "$q" "$t"
	run -0 peer get-json "$t"
	[ "$output" = '{"app_id": "a", "body": "body", "content_encoding": "none", "content_type": "text/x", "correlation_id": "c", "delivery_mode": 1, "exchange": "", "expiration": "3600000", "headers": {"deep": {"list": [1, "two", true]}, "n": 5, "text": "x"}, "message_id": "m", "priority": 3, "redelivered": false, "reply_to": "r", "routing_key": "'"$t"'", "timestamp": 1795417200, "type": "t"}' ]
}

@test "CC makes no second copy, and a message without properties gets none" {
	queue declare "$q-other"
	queue bind "$q" amq.direct "$q.key"
	publish_pika amq.direct "$q.key" one "{\"headers\": {\"CC\": [\"$q-other\"]}}"
	publish_pika '' "$q" two
	move "$q" "$t"
	[ "$(depth "$q-other")" = 0 ]
	run -0 peer get-json "$t" 2
	[[ ${lines[0]} != *CC* && ${lines[0]} != *headers* ]]
	[[ ${lines[1]} == '{"body": "two", "exchange": "", "redelivered": false, "routing_key": '* ]]
}

@test "another user's message keeps that name in a header" {
	need_control ctl
	local user=${AMQP_URL#*//}
	user=${user%%[:@]*}
	send -q "$q" --user-id "$user" mine
	move "$q" "$t"
	run -0 peer get-json "$t"
	[[ $output == *"\"user_id\": \"$user\""* ]]
	"$broker" ctl add_user mover mover
	"$broker" ctl set_permissions -p "$VHOST" mover '' '.*' '.*'
	send -q "$q" --user-id "$user" mine
	(umask 077 && echo mover >password)
	move --username mover --password-file password "$q" "$t"
	"$broker" ctl delete_user mover
	run -0 peer get-json "$t"
	[[ $output == *"\"x-origin-user-id\": \"$user\""* && $output != *'"user_id"'* ]]
}

@test "--drop-expiration" {
	send -q "$q" --expiration 1h x
	move --drop-expiration "$q" "$t"
	run -0 peer get-json "$t"
	[[ $output != *expiration* ]]
}

@test "to an exchange, with old keys or a new one" {
	queue bind "$q" amq.topic "$q.old"
	queue bind "$t" amq.direct "$q.old"
	queue bind "$t" amq.direct "$q.new"
	publish_pika amq.topic "$q.old" one
	move --exchange amq.direct "$q"
	publish_pika amq.topic "$q.old" two
	move --exchange amq.direct --routing-key "$q.new" "$q"
	run -0 receive -q "$t" --until-empty -F '%s %e %r\n'
	[ "$output" = "one amq.direct $q.old"$'\n'"two amq.direct $q.new" ]
}

@test "what no queue takes stays, 67" {
	send -q "$q" --message-id m1 1
	seq 2 3 | send -q "$q" -l
	run -67 move --exchange amq.direct --routing-key nobody "$q"
	[ "${lines[0]}" = "move: cannot move 3 messages of queue '$q': no queue takes what goes there (the first is message 'm1')" ]
	[[ ${lines[1]} == 'move: moved=0 returned=3 '* ]]
	[ "$(bodies "$q")" = $'1\n2\n3' ]
}

@test "what a full queue does not take stays, 75" {
	queue declare --max-length 5 --overflow reject-publish "$q-full"
	seq 20 | send -q "$q" -l
	run -75 move --retry-time 1 "$q" "$q-full"
	[[ ${lines[0]} == "move: cannot move "*" of queue '$q': the broker refused to take more"* ]]
	{ bodies "$q"; bodies "$q-full"; } | sort -n | cmp - <(seq 20)
}

@test "filters: what matches them all" {
	send -q "$q" -H a=1 -H b=x one
	send -q "$q" -H a:int=1 -H b=y two
	send -q "$q" -H a=2 -H b=x three
	send -q "$q" four
	run -0 move -v --filter a=1 --filter b=x "$q" "$t"
	[[ $output == 'move: moved=1 '*' unmatched=3 '* ]]
	[ "$(bodies "$t")" = one ]
	run -0 move -c 1 --filter a=1 "$q" "$t"
	[ "$(bodies "$t")" = two ]
	[ "$(bodies "$q")" = $'three\nfour' ]
}

@test "filters: properties, unless a header is called so" {
	local f
	send -q "$q" --message-id m1 --message-type order --priority 3 --timestamp 17 one
	send -q "$q" --message-id m2 two
	send -q "$q" --message-id m3 -H message-id=m1 three
	for f in message-id=m1 message_id=m1 type=order message-type=order priority=3 timestamp=17 "routing-key=$q" \
		exchange= delivery_mode=2; do
		run -0 move --dry-run --filter "$f" -c 1 "$q" "$t"
		[ "$output" = "3 bytes to queue '$t'" ]
	done
	run -0 move -v --filter message-id=m3 "$q" "$t"
	[[ $output == 'move: moved=0 '* ]]
	run -0 move -v --filter message-id=m1 "$q" "$t"
	[ "$(bodies "$t")" = $'one\nthree' ]
}

@test "no more is held than --prefetch" {
	seq 10 | send -q "$q" -l
	send -q "$q" -H a=1 x
	run -1 move --filter a=1 -p 10 "$q" "$t"
	[[ ${lines[0]} == "move: cannot look at all messages of queue '$q': 10 that stay are held"* ]]
	[ "$(depth "$q")" = 11 ]
	run -0 move --filter a=1 -p 11 "$q" "$t"
	[ "$(bodies "$t")" = x ]
	bodies "$q" | cmp - <(seq 10)
}

@test "--dry-run tells and moves nothing" {
	send -q "$q" -H a=1 one
	send -q "$q" three
	run -0 move --dry-run "$q" "$t"
	[ "$output" = "3 bytes to queue '$t'"$'\n'"5 bytes to queue '$t'" ]
	run -0 move --dry-run -v --filter a=1 --exchange amq.topic "$q"
	[ "${lines[0]}" = "3 bytes to exchange 'amq.topic' with key '$q'" ]
	[ "${lines[1]}" = 'move: would-move=1 unmatched=1 without-origin=0' ]
	[ "$(bodies "$q")" = $'one\nthree' ]
	[ "$(depth "$t")" = 0 ]
}

@test "dead letters go back to the queue where they died" {
	declare_mortal
	publish_pika amq.topic "$q.key" one '{"headers": {"n": 1}}'
	await_depth 5 1 "$dead"
	queue delete "$mortal"
	queue declare "$mortal"
	run -0 move --dry-run --to-origin "$dead"
	[ "$output" = "3 bytes to queue '$mortal'" ]
	run -0 move --to-origin "$dead"
	run -0 peer get-json "$mortal"
	[[ $output == *'"body": "one"'*'"headers": {"n": 1}'*"\"routing_key\": \"$mortal\""* ]]
}

@test "or to the exchange, with the key that they had" {
	declare_mortal
	publish_pika amq.topic "$q.key" one
	await_depth 5 1 "$dead"
	queue unbind "$mortal" amq.topic "$q.key"
	queue bind "$t" amq.topic "$q.key"
	move --to-origin=exchange "$dead"
	run -0 receive -q "$t" --until-empty -F '%s %e %r\n'
	[ "$output" = "one amq.topic $q.key" ]
}

@test "an exchange that is gone keeps no other message: 67" {
	declare_mortal
	peer exchange "$q-gone" fanout
	queue bind "$mortal" "$q-gone"
	publish_pika "$q-gone" '' lost
	await_depth 5 1 "$dead"
	peer drop-exchange "$q-gone"
	publish_pika amq.topic "$q.key" one
	await_depth 5 2 "$dead"
	queue unbind "$mortal" amq.topic "$q.key"
	queue bind "$t" amq.topic "$q.key"
	run -67 move --to-origin=exchange "$dead"
	[[ ${lines[0]} == "move: cannot move 1 message of queue '$dead': NOT_FOUND - no exchange '$q-gone'"* ]]
	[ "${lines[1]}" = 'move: moved=1 returned=0 refused=1 nacked=0 unmatched=0 without-origin=0 in-doubt=0' ]
	[ "$(bodies "$t")" = one ]
	[ "$(bodies "$dead")" = lost ]
}

@test "whether a queue must take a message can be chosen" {
	seq 2 | send -q "$q" -l
	run -67 move -e amq.direct --routing-key nowhere "$q"
	[ "$(depth "$q")" -eq 2 ]
	run -0 move -e amq.direct --routing-key nowhere --require-route=warn -v "$q"
	[ "${lines[0]}" = "move: warning: nobody receives what goes to exchange 'amq.direct' with key 'nowhere': no queue is bound (NO_ROUTE)" ]
	[[ ${lines[1]} == "move: moved=2 returned=2 "* ]]
	[ "$(depth "$q")" -eq 0 ]
	send -q "$q" one
	run -0 move -e amq.direct --routing-key nowhere --require-route=no -v "$q"
	[[ $output == "move: moved=1 returned=0 "* ]]
	[ "$(depth "$q")" -eq 0 ]
}

@test "a message without an origin stays, 65; an origin that is gone, 67" {
	declare_mortal
	send -q "$dead" alive
	publish_pika amq.topic "$q.key" one
	await_depth 5 2 "$dead"
	queue delete "$mortal"
	run -67 move --to-origin "$dead"
	[[ ${lines[0]} == "move: cannot move 1 message of queue '$dead': no queue takes"* ]]
	queue declare "$mortal"
	run -65 move --to-origin "$dead"
	[[ ${lines[0]} == "move: cannot move 1 message of queue '$dead': no header names another queue, in which it died (message '"* ]]
	[ "$(bodies "$mortal")" = one ]
	[ "$(bodies "$dead")" = alive ]
}

# RabbitMQ 4.3 does not count what is given back.
@test "what was held ten times goes to the end of its queue" {
	queue declare --queue-type=quorum "$q-quorum"
	publish_pika '' "$q-quorum" x
	for _ in {1..11}; do
		move --dry-run "$q-quorum" "$t" >out 2>err
	done
	run -0 receive -q "$q-quorum" -c 1 -F '%h\n'
	if [[ $output == *'"x-acquired-count"'* ]]; then
		[ ! -s err ]
	else
		grep -qF "move: warning: queue '$q-quorum' drops what is given back too often" err
		[[ $output == *'"x-origin-queue"'* && $output != *'"x-delivery-count"'* ]]
	fi
}

@test "a large message, and many that fill the window" {
	head -c 6000000 /dev/zero | tr '\0' x >large
	send -q "$q" - <large
	for _ in {1..12}; do head -c 1000000 large; echo; done | send -q "$q" -l
	run -0 move -v "$q" "$t"
	[[ $output == 'move: moved=13 '* ]]
	receive -q "$t" -c 1 --raw | cmp - large
	queue purge "$t"
}

@test "to another virtual host" {
	need_control vhosts
	local other
	"$broker" vhosts "${VHOST}_2"
	other=$("$broker" url "${VHOST}_2")
	queue declare -u "$other" "$q"
	seq 3 | send -q "$q" -l
	run -0 move --target-url "$other" "$q" "$q"
	[ "$(receive -u "$other" -q "$q" --until-empty)" = $'1\n2\n3' ]
	"$broker" rmvhosts "${VHOST}_2"
}

@test "a time limit" {
	queue declare --single-active-consumer "$q-sac"
	spawn holder worker -q "$q-sac" sleep 60
	await_consumers 5 1 "$q-sac"
	seq 2 | send -q "$q-sac" -l
	run -1 move --timeout 1 "$q-sac" "$t"
	[[ $output == *"cannot move all messages of queue '$q-sac': the time is over"* ]]
	run -69 move --timeout 0.5 --target-url amqp://127.0.0.1:1 "$q" "$t"
}

@test "a time limit that comes when all is moved" {
	local limit
	for limit in 0.08 0.09 0.1; do
		send -q "$q" $limit
		run move -v --timeout $limit "$q" "$t"
		[[ $status -eq 0 || $output != *moved=1* ]]
	done
}

deeper_than() { # N QUEUE
	[ "$(depth "$2")" -gt "$1" ]
}

@test "SIGTERM and SIGINT: what was sent is acknowledged, the rest stays" {
	seq 100000 | send -q "$q" -l
	spawn term move "$q" "$t"
	await 5 deeper_than 0 "$t"
	kill -TERM "$term_pid"
	expect_status 0 term
	moved=$(depth "$t")
	spawn int move "$q" "$t"
	await 5 deeper_than "$moved" "$t"
	kill -INT "$int_pid"
	expect_status 130 int
	{ bodies "$q"; bodies "$t"; } | sort -n | cmp - <(seq 100000)
}

@test "SIGTERM before as many as were asked for is 1" {
	seq 50000 | send -q "$q" -l
	spawn term move -c 200000 "$q" "$t"
	await 5 deeper_than 0 "$t"
	kill -TERM "$term_pid"
	expect_status 1 term
	grep -q "^move: cannot move 200000 messages of queue '$q': it was to end after [0-9]*$" term.err
}

@test "connections that are lost: everything arrives" {
	need_control ctl
	seq 50000 | send -q "$q" -l
	spawn mover move "$q" "$t"
	await 5 eval '[ "$(depth "$t")" -gt 0 ]'
	"$broker" ctl close_all_connections --vhost "$VHOST" test
	expect_status 0 mover 30
	bodies "$t" | sort -n | uniq | cmp - <(seq 50000)
	[ "$(depth "$q")" = 0 ]
}

@test "a broker that takes no messages for a while" {
	need_control ctl
	seq 2000 | send -q "$q" -l
	"$broker" ctl set_vm_memory_high_watermark 0.0000001
	spawn mover move "$q" "$t"
	await_log 'takes no messages for now' mover.err || {
		"$broker" ctl set_vm_memory_high_watermark 0.6
		return 1
	}
	"$broker" ctl set_vm_memory_high_watermark 0.6
	expect_status 0 mover 20
	bodies "$t" | cmp - <(seq 2000)
}

@test "a target that is deleted under way is 67, and the rest stays" {
	seq 50000 | send -q "$q" -l
	spawn mover move "$q" "$t"
	await 5 eval '[ "$(depth "$t")" -gt 0 ]'
	queue delete "$t"
	expect_status 67 mover
	[ "$(depth "$q")" -gt 500 ]
}

@test "a source that is deleted under way is 67" {
	seq 50000 | send -q "$q" -l
	spawn mover move "$q" "$t"
	await 5 eval '[ "$(depth "$t")" -gt 0 ]'
	queue delete "$q"
	expect_status 67 mover
}

# What `worker --setup` made, and one message in $q.dead that failed there.
fail_task() {
	queue delete "$q"
	worker --setup -q "$q" --attempts=1
	queue bind "$q" amq.topic "$q.#"
	publish_pika amq.topic "$q.key" task '{"message_id": "m1", "headers": {"n": 1}}'
	worker -q "$q" --attempts=1 -c 1 false || true
	await_depth 5 1 "$q.dead"
}

@test "what a worker gave up goes back to its queue, with all its attempts" {
	fail_task
	run -0 move --dry-run --to-origin "$q.dead"
	[ "$output" = "4 bytes to queue '$q'" ]
	run -0 move --to-origin "$q.dead"
	run -0 worker -q "$q" -c 1 sh -c 'echo "$AMQP_EXCHANGE $AMQP_ROUTING_KEY $AMQP_ATTEMPT"; echo "$AMQP_HEADERS"'
	[ "${lines[0]}" = "amq.topic $q.key 1" ]
	[[ ${lines[1]} != *x-dead-reason* && ${lines[1]} != *x-last-exit* && ${lines[1]} == *'"n":'* ]]
}

@test "or to where it was published, as it was" {
	fail_task
	queue bind "$t" amq.topic "$q.key"
	run -0 move --to-origin=exchange "$q.dead"
	run -0 receive -q "$t" --until-empty -F '%s %e %r %h\n'
	[[ $output == "task amq.topic $q.key {\"n\":"* && $output != *x-* ]]
}

@test "what a worker writes is believed in that queue's dead queue alone" {
	publish_pika "" "$q" forged '{"headers": {"x-origin-queue": "'"$t"'", "x-origin-exchange": "",
		"x-origin-routing-key": "k", "x-attempt": 1}}'
	run -65 move --to-origin "$q"
	[ "${lines[0]}" = "move: cannot move 1 message of queue '$q': no header names another queue, in which it died (message with key '$q')" ]
	[ "$(depth "$t")" = 0 ]
}

# From 4.0 on nothing is left of what the publisher wrote.
@test "a history of deaths that a publisher wrote leads nowhere else" {
	declare_mortal
	publish_pika amq.topic "$q.key" forged '{"message_id": "m1", "headers": {"x-first-death-queue": "'"$t"'",
		"x-first-death-reason": "expired", "x-first-death-exchange": "", "x-death": [{"queue": "'"$t"'",
		"reason": "expired", "exchange": "", "routing-keys": ["k"], "count": 1}]}}'
	await_depth 5 1 "$dead"
	queue delete "$mortal"
	queue declare "$mortal"
	if run -0 move --to-origin "$dead"; then
		[ "$(bodies "$mortal")" = forged ]
	else
		[ "$status" -eq 65 ]
		[[ ${lines[0]} == "move: cannot move 1 message of queue '$dead': its headers say that it died \
first in queue '$t', but the broker saw it die in '$mortal'"* ]]
		[ "$(bodies "$dead")" = forged ]
	fi
	[ "$(depth "$t")" = 0 ]
}
