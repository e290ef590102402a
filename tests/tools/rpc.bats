#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# rpc-call and worker --reply: requests, their replies, and what becomes of both when something is wrong.
# shellcheck disable=SC2016,SC2154 # code for other shells; variables of run and spawn

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=rpc_$BATS_TEST_NUMBER
	peer drop "$q"
}

teardown() {
	touch go # whatever waits for it
	end_spawned
}

# A server of ours that does what a shell says; its name is s.
serve() { # SCRIPT [OPTION...]
	local script=$1
	shift
	spawn s rpc_server -q "$q" "$@" -- sh -c "$script"
	await_served
}

# A server that is not ours: it sends what it likes, where $AMQP_REPLY_TO says. RabbitMQ 3.10
# and 4.0 return what goes there although it arrives.
serve_by_hand() { # SCRIPT
	spawn s worker -q "$q" --pass-url -- sh -c "reply() { send -r \"\$AMQP_REPLY_TO\" \"\$@\" 2>/dev/null || true; }
		id=\$AMQP_CORRELATION_ID; $1"
	await_served
}

served() { [ "$(peer consumers "$q" 2>/dev/null)" = 1 ]; }
await_served() { await 10 served; }

stop_server() {
	kill -TERM "$s_pid"
	expect_status 0 s
}

requests_are() { # N
	[ "$(depth "$q" 2>/dev/null)" = "$1" ]
}

member() { # NAME...: of JSON objects, a line each
	/usr/bin/python3 -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    print(*(message.get(name) for name in sys.argv[1:]))' "$@"
}

# What is printed

@test "the request is the words, the reply is a line" {
	serve 'cat; printf " and back"'
	run -0 --separate-stderr rpc-call -q "$q" there
	[ "$output" = "there and back" ]
	[ "$stderr" = "" ]
	rpc_client -q "$q" over there >got
	printf 'over there and back\n' | cmp - got
}

@test "a reply that ends with a newline gets no second one" {
	serve 'cat; echo'
	rpc-call -q "$q" x >got
	printf 'x\n' | cmp - got
	rpc-call -q "$q" $'x\n' >got
	printf 'x\n\n' | cmp - got
	rpc-call -q "$q" --raw x >got
	printf 'x\n' | cmp - got
	rpc-call -q "$q" -0 x >got
	printf 'x\n\0' | cmp - got
	rpc-call -q "$q" -F '<%s>' x >got
	printf '<x\n>' | cmp - got
}

@test "without words the request is the tutorial's" {
	peer drop rpc_queue
	spawn s rpc_server cat
	await 5 eval 'rpc-call --require-server -W 1 up'
	run -0 rpc_client </dev/null
	[ "$output" = 30 ]
}

@test "a request from standard input or a file; without a word about it standard input is left alone" {
	serve 'cat'
	head -c 300000 /dev/urandom >bytes
	rpc-call -q "$q" --raw - <bytes >got
	cmp bytes got
	rpc-call -q "$q" --raw -f bytes >got
	cmp bytes got
	printf '1\n2\n3\n' | while read -r n; do rpc-call -q "$q" "$n"; done >got
	[ "$(<got)" = $'1\n2\n3' ]
	rpc-call -q "$q" - </dev/null >got
	printf '\n' | cmp - got
}

@test "requests that cannot be: 64, 65, 66" {
	run -66 rpc-call -f missing
	[ "$output" = "rpc-call: cannot read 'missing': No such file or directory" ]
	echo 123456 >file
	run -65 rpc-call --max-message 3 -f file
	[ "$output" = "rpc-call: cannot send file: longer than 3 bytes (see --max-message)" ]
	run -65 rpc-call --max-message 3 1234
	[ "$output" = "rpc-call: cannot send the message: longer than 3 bytes (see --max-message)" ]
	run -64 rpc-call -f file -
	[ "$output" = "rpc-call: - and --file exclude each other (see rpc-call --help)" ]
	run -64 rpc-call -f file word
	run -64 rpc-call -q a -e b
	[ "$output" = "rpc-call: --queue excludes --exchange and --routing-key (see rpc-call --help)" ]
	run -64 rpc-call -e a --require-server
	[ "$output" = "rpc-call: --require-server needs a queue, not an exchange (see rpc-call --help)" ]
	run -64 rpc-call -q a </dev/null
	[ "$output" = "rpc-call: nothing to send: words, - or -f (see rpc-call --help)" ]
	run -64 rpc-call < <(echo 30)
	run -64 rpc-call -W 0
	run -64 rpc-call -J --raw
	run -74 rpc-call - <.
	[ "$output" = "rpc-call: cannot read standard input: Is a directory" ]
}

