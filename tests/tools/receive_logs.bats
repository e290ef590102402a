# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive-logs: all its names and types, what reaches it, and what it says.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	e=e$BATS_TEST_NUMBER
}

# Subscribed under any of the names, with its chat in logs.out.
spawn_logs() { # NAME ARG...
	spawn logs "$1" --chat=always "${@:2}"
	await_log 'Waiting for logs' logs.out
}

# What came, without the chat.
came() { sed -n 's/^ \[x\] //p' logs.out; }

@test "fanout: bodies" {
	receive_logs -q "$e" --until-empty
	emit_log 'info: first'
	emit_log second
	run -0 receive_logs -q "$e" -c 2
	[ "$output" = $'info: first\nsecond' ]
}

@test "chat is the tutorials'" {
	spawn_logs receive_logs -c 1
	emit_log 'Hello World!'
	expect_status 0 logs
	printf ' [*] Waiting for logs. To exit press CTRL+C\n [x] Hello World!\n' | cmp - logs.out
	spawn_logs receive_logs_topic -c 1 'kern.*'
	emit_log_topic kern.critical 'A critical kernel error'
	expect_status 0 logs
	[ "$(came)" = 'kern.critical:A critical kernel error' ]
}

@test "direct: only the severities that were asked for" {
	spawn_logs receive_logs_direct -c 3 warning error
	emit_log_direct info no
	emit_log_direct warning careful
	emit_log_direct debug no
	emit_log_direct error 'it broke'
	emit_log_direct warning again
	expect_status 0 logs
	[ "$(came)" = $'warning:careful\nerror:it broke\nwarning:again' ]
}

@test "topic: a message that two patterns match comes once" {
	spawn_logs receive_logs_topic -c 2 'kern.*' '*.critical'
	emit_log_topic kern.critical 'A critical kernel error'
	emit_log_topic app.critical end
	expect_status 0 logs
	[ "$(came)" = $'kern.critical:A critical kernel error\napp.critical:end' ]
}

@test "headers: all must match" {
	spawn_logs receive_logs_headers -c 1 format=pdf kind=report
	emit_log_headers format=pdf -- no
	emit_log_headers format=pdf kind=log -- no
	emit_log_headers format=pdf kind=report more=1 -- yes
	expect_status 0 logs
	[ "$(came)" = ':yes' ]
}

@test "headers: any may match" {
	spawn_logs receive_logs_headers --match=any -c 2 format=pdf kind=report
	emit_log_headers format=zip -- no
	emit_log_headers format=pdf -- one
	emit_log_headers kind=report -- two
	expect_status 0 logs
	[ "$(came)" = $':one\n:two' ]
}

@test "headers: types count" {
	spawn_logs receive_logs_headers -c 1 n:int=5
	emit_log_headers n=5 -- no
	emit_log_headers n:int=5 -- yes
	expect_status 0 logs
	[ "$(came)" = ':yes' ]
}

@test "headers: without any, everything comes" {
	spawn_logs receive_logs_headers -c 1
	emit_log_headers a=b -- yes
	expect_status 0 logs
}

@test "every name is its options" {
	local name
	for name in receive-logs receive_logs; do
		spawn_logs "$name" -c 1
		publish_pika logs '' "by $name"
		expect_status 0 logs
		[ "$(came)" = "by $name" ]
	done
	for name in receive-logs-direct receive_logs_direct; do
		spawn_logs "$name" -c 1 key
		publish_pika direct_logs key "by $name"
		expect_status 0 logs
		[ "$(came)" = "key:by $name" ]
	done
	for name in receive-logs-topic receive_logs_topic; do
		spawn_logs "$name" -c 1 '*.key'
		publish_pika topic_logs a.key "by $name"
		expect_status 0 logs
		[ "$(came)" = "a.key:by $name" ]
	done
	for name in receive-logs-headers receive_logs_headers; do
		spawn_logs "$name" -c 1 k=v
		publish_pika headers_logs '' "by $name" '{"headers": {"k": "v"}}'
		expect_status 0 logs
		[ "$(came)" = ":by $name" ]
	done
}

@test "in a pipe: the key and the body" {
	receive_logs_direct -q keep.direct --until-empty a b >none
	[ ! -s none ]
	emit_log_direct a one
	emit_log_direct b two
	run -0 receive_logs_direct -q keep.direct -c 2 a b
	[ "$output" = $'a:one\nb:two' ]
}

