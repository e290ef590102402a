# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Programs that are not ours at the other end, both ways and for every type of exchange: pika, in
# programs like the tutorials', and Debian's amqp-tools.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
}

need_amqp_tools() { command -v amqp-consume >/dev/null || skip "no amqp-tools"; }

# A program of ../interop, by its name.
pika() { /usr/bin/python3 "$tests/interop/$1.py" "${@:2}"; }
spawn_pika() { # PROGRAM ARG...: its name is theirs
	spawn theirs /usr/bin/python3 "$tests/interop/$1.py" "${@:2}"
	await_log Waiting theirs.out
}

spawn_pika_server() {
	spawn theirs /usr/bin/python3 "$tests/interop/rpc_server.py" 3 '{"x-queue-type": "quorum"}'
	await_log Awaiting theirs.out
}

spawn_ours() { # PROGRAM ARG...: its name is ours
	spawn ours "$1" --chat=always "${@:2}"
	await_log Waiting ours.out
}

# What came, without the chat.
heard() { grep -v Waiting "$1.out" | sed 's/^ \[x\] //'; }

# amqp-consume binds if its key is not empty, and does not tell when: the message is sent until it arrives.
spawn_amqp_consume() { # EXCHANGE KEY
	spawn theirs amqp-consume -x -u "$AMQP_URL" -e "$1" -r "$2" -c 1 cat
}

reaches() { await 10 "$@" 2>/dev/null; }

@test "pika sends, receive receives" {
	pika send "$q" Hello World!
	run -0 receive -q "$q" -c 1
	[ "$output" = 'Hello World!' ]
}

@test "send sends, pika receives" {
	send -q "$q" Hello World!
	printf 'a\0b\r' | send -q "$q" -
	pika receive "$q" 2 >got
	printf 'Hello World!\na\0b\r\n' | cmp - got
}

@test "bytes of any kind go through both" {
	head -c 300000 /dev/urandom >big
	send -q "$q" - <big
	peer get "$q" >got
	{ cat big && echo; } | cmp - got
	peer publish '' "$q" - <big
	receive -q "$q" -c 1 --raw >got
	cmp big got
}

@test "pika gives tasks, worker works" {
	pika new_task a task
	spawn_ours worker -c 1
	expect_status 0 ours
	grep -qxF ' [x] Received a task' ours.out
	grep -qxF ' [x] Done' ours.out
}

@test "work-publish gives tasks, pika works" {
	work-publish a task
	spawn_pika worker 1
	expect_status 0 theirs
	grep -qxF ' [x] Received a task mode 2' theirs.out
}

@test "a worker of each kind share the tasks" {
	spawn_pika worker 2
	spawn_ours worker -c 2
	for i in 1 2 3 4; do new_task "task $i ."; done
	expect_status 0 theirs 20
	expect_status 0 ours 20
	[ "$(cat ours.out theirs.out | grep -c Done)" -eq 4 ]
}

make_fib() {
	printf '%s\n' '#!/bin/sh' \
		"awk '{ for (b = 1; n < \$1; n++) { c = a + b; a = b; b = c } printf \"%d\", a }'" >fib
	chmod +x fib
}

@test "rpc: our client, our server" {
	make_fib
	spawn ours rpc_server ./fib
	await_consumers 10 1 rpc_queue
	for n in "0 0" "1 1" "10 55" "30 832040"; do
		run -0 rpc_client "${n% *}"
		[ "$output" = "${n#* }" ]
	done
	drop rpc_queue
}

@test "rpc: pika asks, ours serves" {
	make_fib
	spawn ours rpc_server ./fib
	await_consumers 10 1 rpc_queue
	pika rpc_client 30 10 >got
	[ "$(<got)" = $' [x] Requesting fib(30)\n [.] Got 832040\n [x] Requesting fib(10)\n [.] Got 55' ]
	drop rpc_queue
}

