# SPDX-License-Identifier: MIT
# send: what it takes, what it says, and how it ends.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

refuse_port=amqp://127.0.0.1:1

holds() { # N QUEUE
	[ "$(depth "$2" 2>/dev/null || echo 0)" -ge "$1" ]
}

# The URL with another user and password.
login_as() { # USER:PASSWORD
	echo "${AMQP_URL%%://*}://$1@${AMQP_URL##*@}"
}

@test "without operands it says hello" {
	drop hello
	run -0 send
	[ "$output" = "" ]
	[ "$(get_pika hello)" = "Hello World!" ]
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
	send -q modes --transient -p c
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

@test "--message-id=auto is a new UUID for each message" {
	seq 300 | send -q ids -l --message-id=auto
	peer get-json ids 300 | grep -o '"message_id": "[^"]*"' | sort -u >"$BATS_TEST_TMPDIR/ids"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/ids")" = 300 ]
	run -1 grep -vE '"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$' "$BATS_TEST_TMPDIR/ids"
}

@test "--timestamp is the present time" {
	before=$(date +%s)
	send -q now --timestamp x
	send -q now --timestamp=now x
	after=$(date +%s)
	for stamp in $(peer get-json now 2 | grep -o '"timestamp": [0-9]*' | cut -d' ' -f2); do
		[ "$stamp" -ge "$before" ] && [ "$stamp" -le "$after" ]
	done
}

@test "headers are strings unless typed" {
	send -q headers -H a=b -H 'c: d' -H e:f=g -H n:int=5 -H ok:bool=true -H x:double=2 \
		-H at:time=2026-11-23T07:00:00Z -H 'tags:json=["a",1]' -H 'url=http://h:1/' x
	run -0 peer get-json headers
	for want in '"a": "b"' '"c": "d"' '"e": "f=g"' '"n": 5' '"ok": true' '"x": 2' \
		'"at": "2026-11-23T07:00:00"' '"tags": ["a", 1]' '"url": "http://h:1/"'; do
		[[ $output == *"$want"* ]] || { echo "no $want in $output"; false; }
	done
}

@test "the last header of a name counts" {
	send -q twice -H a=1 -H a=2 x
	run -0 peer get-json twice
	[[ $output == *'"headers": {"a": "2"}'* ]]
}

