# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive: what it prints, when it ends and how, and that no message is lost.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
}

# Subscribed, with its chat in recv.out.
spawn_receive() { # ARG...
	spawn recv receive --chat=always -q "$q" "$@"
	await_log 'Waiting for messages' recv.out
}

# A receiver whose reader does not read; $fifo is where it would.
spawn_stuck() { # ARG...
	mkfifo fifo
	exec 7<>fifo
	spawn stuck bash -c 'exec receive "$@" >fifo' receive -q "$q" "$@"
}

# A hundred messages of 10 kB: more than a pipe and a buffer hold.
send_many() {
	local i
	for i in {1..100}; do printf '%s-%0*d\n' "$i" 10000 0; done >many
	send -q "$q" -l <many
}

# Kilobytes of memory that the stuck receiver has.
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$stuck_pid/status"; }

@test "a message is a line" {
	send -q "$q" one
	send -q "$q" two words
	run -0 receive -q "$q" -c 2
	[ "$output" = $'one\ntwo words' ]
}

@test "the queue is hello, and is made durable" {
	run -0 receive --until-empty
	[ -z "$output" ]
	publish_pika '' hello hi
	declare_queue hello
	run -0 receive -c 1
	[ "$output" = hi ]
}

@test "a queue of another kind is used as it is" {
	declare_queue "$q" '{"x-max-length": 7}'
	publish_pika '' "$q" hi
	run -0 receive -q "$q" -c 1
	[ "$output" = hi ]
}

@test "chat is the tutorials'" {
	send -q "$q" 'Hello World!'
	run -0 receive -q "$q" -c 1 --chat=always
	[ "${lines[0]}" = ' [*] Waiting for messages. To exit press CTRL+C' ]
	[ "${lines[1]}" = ' [x] Received Hello World!' ]
	[ "${#lines[@]}" -eq 2 ]
}

@test "on a terminal it chats, and a message does not drive it" {
	printf 'a\033[31mb\r\a' | send -q "$q" -
	run -0 on_terminal "receive -q $q -c 1"
	[[ ${lines[0]} == ' [*] Waiting for messages. To exit press CTRL+C'* ]]
	[[ ${lines[1]} == ' [x] Received a\033[31mb\r\a'* ]]
}

@test "on a terminal --raw and --chat=never do as they say" {
	printf '\033[1m' | send -q "$q" -
	send -q "$q" two
	on_terminal "receive -q $q -c 1 --raw" >raw
	printf '\033[1m' | cmp - raw
	run -0 on_terminal "receive -q $q -c 1 --chat=never"
	[ "$output" = two ]
}

@test "every letter of a format" {
	declare_queue "$q"
	publish_pika '' "$q" 'a body' '{"headers": {"n": "x"}, "timestamp": 1795417200, "message_id": "id", "correlation_id": "c"}'
	run -0 receive -q "$q" -c 1 -F '%s|%S|%r|%e|%q|%h|%T|%i|%c|100%%\t\x41\n'
	[ "$output" = "a body|6|$q||$q|{\"n\":\"x\"}|1795417200|id|c|100%"$'\tA' ]
}

@test "a format for a message without properties" {
	declare_queue "$q"
	publish_pika '' "$q" bare
	run -0 receive -q "$q" -c 1 -F '%h|%T|%i|%c|%s'
	[ "$output" = '{}||||bare' ]
}

@test "a format adds nothing, unless a delimiter is asked for" {
	send -q "$q" one
	send -q "$q" two
	receive -q "$q" -c 1 -F '<%s>' >got
	receive -q "$q" -c 1 -0 -F '<%s>' >>got
	printf '<one><two>\0' | cmp - got
}

@test "delimiters, and none" {
	printf 'a\nb\nc\nd\n' | send -q "$q" -l
	receive -q "$q" -c 1 -0 >got
	receive -q "$q" -c 1 -D ';' >>got
	receive -q "$q" -c 2 --raw >>got
	printf 'a\0b;cd' | cmp - got
}

@test "bytes arrive as they are: NUL, CR, none, a megabyte, no final newline" {
	head -c 1000000 /dev/urandom | tr -d '\n' >big
	{ printf 'a\0b\n\r\n\n' && cat big && printf '\n\xff\xfe'; } >sent
	send -q "$q" -l <sent
	receive -q "$q" -c 5 | cat >piped
	{ cat sent && echo; } | cmp - piped
	send -q "$q" -l <sent
	receive -q "$q" -c 5 >file
	{ cat sent && echo; } | cmp - file
	send -q "$q" -l <sent
	receive -q "$q" -c 5 --raw | cat >raw
	tr -d '\n' <sent | cmp - raw
}

