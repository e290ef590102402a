# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive -J: a message as a line of JSON.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
	declare_queue "$q"
}

@test "a message without properties is a line" {
	publish_pika '' "$q" 'a "body"'
	run -0 receive -q "$q" -c 1 -J
	[ "$output" = '{"exchange":"","routing_key":"'"$q"'","queue":"'"$q"'","redelivered":false,"delivery_tag":1,"properties":{},"payload_bytes":8,"payload":"a \"body\"","payload_encoding":"string"}' ]
}

@test "every property" {
	publish_pika '' "$q" body '{"content_type": "text/plain", "content_encoding": "utf-8", "headers": {"n": "x"},
		"delivery_mode": 2, "priority": 7, "correlation_id": "c", "reply_to": "r", "expiration": "60000",
		"message_id": "m", "timestamp": 1795417200, "type": "t", "user_id": "guest", "app_id": "a"}'
	run -0 receive -q "$q" -c 1 --json
	[[ $output == *'"properties":{"content_type":"text/plain","content_encoding":"utf-8","headers":{"n":"x"},"delivery_mode":2,"priority":7,"correlation_id":"c","reply_to":"r","expiration":"60000","message_id":"m","timestamp":1795417200,"type":"t","user_id":"guest","app_id":"a"},'* ]]
}

@test "bodies that are no text are base64" {
	printf '\xff\0\n' | publish_pika '' "$q" -
	run -0 receive -q "$q" -c 1 -J
	[[ $output == *',"payload_bytes":3,"payload":"/wAK","payload_encoding":"base64"}' ]]
}

@test "one line for each, whatever is in them" {
	printf 'a\nb' | publish_pika '' "$q" -
	printf '' | publish_pika '' "$q" -
	publish_pika '' "$q" "$(head -c 100000 /dev/zero | tr '\0' x)"
	receive -q "$q" -J -c 3 >got
	[ "$(wc -l <got)" -eq 3 ]
	[ "$(sed -n '1s/.*"payload":"\([^"]*\)".*/\1/p' got)" = 'a\nb' ]
	[[ $(sed -n 2p got) == *'"payload_bytes":0,"payload":"",'* ]]
	[[ $(sed -n 3p got) == *'"payload_bytes":100000,'* ]]
}

@test "another end than a newline" {
	publish_pika '' "$q" body
	receive -q "$q" -c 1 -J -0 >got
	[ "$(tail -c 2 got | xxd -p)" = 7d00 ]
}

@test "as a part of a format" {
	publish_pika '' "$q" body
	run -0 receive -q "$q" -c 1 -F '%r\t%j\n'
	[[ $output == "$q"$'\t{"exchange":"",'*'}' ]]
}

@test "from several queues, and what was delivered before" {
	declare_queue "$q.b"
	publish_pika '' "$q" one
	publish_pika '' "$q.b" two
	receive -q "$q" --peek >/dev/null
	receive -q "$q" -q "$q.b" -c 2 -J | sort >got
	grep -q '"routing_key":"'"$q"'","queue":"'"$q"'","redelivered":true' got
	grep -q '"routing_key":"'"$q.b"'","queue":"'"$q.b"'","redelivered":false' got
}

@test "properties that cannot be decoded are kept as they are, and the body is there" {
	"$tests/frames.py" deep "$q" 200
	run -0 --separate-stderr receive -q "$q" -c 1 -J
	[[ $output == *'"properties":{"$undecodable":"'*'"},"payload_bytes":4,"payload":"deep",'* ]]
	[[ $stderr == 'receive: cannot decode the properties of message with key '"'$q': "* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "on a terminal it is data, and harmless" {
	printf 'a\033[31m\302\233b' | publish_pika '' "$q" -
	run -0 on_terminal "receive -q $q -c 1 -J"
	[[ $output == '{"exchange":'* ]]
	[[ $output != *$'\033'* && $output != *$'\302\233'* ]]
}

@test "receive-logs has it too" {
	receive_logs_topic -q "$q" -e "$q" --until-empty '#'
	emit_log_topic -e "$q" a.b line
	run -0 receive_logs_topic -q "$q" -e "$q" -J -c 1 '#'
	[[ $output == '{"exchange":"'"$q"'","routing_key":"a.b","queue":"'"$q"'",'*'"payload":"line",'* ]]
}

@test "it excludes other forms" {
	run -64 receive -q "$q" -J -F %s
	[ "$output" = 'receive: --json and --format exclude each other (see receive --help)' ]
	run -64 receive -q "$q" -J --raw
	[ "$output" = 'receive: --json and --raw exclude each other (see receive --help)' ]
}