@test "rpc: ours asks, pika serves, from a classic and from a quorum queue" {
	for type in classic quorum; do
		spawn theirs /usr/bin/python3 "$tests/interop/rpc_server.py" 1 "{\"x-queue-type\": \"$type\"}"
		await_log Awaiting theirs.out
		run -0 rpc_client 30
		[ "$output" = 832040 ]
		expect_status 0 theirs
		grep -qxF ' [.] fib(30)' theirs.out
		drop rpc_queue
	done
}

@test "rpc: a server of each kind share the requests of both" {
	make_fib
	spawn_pika_server
	spawn ours rpc_server ./fib
	await_consumers 10 2 rpc_queue
	for n in 1 2 3; do
		run -0 rpc_client 30
		[ "$output" = 832040 ]
		pika rpc_client 10 | grep -qx ' \[\.\] Got 55'
	done
	expect_status 0 theirs
	drop rpc_queue
}

@test "fanout: pika to ours" {
	spawn_ours receive_logs -c 1
	pika emit_log fanout info: Hello
	expect_status 0 ours
	[ "$(heard ours)" = 'info: Hello' ]
}

@test "fanout: ours to pika, and to ours" {
	spawn_pika receive_logs fanout 1
	spawn_ours receive_logs -c 1
	emit_log info: Hello
	expect_status 0 theirs
	expect_status 0 ours
	[ "$(heard theirs)" = 'info: Hello' ]
	[ "$(heard ours)" = 'info: Hello' ]
}

@test "direct: pika to ours" {
	spawn_ours receive_logs_direct -c 2 warning error
	pika emit_log direct info no
	pika emit_log direct warning careful
	pika emit_log direct error broken
	expect_status 0 ours
	[ "$(heard ours)" = $'warning:careful\nerror:broken' ]
}

@test "direct: ours to pika" {
	spawn_pika receive_logs direct 2 warning error
	emit_log_direct info no
	emit_log_direct warning careful
	emit_log_direct error broken
	expect_status 0 theirs
	[ "$(heard theirs)" = $'warning:careful\nerror:broken' ]
}

@test "topic: pika to ours" {
	spawn_ours receive_logs_topic -c 2 'kern.*' '*.critical'
	pika emit_log topic cron.info no
	pika emit_log topic kern.critical 'A critical kernel error'
	pika emit_log topic cron.critical last
	expect_status 0 ours
	[ "$(heard ours)" = $'kern.critical:A critical kernel error\ncron.critical:last' ]
}

@test "topic: ours to pika and to ours, once each" {
	spawn_pika receive_logs topic 2 'kern.*' '*.critical'
	spawn_ours receive_logs_topic -c 2 'kern.*' '*.critical'
	emit_log_topic kern.critical 'A critical kernel error'
	emit_log_topic cron.critical last
	expect_status 0 theirs
	expect_status 0 ours
	[ "$(heard theirs)" = $'kern.critical:A critical kernel error\ncron.critical:last' ]
	[ "$(heard ours)" = "$(heard theirs)" ]
}

@test "headers: pika to ours" {
	spawn_ours receive_logs_headers -c 2 format=pdf n:int=5
	pika emit_log headers '{"format": "pdf"}' no
	pika emit_log headers '{"format": "pdf", "n": 5}' one
	pika emit_log headers '{"format": "zip", "n": 5}' no
	pika emit_log headers '{"format": "pdf", "n": 5, "more": true}' two
	expect_status 0 ours
	[ "$(heard ours)" = $':one\n:two' ]
}

@test "headers: pika to ours, any" {
	spawn_ours receive_logs_headers -c 2 --match=any -F '%s %h\n' format=pdf ok:bool=true
	pika emit_log headers '{"format": "zip", "ok": false}' no
	pika emit_log headers '{"format": "pdf"}' one
	pika emit_log headers '{"ok": true}' two
	expect_status 0 ours
	[ "$(heard ours)" = $'one {"format":"pdf"}\ntwo {"ok":true}' ]
}