@test "a file is appended to" {
	send -q "$q" two
	echo one >log
	receive -q "$q" -c 1 >>log
	printf 'one\ntwo\n' | cmp - log
}

@test "the extra ones are given back in order" {
	seq 600 | send -q "$q" -l
	receive -q "$q" -c 550 >got
	seq 550 | cmp - got
	await_depth 5 50 "$q"
	receive -q "$q" -c 50 >rest
	seq 551 600 | cmp - rest
}

@test "a signal before the last of those that were asked for is 1, and says how many came" {
	send -q "$q" one
	spawn_receive -c 2
	await_log 'Received one' recv.out
	kill -TERM "$recv_pid"
	expect_status 1 recv
	[ "$(cat recv.err)" = 'receive: cannot receive 2 messages: only 1 came before it was to end' ]
	spawn_receive -c 1
	kill -HUP "$recv_pid"
	expect_status 1 recv
	send -q "$q" two
	spawn_receive -c 1
	expect_status 0 recv
}

@test "-n is -c" {
	seq 3 | send -q "$q" -l
	run -0 receive -q "$q" -n 2
	[ "$output" = $'1\n2' ]
}

@test "fewer than asked for is 1 and a line" {
	send -q "$q" one
	run -1 --separate-stderr receive -q "$q" -c 2 --until-empty
	[ "$output" = one ]
	[ "$stderr" = 'receive: cannot receive 2 messages: only 1 came' ]
	run -1 receive -q "$q" -c 1 --timeout 1
	run -1 receive -q "$q" -c 1 --idle-timeout 200ms
}

@test "a limit without a count is 0" {
	send -q "$q" one
	run -0 --separate-stderr receive -q "$q" -W 1
	[ "$output" = one ]
	[ -z "$stderr" ]
	run -0 receive -q "$q" --idle-timeout 0.2
	run -0 receive -q "$q" --until-empty
}

@test "several queues" {
	send -q "$q.a" one
	send -q "$q.b" two
	receive -q "$q.a" -q "$q.b" -c 2 -F '%q %s\n' | sort >got
	printf '%s one\n%s two\n' "$q.a" "$q.b" | cmp - got
}

@test "no more than the prefetch is held" {
	send_many
	spawn_stuck -p 5
	await 10 eval '[ "$(depth "$q")" -lt 95 ]'
	await_consumers 5 1 "$q"
	[ "$(depth "$q")" -ge 70 ]
}

@test "a slow reader does not cost the connection" {
	send_many
	spawn_stuck -c 100 --heartbeat 1
	await_consumers 5 1 "$q"
	sleep 5
	head -n 100 <&7 >got
	expect_status 0 stuck
	cmp many got
	[ ! -s stuck.err ]
}

@test "SIGTERM and SIGHUP end it with 0, SIGINT with 130" {
	spawn_receive
	kill -TERM "$recv_pid"
	expect_status 0 recv
	spawn_receive
	kill -HUP "$recv_pid"
	expect_status 0 recv
	spawn_receive
	kill -INT "$recv_pid"
	expect_status 130 recv
	[ ! -s recv.err ]
}

@test "SIGTERM in the middle of a stream loses and doubles nothing" {
	seq 20000 | send -q "$q" -l
	spawn recv receive -q "$q" -p 10
	await_log '^100$' recv.out
	kill -TERM "$recv_pid"
	expect_status 0 recv
	receive -q "$q" --until-empty >rest
	[ -s rest ]
	cat recv.out rest >all
	seq 20000 | cmp - all
}

@test "a second signal does not wait" {
	send_many
	spawn_stuck -p 100
	await 10 eval '[ "$(depth "$q")" -eq 0 ]'
	kill -TERM "$stuck_pid"
	await_consumers 5 0 "$q"
	signal_again TERM "$stuck_pid"
	expect_status 75 stuck 5
	grep -q '^receive: interrupted again: ' stuck.err
}

