#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# worker under supervision: what it tells, and how it ends with its hands full.
# shellcheck disable=SC2016,SC2154 # code for other shells; variables of run and spawn

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=life_$BATS_TEST_NUMBER
	peer drop "$queue"
}

teardown() {
	touch go # whatever waits for it
	end_spawned
}

# Put each argument into the queue.
put() { printf '%s\n' "$@" | work-publish -q "$queue" -l; }

lines_are() { # N PATTERN FILE
	[ "$(grep -c "$2" "$3" 2>/dev/null)" = "$1" ]
}

# --- what it tells --------------------------------------------------------------------------------

supervise() {
	spawn supervisor /usr/bin/python3 "$tests/supervisor.py" "$PWD/notify"
	await 5 test -S notify
	export NOTIFY_SOCKET=$PWD/notify
}

@test "systemd is told when messages can come, whether they do, and when the end begins" {
	need_control ctl vhosts
	supervise
	spawn w worker -q "$queue" sh -c 'env >vars; cat >>log'
	await_log READY=1 supervisor.out
	[ "$(peer consumers "$queue")" -eq 1 ]
	put task
	await 10 grep -qs task log
	kill -USR1 "$w_pid"
	await_log STATUS=paused supervisor.out
	kill -USR1 "$w_pid"
	await 10 lines_are 2 "STATUS=taking messages" supervisor.out
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "STATUS=no connection to the broker" supervisor.out
	await 20 lines_are 3 "STATUS=taking messages" supervisor.out
	kill -TERM "$w_pid"
	expect_status 0 w
	await_log "STOPPING=1 STATUS=ending EXTEND_TIMEOUT_USEC=35000000" supervisor.out
	lines_are 1 READY=1 supervisor.out
	run ! grep -E 'NOTIFY|WATCHDOG' vars supervisor.out
}

@test "signs of life, while a command runs too, and none that are meant for others" {
	supervise
	put task
	WATCHDOG_USEC=200000 spawn w worker -q "$queue" sh -c 'env >vars; until [ -e go ]; do sleep 0.02; done'
	await 10 test -s vars
	await 10 eval '[ "$(grep -c WATCHDOG=1 supervisor.out)" -ge 3 ]'
	touch go
	run ! grep -E 'NOTIFY|WATCHDOG' vars
	kill -TERM "$w_pid"
	expect_status 0 w
	: >supervisor.out
	WATCHDOG_USEC=200000 WATCHDOG_PID=1 worker -q "$queue" -W 500ms true
	await_log STOPPING supervisor.out
	run ! grep WATCHDOG=1 supervisor.out
}

@test "each stage of the end asks for its time" {
	supervise
	put task
	spawn w worker -q "$queue" --grace 60 sh -c 'trap "" TERM; touch begun; until [ -e go ]; do sleep 0.02; done'
	await 10 test -e begun
	kill -TERM "$w_pid"
	await_log "STOPPING=1 STATUS=ending EXTEND_TIMEOUT_USEC=65000000" supervisor.out
	signal_again TERM "$w_pid"
	await_log "STOPPING=1 STATUS=ending EXTEND_TIMEOUT_USEC=10000000" supervisor.out
	signal_again TERM "$w_pid"
	await_log "STOPPING=1 STATUS=ending EXTEND_TIMEOUT_USEC=7000000" supervisor.out
	expect_status 75 w
}

@test "without a broker nothing is ready" {
	supervise
	run -69 worker --notify-fd 4 --url=amqp://127.0.0.1:1 --connect-timeout=1 true 4>ready
	[ ! -s ready ]
	run ! grep READY supervisor.out
}

@test "who cannot be told is told of in a warning, and the work goes on" {
	put task
	NOTIFY_SOCKET=$PWD/nobody run -0 worker -q "$queue" -c 1 cat
	[ "$output" = "worker: cannot notify the supervisor: No such file or directory
task" ]
	put task
	NOTIFY_SOCKET=vsock:2:1 run -0 --separate-stderr worker -q "$queue" -c 1 cat
	[ "$output" = task ]
	[[ $stderr == "worker: cannot notify the supervisor: "* ]]
}

@test "--notify-fd: a newline when messages can come, and the end of the file" {
	mkfifo ready
	timeout 10 cat ready >got 3>&- &
	local reader=$!
	spawn w worker --notify-fd 4 -q "$queue" sh -c 'ls -l /proc/$$/fd >fds' 4>ready
	wait "$reader"
	[ "$(od -An -c got)" = '  \n' ]
	[ "$(peer consumers "$queue")" -eq 1 ]
	put task
	await 10 test -s fds
	run ! grep ready fds
}

@test "--notify-fd with a descriptor that cannot be written to: 64" {
	for fd in 0 2 x 9; do
		run -64 worker --notify-fd "$fd" true 9<&-
		[[ $output == "worker: "*"(see worker --help)" ]]
	done
	[ "$output" = "worker: descriptor 9 is not open for writing (see worker --help)" ]
	run -64 worker --notify-fd 9 true 9</dev/null
	[ "$output" = "worker: descriptor 9 is not open for writing (see worker --help)" ]
}

# --- where it runs --------------------------------------------------------------------------------

children_are() { # N PID, zombies too
	[ "$(ps -o pid= --ppid "$2" | wc -l)" -eq "$1" ]
}

@test "as process 1 it leaves no zombies of what commands leave behind, and ends as elsewhere" {
	unshare --pid --fork --mount-proc true || skip "no namespaces here"
	put 1 2 3
	ASAN_OPTIONS=detect_leaks=0 spawn w unshare --pid --fork --mount-proc --kill-child "$(command -v worker)" \
		-q "$queue" sh -c '(setsid sh -c "until [ -e idle ]; do sleep 0.02; done; echo gone >>log" &); echo >>begun'
	await 10 lines_are 3 '' begun
	local inner
	inner=$(pgrep -P "$w_pid")
	await 10 children_are 3 "$inner"
	touch idle
	await 10 lines_are 3 gone log
	await 10 children_are 0 "$inner"
	await_depth 10 0 "$queue"
	put 4
	await 10 lines_are 4 gone log
	kill -TERM "$inner"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 0 ]
}

