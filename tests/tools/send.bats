# SPDX-License-Identifier: MIT
# send: what it takes, and what arrives.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

@test "without operands it says hello" {
	drop hello
	run -0 send </dev/null
	[ "$output" = "" ]
	[ "$(get_pika hello)" = "Hello World!" ]
	run -0 bash -c 'send <&-'
	run -0 on_terminal send
	[ "$(depth hello)" = 2 ]
	drop hello
}

@test "without operands it says nothing in place of what was meant" {
	local nothing='send: nothing to send: words, - or -l (see send --help)'
	declare_queue meant
	run -64 send -q meant </dev/null
	[ "$output" = "$nothing" ]
	run -64 send -e amq.fanout </dev/null
	run -64 send -r meant </dev/null
	run -64 send -q meant <<<'{"id":17}'
	[ "$output" = "$nothing" ]
	run -64 send < <(echo '{"id":17}')
	[ "$output" = "$nothing" ]
	printf 'a\nb\n' >"$BATS_TEST_TMPDIR/lines"
	while read -r line; do
		run -64 send
		[ "$output" = "$nothing" ]
		send -q meant "$line"
	done <"$BATS_TEST_TMPDIR/lines"
	[ "$(depth meant)" = 2 ]
	run ! depth hello
}

@test "words are joined with one blank" {
	run -0 send -q words one "two  three" four
	[ "$(get_pika words)" = "one two  three four" ]
}

@test "an empty word is an empty message" {
	run -0 send -q empty ""
	[ "$(get_pika empty)" = "" ]
}

@test "a word may have any bytes but NUL" {
	run -0 send -q binary $'\xff\xfe\x01\n\r'
	[ "$(get_pika binary | xxd -p)" = fffe010a0d0a ]
}

@test "options end at the first operand, and at --" {
	run -0 send -q rest word -q -l
	[ "$(get_pika rest)" = "word -q -l" ]
	run -0 send -q rest -- -l
	[ "$(get_pika rest)" = "-l" ]
}

@test "standard input is read only when asked for" {
	printf 'a\nb\nc\n' | while read -r line; do send -q loop "$line"; done
	run -0 get_pika loop 3
	[ "$output" = $'a\nb\nc' ]
}

@test "- is all of standard input as one message" {
	printf 'one\ntwo\0\r\n' | send -q whole -
	[ "$(get_pika whole | xxd -p)" = 6f6e650a74776f000d0a0a ]
	send -q whole - </dev/null
	[ "$(get_pika whole)" = "" ]
}

@test "-l sends a message a line, and leaves each as it is" {
	printf 'one\n\ntwo\r\nnul\0nul\nlast' | send -q lines -l
	run -0 peer get-json lines 5
	[[ ${lines[0]} == '{"body": "one",'* ]]
	[[ ${lines[1]} == '{"body": "",'* ]]
	[[ ${lines[2]} == '{"body": "two\r",'* ]]
	[[ ${lines[3]} == '{"body": "nul\u0000nul",'* ]]
	[[ ${lines[4]} == '{"body": "last",'* ]]
	[ "$(depth lines)" = 0 ]
}

@test "-l with - is the same" {
	echo one | send -q dash -l -
	[ "$(get_pika dash)" = one ]
}

@test "-l without a line sends nothing" {
	drop none
	run -0 send -q none -l </dev/null
	[ "$(depth none)" = 0 ]
}

@test "a line of 1,000,000 bytes is one message" {
	head -c 1000000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/long"
	send -q long -l <"$BATS_TEST_TMPDIR/long"
	get_pika long >"$BATS_TEST_TMPDIR/got"
	echo >>"$BATS_TEST_TMPDIR/long"
	cmp "$BATS_TEST_TMPDIR/long" "$BATS_TEST_TMPDIR/got"
}

@test "-0 and -D choose another delimiter" {
	printf 'a\nb\0c' | send -q delimited -0
	run -0 peer get-json delimited 2
	[[ ${lines[0]} == '{"body": "a\nb",'* ]]
	[[ ${lines[1]} == '{"body": "c",'* ]]
	printf 'a;b;' | send -q delimited -D ';'
	run -0 get_pika delimited 2
	[ "$output" = $'a\nb' ]
	printf 'a\xffb' | send -q delimited -D '\xff'
	run -0 get_pika delimited 2
	[ "$output" = $'a\nb' ]
}