@test "the tutorial's words for people, and nothing drives their terminal" {
	serve 'cat'
	run -0 rpc-call -q "$q" --chat=always 30
	[ "${lines[0]}" = " [x] Requesting 30" ]
	[ "${lines[1]}" = " [.] Got 30" ]
	[ "${#lines[@]}" -eq 2 ]
	run -0 on_terminal "rpc-call -q $q 'a"$'\e'"[1mb'"
	[ "$output" = $' [x] Requesting a\\033[1mb\n [.] Got a\\033[1mb' ]
	run -0 on_terminal "rpc-call -q $q 'a"$'\n'"'"
	[ "$output" = $' [x] Requesting a\\n\n [.] Got a' ]
}

@test "envelopes, and a file" {
	serve 'cat'
	rpc-call -q "$q" --correlation-id c-1 -J x >got
	[ "$(member payload <got)" = x ]
	[ "$(member properties <got)" != None ]
	grep -qF '"correlation_id":"c-1"' got
	grep -qF '"x-exit-status":{"$int32":0}' got
	rpc-call -q "$q" --output-dir replies x
	[ "$(cat replies/*)" = x ]
}

@test "output that cannot be written: 74" {
	serve 'cat'
	run -74 bash -c "rpc-call -q $q x >/dev/full"
	[ "$output" = "rpc-call: cannot write standard output: No space left on device" ]
}

# What is sent

@test "a request says where its reply goes, what it belongs to, and when nobody waits any more" {
	declare_queue "$q"
	run -75 rpc-call -q "$q" -W 1500ms -C text/plain -H n:int=5 request
	[ "${lines[0]}" = "rpc-call: warning: nobody serves queue '$q' for now; waiting" ]
	[ "${lines[1]}" = "rpc-call: cannot get a reply from queue '$q': none came within 1.5 s" ]
	[ "${#lines[@]}" -eq 2 ]
	spawn c rpc-call -q "$q" -W 9 request
	await 10 requests_are 1
	peer get-json "$q" >got
	[[ $(member reply_to <got) == amq.rabbitmq.reply-to.* ]]
	[[ $(member correlation_id <got) =~ ^[0-9a-f-]{36}$ ]]
	[ "$(member delivery_mode <got)" = 2 ]
	[ "$(member expiration <got)" -gt 5000 ]
	[ "$(member expiration <got)" -le 9000 ]
}

@test "when the time is over nobody gets the request, in a classic and in a quorum queue" {
	for type in classic quorum; do
		peer drop "$q"
		declare_queue "$q" "{\"x-queue-type\": \"$type\"}"
		run -75 rpc-call -q "$q" -W 1 request
		run -0 receive -q "$q" --until-empty
		[ "$output" = "" ]
	done
}

@test "--no-expiration leaves it, --expiration gives it another time" {
	declare_queue "$q"
	run -75 rpc-call -q "$q" -W 1 --no-expiration one
	run -75 rpc-call -q "$q" -W 1 --expiration 1h two
	peer get-json "$q" 2 >got
	[ "$(member body expiration <got)" = $'one None\ntwo 3600000' ]
}

# Nobody there

@test "no queue: 67 at once, and none is made" {
	SECONDS=0
	run -67 rpc-call -q "$q" request
	[[ $output == "rpc-call: cannot call queue '$q': NOT_FOUND - no queue '$q' in vhost "* ]]
	[ "$SECONDS" -lt 10 ]
	run -67 rpc-call -r "$q" request
	run -67 queue stat "$q"
}

@test "an exchange: 67 if no queue is bound, or if there is none" {
	run -67 rpc-call -e amq.direct -r "$q" request
	[ "$output" = "rpc-call: cannot call exchange 'amq.direct' with routing key '$q': no queue is bound (NO_ROUTE)" ]
	run -67 rpc-call -e "no_$q" request
	[[ $output == "rpc-call: cannot publish: NOT_FOUND - no exchange 'no_$q' in vhost "* ]]
	serve 'cat'
	peer bind "$q" amq.direct "$q"
	run -0 rpc-call -e amq.direct -r "$q" request
	[ "$output" = request ]
}