@test "headers: ours to pika" {
	spawn_pika receive_logs headers 2 '{"x-match": "all", "format": "pdf", "n": 5}'
	emit_log_headers format=pdf -- no
	emit_log_headers format=pdf n=5 -- no
	emit_log_headers format=pdf n:int=5 -- one
	emit_log_headers n:int=5 format=pdf ok:bool=true -- two
	expect_status 0 theirs
	[ "$(heard theirs)" = $'{"format": "pdf", "n": 5} one\n{"format": "pdf", "n": 5, "ok": true} two' ]
}

@test "today's tutorials: quorum queues" {
	declare_queue "$q" '{"x-queue-type": "quorum"}'
	send -q "$q" Hello
	run -0 receive -q "$q" -c 1
	[ "$output" = Hello ]
	drop task_queue
	declare_queue task_queue '{"x-queue-type": "quorum"}'
	new_task one
	run -0 receive -q task_queue -c 1
	[ "$output" = one ]
	drop task_queue
}

@test "amqp-publish to receive" {
	need_amqp_tools
	amqp-declare-queue -u "$AMQP_URL" -q "$q" -d
	amqp-publish -u "$AMQP_URL" -r "$q" -b 'Hello World!' -H 'n: x'
	printf 'one\ntwo\n' | amqp-publish -u "$AMQP_URL" -r "$q" -l
	run -0 receive -q "$q" -c 1 -F '%s %h'
	[ "$output" = 'Hello World! {"n":"x"}' ]
	receive -q "$q" -c 2 --raw >got
	[ "$(tr -d '\n' <got)" = onetwo ]
}

@test "send to amqp-consume and amqp-get" {
	need_amqp_tools
	send -q "$q" one
	send -q "$q" two
	run -0 amqp-consume -u "$AMQP_URL" -q "$q" -c 1 cat
	[ "$output" = one ]
	run -0 amqp-get -u "$AMQP_URL" -q "$q"
	[ "$output" = two ]
}

@test "fanout, direct and topic: amqp-publish to ours" {
	need_amqp_tools
	spawn_ours receive_logs -c 1
	amqp-publish -u "$AMQP_URL" -e logs -r '' -b one
	expect_status 0 ours
	[ "$(heard ours)" = one ]
	spawn_ours receive_logs_direct -c 1 error
	amqp-publish -u "$AMQP_URL" -e direct_logs -r info -b no
	amqp-publish -u "$AMQP_URL" -e direct_logs -r error -b two
	expect_status 0 ours
	[ "$(heard ours)" = error:two ]
	spawn_ours receive_logs_topic -c 1 'kern.#'
	amqp-publish -u "$AMQP_URL" -e topic_logs -r kern.a.b -b three
	expect_status 0 ours
	[ "$(heard ours)" = kern.a.b:three ]
}

@test "headers: amqp-publish to ours" {
	need_amqp_tools
	spawn_ours receive_logs_headers -c 1 format=pdf
	amqp-publish -u "$AMQP_URL" -e headers_logs -r '' -H 'format: zip' -b no
	amqp-publish -u "$AMQP_URL" -e headers_logs -r '' -H 'format: pdf' -b yes
	expect_status 0 ours
	[ "$(heard ours)" = :yes ]
}

@test "fanout, direct and topic: ours to amqp-consume" {
	need_amqp_tools
	peer exchange logs fanout
	spawn_amqp_consume logs any
	reaches emit_log --require-route one
	expect_status 0 theirs
	[ "$(<theirs.out)" = one ]
	peer exchange direct_logs direct
	spawn_amqp_consume direct_logs error
	reaches emit_log_direct --require-route error two
	expect_status 0 theirs
	[ "$(<theirs.out)" = two ]
	peer exchange topic_logs topic
	spawn_amqp_consume topic_logs 'kern.#'
	reaches emit_log_topic --require-route kern.a.b three
	expect_status 0 theirs
	[ "$(<theirs.out)" = three ]
}
