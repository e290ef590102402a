# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive --peek: everything is shown, nothing is taken, and a message is not worn out by looks.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
}

# In quorum queues of these brokers each look is an attempt to deliver.
counts_looks() {
	/usr/bin/python3 - <<'EOF'
import os, pika
version = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))._impl.server_properties["version"]
raise SystemExit(tuple(map(int, version.split(".")[:2])) >= (4, 3))
EOF
}

look() { receive -q "$q" --peek "$@"; }

# What is to be seen, before and after all looks.
holds() { # FIRST LAST
	await_depth 5 $(($2 - $1 + 1)) "$q"
	receive -q "$q" --until-empty | cmp - <(seq "$1" "$2")
}

@test "it shows all there is, again and again, and takes nothing" {
	seq 300 | send -q "$q" -l
	look | cmp - <(seq 300)
	look | cmp - <(seq 300)
	holds 1 300
}

@test "an empty queue" {
	send -q "$q" one
	receive -q "$q" -c 1
	run -0 look
	[ -z "$output" ]
	run -1 look -c 1
	[ "$output" = 'receive: cannot receive 1 message: only 0 came' ]
}

@test "no more than --prefetch, and it says so" {
	seq 600 | send -q "$q" -l
	run -0 --separate-stderr look
	[ "$output" = "$(seq 500)" ]
	[ "$stderr" = "receive: queue '$q' has 100 more messages; --prefetch says how many to look at" ]
	run -0 --separate-stderr look -p 7
	[ "$output" = "$(seq 7)" ]
	[ "$stderr" = "receive: queue '$q' has 593 more messages; --prefetch says how many to look at" ]
	run -0 --separate-stderr look -p 700
	[ "$output" = "$(seq 600)" ]
	[ -z "$stderr" ]
	holds 1 600
}

@test "-c is how many, however many" {
	seq 1000 | send -q "$q" -l
	run -0 --separate-stderr look -c 2
	[ "$output" = $'1\n2' ]
	[ -z "$stderr" ]
	look -c 900 | cmp - <(seq 900)
	holds 1 1000
}

@test "several queues, as envelopes" {
	send -q "$q.a" one
	send -q "$q.b" two
	receive -q "$q.a" -q "$q.b" --peek -J >got
	[ "$(wc -l <got)" -eq 2 ]
	[ "$(depth "$q.a")$(depth "$q.b")" = 11 ]
}

@test "into files" {
	seq 3 | send -q "$q" -l
	look --output-dir files
	cat files/* | cmp - <(printf 123)
	holds 1 3
}

@test "a full device is 74, a closed pipe the signal, and nothing is taken" {
	seq 1000 | send -q "$q" -l
	run -74 bash -c "receive -q $q --peek >/dev/full"
	run -0 bash -c "receive -q $q --peek -F '%0100d%s' 2>&1 | head -n 1; receive -q $q --peek | head -n 1"
	[ "${lines[1]}" = 1 ]
	holds 1 1000
}

# It cannot write on, and all messages are in its hands.
spawn_looker() { # MESSAGES
	seq "$1" | send -q "$q" -l
	mkfifo fifo
	exec 7<>fifo
	spawn looker bash -c 'exec receive "$@" --peek -F "%s %j %j %j %j %j %j %j\n" >fifo' receive -q "$q"
	await_depth 10 0 "$q"
}

@test "a kill takes nothing" {
	spawn_looker 100
	kill -KILL "$looker_pid"
	holds 1 100
}

@test "SIGTERM gives back at once" {
	spawn_looker 300
	kill -TERM "$looker_pid"
	timeout 2 cat <&7 >seen || true
	expect_status 0 looker
	holds 1 300
}

@test "a classic queue may be looked at for ever" {
	declare_queue "$q" '{"x-queue-type": "classic"}'
	send -q "$q" 1
	for _ in {1..25}; do [ "$(look 2>&1)" = 1 ]; done
	holds 1 1
}

@test "a quorum queue that counts looks: a warning, and a copy before the message is worn out" {
	counts_looks || skip "this broker counts looks apart"
	declare_queue "$q" '{"x-queue-type": "quorum"}'
	send -q "$q" 1
	[ "$(look 2>&1)" = 1 ]
	for _ in {2..10}; do
		run -0 --separate-stderr look
		[ "$output" = 1 ]
		[ "$stderr" = "receive: warning: in this quorum queue each look counts as an attempt to deliver a message" ]
	done
	run -0 --separate-stderr look
	[ "$output" = 1 ]
	[ "${stderr_lines[1]}" = "receive: warning: queue '$q' drops what is given back too often; copies of what came back 10 times go to its end instead" ]
	run -0 --separate-stderr look
	[ "$output" = 1 ]
	[ -z "$stderr" ]
	holds 1 1
}

@test "a quorum queue of today may be looked at for ever" {
	! counts_looks || skip "this broker counts looks as attempts"
	declare_queue "$q" '{"x-queue-type": "quorum"}'
	send -q "$q" 1
	for _ in {1..25}; do [ "$(look 2>&1)" = 1 ]; done
	holds 1 1
}

@test "what does not go with it is 64" {
	run -64 look -A
	[ "$output" = 'receive: --no-ack and --peek exclude each other (see receive --help)' ]
	run -64 look -c 65536
	[ "$output" = 'receive: --peek can look at 65535 messages at most (see receive --help)' ]
}
