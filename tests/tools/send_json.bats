# SPDX-License-Identifier: MIT
# send -J: envelopes, what options do to them, and where they go.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

@test "an envelope goes where it says" {
	declare_queue named
	run -0 send -J < <(echo '{"exchange":"","routing_key":"named","payload":"x"}')
	[ "$(get_pika named)" = x ]
	run -0 send -J < <(echo '{"routing_key":"named","payload":"x"}')
	declare_queue bound
	peer bind bound amq.topic "a.*"
	run -0 send -J < <(echo '{"exchange":"amq.topic","routing_key":"a.b","payload":"y"}')
	[ "$(get_pika bound)" = y ]
}

@test "an envelope without a place to go: 65; one that reaches no queue: 67" {
	run -65 send -J < <(echo '{"payload":"x"}')
	[ "${lines[0]}" = "send: cannot send line 1 of standard input: neither it nor an option has an exchange or a routing key" ]
	run -67 send -J < <(echo '{"exchange":"amq.topic","routing_key":"nobody","payload":"x"}')
	[ "${lines[0]}" = "send: cannot deliver to exchange 'amq.topic' with routing key 'nobody': no queue is bound (NO_ROUTE)" ]
	run -67 send -J < <(echo '{"routing_key":"nobody","payload":"x"}')
	[ "${lines[0]}" = "send: cannot deliver to queue 'nobody': there is no such queue (NO_ROUTE)" ]
	run -67 send -J < <(echo '{"exchange":"nowhere","routing_key":"a","payload":"x"}')
	[[ ${lines[0]} == "send: "*"no exchange 'nowhere'"* ]]
}

@test "options say otherwise: -q, -e and -r" {
	envelope='{"exchange":"amq.direct","routing_key":"there","payload":"x"}'
	run -0 send -J -q here < <(echo "$envelope")
	[ "$(get_pika here)" = x ]
	declare_queue topics
	peer bind topics amq.topic there
	peer bind topics amq.direct elsewhere
	run -0 send -J -e amq.topic < <(echo "$envelope")
	run -0 send -J -r elsewhere < <(echo "$envelope")
	run -0 peer get-json topics 2
	[[ ${lines[0]} == *'"exchange": "amq.topic",'*'"routing_key": "there"'* ]]
	[[ ${lines[1]} == *'"exchange": "amq.direct",'*'"routing_key": "elsewhere"'* ]]
}

@test "nothing is added to an envelope that nobody asked for" {
	run -0 send -J -q bare < <(echo '{"payload":"x"}')
	run -0 peer get-json bare
	[ "$output" = '{"body": "x", "exchange": "", "redelivered": false, "routing_key": "bare"}' ]
}

@test "options fill in what an envelope lacks, and add headers" {
	cat >"$BATS_TEST_TMPDIR/file" <<'END'
{"payload":"x"}
{"payload":"y","properties":{"content_type":"a/b","delivery_mode":1,"priority":1,"message_id":"m","timestamp":5,"headers":{"n":{"$int32":5},"k":"old"}}}
END
	run -0 send -J -q filled -f "$BATS_TEST_TMPDIR/file" -p -C c/d --priority 9 --message-id auto --timestamp 7 -H k=new -H b=c
	run -0 peer get-json filled 2
	for want in '"content_type": "c/d"' '"delivery_mode": 2' '"priority": 9' '"timestamp": 7' '"headers": {"b": "c", "k": "new"}'; do
		[[ ${lines[0]} == *"$want"* ]] || { echo "no $want in ${lines[0]}"; false; }
	done
	[[ ${lines[0]} =~ \"message_id\":\ \"[0-9a-f-]{36}\" ]]
	for want in '"content_type": "a/b"' '"delivery_mode": 1' '"priority": 1' '"timestamp": 5' '"message_id": "m"' \
		'"headers": {"b": "c", "k": "new", "n": 5}'; do
		[[ ${lines[1]} == *"$want"* ]] || { echo "no $want in ${lines[1]}"; false; }
	done
}

@test "binary bodies, and bodies of any length" {
	run -0 send -J -q binary < <(echo '{"payload":"AP8K","payload_encoding":"base64","payload_bytes":3}')
	[ "$(get_pika binary | xxd -p)" = 00ff0a0a ]
	head -c 3000000 /dev/urandom | base64 -w0 >"$BATS_TEST_TMPDIR/base64"
	{ printf '{"payload_encoding":"base64","payload":"'; cat "$BATS_TEST_TMPDIR/base64"; echo '"}'; } | send -J -q binary
	get_pika binary | head -c 3000000 | base64 -w0 | cmp - "$BATS_TEST_TMPDIR/base64"
	run -65 send -J -q binary --max-message 2 < <(echo '{"payload":"abc"}')
	[ "${lines[0]}" = "send: cannot send line 1 of standard input: the payload is longer than --max-message" ]
}

@test "a bad envelope: 65 with line and column, and nothing after it" {
	for bad in '{"payload":"x"' '' '[]' '{"payload":1}' '{"payload":"x","routing":"y"}' '{"payload":"x","payload":"y"}' \
		'{"payload":"x","properties":{"priority":256}}' '{"payload":"x","payload_bytes":2}'; do
		drop bad
		run -65 send -J -q bad < <(printf '{"payload":"one"}\n%s\n{"payload":"three"}\n' "$bad")
		[[ ${lines[0]} == "send: cannot send line 2 of standard input: "* ]]
		[[ ${lines[1]} == "send: confirmed=1 "*" next-input-offset=18" ]]
		[ "$(depth bad)" = 1 ]
	done
	run -65 send -J -q bad < <(printf '{"payload":"one",}\n')
	[[ ${lines[0]} == "send: cannot send line 1 of standard input: column 18: "* ]]
}

@test "envelopes for work-publish and emit-log: their queue and exchange, the envelope's key" {
	drop task_queue
	run -0 work-publish -J < <(echo '{"exchange":"x","routing_key":"y","payload":"task"}')
	[ "$(get_pika task_queue)" = task ]
	peer exchange topic_logs topic
	declare_queue logged
	peer bind logged topic_logs '#'
	run -0 emit_log_topic -J < <(echo '{"exchange":"x","routing_key":"kern.info","payload":"a"}')
	run -0 emit_log_topic -J cron.info < <(echo '{"exchange":"x","routing_key":"kern.info","payload":"b"}')
	run -0 peer get-json logged 2
	[[ ${lines[0]} == *'"exchange": "topic_logs",'*'"routing_key": "kern.info"'* ]]
	[[ ${lines[1]} == *'"exchange": "topic_logs",'*'"routing_key": "cron.info"'* ]]
}

@test "what receive -J prints is the same message again" {
	send -q replay -t answers -C a/b -E gzip --correlation-id c --priority 3 --expiration 10m --message-type t --app-id a \
		-H n:int=5 -H i:int8=-3 -H u:uint16=7 -H b:bytes=xyz -H f:float=1.5 -H d:double=2.25 -H t:time=2026-11-23T07:00:00Z \
		-H v:void= -H 'j:json={"a":[1,"x",{"$int32":4}],"$b":null}' -- $'\xff\n'
	send -q replay --transient --message-id=none --timestamp=none ""
	printf 'a\0\r\nb' | send -q replay -
	receive -q replay -J --until-empty >"$BATS_TEST_TMPDIR/first"
	run -0 send -J -f "$BATS_TEST_TMPDIR/first"
	receive -q replay -J --until-empty >"$BATS_TEST_TMPDIR/second"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/first")" = 3 ]
	cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
}