@test "a bad header or property is a usage error" {
	run -64 send -H novalue x
	[ "$output" = "send: -H novalue: needs NAME=VALUE (see send --help)" ]
	run -64 send -H =x x
	run -64 send -H n:int=five x
	[ "${#lines[@]}" -eq 1 ]
	run -64 send -H "$(printf '%0256d' 0)=x" x
	run -64 send --priority 256 x
	run -64 send --expiration soon x
	run -64 send --timestamp=yesterday x
	run -64 send -C "$(printf '%0256d' 0)" x
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
	[ "$output" = "send: cannot deliver to queue 'undeclared': no queue is bound (NO_ROUTE)" ]
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
	[ "$output" = "send: cannot deliver to queue 'absent': no queue is bound (NO_ROUTE)" ]
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

@test "unroutable lines: 67, how many, and where to go on" {
	run -67 send -q gone --declare=none -l < <(printf 'a\nb\nc\n')
	[ "${lines[0]}" = "send: cannot deliver to queue 'gone': no queue is bound (NO_ROUTE), 3 of 3 messages came back" ]
	[ "${lines[1]}" = "send: confirmed=0 returned=3 nacked=0 in-doubt=0 unsent=0 next-input-offset=0" ]
}

@test "a queue that goes in the middle: 67, and where to go on" {
	declare_queue leaving
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q leaving -l -f "$BATS_TEST_TMPDIR/fifo"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	printf 'one\ntwo\n' >&7
	await 5 holds 2 leaving
	drop leaving
	printf 'three\nfour\n' >&7
	expect_status 67 sender
	exec 7>&-
	[[ $(cat "$BATS_TEST_TMPDIR/sender.err") == *" confirmed=2 returned=2 "*" next-input-offset=8" ]]
}

@test "a message that the broker never takes: 65 and its line, the others are safe" {
	run -65 send -q refused --user-id somebody-else x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot send the message: PRECONDITION_FAILED"* ]]
	printf 'a\nb\n' >"$BATS_TEST_TMPDIR/lines"
	run -65 send -q refused --user-id somebody-else -l -f "$BATS_TEST_TMPDIR/lines"
	[[ ${lines[0]} == "send: cannot send line 1 of $BATS_TEST_TMPDIR/lines: PRECONDITION_FAILED"* ]]
	[[ ${lines[1]} == *" next-input-offset=0" ]]
}

@test "a message that is nacked is tried again, then 75" {
	declare_queue full '{"x-max-length": 1, "x-overflow": "reject-publish"}'
	run -0 send -q full x
	run -75 send -q full -l < <(printf 'a\n')
	[ "${lines[0]}" = "send: cannot deliver to queue 'full': the broker refused 1 of 1 messages" ]
	[ "${lines[1]}" = "send: confirmed=0 returned=0 nacked=1 in-doubt=0 unsent=0 next-input-offset=0" ]
}

@test "-v tells what became of the messages" {
	run -0 send -q verbose -l -v < <(printf 'a\nbc\n')
	[ "$output" = "send: confirmed=2 returned=0 nacked=0 in-doubt=0 unsent=0 next-input-offset=5" ]
}

@test "a message over --max-message: 65 and the line" {
	run -65 send -q big --max-message 3 -l < <(printf 'abc\nabcd\nx\n')
	[ "${lines[0]}" = "send: cannot send line 2 of standard input: longer than 3 bytes (see --max-message)" ]
	[[ ${lines[1]} == "send: confirmed=1 "*" next-input-offset=4" ]]
	run -65 send -q big --max-message 3 abcd
	[ "$output" = "send: cannot send the message: longer than 3 bytes (see --max-message)" ]
	run -65 send -u $refuse_port --max-message 3 abcd
	[ "${#lines[@]}" -eq 1 ]
}

@test "properties that do not fit a frame: 65, nothing is sent" {
	run -65 send -q fat -H "h=$(printf '%0100000d' 0)" -H "i=$(printf '%0100000d' 0)" x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot send the message: "* ]]
}

@test "input that is not there: 66; that cannot be read: 74" {
	run -66 send -f "$BATS_TEST_TMPDIR/nothing"
	[ "$output" = "send: cannot read '$BATS_TEST_TMPDIR/nothing': No such file or directory" ]
	run -66 send -l -f "$BATS_TEST_TMPDIR"
	[ "$output" = "send: cannot read '$BATS_TEST_TMPDIR': Is a directory" ]
	run -74 send - <"$BATS_TEST_TMPDIR"
	[ "$output" = "send: cannot read standard input: Is a directory" ]
}

@test "usage errors: 64, one line, and where help is" {
	run -64 send --bogus
	[ "$output" = "send: unknown option --bogus (see send --help)" ]
	run -64 send -l word
	[ "$output" = "send: words and -l, -0, -D or -f exclude each other (see send --help)" ]
	run -64 send -f file -
	run -64 send --timeout x
	run -64 send --heartbeat 0.5 x
	run -64 send --declare=perhaps x
}

@test "no broker: 69 within the limit" {
	start=$SECONDS
	run -69 send -u $refuse_port --connect-timeout 1 x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot connect to 127.0.0.1"*"Connection refused" ]]
	run -69 send -u $refuse_port -W 1 x
	run -69 send -u $refuse_port --wait=1 x
	[ $((SECONDS - start)) -le 6 ]
}

@test "an unknown host: 68" {
	run -68 send -u amqp://no.such.host.invalid --connect-timeout 1 x
	[ "${#lines[@]}" -eq 1 ]
}

@test "a wrong password: 77 at once, and no secret in it" {
	start=$SECONDS
	run -77 send -u "$(login_as guest:S3CRET-canary)" x
	[ $((SECONDS - start)) -le 3 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot log in to "*" as 'guest': ACCESS_REFUSED"* ]]
	[[ $output != *S3CRET* ]]
}

@test "a virtual host that is not there: 77" {
	run -77 send --vhost no-such-vhost x
	[ "${#lines[@]}" -eq 1 ]
}

@test "a bad URL: 64 from the option, 78 from the environment, and no secret" {
	run -64 send -u http://guest:S3CRET-canary@h x
	[[ $output == "send: cannot use the URL of --url: "* ]]
	[[ $output != *S3CRET* ]]
	AMQP_URL=amqp://guest:S3CRET-canary@h:port run -78 send x
	[[ $output == "send: cannot use the URL of AMQP_URL: "* ]]
	[[ $output != *S3CRET* ]]
}

@test "URLs are tried in turn: by option, by comma, by comma between hosts" {
	run -0 send -q turn -u $refuse_port -u "$AMQP_URL" x
	run -0 send -q turn -u "$refuse_port,$AMQP_URL" x
	hosts=${AMQP_URL/@/@127.0.0.1:1,}
	run -0 send -q turn -u "$hosts" x
	[ "$(depth turn)" = 3 ]
}

@test "the environment: AMQP_URL, then RABBITMQ_URL, then CLOUDAMQP_URL" {
	url=$AMQP_URL
	run -0 env -u AMQP_URL RABBITMQ_URL="$url" CLOUDAMQP_URL=$refuse_port send -q env x
	run -0 env AMQP_URL= CLOUDAMQP_URL="$url" send -q env x
	run -69 env AMQP_URL=$refuse_port RABBITMQ_URL="$url" send --connect-timeout 1 x
}

@test "single options refine the URL" {
	port=${AMQP_URL##*:}
	port=${port%%/*}
	run -0 send -q refined --server 127.0.0.1 --port "$port" x
	run -0 send -q refined --server "127.0.0.1:$port" x
	run -0 send -q refined --server 127.0.0.1 x
	run -69 send -q refined --port 1 --connect-timeout 1 x
	run -64 send --server a/b x
}

@test "--password-file: the password of the user" {
	login=${AMQP_URL##*://}
	login=${login%%@*}
	echo "${login#*:}" >"$BATS_TEST_TMPDIR/password"
	chmod 600 "$BATS_TEST_TMPDIR/password"
	url=$(login_as "${login%%:*}:wrong")
	run -0 send -q secret -u "$url" --password-file "$BATS_TEST_TMPDIR/password" x
	chmod 644 "$BATS_TEST_TMPDIR/password"
	run -78 send -u "$url" --password-file "$BATS_TEST_TMPDIR/password" x
	[[ $output == "send: cannot read password file '"*"': others than its owner have access"* ]]
	mkfifo -m 600 "$BATS_TEST_TMPDIR/fifo"
	run -78 send --password-file "$BATS_TEST_TMPDIR/fifo" x
	ln -s password "$BATS_TEST_TMPDIR/link"
	run -78 send --password-file "$BATS_TEST_TMPDIR/link" x
	run -78 send --password-file "$BATS_TEST_TMPDIR/nothing" x
	run -64 send --password-file x --ask-password x
}

@test "--ask-password asks on the terminal, and fails without one" {
	run -78 setsid send --ask-password x </dev/null
	[[ $output == "send: cannot ask for the password: "* ]]
}

@test "another user is not sent the first one's password" {
	run -77 send --username somebody x
	[[ $output == "send: cannot log in to "*" as 'somebody': "* ]]
}

@test "the password of --url is not among the arguments" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q hidden -l -f "$BATS_TEST_TMPDIR/fifo" \
		-u "amqp://guest:S3CRET-canary@127.0.0.1:1" -u "$AMQP_URL"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	echo one >&7
	await 5 holds 1 hidden
	run -1 grep -aq S3CRET "/proc/$sender_pid/cmdline"
	exec 7>&-
	expect_status 0 sender
}

@test "certificates need an amqps URL" {
	run -64 send --cacert x y
	[ "$output" = "send: cannot use certificates: they need an amqps:// URL" ]
	run -64 send --sasl=external y
	run -64 send --sasl=magic y
}

@test "chat is for terminals, unless asked for" {
	run -0 send -q chat "Hello World!"
	[ "$output" = "" ]
	run -0 send -q chat --chat=always "Hello World!"
	[ "$output" = " [x] Sent 'Hello World!'" ]
	run -0 script -qec "send -q chat 'Hello World!'" /dev/null </dev/null
	[ "$output" = " [x] Sent 'Hello World!'"$'\r' ]
	run -0 script -qec "send -q chat --chat=never x" /dev/null </dev/null
	[ "$output" = "" ]
	run -0 send -q chat --chat=always $'\e[31mred\n'
	[ "$output" = " [x] Sent '\\033[31mred\\n'" ]
	run -67 send -r unbound --chat=always x
	[[ $output != *Sent* ]]
}

@test "chat that cannot be written: 74" {
	run -74 sh -c 'send -q chat --chat=always x >/dev/full'
	[[ $output == "send: cannot write standard output: "* ]]
}

@test "a signal ends the input: what was read is confirmed, and the signal is passed on" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	for pair in TERM:143 INT:130 HUP:129; do
		drop signal
		spawn sender send -q signal -l -f "$BATS_TEST_TMPDIR/fifo"
		exec 7>"$BATS_TEST_TMPDIR/fifo"
		printf 'one\ntwo\npart' >&7
		await 5 holds 2 signal
		kill -"${pair%:*}" "$sender_pid"
		expect_status "${pair#*:}" sender
		exec 7>&-
		[ "$(depth signal)" = 2 ]
		[ "$(cat "$BATS_TEST_TMPDIR/sender.err")" = \
			"send: confirmed=2 returned=0 nacked=0 in-doubt=0 unsent=0 next-input-offset=8" ]
	done
}

@test "a signal before there is a connection ends it at once" {
	spawn sender send -u $refuse_port x
	sleep 0.5
	kill -TERM "$sender_pid"
	expect_status 143 sender 2
}

@test "a hang-up that was ignored stays ignored" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender nohup send -q nohup -l -f "$BATS_TEST_TMPDIR/fifo"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	echo one >&7
	await 5 holds 1 nohup
	kill -HUP "$sender_pid"
	echo two >&7
	exec 7>&-
	expect_status 0 sender
	[ "$(depth nohup)" = 2 ]
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
	run -0 script -qec "(seq 10; sleep 1.5; echo 11) | send -q progress -l" /dev/null </dev/null
	[[ $output == *"10 confirmed, "*"/s, 0 in flight"* ]]
	run -0 script -qec "(seq 10; sleep 1.5; echo 11) | send -q progress -l 2>/dev/null" /dev/null </dev/null
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

@test "a connection that the broker cuts is made again, and every line arrives" {
	need_control ctl
	drop cut
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q cut -l -v -f "$BATS_TEST_TMPDIR/fifo"
	for line in $(seq 200); do
		echo "$line"
		sleep 0.01
	done >"$BATS_TEST_TMPDIR/fifo" 3>&- &
	await 5 holds 50 cut
	"$broker" ctl close_all_connections --vhost "${VHOST:-/}" bye >/dev/null
	expect_status 0 sender 60
	grep -q "send: connection lost, connecting again: .*CONNECTION_FORCED" "$BATS_TEST_TMPDIR/sender.err"
	grep -q "send: connected again" "$BATS_TEST_TMPDIR/sender.err"
	n=$(depth cut)
	[ "$n" -ge 200 ]
	[ "$(peer get cut "$n" | sort -nu | wc -l)" = 200 ]
}

@test "amqp-get takes what send put" {
	run -0 send -q foreign "from send"
	[ "$(amqp-get --url="$AMQP_URL" -q foreign)" = "from send" ]
}