@test "-f reads a file, whole or in lines" {
	printf 'one\ntwo\n' >"$BATS_TEST_TMPDIR/file"
	send -q file -f "$BATS_TEST_TMPDIR/file"
	[ "$(get_pika file | xxd -p)" = 6f6e650a74776f0a0a ]
	send -q file -l -f "$BATS_TEST_TMPDIR/file"
	run -0 get_pika file 2
	[ "$output" = $'one\ntwo' ]
	send -q file -l -f - <"$BATS_TEST_TMPDIR/file"
	[ "$(depth file)" = 2 ]
}

@test "messages are persistent unless --transient" {
	send -q modes a
	send -q modes --transient b
	send -q modes -p c
	run -0 peer get-json modes 3
	[[ ${lines[0]} == *'"delivery_mode": 2,'* ]]
	[[ ${lines[1]} == *'"delivery_mode": 1,'* ]]
	[[ ${lines[2]} == *'"delivery_mode": 2,'* ]]
}

@test "properties arrive" {
	send -q properties -C text/plain -E gzip -t answers --correlation-id c1 --message-id=m1 \
		--priority 7 --expiration 10m --message-type order --app-id shop --timestamp=1700000000 x
	run -0 peer get-json properties
	for want in '"content_type": "text/plain"' '"content_encoding": "gzip"' '"reply_to": "answers"' \
		'"correlation_id": "c1"' '"message_id": "m1"' '"priority": 7' '"expiration": "600000"' \
		'"type": "order"' '"app_id": "shop"' '"timestamp": 1700000000'; do
		[[ $output == *"$want"* ]] || { echo "no $want in $output"; false; }
	done
}

@test "what was not asked for is not there" {
	send -q bare x
	run -0 peer get-json bare
	for name in content_type headers app_id priority expiration reply_to; do
		[[ $output != *"\"$name\""* ]]
	done
}

@test "the message-id is a new UUID for each message, unless there is another or none" {
	seq 150 | send -q ids -l
	seq 150 | send -q ids -l --message-id auto
	peer get-json ids 300 | grep -o '"message_id": "[^"]*"' | sort -u >"$BATS_TEST_TMPDIR/ids"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/ids")" = 300 ]
	run -1 grep -vE '"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$' "$BATS_TEST_TMPDIR/ids"
	send -q ids --message-id mine x
	send -q ids --message-id=none x
	run -0 peer get-json ids 2
	[[ ${lines[0]} == *'"message_id": "mine"'* ]]
	[[ ${lines[1]} != *message_id* ]]
}

@test "the timestamp is the present time, unless there is another or none" {
	before=$(date +%s)
	send -q now x
	send -q now --timestamp now x
	after=$(date +%s)
	for stamp in $(peer get-json now 2 | grep -o '"timestamp": [0-9]*' | cut -d' ' -f2); do
		[ "$stamp" -ge "$before" ] && [ "$stamp" -le "$after" ]
	done
	send -q now --timestamp 1700000000 x
	send -q now --timestamp=none x
	run -0 peer get-json now 2
	[[ ${lines[0]} == *'"timestamp": 1700000000'* ]]
	[[ ${lines[1]} != *timestamp* ]]
}

@test "headers are strings unless typed" {
	send -q headers -H a=b -H 'c: d' -H 'e: f=g' -H n:int=5 -H ok:bool=true -H x:double=2 \
		-H at:time=2026-11-23T07:00:00Z -H 'tags:json=["a",1]' -H 'url=http://h:1/' \
		-H link:http://h/?q=1 -H ce:id:string=7 -H ce:n:int=7 x
	run -0 peer get-json headers
	for want in '"a": "b"' '"c": "d"' '"e": "f=g"' '"n": 5' '"ok": true' '"x": 2' \
		'"at": "2026-11-23T07:00:00"' '"tags": ["a", 1]' '"url": "http://h:1/"' \
		'"link": "http://h/?q=1"' '"ce:id": "7"' '"ce:n": 7'; do
		[[ $output == *"$want"* ]] || { echo "no $want in $output"; false; }
	done
}

