# SPDX-License-Identifier: MIT
# send: what it says when something is wrong, and its exit status.

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
	run -64 send --message-id
	[ "$output" = "send: --message-id: needs an argument (see send --help)" ]
	run -64 send -C "$(printf '%0256d' 0)" x
}

@test "unroutable lines: 67, how many, and where to go on" {
	run -67 send -q gone --declare=none -l < <(printf 'a\nb\nc\n')
	[ "${lines[0]}" = "send: cannot deliver to queue 'gone': there is no such queue (NO_ROUTE), 3 of 3 messages came back, the first is line 1 of standard input" ]
	[ "${lines[1]}" = "send: confirmed=0 returned=3 nacked=0 in-doubt=0 unsent=0 next-input-offset=0" ]
}

@test "whether a queue must take a message can be chosen" {
	local to='exchange '"'amq.direct' with routing key 'nowhere'"
	run -67 send -e amq.direct -r nowhere --require-route=yes x
	run -0 send -e amq.direct -r nowhere --require-route=warn -v x
	[ "${lines[0]}" = "send: warning: nobody receives what goes to $to: no queue is bound (NO_ROUTE)" ]
	[[ ${lines[1]} == *"confirmed=0 returned=1 "* ]]
	run -0 send -e amq.direct -r nowhere --require-route=no -v -l < <(seq 3)
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"confirmed=3 returned=0 "* ]]
	run -67 work-publish -q nowhere --declare=none x
	run -0 work-publish -q nowhere --declare=none --require-route=warn x
	run -0 work-publish -q nowhere --declare=none --require-route=no x
	[ "$output" = "" ]
}

@test "a queue that goes in the middle: 67, and where to go on" {
	declare_queue leaving
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q leaving -l -f "$BATS_TEST_TMPDIR/fifo"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	printf 'one\ntwo\n' >&7
	await 5 holds 2 leaving
	drop leaving
	cat <<<$'three\nfour' >&7
	expect_status 67 sender
	exec 7>&-
	[[ $(cat "$BATS_TEST_TMPDIR/sender.err") == *" confirmed=2 returned=2 "*" next-input-offset=8" ]]
}

@test "a deadline is for what is not done: not for the pace after the last record" {
	run -0 send -q paced -l --rate 0.1 -W 1 <<<one
	run -0 send -q paced -l --rate 0.1 -W 1 -f <(printf two)
	run -69 send -q paced -l --rate 0.1 -W 0.5 <<<$'three\nfour'
	[[ ${lines[0]} == "send: cannot deliver to queue 'paced': not finished within 0.5 s" ]]
	[ "$(receive -q paced --until-empty)" = $'one\ntwo\nthree' ]
}

@test "a deadline is for what is not done: not for a writer that takes its time" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q leisure -l -W 0.5 -f "$BATS_TEST_TMPDIR/fifo"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	echo one >&7
	await 5 holds 1 leisure
	sleep 1
	echo two >&7
	await 5 holds 2 leisure
	exec 7>&-
	expect_status 0 sender
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

