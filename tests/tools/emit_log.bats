# SPDX-License-Identifier: MIT
# emit-log: four types of exchange, and what becomes of a line that nobody gets.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

# A subscriber that is not ours: EXCHANGE TYPE N KEY...
subscribe() { # NAME EXCHANGE TYPE N KEY...
	local name=$1
	shift
	spawn "$name" /usr/bin/python3 "$tests/peer.py" subscribe "$@"
	await_log Waiting "$BATS_TEST_TMPDIR/$name.out"
}

expect_lines() { # NAME LINE...
	local name=$1
	shift
	expect_status 0 "$name" || return
	diff <(sed 1d "$BATS_TEST_TMPDIR/$name.out") <(printf '%s\n' "$@")
}

@test "fanout: words, a default, both spellings of the name" {
	subscribe sub logs fanout 3 ""
	run -0 emit-log one two
	run -0 emit_log </dev/null
	run -0 emit_log --type=fanout "three"
	[ "$output" = "" ]
	expect_lines sub ":one two" ":info: Hello World!" ":three"
}

@test "direct: a severity, words, defaults" {
	subscribe sub direct_logs direct 3 info error
	run -0 emit_log_direct </dev/null
	run -0 emit_log_direct error Disk is full
	run -0 emit-log --type=direct info x
	expect_lines sub "info:Hello World!" "error:Disk is full" "info:x"
}

@test "topic: a key, words, defaults" {
	subscribe sub topic_logs topic 3 "kern.*" "*.critical" "anonymous.#"
	run -0 emit_log_topic kern.critical "A critical kernel error"
	run -0 emit-log-topic </dev/null
	run -0 emit-log --type=topic app.critical a b
	expect_lines sub "kern.critical:A critical kernel error" "anonymous.info:Hello World!" \
		"app.critical:a b"
}

@test "headers: pairs, --, words" {
	subscribe sub headers_logs headers 3 '{"x-match": "any", "format": "pdf", "level": "high", "n": 5}'
	run -0 emit_log_headers format=pdf -- A report
	run -0 emit_log_headers n:int=5 -- --
	run -0 emit-log --type=headers -H format=pdf a=b c=d -- x
	[ "${#lines[@]}" -eq 0 ] || [[ $output == *warning* ]]
	expect_status 0 sub || { cat "$BATS_TEST_TMPDIR/sub.out"; false; }
	expect_lines sub ":A report" ":--" ":x"
}

@test "no text in place of what was meant" {
	run -64 emit_log < <(echo line)
	[ "$output" = "emit_log: nothing to send: words, - or -l (see emit_log --help)" ]
	run -64 emit_log -e logs </dev/null
	run -64 emit_log_direct error </dev/null
	run -64 emit_log_topic kern.critical </dev/null
	[ "$output" = "emit_log_topic: nothing to send: words, - or -l (see emit_log_topic --help)" ]
	run -64 emit_log_topic < <(echo line)
	run -64 emit_log_headers format=pdf -- </dev/null
}

@test "headers: what is not a pair is a usage error" {
	run -64 emit_log_headers word
	[ "$output" = "emit_log_headers: header 'word': needs NAME=VALUE (see emit_log_headers --help)" ]
	run -64 emit_log_headers
	[ "$output" = "emit_log_headers: a headers exchange needs NAME=VALUE (see emit_log_headers --help)" ]
	run -64 emit_log_headers n:int=five
}

@test "-l: the key remains, each line is a message" {
	subscribe sub topic_logs topic 3 app.info
	printf 'one\n\nlast' | emit_log_topic -l app.info
	expect_lines sub "app.info:one" "app.info:" "app.info:last"
}

@test "-l: without a key there is the default, with words there is an error" {
	subscribe sub topic_logs topic 1 "#"
	echo line | emit_log_topic -l
	expect_lines sub "anonymous.info:line"
	run -64 emit_log_topic -l app.info word
	run -64 emit_log -l word
}

@test "-l with pairs" {
	subscribe sub headers_logs headers 2 '{"x-match": "all", "app": "web"}'
	printf 'one\ntwo\n' | emit_log_headers -l app=web
	expect_lines sub ":one" ":two"
}

@test "- is one message" {
	subscribe sub direct_logs direct 1 info
	printf one | emit_log_direct info -
	expect_lines sub "info:one"
}

@test "nobody there: a warning, once, and 0" {
	run -0 emit_log x
	[ "$output" = "emit_log: warning: nobody receives what goes to fanout exchange 'logs': no queue is bound (NO_ROUTE)" ]
	run -0 emit_log_topic -l a.b < <(seq 10)
	[ "${#lines[@]}" -eq 1 ]
	[ "$output" = "emit_log_topic: warning: nobody receives what goes to topic exchange 'topic_logs' with routing key 'a.b': no queue is bound (NO_ROUTE)" ]
}

@test "--require-route: 67" {
	run -67 emit_log --require-route x
	[ "$output" = "emit_log: cannot deliver to fanout exchange 'logs': no queue is bound (NO_ROUTE)" ]
	subscribe sub logs fanout 1 ""
	run -0 emit_log --require-route x
	expect_lines sub ":x"
	run -67 emit_log --require-route=yes x
	run -0 emit_log --require-route=warn x
	[[ $output == "emit_log: warning: nobody receives"* ]]
	run -0 emit_log --require-route=no x
	[ "$output" = "" ]
	run -64 emit_log --require-route=perhaps x
	[ "$output" = "emit_log: --require-route=perhaps: must be yes, no or warn (see emit_log --help)" ]
	run -64 emit_log --require-route --require-route=no x
}