@test "arguments for a queue that is there: a warning if they differ" {
	drop limited
	run -0 send -q limited --arg x-max-length=5 one
	run -0 send -q limited --arg x-max-length=5 two
	[ "$output" = "" ]
	for name in send work-publish; do
		run -0 "$name" -q limited --arg x-max-length=6 three
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "$name: warning: --arg and --queue-type are for what is not there yet: PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'limited'"* ]]
	done
	run -0 queue declare --declare=auto --arg x-max-length=6 limited
	[[ $output == "queue declare: warning: --arg "* ]]
	run -0 --separate-stderr receive -q limited --arg x-max-length=6 -c 4
	[ "$output" = $'one\ntwo\nthree\nthree' ]
	[[ $stderr == "receive: warning: --arg "* ]]
	run -64 send -q limited --declare=passive --arg x-max-length=6 x
	[ "$output" = "send: --declare=passive declares nothing that --arg or --queue-type could be for (see send --help)" ]
	run -64 work-publish -q limited --declare=none --queue-type=quorum x
	run -64 send -e amq.direct --arg x-max-length=6 x
	[ "$output" = "send: --arg and --queue-type are for a queue that is declared: --queue (see send --help)" ]
	peer exchange kept fanout
	run -0 emit_log -e kept --require-route=no --arg alternate-exchange=amq.fanout x
	[[ $output == "emit_log: warning: --arg "*" for exchange 'kept'"* ]]
}

@test "a type that is none is not a part of the value" {
	run -64 send -q types -H cloudEvents:id=1 -H cloudEvents:type=t x
	[ "$output" = "send: -H cloudEvents:id=1: there is no type 'id'; a name with a colon needs one: cloudEvents:id:string=VALUE (see send --help)" ]
	run -64 send -q types -H n:integer=5 x
	run -64 send -q types --arg x-max-length:integer=5 x
	run -64 queue declare types --arg x-max-length:integer=5
	run -64 queue declare --arg x-max-length:integer=5 types
	run -64 receive_logs_headers n:integer=5
	run -64 queue bind types amq.headers --arg n:integer=5
}

@test "names are UTF-8" {
	local bad=$'caf\xe9' good=$'caf\xc3\xa9'
	run -0 send -q "$good" -H "$good=1" x
	[ "$(depth "$good")" = 1 ]
	run -64 send -q "$bad" x
	[[ $output == "send: -q caf"*": not UTF-8 (see send --help)" ]]
	run -64 send -e "$bad" x
	run -64 send -r "$bad" x
	run -64 send -q types -H "$bad=1" x
	[[ $output == "send: -H caf"*": name not UTF-8 (see send --help)" ]]
	run -64 send -q types --arg "$bad=1" x
	run -64 work-publish -q "$bad" x
	run -64 emit_log -e "$bad" x
	run -64 emit_log_topic "$bad" x
	[ "$output" = "emit_log_topic: routing key: not UTF-8 (see emit_log_topic --help)" ]
	run -64 rpc-call -q "$bad" x
	run -64 move "$bad" other
	[ "$output" = "move: queue: not UTF-8 (see move --help)" ]
	run -64 move -e "$bad" other
	run -64 move -e amq.topic --routing-key "$bad" other
	run -64 queue declare "$bad"
	[ "$output" = "queue declare: name: not UTF-8 (see queue declare --help)" ]
	run -64 queue declare --dead-letter-exchange "$bad" types
	run -64 receive -q "$bad"
	run -64 worker -q "$bad" true
	run -64 receive_logs_topic "$bad"
}

@test "the last header of a name counts" {
	send -q twice -H a=1 -H a=2 x
	run -0 peer get-json twice
	[[ $output == *'"headers": {"a": "2"}'* ]]
}

@test "-e and -r send to an exchange" {
	declare_queue bound
	peer bind bound amq.topic "a.*"
	run -0 send -e amq.topic -r a.b routed
	[ "$(get_pika bound)" = routed ]
	run -67 send -e amq.topic -r c.d lost
	[ "$output" = "send: cannot deliver to exchange 'amq.topic' with routing key 'c.d': no queue is bound (NO_ROUTE)" ]
	run -67 send -e nowhere -r a x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: "*"nowhere"*"NOT_FOUND"* ]]
}