@test "a kill loses nothing" {
	send_many
	spawn_stuck -p 100
	await 10 eval '[ "$(depth "$q")" -eq 0 ]'
	kill -KILL "$stuck_pid"
	await_end "$stuck_pid"
	timeout 1 cat <&7 >got || true
	await_consumers 5 0 "$q"
	[ $(($(wc -l <got) + $(depth "$q"))) -ge 100 ]
}

@test "a full device is 74, and nothing is lost" {
	seq 10 | send -q "$q" -l
	run -74 bash -c "receive -q $q >/dev/full"
	[ "$output" = 'receive: cannot write standard output: No space left on device' ]
	await_depth 5 10 "$q"
	receive -q "$q" -c 10 >got
	seq 10 | cmp - got
}

@test "a standard output that is closed is 74, and nothing is lost" {
	send -q "$q" one
	run -74 bash -c "receive -q $q >&-"
	[ "$output" = 'receive: cannot write standard output: Bad file descriptor' ]
	run -0 receive -q "$q" -c 1
	[ "$output" = one ]
}

@test "a full disk leaves whole messages" {
	seq 1000 2999 | send -q "$q" -l
	run -74 bash -c "ulimit -f 1 && receive -q $q >part"
	[ "$output" = 'receive: cannot write standard output: File too large' ]
	[ "$(tail -c 1 part | xxd -p)" = 0a ]
	receive -q "$q" --until-empty >rest
	cat part rest >all
	seq 1000 2999 | cmp - all
}

@test "a reader that goes away ends it, quietly" {
	seq 1000 | send -q "$q" -l
	run -0 --separate-stderr bash -c "receive -q $q -p 1 | head -n 1; echo \${PIPESTATUS[0]}"
	[ "$output" = $'1\n141' ]
	[ -z "$stderr" ]
	receive -q "$q" --until-empty >rest
	[ "$(tail -n 1 rest)" = 1000 ]
	[ "$(wc -l <rest)" -gt 900 ]
}

@test "with SIGPIPE ignored that is 74" {
	seq 100 | send -q "$q" -l
	run -0 bash -c "trap '' PIPE; receive -q $q | head -n 1; exit \$((PIPESTATUS[0] != 74))"
	[[ $output == *'receive: cannot write standard output: Broken pipe'* ]]
}

@test "a queue that is deleted is 67" {
	spawn_receive
	drop "$q"
	expect_status 67 recv
	[ "$(wc -l <recv.err)" -eq 1 ]
	grep -q "^receive: cannot consume from queue '$q': " recv.err
}

@test "a queue that must exist" {
	run -67 receive -q "$q" --declare=passive
	[[ $output == "receive: cannot find queue '$q': NOT_FOUND"* ]]
	[ "${#lines[@]}" -eq 1 ]
	run -67 receive -q "$q" --declare=none
	[ "${#lines[@]}" -eq 1 ]
}

@test "a queue that must be exactly so" {
	declare_queue "$q" '{"x-max-length": 7}'
	run -78 receive -q "$q" --declare=strict
	[[ $output == "receive: cannot declare queue '$q': PRECONDITION_FAILED"* ]]
	run -0 receive -q "$q" --declare=strict --arg x-max-length=7 --until-empty
}

@test "an exclusive queue is for one" {
	spawn_receive -x
	run -78 receive -q "$q"
	[[ $output == "receive: cannot "*" queue '$q': RESOURCE_LOCKED"* ]]
	send -q "$q" --declare=none mine
	await_log 'Received mine' recv.out
	kill "$recv_pid"
	expect_status 0 recv
	run -67 receive -q "$q" --declare=passive
}

@test "--no-ack says what it means, and acknowledges nothing" {
	seq 3 | send -q "$q" -l
	run -0 --separate-stderr receive -q "$q" -A --until-empty
	[ "$output" = $'1\n2\n3' ]
	[ "$stderr" = 'receive: with --no-ack, messages that cannot be printed are lost' ]
	[ "$(depth "$q")" -eq 0 ]
}

@test "it connects again after a loss" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of its own"
	spawn_receive -c 2
	send -q "$q" one
	await_log 'Received one' recv.out
	"$broker" ctl close_all_connections -p "$VHOST" 'closed by a test'
	await_log 'receive: reconnected after [0-9.]* s$' recv.err
	send -q "$q" two
	expect_status 0 recv
	grep -q 'closed by a test.*; connecting again$' recv.err
	[ "$(wc -l <recv.err)" -eq 2 ]
}

