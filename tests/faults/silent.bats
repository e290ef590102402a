# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A broker that is there, sends heartbeats, and does not answer: each program, at each method whose answer it waits
# for, ends in time, with its status and its line; and a load balancer that cuts what is silent. None of our programs
# uses basic.get or transactions.

# Assigned in broker.bash and by spawn; each test is a shell of its own.
# shellcheck disable=SC2154,SC2153,SC2030,SC2031

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	q=q$BATS_TEST_NUMBER
	cd "$BATS_TEST_TMPDIR" || return
	queue declare "$q"
	queue declare "$q.to"
}

teardown() { end_spawned; }

# One case: a program through a proxy of its own. Its status, milliseconds and last line go to a file.
ask() { # NUMBER METHOD PROGRAM ARG...
	local n=$1 method=$2 rest=${AMQP_URL##*@} status=0 began
	shift 2
	rm -f "$n.port"
	/usr/bin/python3 "$tests/faults/proxy.py" --silence "$method" >"$n.port" 3>&- &
	await 5 test -s "$n.port"
	began=${EPOCHREALTIME/./}
	AMQP_URL=${AMQP_URL%"$rest"}127.0.0.1:$(cat "$n.port")/${rest#*/} \
		timeout 20 "$@" </dev/null >/dev/null 2>"$n.err" 3>&- || status=$?
	echo "$status $(((${EPOCHREALTIME/./} - began) / 1000)) $(tail -n 1 "$n.err")" >"$n.got"
	kill $!
}

# Is what a case brought what the table says?
is_right() { # NUMBER STATUS SECS PATTERN
	local status ms line
	read -r status ms line <"$1.got"
	# shellcheck disable=SC2053 # the status may be a pattern
	[[ $status == $2 ]] && [ "$ms" -lt $(($3 * 1000)) ] && [[ $line == $4 ]] && return
	echo "case $1: status $status after $ms ms: $line" >&2
	return 1
}

# Each line of standard input is a case: METHOD | STATUS | less than SECS | COMMAND | PATTERN. All are tried at once.
table() {
	local n=0 i pids=() cases=() method status secs words pattern wrong=0
	while IFS='|' read -r method status secs words pattern; do
		# shellcheck disable=SC2086 # words, without the blanks around them
		ask "$n" $method $words &
		pids+=($!)
		cases[n++]="${status// /}|$secs|${pattern# }"
	done
	wait "${pids[@]}"
	for ((i = 0; i < n; i++)); do
		IFS='|' read -r status secs pattern <<<"${cases[i]}"
		is_right "$i" "$status" "$secs" "$pattern" || wrong=$((wrong + 1))
	done
	[ "$wrong" -eq 0 ]
}

# What is put in the way of whoever begins has the time of --connect-timeout.
late='no answer from 127.0.0.1:*: the time is over'

@test "channel.open: 69, and 75 where a message may have gone on its way" {
	table <<-EOS
		20.11 | 75 | 4 | send --connect-timeout 1 -q $q x | send: $late; the message may have been delivered
		20.11 | 75 | 4 | work-publish --connect-timeout 1 -q $q x | work-publish: $late; the message may have been delivered
		20.11 | 75 | 4 | emit_log --connect-timeout 1 x | emit_log: $late; the message may have been delivered
		20.11 | 69 | 4 | receive --connect-timeout 1 -q $q | receive: $late
		20.11 | 69 | 4 | receive_logs --connect-timeout 1 | receive_logs: $late
		20.11 | 69 | 4 | worker --connect-timeout 1 -q $q true | worker: $late
		20.11 | 69 | 4 | rpc-call --connect-timeout 1 -q $q x | rpc-call: $late
		20.11 | 69 | 4 | move --connect-timeout 1 $q $q.to | move: $late
		20.11 | 69 | 4 | queue stat --connect-timeout 1 $q | queue stat: $late
	EOS
}

@test "connection.open and connection.close: what was done is done, and the goodbye has two seconds" {
	seq 6 | send -q "$q" -l
	for method in 10.41 10.51; do
		cat <<-EOS
			$method | 0 | 8 | send -q $q.to x |
			$method | 0 | 8 | receive -q $q -c 1 |
			$method | 0 | 8 | worker -q $q -c 1 true |
			$method | 0 | 8 | move -c 1 $q $q.to |
			$method | 0 | 8 | queue stat $q |
			$method | 0 | 8 | receive_logs -W 1 |
		EOS
	done >cases
	table <cases
}

@test "queue.declare, which finds a queue too" {
	table <<-EOS
		50.11 | 75 | 4 | send --connect-timeout 1 -q $q x | send: $late; the message may have been delivered
		50.11 | 75 | 4 | work-publish --connect-timeout 1 -q $q x | work-publish: $late; the message may have been delivered
		50.11 | 69 | 4 | receive --connect-timeout 1 -q $q | receive: $late
		50.11 | 69 | 4 | receive_logs --connect-timeout 1 | receive_logs: $late
		50.11 | 69 | 4 | worker --connect-timeout 1 -q $q true | worker: $late
		50.11 | 69 | 4 | move --connect-timeout 1 $q $q.to | move: $late
		50.11 | 69 | 4 | queue declare --connect-timeout 1 $q | queue declare: $late
		50.11 | 69 | 4 | queue stat -W 1 $q | queue stat: cannot find queue '$q': no answer within 1 s
		50.11 | 69 | 4 | queue wait -W 1 --messages 1 $q | queue wait: cannot wait longer than 1 s for queue '$q': no answer
	EOS
}

@test "exchange.declare, queue.bind and unbind, queue.purge, queue.delete" {
	table <<-EOS
		40.11 | 75 | 4 | emit_log --connect-timeout 1 x | emit_log: $late; the message may have been delivered
		40.11 | 69 | 4 | receive_logs --connect-timeout 1 | receive_logs: $late
		50.21 | 69 | 4 | receive_logs --connect-timeout 1 | receive_logs: $late
		50.21 | 69 | 4 | queue bind -W 1 $q amq.fanout | queue bind: $late
		50.51 | 75 | 4 | queue unbind -W 1 $q amq.fanout | queue unbind: cannot unbind queue '$q': no answer within 1 s
		50.31 | 75 | 4 | queue purge -W 1 $q | queue purge: cannot purge queue '$q': no answer within 1 s
		50.41 | 75 | 4 | queue delete -W 1 $q.to | queue delete: cannot delete queue '$q.to': no answer within 1 s
	EOS
}

@test "basic.qos and basic.consume" {
	local never='worker: cannot take messages: no connection before the time limit: no answer from *: a reply did not come in time'
	for method in 60.11 60.21; do
		cat <<-EOS
			$method | 69 | 6 | receive --connect-timeout 1 -q $q | receive: $late
			$method | 69 | 6 | receive_logs --connect-timeout 1 | receive_logs: $late
			$method | 69 | 9 | worker -W 1 -q $q true | $never
			$method | [16]* | 12 | move --connect-timeout 1 --timeout 1 $q $q.to | move: *
		EOS
	done >cases
	echo "60.21 | 69 | 6 | rpc-call --connect-timeout 1 -q $q x | rpc-call: $late" >>cases
	table <cases
}

@test "basic.cancel: five seconds, then it is told what is not known" {
	local unknown='cannot tell whether the last acknowledgements arrived: no answer from *: a reply did not come in time'
	for queue in a b c; do seq 3 | work-publish -q "$q.$queue" -l; done
	table <<-EOS
		60.31 | 75 | 9 | receive -q $q.a -W 1 | receive: $unknown
		60.31 | 0 | 9 | receive -q $q -W 1 | receive: there is no connection at the end: no answer from *: a reply did not come in time
		60.31 | 75 | 9 | worker -q $q.b -W 1 true | worker: $unknown
		60.31 | 0 | 9 | receive_logs -W 1 | receive_logs: there is no connection at the end: no answer from *
		60.31 | 75 | 9 | move $q.c $q.to | move: *
		20.41 | 75 | 6 | receive -q $q.b -c 1 -W 3 | receive: cannot tell whether the last acknowledgements arrived: no answer
	EOS
}

@test "confirm.select, and a confirm" {
	local never='no answer from *: the time is over'
	seq 3 | send -q "$q" -l
	table <<-EOS
		85.11 | 75 | 4 | send --connect-timeout 1 -q $q.to x | send: $never; the message may have been delivered
		85.11 | 75 | 4 | emit_log --connect-timeout 1 x | emit_log: $never; the message may have been delivered
		85.11 | 69 | 4 | move --connect-timeout 1 $q $q.to | move: $never
		85.11 | 69 | 4 | rpc-call --connect-timeout 1 -q $q.to x | rpc-call: $never
		60.80 | 75 | 4 | send -W 1 -q $q.to x | send: cannot confirm delivery to queue '$q.to': not confirmed within 1 s
		60.80 | 75 | 4 | work-publish -W 1 -q $q.to x | work-publish: cannot confirm delivery to queue '$q.to': not confirmed within 1 s
		60.80 | 75 | 4 | emit_log -W 1 x | emit_log: cannot confirm delivery to fanout exchange 'logs': not confirmed within 1 s
		60.80 | 75 | 4 | rpc-call -W 1 -q $q.to x | rpc-call: cannot get a reply from queue '$q.to': none came within 1 s
		60.80 | 75 | 16 | move --timeout 1 $q $q.to | move: moved=0 *in-doubt=3
	EOS
}

@test "a node that is silent leaves time for the next one, and who goes on receives from that" {
	for queue in a b; do send -q "$q.$queue" "$queue"; done
	spawn_proxy --silence 60.21
	spawn recv receive --connect-timeout 4 -u "$through$past$vhost" -q "$q.a"
	await 8 grep -qx a recv.out
	spawn w worker --connect-timeout 4 -u "$through$past$vhost" -q "$q.b" sh -c 'cat; echo'
	kill -TERM "$recv_pid"
	expect_status 0 recv
	kill -TERM "$w_pid"
	expect_status 0 w
}

@test "a load balancer that cuts what is silent: with heartbeats below its limit nobody notices it" {
	spawn_proxy --idle 1.5
	spawn recv receive -u "$through$vhost" -q "$q" --heartbeat 1
	spawn w worker -u "$through$vhost" -q "$q.to" --heartbeat 1 sh -c 'cat; echo'
	mkfifo fifo
	exec 7<>fifo
	spawn sender send -u "$through$vhost" -q "$q" -l -f fifo --heartbeat 1 -v
	echo one >&7
	await 5 grep -qx one recv.out
	sleep 4 # that nothing is said in all this time is the test
	echo two >&7
	send -q "$q.to" three
	await 5 grep -qx two recv.out
	await 5 grep -qx three w.out
	[ ! -s recv.err ]
	[ ! -s w.err ]
	kill -TERM "$recv_pid" "$w_pid" "$sender_pid"
	expect_status 0 recv
	expect_status 0 w
	run ! grep "connecting again" sender.err
}

@test "a load balancer that cuts what is silent: with heartbeats above its limit a consumer connects again" {
	spawn_proxy --idle 1
	spawn recv receive -u "$through$vhost" -q "$q" --heartbeat 30
	await_log "reconnected after" recv.err
	send -q "$q" one
	await 5 grep -qx one recv.out
	kill -TERM "$recv_pid"
	expect_status 0 recv
}