@test "a named queue keeps what comes meanwhile" {
	receive_logs -q keep --until-empty
	emit_log first
	emit_log second
	run -0 receive_logs -q keep -c 2
	[ "$output" = $'first\nsecond' ]
	[ "$(depth keep)" -eq 0 ]
}

@test "without a name the queue is gone afterwards" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of its own"
	spawn_logs receive_logs -e "$e"
	[ "$("$broker" ctl list_queues -p "$VHOST" name | grep -c '^amq\.gen')" -eq 1 ]
	kill "$logs_pid"
	expect_status 0 logs
	await 5 eval '! "$broker" ctl list_queues -p "$VHOST" name | grep -q "^amq\.gen"'
}

@test "formats and delimiters" {
	receive_logs_topic -q "$e" -e "$e" --until-empty '#'
	emit_log_topic -e "$e" a.b body
	emit_log_topic -e "$e" c.d body
	run -0 receive_logs_topic -q "$e" -e "$e" -c 1 -F '%e %r %q %s\n' '#'
	[ "$output" = "$e a.b $e body" ]
	receive_logs_topic -q "$e" -e "$e" -c 1 --raw '#' >got
	printf body | cmp - got
}

@test "an exchange of another durability is used as it is" {
	peer exchange "$e" topic '{"durable": true}'
	run -0 receive_logs_topic -e "$e" --until-empty '#'
}

@test "an exchange of another type is 78" {
	peer exchange "$e" direct
	run -78 receive_logs_topic -e "$e" '#'
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "receive_logs_topic: cannot declare exchange '$e': PRECONDITION_FAILED"* ]]
}

@test "the broker's own exchanges are not declared" {
	spawn_logs receive-logs -e amq.topic --type topic -c 1 'x.#'
	publish_pika amq.topic x.y yes
	expect_status 0 logs
	[ "$(came)" = x.y:yes ]
}

@test "an exchange that must exist" {
	run -67 receive_logs -e "$e" --declare=passive
	[ "${#lines[@]}" -eq 1 ]
	run -67 receive_logs -e "$e" --declare=none
	[[ $output == *"'$e'"*NOT_FOUND* ]]
}

@test "after a loss it says what it missed" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of its own"
	spawn_logs receive_logs -e "$e" -c 1
	"$broker" ctl close_all_connections -p "$VHOST" 'closed by a test'
	await_log '^receive_logs: reconnected after [0-9.]* s; messages published meanwhile were not received$' logs.err
	emit_log -e "$e" yes
	expect_status 0 logs
	[ "$(came)" = yes ]
}

@test "a named queue misses nothing" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of its own"
	spawn_logs receive_logs -e "$e" -q "$e" -c 1
	"$broker" ctl close_all_connections -p "$VHOST" 'closed by a test'
	emit_log -e "$e" yes
	expect_status 0 logs
	run -1 grep meanwhile logs.err
}

@test "a queue that is deleted is 67" {
	spawn_logs receive_logs -e "$e" -q "$e"
	drop "$e"
	expect_status 67 logs
	[ "$(wc -l <logs.err)" -eq 1 ]
}

@test "SIGINT is 130, SIGTERM 0" {
	spawn_logs receive_logs -e "$e"
	kill -INT "$logs_pid"
	expect_status 130 logs
	spawn_logs receive_logs -e "$e"
	kill -TERM "$logs_pid"
	expect_status 0 logs
}

@test "what is not understood is 64 with a pointer" {
	run -64 receive_logs_direct
	[ "$output" = 'receive_logs_direct: needs at least one severity (see receive_logs_direct --help)' ]
	run -64 receive-logs-topic
	[ "$output" = 'receive-logs-topic: needs at least one pattern (see receive-logs-topic --help)' ]
	run -64 receive_logs key
	[ "$output" = "receive_logs: a fanout exchange has no keys, but there is 'key' (see receive_logs --help)" ]
	run -64 receive_logs --match=any
	run -64 receive_logs --type=x-mad
	run -64 receive_logs_headers novalue
	[[ $output == 'receive_logs_headers: cannot bind novalue: '* ]]
	run -64 receive_logs -e ''
	run -64 receive_logs -q ''
}
