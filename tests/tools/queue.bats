# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# queue: each command, what it refuses, and waiting.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
}

@test "--help lists the commands, and each has help of its own" {
	run -0 queue --help
	for command in declare bind unbind delete purge stat wait; do
		[[ $output == *$'\n'"  $command "* ]]
	done
	run -0 queue declare --help
	[ "${lines[0]}" = 'usage: queue declare [option ...] NAME' ]
	[[ $output == *--queue-type* && $output == *--url* && $output != *--if-empty* ]]
	run -0 queue wait --version
	[[ $output == 'queue (rmq-tools) '* ]]
}

@test "wrong commands, operands and options" {
	run -64 queue
	[[ $output == 'queue: needs a command: '* ]]
	run -64 queue dig
	[ "$output" = "queue: there is no command 'dig' (see queue --help)" ]
	run -64 queue --if-empty delete "$q"
	[[ $output == 'queue: the command delete goes first'* ]]
	run -64 queue stat
	[[ $output == 'queue stat: needs NAME ... (see'* ]]
	run -64 queue delete a b
	[[ $output == "queue delete: there is an operand too many: 'b' (see"* ]]
	run -64 queue delete --queue-type=quorum "$q"
	[[ $output == 'queue delete: unknown option --queue-type'* ]]
	run -64 queue declare ''
	[[ $output == 'queue declare: a queue needs a name'* ]]
	run -64 queue declare -x "$q"
	[[ $output == *'an exclusive queue would end together with this command'* ]]
	run -64 queue declare --max-priority 256 "$q"
	[[ $output == *'--max-priority=256: too large'* ]]
	run -64 queue declare --overflow=spill "$q"
	[[ $output == *'must be drop-head, reject-publish or reject-publish-dlx'* ]]
}

@test "declare makes a durable queue, and again changes nothing" {
	run -0 queue declare "$q"
	[ -z "$output" ]
	declare_queue "$q"
	run -0 queue declare "$q"
}

@test "a delivery limit of two is three deliveries" {
	queue declare "$q-dead"
	queue declare --queue-type=quorum --delivery-limit=2 --dead-letter-exchange= \
		--dead-letter-routing-key="$q-dead" "$q"
	send -q "$q" x
	[ "$(peer refuse "$q" "$q-dead")" = 3 ]
}

@test "each option of declare is the argument that it names" {
	queue declare --queue-type=quorum --dead-letter-exchange= --dead-letter-routing-key=dead \
		--message-ttl=5m --expires=100000 --max-length=10 --max-length-bytes=1k --overflow=reject-publish \
		--delivery-limit=3 --single-active-consumer --dead-letter-strategy=at-least-once \
		--arg x-quorum-initial-group-size=1 "$q"
	declare_queue "$q" '{"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
		"x-message-ttl": 300000, "x-expires": 100000, "x-max-length": 10, "x-max-length-bytes": 1024,
		"x-overflow": "reject-publish", "x-delivery-limit": 3, "x-single-active-consumer": true,
		"x-dead-letter-strategy": "at-least-once", "x-quorum-initial-group-size": 1}'
	queue declare --max-priority=5 --auto-delete --arg x-queue-mode:str=lazy "$q-2"
	declare_queue "$q-2" '{"x-max-priority": 5, "x-queue-mode": "lazy"}' '{"auto_delete": true}'
	queue declare --queue-type=stream --max-age=7D "$q-3"
	declare_queue "$q-3" '{"x-queue-type": "stream", "x-max-age": "7D"}'
}

@test "a queue that differs is 78, unless it will do" {
	queue declare "$q"
	run -78 queue declare --max-length 5 "$q"
	[[ $output == "queue declare: cannot declare queue '$q': PRECONDITION_FAILED"*x-max-length* ]]
	run -0 queue declare --declare=auto --max-length 5 "$q"
	run -0 queue declare --declare=passive --max-length 5 "$q"
}

@test "passive makes nothing: a missing queue is 67" {
	run -67 queue declare --declare=passive "$q"
	[[ $output == "queue declare: cannot find queue '$q': NOT_FOUND"* ]]
	run -67 queue stat "$q"
}

@test "names that brokers keep are 77, another connection's queue is 78" {
	run -77 queue declare amq.mine
	[[ $output == *ACCESS_REFUSED* ]]
	spawn holder receive -q "$q" -x --chat=always
	await_log Waiting holder.out
	run -78 queue stat "$q"
	[[ $output == "queue stat: cannot find queue '$q': RESOURCE_LOCKED"* ]]
	run -78 queue purge "$q"
}

@test "bind and unbind" {
	queue declare "$q"
	queue bind "$q" amq.topic 'a.#'
	queue bind "$q" amq.topic 'a.#'
	publish_pika amq.topic a.b one
	await_depth 5 1 "$q"
	queue unbind "$q" amq.topic 'a.#'
	queue unbind "$q" amq.topic 'a.#'
	run ! publish_pika amq.topic a.b two
	queue bind "$q" amq.fanout
	publish_pika amq.fanout '' three
	await_depth 5 2 "$q"
}

@test "bind by headers" {
	queue declare "$q"
	queue bind --match=any --arg colour=red --arg size:int=5 "$q" amq.headers
	publish_pika amq.headers '' one '{"headers": {"size": 5}}'
	await_depth 5 1 "$q"
	queue unbind --match=any --arg colour=red --arg size:int=5 "$q" amq.headers
	run ! publish_pika amq.headers '' two '{"headers": {"size": 5}}'
	run -64 queue bind --match=any "$q" amq.headers
}