@test "--require-server: 69 if nobody serves the queue, and nothing is sent" {
	declare_queue "$q"
	run -69 rpc-call -q "$q" --require-server request
	[ "$output" = "rpc-call: cannot call queue '$q': nobody serves it" ]
	requests_are 0
	serve 'cat'
	run -0 rpc-call -q "$q" --require-server request
}

@test "a server that comes in time is in time" {
	declare_queue "$q"
	spawn c rpc-call -q "$q" request
	await_log "nobody serves" c.err
	serve 'cat'
	expect_status 0 c
	[ "$(<c.out)" = request ]
}

@test "no broker: 69" {
	run -69 rpc-call -u amqp://127.0.0.1:1 --connect-timeout 0.5 x
	run -69 rpc-call -u amqp://127.0.0.1:1 -W 0.3 x
}

@test "a connection that is lost takes the reply with it: 75" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of our own"
	declare_queue "$q"
	spawn c rpc-call -q "$q" request
	await 10 requests_are 1
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	expect_status 75 c
	grep -q "^rpc-call: cannot get a reply from queue '$q': .* closed the connection: CONNECTION_FORCED - bye" c.err
	requests_are 1
}

@test "a signal ends it" {
	declare_queue "$q"
	for signal in TERM INT HUP; do
		spawn c rpc-call -q "$q" request
		await_log "nobody serves" c.err
		kill "-$signal" "$c_pid"
		expect_status $((128 + $(kill -l "$signal"))) c
	done
}

# What came of it

@test "a command that fails: its output, a line, and 1" {
	serve 'read -r n; echo "got $n"; exit $n'
	run -1 --separate-stderr rpc-call -q "$q" 3
	[ "$output" = "got 3" ]
	[ "$stderr" = "rpc-call: the request failed with exit status 3" ]
	run -0 rpc-call -q "$q" 0
	stop_server
	[[ $(<s.err) == "rpc_server: message '"*"': command failed with exit status 3; the caller is told" ]]
	requests_are 0
}

@test "--pass-status: its status is ours, without a word" {
	serve 'read -r n; [ "$n" -lt 100 ] || kill -9 $$; exit "$n"'
	run -3 --separate-stderr rpc-call -q "$q" --pass-status 3
	[ "$stderr" = "" ]
	run -0 rpc-call -q "$q" --pass-status 0
	run -137 --separate-stderr rpc-call -q "$q" --pass-status 100
	[ "$stderr" = "rpc-call: the request failed with signal 9 (Killed)" ]
}

@test "a command that takes too long is ended, and the caller is told" {
	serve 'echo begun; sleep 30' --job-timeout 0.3
	run -1 --separate-stderr rpc-call -q "$q" x
	[ "$output" = begun ]
	[ "$stderr" = "rpc-call: the request failed with signal 15 (Terminated): command did not end within 0.3 s" ]
	stop_server
	serve 'trap "exit 0" TERM; sleep 30 & wait' --job-timeout 0.3
	run -1 rpc-call -q "$q" x
	[ "$output" = $'\nrpc-call: the request failed with signal 15 (Terminated): command did not end within 0.3 s' ] ||
		[ "${lines[0]}" = "rpc-call: the request failed with signal 15 (Terminated): command did not end within 0.3 s" ]
	grep -qx "rpc_server: message '.*': command did not end within 0.3 s; the caller is told" s.err
}

@test "replies that belong to something else are not ours" {
	serve_by_hand 'reply --correlation-id=other no; reply none; reply --correlation-id="$id" yes; reply --correlation-id="$id" more'
	run -0 rpc-call -q "$q" x
	[ "$output" = yes ]
}

@test "headers of a reply may hold anything" {
	serve_by_hand 'case $(cat) in
		number) reply --correlation-id="$id" -H x-exit-status=9999 body ;;
		word) reply --correlation-id="$id" -H x-exit-status=bad body ;;
		table) reply --correlation-id="$id" -H x-exit-status:json={} -H x-signal:json=[] body ;;
		zero) reply --correlation-id="$id" -H x-exit-status=0 body ;;
		*) reply --correlation-id="$id" -H "x-error=$(printf "a\033[1mb")" body ;;
		esac'
	run -255 rpc-call -q "$q" --pass-status number
	run -255 rpc-call -q "$q" --pass-status word
	run -0 rpc-call -q "$q" table
	[ "$output" = body ]
	run -0 rpc-call -q "$q" zero
	run -1 --separate-stderr rpc-call -q "$q" error
	[ "$output" = body ]
	[ "$stderr" = 'rpc-call: the request failed: a\033[1mb' ]
}