# --- how it ends with its hands full ---------------------------------------------------------------

# The process of each job and of its child in "pids", its body in "begun"; it waits for the file "go".
write_job() {
	cat >job <<-'JOB'
		#!/bin/sh
		sleep 100 &
		printf '%s\n' $$ $! >>pids
		cat >>begun
		until [ -e go ]; do sleep 0.02; done
		kill $!
		echo end >>ended
	JOB
	chmod +x job
}

alive() { # FILE: any of the processes in it
	local pid
	while read -r pid; do
		if ! gone "$pid"; then return; fi
	done <"$1"
	return 1
}

none_alive() { ! alive "$1"; }

eight_jobs() {
	write_job
	seq 20 | work-publish -q "$queue" -l
	spawn w worker -q "$queue" -P 8 ./job
	await 10 eval '[ "$(wc -l <pids)" -eq 16 ]'
	await_depth 10 12 "$queue"
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
}

@test "SIGTERM with eight jobs: they finish and are acknowledged, nothing else is taken, 0, no child left" {
	eight_jobs
	alive pids
	touch go
	expect_status 0 w
	await 5 none_alive pids
	lines_are 8 end ended
	[ "$(wc -l <pids)" -eq 16 ]
	[ "$(depth "$queue")" -eq 12 ]
	[ ! -s w.err ]
}

@test "SIGTERM twice with eight jobs: 75, no child left, and all of them are back" {
	eight_jobs
	signal_again TERM "$w_pid"
	expect_status 75 w
	await 5 none_alive pids
	[ ! -e ended ]
	[ "$(depth "$queue")" -eq 20 ]
	[ "$(receive -q "$queue" --peek --until-empty | sort -n | tr '\n' ' ')" = "$(seq -s ' ' 20) " ]
}

@test "a job of Kubernetes: done is 0, to be tried again 1 or 69, never to be tried again 64, 67, 77, 78, 126 or 127" {
	BROKER_URL=$AMQP_URL QUEUE=$queue
	unset AMQP_URL
	take_one() { worker --url="$BROKER_URL" -q "$QUEUE" -c 1 "$@"; }
	AMQP_URL=$BROKER_URL put 1 2
	run -0 take_one cat
	[ "$output" = 1 ]
	AMQP_URL=$BROKER_URL await_depth 10 1 "$queue"
	run -1 take_one false
	AMQP_URL=$BROKER_URL await_depth 10 1 "$queue"
	run -1 take_one sh -c 'exit 65'
	run -1 take_one sh -c 'exit 127'
	run -127 take_one no-such-command
	run -126 take_one /dev/null
	run -64 take_one --no-such-option
	QUEUE=$queue.missing run -67 take_one --declare=passive cat
	run -77 take_one --username=nobody-here cat
	run -69 worker --url=amqp://127.0.0.1:1 --connect-timeout=1 -c 1 cat
	AMQP_URL=$BROKER_URL await_depth 10 1 "$queue"
	QUEUE=$queue.empty run -1 take_one -W 1 cat
	[ "$output" = "worker: cannot finish 1 message: 0 succeeded" ]
}

@test "a job of Kubernetes that is ended at once gives its message back, and 1" {
	write_job
	put 1
	spawn w worker -q "$queue" -c 1 sh -c './job; exit 3'
	await 10 test -s begun
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	touch go
	expect_status 1 w
	[ "$(depth "$queue")" -eq 1 ]
}

# The first time there are as many jobs as messages to take, the second time one more.
count_once() { # JOBS
	need_control ctl
	put task
	spawn w worker -q "$queue" -P "$1" -c 1 sh -c 'echo begin >>log; until [ -e go ]; do sleep 0.02; done'
	await 10 lines_are 1 begin log
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "reconnected after" w.err
	touch go
	expect_status 0 w
	lines_are 1 begin log
	[ "$(depth "$queue")" -eq 0 ]
}

@test "-c: a command that succeeded without a connection counts when its message is back" { count_once 1; }

@test "-c: and when its message is back before it has succeeded" { count_once 2; }