@test "exchanges are transient unless --durable, and a different durability will do" {
	peer drop-exchange transient lasting
	emit_log -e transient x
	peer exchange transient fanout
	emit_log -e lasting --durable x
	peer exchange lasting fanout '{"durable": true}'
	run -0 emit_log -e lasting x
	run -0 emit_log -e transient --durable x
}

@test "a clash of types: 78, one line, nothing in doubt" {
	peer drop-exchange clash
	peer exchange clash fanout
	run -78 emit_log_topic -e clash a.b x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "emit_log_topic: cannot declare "*"'clash': PRECONDITION_FAILED"*type* ]]
}

@test "--declare: passive looks, none does not, strict insists" {
	peer drop-exchange absent
	run -67 emit_log -e absent --declare=passive x
	[ "${#lines[@]}" -eq 1 ]
	run -67 emit_log -e absent --declare=none x
	[ "${#lines[@]}" -eq 1 ]
	peer exchange absent fanout '{"durable": true}'
	run -78 emit_log -e absent --declare=strict x
	run -0 emit_log -e absent --declare=strict --durable x
	run -0 emit_log -e absent --declare=passive x
}

@test "the broker's own exchanges are not declared" {
	declare_queue own
	peer bind own amq.topic "own.#"
	run -0 emit_log_topic -e amq.topic own.x hello
	[ "$output" = "" ]
	run -0 emit_log_direct -e "" own again
	[ "$output" = "" ]
	run -0 get_pika own 2
	[ "$output" = $'hello\nagain' ]
}

@test "persistence and reply-to have long names only" {
	subscribe sub logs fanout 1 ""
	run -0 emit_log --persistent --reply-to q x
	run -64 emit_log -p x
	[ "$output" = "emit_log: unknown option -p (see emit_log --help)" ]
	run -64 emit_log -t q x
	run -0 emit_log --transient x
}

@test "words may have any bytes but NUL" {
	declare_queue bytes
	peer bind bytes amq.fanout ""
	emit_log -e amq.fanout $'\xff\x01\n'
	[ "$(get_pika bytes | xxd -p)" = ff010a0a ]
}

@test "keys of 255 bytes are good, of 256 they are not" {
	key=$(printf '%0255d' 0)
	run -0 emit_log_direct "$key" x
	run -64 emit_log_direct "${key}0" x
	[ "$output" = "emit_log_direct: routing key: too long (see emit_log_direct --help)" ]
	run -64 emit_log -e "${key}0" x
	[ "${#lines[@]}" -eq 1 ]
}

@test "typed headers are seen by others" {
	declare_queue typed
	peer bind typed amq.headers "" '{"x-match": "all", "n": 5}'
	emit_log_headers -e amq.headers n:int=5 ok:bool=true 'tags:json=[1]' s=5 -- x
	run -0 peer get-json typed
	[[ $output == *'"headers": {"n": 5, "ok": true, "s": "5", "tags": [1]}'* ]]
}

@test "chat as in the tutorials" {
	declare_queue chat
	for exchange in amq.fanout amq.direct amq.topic; do peer bind chat $exchange a.b; done
	peer bind chat amq.headers "" '{"a": "b"}'
	run -0 emit_log --chat=always -e amq.fanout "info: Hello World!"
	[ "$output" = " [x] Sent 'info: Hello World!'" ]
	run -0 emit_log_direct --chat=always -e amq.direct a.b Hello World!
	[ "$output" = " [x] Sent 'a.b':'Hello World!'" ]
	run -0 emit_log_topic --chat=always -e amq.topic a.b Hello
	[ "$output" = " [x] Sent 'a.b':'Hello'" ]
	run -0 emit_log_headers --chat=always -e amq.headers a=b -- Hello
	[ "$output" = " [x] Sent 'Hello'" ]
	run -0 on_terminal "emit_log_topic -e amq.topic a.b Hello"
	[ "$output" = " [x] Sent 'a.b':'Hello'" ]
	run -0 emit_log_topic -e amq.topic a.b Hello
	[ "$output" = "" ]
}

@test "usage errors" {
	run -64 emit_log --type=square x
	[ "$output" = "emit_log: --type=square: must be fanout, direct, topic or headers (see emit_log --help)" ]
	run -64 emit_log_topic --bogus
	[ "$output" = "emit_log_topic: unknown option --bogus (see emit_log_topic --help)" ]
}

@test "an alias is its options, and a later option overrides it" {
	run -0 emit_log_topic --help
	[[ $output == "usage: emit_log_topic "*"[KEY [WORD"* ]]
	subscribe sub direct_logs direct 1 info
	run -0 emit_log_topic --type=direct info x
	expect_lines sub "info:x"
}

@test "no broker: 69; wrong password: 77" {
	run -69 emit_log_topic -u amqp://127.0.0.1:1 --connect-timeout 1 a.b x
	[ "${#lines[@]}" -eq 1 ]
	run -77 emit_log -u "amqp://guest:S3CRET-canary@${AMQP_URL##*@}" x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output != *S3CRET* ]]
}

@test "a stream of log lines: each once, in order" {
	declare_queue stream
	peer bind stream topic_logs "app.#" 2>/dev/null || { emit_log_topic x; peer bind stream topic_logs "app.#"; }
	seq 5000 | emit_log_topic -l app.info
	peer get stream 5000 | cmp - <(seq 5000)
}

@test "who may not declare the exchange publishes to the one that is there" {
	need_control ctl
	run -0 emit_log_topic -e granted -u "$AMQP_URL" a.b x
	add_guest emitter
	run -0 emit_log_topic -e granted -u "$guest_url" a.b x
	run -77 emit_log_topic -e forbidden -u "$guest_url" a.b x
	delete_guest emitter
	[[ $output == "emit_log_topic: cannot find exchange 'forbidden': NOT_FOUND"*", and this user may not declare it" ]]
}