# Who serves

@test "--reply needs a command: 64" {
	run -64 worker --reply
	[ "$output" = "worker: --reply needs a command (see worker --help)" ]
	run -64 rpc-serve
}

@test "what the command prints is the reply, byte by byte, with the id of the request" {
	head -c 300000 /dev/urandom >bytes
	serve 'cat; exit 7'
	declare_queue "answers_$q"
	publish_pika '' "$q" - "{\"reply_to\": \"answers_$q\", \"correlation_id\": \"c-1\"}" <bytes
	await_depth 10 1 "answers_$q"
	receive -q "answers_$q" -c 1 -J >got
	grep -qF '"correlation_id":"c-1"' got
	grep -qF '"headers":{"x-exit-status":{"$int32":7}}' got
	grep -qF '"delivery_mode":2' got
	grep -qF '"payload_bytes":300000' got
	publish_pika '' "$q" - "{\"reply_to\": \"answers_$q\"}" <bytes
	receive -q "answers_$q" -c 1 --raw >got
	cmp bytes got
	stop_server
	[ "$(<s.out)" = "" ]
	drop "answers_$q"
}

@test "who does not ask for a reply has a job done" {
	declare_queue "$q"
	send -q "$q" one
	run -0 worker --reply -q "$q" -c 1 cat
	[ "$output" = one ]
	send -q "$q" two
	run -1 worker --reply -q "$q" -c 1 false
	[[ $output == "worker: message '"*"': command failed with exit status 1; it goes back to its queue"* ]]
	[ "$(depth "$q")" -eq 1 ]
}

@test "--tag and --collect are for who does not ask for a reply; replies have no tags" {
	declare_queue "$q"
	for option in --tag "--tag --collect"; do
		send -q "$q" --message-id job one
		# shellcheck disable=SC2086 # two words
		run -0 worker --reply -q "$q" -c 1 $option cat
		[ "$output" = "job	one" ]
		# shellcheck disable=SC2086
		spawn s worker --reply -q "$q" $option cat
		await_consumers 10 1 "$q"
		run -0 rpc-call -q "$q" two
		[ "$output" = two ]
		kill -TERM "$s_pid"
		expect_status 0 s
		[ ! -s s.out ]
	done
}

@test "-c: 0 if the command succeeded, else 1; the request is done in any case" {
	declare_queue "$q"
	declare_queue "answers_$q"
	send -q "$q" -t "answers_$q" x
	run -0 worker --reply -q "$q" -c 1 true
	send -q "$q" -t "answers_$q" x
	run -1 worker --reply -q "$q" -c 1 false
	[[ ${lines[0]} == "worker: message '"*"': command failed with exit status 1; the caller is told" ]]
	[ "${lines[1]}" = "worker: cannot finish 1 message: 0 succeeded" ]
	[ "$(depth "$q")" -eq 0 ]
	[ "$(depth "answers_$q")" -eq 2 ]
	drop "answers_$q"
}

@test "a command that cannot be run harms no request" {
	declare_queue "$q"
	send -q "$q" -t nowhere x
	run -127 worker --reply -q "$q" ./missing
	[ "$output" = "worker: cannot run ./missing: No such file or directory" ]
	[ "$(depth "$q")" -eq 1 ]
}

@test "a request that is too much for the system: the caller is told" {
	spawn s bash -c "ulimit -s 256; FILLER=$(printf %080000d 0) exec worker --reply -q $q cat"
	await_served
	run -1 --separate-stderr rpc-call -q "$q" -H "traceparent=$(printf %060000d 0)" request
	[ "$output" = "" ]
	[ "$stderr" = "rpc-call: the request failed: Argument list too long" ]
	stop_server
	[[ $(<s.err) == "worker: message '"*"': cannot run cat: Argument list too long; the caller is told" ]]
	requests_are 0
}

@test "the caller has gone: said once, and the request is done" {
	serve 'cat'
	send -q "$q" -t "gone_$q" one
	send -q "$q" -t "gone_$q" two
	run -0 rpc-call -q "$q" three
	stop_server
	[[ $(<s.err) == "rpc_server: message '"*"': cannot send the reply to 'gone_$q': there is no such queue, the caller has gone; the request is done" ]]
	requests_are 0
}

