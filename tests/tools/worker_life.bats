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
	kill -TERM "$w_pid"
	await_log "STOPPING=1 STATUS=ending EXTEND_TIMEOUT_USEC=10000000" supervisor.out
	kill -TERM "$w_pid"
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