@test "a message that is nacked is tried again as long as a lost connection, then 75" {
	refuses="the broker does not take"
	trouble="a queue is full, or its node is down"
	declare_queue full '{"x-max-length": 1, "x-overflow": "reject-publish"}'
	run -0 send -q full x
	run -75 send -q full --timeout 1 a
	[ "$output" = "send: cannot confirm delivery to queue 'full': not confirmed within 1 s, $refuses it: $trouble" ]
	run -75 send -q full --timeout 1 -v a
	[ "${lines[0]}" = "send: $refuses what goes to queue 'full' for now: $trouble; it is sent again" ]
	run -75 send -q full --retry-time 1 -l < <(printf 'a\n')
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
	[ "$output" = "send: words and -l, -0, -D, -J or -f exclude each other (see send --help)" ]
	run -64 send -f file -
	run -64 send --timeout x
	run -64 send --heartbeat 0.5 x
	run -64 send --on-error=ignore x
	run -64 send --on-error=skip x
	[ "$output" = "send: --on-error=skip needs --reject-file (see send --help)" ]
	run -64 send --declare=perhaps x
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
	await 5 catches_signals "$sender_pid"
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

# All that is in a queue, each once: the neighbours of a refused message may come twice.
get_all() { # QUEUE
	peer get "$1" "$(depth "$1")" | sort -nu
}

# Two envelopes that no broker takes, one that is none, and four good ones.
mixed() { # FILE
	cat >"$1" <<'END'
{"payload":"1"}
{"payload":"2","properties":{"headers":{"CC":"not an array"}}}
{"payload":"3"}
{"payload":nothing}
{"payload":"5","properties":{"expiration":"soon"}}
{"payload":"6"}
{"payload":"7"}
END
}

@test "--on-error=stop: the first bad record, 65; what was sent before it and with it is there" {
	mixed "$BATS_TEST_TMPDIR/mixed"
	run -65 send -q stop -J -f "$BATS_TEST_TMPDIR/mixed"
	[ "${lines[0]}" = "send: cannot send line 4 of $BATS_TEST_TMPDIR/mixed: column 18: invalid token near 'nothing'" ]
	[[ ${lines[1]} == "send: confirmed=2 "*" refused=2 "*" next-input-offset=16" ]]
	get_all stop | cmp - <(printf '1\n3\n')
}

@test "--on-error=skip: bad records go to the reject file as they are, the others arrive, 65" {
	mixed "$BATS_TEST_TMPDIR/mixed"
	run -65 send -q skip -J -f "$BATS_TEST_TMPDIR/mixed" --on-error=skip --reject-file "$BATS_TEST_TMPDIR/rejects" \
		--report "$BATS_TEST_TMPDIR/report"
	[[ $output == *"send: cannot send line 2 of $BATS_TEST_TMPDIR/mixed: PRECONDITION_FAILED"* ]]
	[[ $output == *"send: cannot send line 4 of $BATS_TEST_TMPDIR/mixed: column 18: "* ]]
	[[ $output == *"send: cannot send line 5 of $BATS_TEST_TMPDIR/mixed: "*expiration* ]]
	[[ $output == *"send: cannot send 3 of 7 messages: they are in '$BATS_TEST_TMPDIR/rejects'"* ]]
	sort "$BATS_TEST_TMPDIR/rejects" | cmp - <(sed -n '2p;4p;5p' "$BATS_TEST_TMPDIR/mixed" | sort)
	get_all skip | cmp - <(printf '%s\n' 1 3 6 7)
	[ "$(reported confirmed refused status next_input_offset)" = "4 3 65 $(wc -c <"$BATS_TEST_TMPDIR/mixed")" ]
}

# Envelopes for a queue, the second and the fourth of them for exchanges.
astray() { # QUEUE EXCHANGE EXCHANGE
	local n=0 exchange
	for exchange in "" "$2" "" "$3" "" ""; do
		echo '{"exchange":"'"$exchange"'","routing_key":"'"$1"'","payload":"'$((n += 1))'"}'
	done
}

@test "an envelope's exchange that is not there, 67, or may not be written to, 77: its line, the others are safe" {
	file=$BATS_TEST_TMPDIR/astray
	peer exchange inner fanout '{"internal": true}'
	while read -r status exchange why; do
		drop astray
		declare_queue astray
		astray astray "$exchange" "" >"$file"
		run "-$status" send -J -f "$file"
		[ "${#lines[@]}" -eq 2 ]
		[[ ${lines[0]} == "send: cannot send line 2 of $file: $why"* ]]
		[ "${lines[1]}" = "send: confirmed=5 returned=0 nacked=0 refused=1 in-doubt=0 unsent=0 next-input-offset=$(
			head -n 1 "$file" | wc -c)" ]
		get_all astray | cmp - <(printf '%s\n' 1 3 4 5 6)
	done <<-'END'
		67 nowhere NOT_FOUND - no exchange 'nowhere' in vhost
		77 inner ACCESS_REFUSED -
	END
}

@test "--on-error=skip: so are records whose exchange cannot be used; the status is that of the first" {
	file=$BATS_TEST_TMPDIR/astray rejects=$BATS_TEST_TMPDIR/rejects
	peer exchange inner fanout '{"internal": true}'
	while read -r status first second; do
		drop skipped
		declare_queue skipped
		rm -f "$rejects"
		astray skipped "$first" "$second" >"$file"
		echo '{"payload":nothing}' >>"$file"
		run "-$status" send -J -f "$file" --on-error=skip --reject-file "$rejects" --report "$BATS_TEST_TMPDIR/report"
		[ "${#lines[@]}" -eq 5 ]
		[[ $output == *"send: cannot send line 2 of $file: "*"exchange '$first' in vhost "* ]]
		[[ $output == *"send: cannot send line 4 of $file: "*"exchange '$second' in vhost "* ]]
		[[ ${lines[3]} == "send: cannot send 3 of 7 messages: they are in '$rejects'" ]]
		sort "$rejects" | cmp - <(sed -n '2p;4p;7p' "$file" | sort)
		get_all skipped | cmp - <(printf '%s\n' 1 3 5 6)
		[ "$(reported confirmed refused in_doubt status next_input_offset)" = "4 3 0 $status $(wc -c <"$file")" ]
	done <<-'END'
		67 nowhere inner
		77 inner nowhere
	END
	peer exchange nowhere fanout
	peer bind skipped nowhere ''
	run -0 send -J -f <(grep '"nowhere"' "$rejects")
	[ "$(get_pika skipped)" = 4 ]
	peer drop-exchange nowhere
}

@test "an exchange that an option names ends the run, whatever --on-error says" {
	rejects=$BATS_TEST_TMPDIR/rejects
	peer exchange inner fanout '{"internal": true}'
	for program in send emit-log; do
		run -77 $program -J -e inner --declare=none --on-error=skip --reject-file "$rejects" \
			< <(echo '{"exchange":"other","routing_key":"a","payload":"x"}')
		[[ ${lines[0]} == "$program: cannot publish: ACCESS_REFUSED - "* ]]
		run -67 $program -J -e gone --declare=none --on-error=skip --reject-file "$rejects" \
			< <(echo '{"exchange":"other","routing_key":"a","payload":"x"}')
		[[ ${lines[0]} == "$program: cannot publish: NOT_FOUND - no exchange 'gone' in vhost "* ]]
		[[ ${lines[1]} == *" in-doubt=1 unsent=0 next-input-offset=0" ]]
	done
	[ ! -s "$rejects" ]
}

@test "a message that is too large for the broker, in the middle: 65, its line, and the neighbours arrive" {
	drop large
	{ seq 100; head -c 140000000 /dev/zero | tr '\0' x; echo; seq 101 200; } >"$BATS_TEST_TMPDIR/large"
	run -65 send -q large -l -f "$BATS_TEST_TMPDIR/large" --max-message 1G --on-error=skip \
		--reject-file "$BATS_TEST_TMPDIR/rejects"
	[[ ${lines[0]} == "send: cannot send line 101 of $BATS_TEST_TMPDIR/large: PRECONDITION_FAILED - message size 140000000 "* ]]
	[ "$(wc -c <"$BATS_TEST_TMPDIR/rejects")" = 140000001 ]
	get_all large | cmp - <(seq 200)
	rm "$BATS_TEST_TMPDIR/large" "$BATS_TEST_TMPDIR/rejects"
}

@test "skipped: what is over --max-message, the last record too, each with its delimiter" {
	drop over
	run -65 send -q over --max-message 3 -0 --on-error=skip --reject-file "$BATS_TEST_TMPDIR/rejects" -v \
		< <(printf 'abc\0ab\ncd\0\0x\0longer')
	[ "${lines[0]}" = "send: cannot send message 2 of standard input: longer than 3 bytes (see --max-message)" ]
	[ "${lines[1]}" = "send: cannot send message 5 of standard input: longer than 3 bytes (see --max-message)" ]
	[[ ${lines[3]} == "send: confirmed=3 "*" refused=2 "*" next-input-offset=19" ]]
	[ "$(xxd -p "$BATS_TEST_TMPDIR/rejects")" = 61620a6364006c6f6e67657200 ]
}

@test "skipped: what no queue takes, 67; what is nacked, 75; a file of both can be sent again" {
	rejects=$BATS_TEST_TMPDIR/rejects
	run -67 send -q away --declare=none -l --on-error=skip --reject-file "$rejects" < <(seq 2000)
	[[ ${lines[0]} == *"2000 of 2000 messages came back, the first is line 1 of "* ]]
	[[ ${lines[1]} == *" returned=2000 "*" next-input-offset=8893" ]]
	cmp "$rejects" <(seq 2000)
	run -0 send -q away -l -f "$rejects"
	peer get away 2000 | cmp - <(seq 2000)
	rm "$rejects"
	declare_queue brimful '{"x-max-length": 3, "x-overflow": "reject-publish"}'
	run -75 send -q brimful -l --window 1 --retry-time 1 --on-error=skip --reject-file "$rejects" < <(seq 5)
	[ "$(depth brimful)" = 3 ]
	cmp "$rejects" <(printf '4\n5\n')
}

@test "a reject file that cannot be: 73, 64, 74" {
	run -73 send -l --reject-file "$BATS_TEST_TMPDIR/no/file" </dev/null
	echo x >"$BATS_TEST_TMPDIR/itself"
	run -64 send -l --reject-file "$BATS_TEST_TMPDIR/itself" -f "$BATS_TEST_TMPDIR/itself"
	run -74 send -q small -l --max-message 1 --on-error=skip --reject-file /dev/full < <(printf 'long\n')
	[[ $output == *"send: cannot write reject file '/dev/full': No space left on device"* ]]
}

@test "--report: an object, also of a failure, also in place of an old one" {
	report=$BATS_TEST_TMPDIR/report
	run -0 send -q report --report "$report" x
	[ "$(cat "$report")" = '{"confirmed": 1, "returned": 0, "nacked": 0, "refused": 0, "in_doubt": 0, "unsent": 0, "next_input_offset": 1, "status": 0, "error": null}' ]
	run -69 send -u $refuse_port --connect-timeout 1 --report "$report" -l < <(printf 'a\nb\n')
	[[ $(reported unsent status error) == "2 69 cannot connect to 127.0.0.1"* ]]
	run -67 send -r unrouted --report "$report" x
	[ "$(reported returned status)" = "1 67" ]
	run -73 send -q report --report "$BATS_TEST_TMPDIR/no/report" x
	[[ $output == "send: cannot write report '$BATS_TEST_TMPDIR/no/report': No such file or directory" ]]
}