@test "bind to what is not there is 67" {
	queue declare "$q"
	run -67 queue bind "$q" no-such-exchange
	[[ $output == "queue bind: cannot bind a queue to exchange 'no-such-exchange': NOT_FOUND"* ]]
	run -67 queue bind no-such-queue amq.topic
	run -64 queue bind "$q" ''
	[[ $output == *'bound to the default exchange'* ]]
}

@test "purge prints how many, delete deletes" {
	queue declare "$q"
	seq 3 | send -q "$q" -l
	run -0 queue purge "$q"
	[ "$output" = 3 ]
	run -0 queue delete "$q"
	[ -z "$output" ]
	run -0 queue delete "$q"
	run -67 queue purge "$q"
	[[ $output == "queue purge: cannot purge queue '$q': NOT_FOUND"* ]]
}

@test "delete on conditions" {
	queue declare --queue-type=classic "$q"
	send -q "$q" x
	run -78 queue delete --if-empty "$q"
	[[ $output == "queue delete: cannot delete queue '$q': PRECONDITION_FAILED"*'not empty'* ]]
	spawn holder receive -q "$q"
	await_consumers 5 1 "$q"
	run -78 queue delete --if-unused "$q"
	[[ $output == *'in use'* ]]
	kill -TERM "$holder_pid"
	expect_status 0 holder
	run -0 queue delete --if-unused --if-empty "$q"
}

@test "what a queue's type cannot do is one line, and 78" {
	queue declare --queue-type=quorum "$q"
	run -78 queue delete --if-unused "$q"
	[ "$output" = "queue delete: cannot delete queue '$q': a quorum queue cannot be asked for --if-empty or --if-unused" ]
	queue declare --queue-type=stream "$q-s"
	run -78 queue purge "$q-s"
	[ "$output" = "queue purge: cannot purge queue '$q-s': a stream cannot be purged" ]
}

@test "stat: a line each, and a missing queue does not hide the others" {
	queue declare "$q"
	queue declare "$q-2"
	seq 2 | send -q "$q" -l
	run --separate-stderr -67 queue stat "$q" no-such-queue "$q-2"
	[ "$output" = "$q 2 0"$'\n'"$q-2 0 0" ]
	[[ $stderr == "queue stat: cannot find queue 'no-such-queue': NOT_FOUND"* ]]
	run -0 queue stat --json "$q"
	[ "$output" = "{\"queue\":\"$q\",\"messages\":2,\"consumers\":0}" ]
	run -67 queue stat no-such-queue
}

@test "a name of any kind" {
	queue declare $'a "b"\n\xc3\xa4'
	run -0 queue stat -J $'a "b"\n\xc3\xa4'
	[ "$output" = $'{"queue":"a \\"b\\"\\n\xc3\xa4","messages":0,"consumers":0}' ]
	queue delete $'a "b"\n\xc3\xa4'
}

@test "wait needs to know for what" {
	run -64 queue wait "$q"
	[[ $output == 'queue wait: needs something to wait for'* ]]
	run -64 queue wait --empty
	[[ $output == 'queue wait: needs the name of a queue'* ]]
	run -64 queue wait --empty --messages 1 "$q"
}

@test "wait for the broker" {
	run -0 queue wait --ready
	[ -z "$output" ]
	run -69 queue wait --ready --timeout 0.5 -u amqp://127.0.0.1:1
	[[ $output == 'queue wait: cannot connect to 127.0.0.1:1: '* ]]
}

port_of() {
	local port=${1#*:}
	echo "${port%%/*}"
}

# Nobody listens for a while, and then a broker does.
@test "wait connects again and again" {
	local address=${AMQP_URL#*@}
	spawn relay /usr/bin/python3 -c '
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
for hangup in range(2):
    server.accept()[0].close()
def pipe(a, b):
    while data := a.recv(65536):
        b.sendall(data)
while True:
    near, _ = server.accept()
    far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    threading.Thread(target=pipe, args=(near, far), daemon=True).start()
    threading.Thread(target=pipe, args=(far, near), daemon=True).start()' \
		"${address%%:*}" "$(port_of "$address")"
	await 5 test -s relay.out
	spawn waiting queue wait --ready -u "${AMQP_URL/@*:[0-9]*\//@127.0.0.1:$(<relay.out)/}"
	expect_status 0 waiting
}

@test "wait for a queue, for messages, for a consumer, until it is empty" {
	spawn there queue wait --ready "$q"
	spawn filled queue wait --messages 2 "$q"
	spawn consumed queue wait --consumers 1 "$q"
	sleep 0.3
	queue declare "$q"
	expect_status 0 there
	send -q "$q" one
	sleep 0.3
	kill -0 "$filled_pid"
	send -q "$q" two
	expect_status 0 filled
	spawn drained queue wait --empty "$q"
	sleep 0.3
	kill -0 "$drained_pid" "$consumed_pid"
	spawn drain receive -q "$q"
	expect_status 0 drained
	expect_status 0 consumed
}

@test "what does not come is 1" {
	queue declare "$q"
	send -q "$q" one
	run -1 queue wait --empty --timeout 1 "$q"
	[ "$output" = "queue wait: cannot wait longer than 1 s for queue '$q': it has 1 ready messages and 0 consumers" ]
	run -1 queue wait --messages 2 --timeout 1 "$q"
	run -1 queue wait --ready --timeout 1 no-such-queue
	[[ $output == *": it is not there" ]]
}

@test "wait does not try wrong credentials again" {
	SECONDS=0
	run -77 queue wait --ready --username nobody
	[ "$SECONDS" -lt 10 ]
}
