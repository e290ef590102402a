# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# worker: several queues that one worker serves.
# Assigned by run and spawn, and code for other shells:
# shellcheck disable=SC2154,SC2016

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	a=a_$BATS_TEST_NUMBER
	b=b_$BATS_TEST_NUMBER
}

teardown() {
	touch go
	end_spawned
}

put() { # QUEUE BODY...
	local queue=$1
	shift
	printf '%s\n' "$@" | work-publish -q "$queue" -l
}

depths() { echo "$(depth "$a") $(depth "$b")"; }

depths_are() { [ "$(depths)" = "$1" ]; }

has_lines() { # N FILE
	[ "$(wc -l <"$2")" -ge "$1" ]
}

@test "all queues are served, and a command knows from which its message is" {
	put "$a" 1 2
	put "$b" 3 4
	run -0 worker -q "$a" -q "$b" -c 4 sh -c 'echo "$AMQP_QUEUE $(cat)"'
	[ "$(sort <<<"$output" | tr '\n' ' ')" = "$a 1 $a 2 $b 3 $b 4 " ]
	[ "$(depths)" = "0 0" ]
}

@test "one that has much keeps none waiting that has little" {
	seq 300 | work-publish -q "$a" -l
	put "$b" first
	run -0 worker -q "$a" -q "$b" -p 4 -c 20 sh -c 'echo "$AMQP_QUEUE"'
	[ "$(grep -c "$b" <<<"$output")" -eq 1 ]
	await_depth 10 281 "$a"
}

@test "any queue can fill all jobs; --prefetch is divided" {
	put "$a" 1 2 3 4 5 6 7 8
	spawn w worker -q "$a" -q "$b" -P 4 sh -c 'echo >>begun; until [ -e go ]; do sleep 0.02; done'
	await 10 eval 'has_lines 4 begun'
	await_depth 10 4 "$a"
	kill -TERM "$w_pid"
	touch go
	expect_status 0 w
	rm go
	seq 8 | work-publish -q "$b" -l
	spawn w worker -q "$a" -q "$b" -p 5 sh -c 'until [ -e go ]; do sleep 0.02; done'
	await 10 depths_are "1 6"
	kill -TERM "$w_pid"
	touch go
	expect_status 0 w
}

@test "--until-empty: all of them are" {
	put "$b" 1 2 3
	queue declare "$a"
	run -0 worker -q "$a" -q "$b" --until-empty sh -c 'cat; echo'
	[ "$output" = $'1\n2\n3' ]
	put "$a" 4
	run -0 worker -q "$a" -q "$b" --until-empty cat
	[ "$output" = 4 ]
	run -0 timeout 10 worker -q "$a" -q "$b" --until-empty cat
}

@test "--setup makes the queues of all, and what fails goes to those of its own" {
	run -0 worker --setup -q "$a" -q "$b" --hold 0 --delays 500ms --attempts 2
	put "$a" bad
	put "$b" worse
	run -1 worker -q "$a" -q "$b" --hold 0 --delays 500ms --attempts 2 -c 2 --joblog log --joblog-format json false
	[[ $output == *"; it goes to '$a.retry.500ms'"* ]]
	[[ $output == *"; it goes to '$b.retry.500ms'"* ]]
	[ "$(grep -c "\"queue\":\"$b\".*\"outcome\":\"retry\"" log)" -eq 1 ]
	await 10 depths_are "1 1"
	run -1 worker -q "$a" -q "$b" --hold 0 --delays 500ms --attempts 2 --until-empty false
	[ "$(receive -q "$a.dead" -c 1 -W 5)" = bad ]
	[ "$(receive -q "$b.dead" -c 1 -W 5)" = worse ]
}

@test "a queue whose failed messages have places, and one whose have none" {
	worker --setup -q "$a" --attempts 1
	put "$a" bad
	put "$b" worse
	spawn w worker -q "$a" -q "$b" --attempts 1 false
	await_log "; it goes to '$a.dead'$" w.err
	await_log "; it goes back to its queue in 1 s$" w.err
	await_log "warning: failed messages have no queues of their own .*'$b.dead'" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	await 10 depths_are "0 1"
	[ "$(depth "$a.dead")" -eq 1 ]
}

@test "--retry-type=classic: what rested comes back to its own queue" {
	worker --setup -q "$a" -q "$b" --retry-type=classic --hold 0 --delays 500ms --attempts 2
	put "$a" bad
	put "$b" worse
	spawn w worker -q "$a" -q "$b" --retry-type=classic --hold 0 --delays 500ms --attempts 2 \
		sh -c 'echo "$AMQP_QUEUE $AMQP_ATTEMPT" >>log; exit 1'
	await 20 eval '[ "$(depth "$a.dead")$(depth "$b.dead")" = 11 ]'
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(sort log | tr '\n' ' ')" = "$a 1 $a 2 $b 1 $b 2 " ]
}

@test "what is interrupted goes back to the queue that it came from" {
	put "$a" 1
	put "$b" 2
	spawn w worker -q "$a" -q "$b" -P 2 sh -c 'echo >>begun; until [ -e go ]; do sleep 0.02; done'
	await 10 eval 'has_lines 2 begun'
	kill -TERM "$w_pid"
	await_consumers 10 0 "$a"
	signal_again TERM "$w_pid"
	expect_status 75 w
	await 10 depths_are "1 1"
	[ "$(receive -q "$a" -c 1 -W 5)" = 1 ]
	[ "$(receive -q "$b" -c 1 -W 5)" = 2 ]
}

@test "two copies of one message in two queues are two messages: what is done of one is not done of the other" {
	need_control ctl
	queue declare "$a"
	queue declare "$b"
	queue bind "$a" amq.fanout
	queue bind "$b" amq.fanout
	spawn w worker -q "$a" -q "$b" sh -c 'echo "$AMQP_QUEUE" >>begun; until [ -e go ]; do sleep 0.02; done'
	await_consumers 10 1 "$b"
	send -e amq.fanout --message-id m-1 task
	await 10 eval 'has_lines 1 begun'
	await 10 depths_are "0 0"
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "reconnected after" w.err
	await 10 depths_are "1 1"
	queue purge "$(cat begun)"
	touch go
	await 10 eval 'has_lines 2 begun'
	await 10 depths_are "0 0"
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(sort begun | tr '\n' ' ')" = "$a $b " ]
}

@test "one that is missing is 67; a name twice, or none, is 64" {
	queue declare "$a"
	run -67 worker -q "$a" -q "$b" --declare=passive cat
	[[ $output == "worker: cannot "*"queue '$b': NOT_FOUND"* ]]
	run -67 worker -q "$a" -q "$b" --declare=none cat
	[[ $output == "worker: cannot consume from queue '$b': NOT_FOUND"* ]]
	run -64 worker -q "$a" -q "$a" cat
	[ "${lines[0]}" = "worker: queue '$a' is named twice (see worker --help)" ]
	run -64 worker -q "" cat
	[ "${lines[0]}" = "worker: a queue needs a name (see worker --help)" ]
}

@test "requests come to rpc_queue, unless other queues are named" {
	put "$a" x
	run -0 worker --reply -q "$a" --until-empty cat
	[ "$output" = x ]
	run -0 rpc_server -q "$b" -q "$a" -W 1 cat
	run -67 worker --reply --declare=passive cat
	[[ $output == *"queue 'rpc_queue': NOT_FOUND"* ]]
}