@test "no name of a queue for the reply stops a server" {
	serve 'cat' -P 4
	long=$(printf 'x%.0s' {1..255})
	for name in amq.rabbitmq.reply-to.g2dkABFy.xx== amq.rabbitmq.reply-to.garbage amq.rabbitmq.reply-to. \
		amq.gen-no "$long" $'\xff\x01\n' '%s%n' "$q"; do
		send -q "$q" -t "$name" hostile
	done
	for n in 1 2 3; do
		run -0 rpc-call -q "$q" "still here $n"
		[ "$output" = "still here $n" ]
	done
	stop_server
	requests_are 0
}

@test "a reply that the broker refuses: the caller gets the reason instead" {
	declare_queue "$q"
	if head -c 17000000 /dev/zero | send -q "$q" - 2>/dev/null; then skip "this broker takes 17 MB"; fi
	serve 'head -c 17000000 /dev/zero'
	run -1 --separate-stderr rpc-call -q "$q" x
	[ "$output" = "" ]
	[[ $stderr == "rpc-call: the request failed: the reply cannot be sent: PRECONDITION_FAILED - message size "* ]]
	stop_server
	[[ $(<s.err) == "rpc_server: message '"*"': the broker refused the reply: PRECONDITION_FAILED - message size "* ]]
	requests_are 0
}

# Not when the next heartbeat comes, which is in half a minute.
@test "a reply that is longer than 128 MiB is not even tried, and the caller knows at once" {
	serve 'truncate -s 134217729 /proc/self/fd/1 || head -c 134217729 /dev/zero' --heartbeat 60
	run -1 --separate-stderr rpc-call -q "$q" -W 15 x
	[ "$stderr" = "rpc-call: the request failed: the reply cannot be sent: the output is longer than 128 MiB" ]
	grep -qx "rpc_server: message '.*': cannot send the reply: the output is longer than 128 MiB" s.err
}

@test "the caller's queue is full: said, and the request is done" {
	declare_queue "answers_$q" '{"x-max-length": 1, "x-overflow": "reject-publish"}'
	send -q "answers_$q" full
	serve 'cat'
	send -q "$q" -t "answers_$q" x
	await_log "cannot send the reply to 'answers_$q': the caller's queue does not take it; the request is done" s.err 20
	await 10 requests_are 0
	stop_server
	drop "answers_$q"
}

@test "several at once, each its own reply" {
	serve 'sleep 0.2; cat' -P 4
	for i in 1 2 3 4 5 6 7 8; do
		spawn "c$i" rpc-call -q "$q" "request $i"
	done
	for i in 1 2 3 4 5 6 7 8; do
		expect_status 0 "c$i" 20
		[ "$(<"c$i.out")" = "request $i" ]
	done
}

@test "asked to end, a server answers what it has begun" {
	serve 'until [ -e go ]; do sleep 0.02; done; cat'
	spawn c rpc-call -q "$q" request
	await 10 requests_are 0
	await 10 pgrep -P "$s_pid" >/dev/null
	kill -TERM "$s_pid"
	touch go
	expect_status 0 s
	expect_status 0 c
	[ "$(<c.out)" = request ]
}

@test "a server is killed: another one answers" {
	serve 'sleep 30'
	spawn c rpc-call -q "$q" request
	await 10 requests_are 0
	await 10 pgrep -P "$s_pid" >/dev/null
	kill -KILL "$s_pid"
	spawn other worker --reply -q "$q" cat
	expect_status 0 c 20
	[ "$(<c.out)" = request ]
}

@test "the exit map is not for a request, even if that was lost with its connection" {
	need_control ctl vhosts
	declare_queue "answers_$q"
	serve 'echo begin >>log; until [ -e go ]; do sleep 0.02; done; exit 7' --exit-map=strict
	send -q "$q" -t "answers_$q" request
	await 10 test -s log
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "reconnected after" s.err
	touch go
	await_depth 10 1 "answers_$q"
	stop_server
	requests_are 0
	drop "answers_$q"
}

@test "a transient queue is served as it is" {
	declare_queue "$q" '{}' '{"durable": false}' 2>/dev/null || skip "this broker refuses transient queues"
	serve 'cat'
	run -0 rpc-call -q "$q" request
	[ "$output" = request ]
}
