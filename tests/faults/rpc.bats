# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# rpc-call and worker --reply while a broker takes no messages, or dies. It must be a broker of one's own.
# shellcheck disable=SC2154 # variables of spawn

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=rpc_$BATS_TEST_NUMBER
	declare_queue "$q"
}

teardown() {
	end_spawned
	if [ -n "${alarm:-}" ]; then has_memory; fi
	if [ -n "${killed:-}" ]; then "$broker" start >/dev/null 3>&-; fi
}

has_memory() { "$broker" ctl set_vm_memory_high_watermark 0.6 >/dev/null; }

is_alarmed() { "$broker" ctl eval 'rabbit_alarm:get_alarms().' | grep -q resource_limit; }

fill_memory() {
	alarm=1
	"$broker" ctl set_vm_memory_high_watermark 0.00001 >/dev/null
	await 20 is_alarmed
}

held() { "$broker" ctl -q list_queues -p "$VHOST" name messages_unacknowledged | grep -q "^${q}[[:blank:]]*1\$"; }

begun_twice() { [ "$(grep -c begin log)" -eq 2 ]; }

@test "a broker that takes no messages: the caller's time is kept" {
	need_control ctl
	fill_memory
	run -75 rpc-call -q "$q" -W 2 x
	[ "${lines[0]}" = "rpc-call: warning: nobody serves queue '$q' for now; waiting" ]
	[ "${lines[1]}" = "rpc-call: the broker takes no messages for now: low on memory" ]
	[ "${lines[2]}" = "rpc-call: cannot get a reply from queue '$q': none came within 2 s, the broker takes no messages: low on memory" ]
}

@test "a broker that takes no messages: the reply is held, and the request is not acknowledged before it" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of our own"
	spawn s worker --reply -q "$q" -- sh -c 'until [ -e go ]; do sleep 0.05; done; cat'
	await_consumers 10 1 "$q"
	spawn c rpc-call -q "$q" -W 60 request
	await 10 held
	fill_memory
	touch go
	await_log "takes no messages for now: low on memory; replies are held" s.err 20
	held
	has_memory
	expect_status 0 c 30
	[ "$(<c.out)" = request ]
	kill -TERM "$s_pid"
	expect_status 0 s
}

@test "a reply that was not sent when the connection was lost: its command is in the log, and that it was lost" {
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of our own"
	spawn s worker --reply -q "$q" --joblog log --joblog-format json -- sh -c 'until [ -e go ]; do sleep 0.05; done; cat'
	await_consumers 10 1 "$q"
	spawn c rpc-call -q "$q" -W 60 --no-expiration request
	await 10 held
	fill_memory
	touch go
	await_log "replies are held" s.err 20
	kill -USR2 "$s_pid"
	await_log "0 running, .* 1 being answered" s.err
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "; connecting again" s.err
	await_log '"exit":0,"outcome":"lost"' log
	has_memory
	await_log '"exit":0,"outcome":"acked"' log 40
	kill -TERM "$s_pid"
	expect_status 0 s
	[ "$(wc -l <log)" -eq 2 ]
}

@test "a broker that dies while a command runs: the request is served again, and the caller knows that nothing will come" {
	need_control kill start
	age_queues
	spawn s worker --reply -q "$q" -- sh -c 'echo begin >>log; until [ -e go ]; do sleep 0.05; done; cat'
	await_consumers 10 1 "$q"
	spawn c rpc-call -q "$q" -W 60 --no-expiration request
	await_log begin log
	killed=1
	"$broker" kill >/dev/null 3>&-
	expect_status 75 c 20
	grep -q "^rpc-call: cannot get a reply from queue '$q': " c.err
	"$broker" start >/dev/null 3>&-
	killed=
	touch go
	await 30 grep -qs "reconnected" s.err
	await 30 begun_twice
	await_depth 10 0 "$q"
	kill -TERM "$s_pid"
	expect_status 0 s
	run -1 grep "caller is told" s.err
}