@test "-r alone names a queue that is not declared" {
	run -67 send -r undeclared x
	[ "$output" = "send: cannot deliver to queue 'undeclared': there is no such queue (NO_ROUTE)" ]
	run -64 send -q a -r b x
	run -64 send -q a -e b x
}

@test "names of 255 bytes are good, of 256 they are not" {
	name=$(printf '%0255d' 0)
	run -0 send -q "$name" x
	drop "$name"
	run -64 send -q "${name}0" x
	[ "${#lines[@]}" -eq 1 ]
	run -64 send -r "${name}0" x
	run -64 send -e "${name}0" x
}

@test "the queue is declared durable, or used as it is" {
	drop plain
	run -0 send -q plain x
	declare_queue plain
	declare_queue strange '{"x-max-length": 5}'
	run -0 send -q strange x
	[ "$(get_pika strange)" = x ]
}

@test "--declare=strict insists" {
	declare_queue strict '{"x-max-length": 5}'
	run -78 send -q strict --declare=strict x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot declare queue 'strict': PRECONDITION_FAILED"* ]]
	run -0 send -q strict --declare=strict --arg x-max-length=5 x
}

@test "--declare=passive looks, --declare=none does not" {
	run -67 send -q absent --declare=passive x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: "*"absent"*"NOT_FOUND"* ]]
	run -67 send -q absent --declare=none x
	[ "$output" = "send: cannot deliver to queue 'absent': there is no such queue (NO_ROUTE)" ]
	run -0 send -q present -d x
	run -0 send -q present --declare=passive x
	run -0 send -q present --declare=none x
	[ "$(depth present)" = 3 ]
}

@test "--queue-type and --arg are part of the declaration" {
	drop typed
	run -0 send -q typed --queue-type classic --arg x-max-length=2 --arg x-overflow=drop-head x
	declare_queue typed '{"x-queue-type": "classic", "x-max-length": 2, "x-overflow": "drop-head"}'
}

@test "chat is for terminals, unless asked for" {
	run -0 send -q chat "Hello World!"
	[ "$output" = "" ]
	run -0 send -q chat --chat=always "Hello World!"
	[ "$output" = " [x] Sent 'Hello World!'" ]
	run -0 on_terminal "send -q chat 'Hello World!'"
	[ "$output" = " [x] Sent 'Hello World!'" ]
	run -0 on_terminal "send -q chat --chat=never x"
	[ "$output" = "" ]
	run -0 send -q chat --chat=always $'\e[31mred\n'
	[ "$output" = " [x] Sent '\\033[31mred\\n'" ]
	run -67 send -r unbound --chat=always x
	[[ $output != *Sent* ]]
}

@test "each line is sent when it is there" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q live -l -f "$BATS_TEST_TMPDIR/fifo"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	for line in one two three; do
		echo $line >&7
		[ "$(get_pika live)" = $line ]
	done
	exec 7>&-
	expect_status 0 sender
}

@test "long work shows progress on a terminal" {
	run -0 on_terminal "(seq 10; sleep 1.5; echo 11) | send -q progress -l"
	[[ $output == *"10 confirmed, "*"/s, 0 in flight"* ]]
	run -0 on_terminal "(seq 10; sleep 1.5; echo 11) | send -q progress -l 2>/dev/null"
	[ "$output" = "" ]
}

@test "20,000 lines arrive in order" {
	seq 20000 | send -q order -l
	peer get order 20000 | cmp - <(seq 20000)
}

@test "a window of one is slow but good" {
	seq 50 | send -q narrow -l --window 1
	peer get narrow 50 | cmp - <(seq 50)
}

@test "amqp-get takes what send put" {
	run -0 send -q foreign "from send"
	[ "$(amqp-get --url="$AMQP_URL" -q foreign)" = "from send" ]
}

@test "--rate: so many a second" {
	start=$(date +%s%N)
	seq 30 | send -q rate -l --rate 20/s
	took=$((($(date +%s%N) - start) / 1000000))
	[ "$took" -ge 1350 ] && [ "$took" -le 4000 ]
	seq 3 | send -q rate -l --rate 1000000000
	[ "$(depth rate)" = 33 ]
	run -64 send --rate 5m x
	run -64 send --rate 0 x
	run -64 send --rate 1/m x
}