@test "no broker is 69, within the deadline" {
	SECONDS=0
	run -69 receive -u amqp://127.0.0.1:1 --connect-timeout 1
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == 'receive: cannot connect to 127.0.0.1:1: '* ]]
	run -69 receive -u amqp://127.0.0.1:1 --timeout 0.3
	[ "$output" = 'receive: cannot receive messages: no connection before the time limit: cannot connect to'\
' 127.0.0.1:1: Connection refused' ]
	[ "$SECONDS" -le 4 ]
}

@test "a wrong password is 77, at once and never shown" {
	local url
	url=${AMQP_URL%%://*}://guest:s3cret@${AMQP_URL#*@}
	SECONDS=0
	run -77 receive -u "$url"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output != *s3cret* ]]
	[ "$SECONDS" -le 3 ]
}

@test "what is not understood is 64 with a pointer" {
	run -64 receive --nonsense
	[ "$output" = 'receive: unknown option --nonsense (see receive --help)' ]
	run -64 receive some words
	[ "$output" = "receive: takes no operands, but there is 'some' (see receive --help)" ]
	run -64 receive -F '%z'
	[ "$output" = 'receive: --format=%z: unknown %z (see receive --help)' ]
	run -64 receive -q ''
	[ "$output" = 'receive: a queue needs a name (see receive --help)' ]
	run -64 receive -c 0
	run -64 receive -p 65536
}

@test "what is acknowledged was written: the rest of a pipe that was closed is in the queue" {
	local first
	send_many
	run -0 bash -c "receive -q $q | head -n 3 | cut -c 1-9"
	[ "${#lines[@]}" -eq 3 ]
	receive -q "$q" --until-empty >rest
	first=$(head -n 1 rest)
	first=${first%%-*}
	# A pipe holds 64 KiB, and head reads as much at a time: that is the limit of the promise.
	[ "$first" -ge 4 ]
	[ "$first" -le 24 ]
	cmp rest <(tail -n +"$first" many)
}

@test "a slow reader does not cost memory" {
	local i before
	for i in {1..40}; do send_many; done
	ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=0 spawn_stuck -c 4000 --heartbeat 1 -p 500
	head -c 10000000 <&7 >got
	before=$(resident)
	sleep 3
	head -c 10000000 <&7 >>got
	[ "$(resident)" -lt $((before + 10000)) ]
	head -c $(($(wc -c <many) * 40 - 20000000)) <&7 >>got
	expect_status 0 stuck
	for i in {1..40}; do cat many; done | cmp - got
	[ ! -s stuck.err ]
}

@test "a large message is in memory once, however slow the reader" {
	head -c 50000000 /dev/urandom >big
	send -q "$q" -f big 2>big.err || skip "$(cat big.err)"
	send -q "$q" last
	ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=0 spawn_stuck -c 2
	head -c 1000000 <&7 >got
	[ "$(resident)" -lt 100000 ]
	head -c 49000006 <&7 >>got
	expect_status 0 stuck
	{ cat big && printf '\nlast\n'; } | cmp - got
}

@test "several queues until all are empty, beside somebody who sends" {
	seq 2000 | send -q "$q.a" -l
	seq 2000 | send -q "$q.b" -l
	receive -q "$q.a" -q "$q.b" -q "$q.c" --until-empty | sort -n | cmp - <(seq 2000 | sed p)
	[ "$(depth "$q.a")$(depth "$q.b")$(depth "$q.c")" = 000 ]
}

@test "--until-empty needs no guess: an empty queue ends it at once, a full one only when it is empty" {
	local i start
	send -q "$q" one
	receive -q "$q" -c 1
	start=${EPOCHREALTIME/./}
	for i in {1..5}; do receive -q "$q" --until-empty; done
	[ $((${EPOCHREALTIME/./} - start)) -lt 2000000 ]
	for i in {1..10}; do
		seq 100 | send -q "$q" -l
		receive -q "$q" --until-empty -p 3 | cmp - <(seq 100)
	done
}

@test "--until-empty waits for what it cannot get yet" {
	seq 10 | send -q "$q" -l --queue-type=quorum --arg x-single-active-consumer=true
	spawn first worker -q "$q" -c 1 -- sleep 2
	await_consumers 5 1 "$q"
	run -0 receive -q "$q" --until-empty
	[ "$output" = "$(seq 2 10)" ]
	expect_status 0 first
}
