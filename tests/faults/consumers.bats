# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What programs that consume say of a connection that was not there when they ended.

# Assigned in broker.bash and by spawn; each test is a shell of its own.
# shellcheck disable=SC2154,SC2153,SC2030,SC2031

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	q=q$BATS_TEST_NUMBER
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() { end_spawned; }

# A program takes messages, its connection is cut, and no other one is to be had until its time is over.
cut_off() { # STATUS PROGRAM ARG...
	local status=$1
	shift
	spawn_proxy
	spawn it "$@" -u "$through$vhost" -q "$q" -W 4
	await_consumers 5 1 "$q"
	kill -KILL "$proxy_pid"
	wait "$proxy_pid" || true
	expect_status "$status" it
}

@test "the time limit passes while there is no connection: the reason is said" {
	local refused
	declare_queue "$q"
	cut_off 0 receive
	refused="there is no connection at the end: cannot connect to 127.0.0.1:$(cat proxy.out): Connection refused"
	[ "$(tail -n 1 it.err)" = "receive: $refused" ]
	cut_off 0 worker
	refused="there is no connection at the end: cannot connect to 127.0.0.1:$(cat proxy.out): Connection refused"
	[ "$(tail -n 1 it.err)" = "worker: $refused" ]
}

@test "fewer than were asked for while there is no connection: 1, and the reason" {
	local why
	declare_queue "$q"
	cut_off 1 receive -c 3
	why="there is no connection: cannot connect to 127.0.0.1:$(cat proxy.out): Connection refused"
	[ "$(tail -n 1 it.err)" = "receive: cannot receive 3 messages: only 0 came, $why" ]
	cut_off 1 worker -c 3
	why="there is no connection: cannot connect to 127.0.0.1:$(cat proxy.out): Connection refused"
	[ "$(tail -n 1 it.err)" = "worker: cannot finish 3 messages: 0 succeeded, $why" ]
}

@test "no connection before the time limit: 69, and each program says why" {
	local why='cannot connect to 127.0.0.1:1: Connection refused' away=amqp://127.0.0.1:1
	run -69 worker -u $away -W 0.3
	[ "$output" = "worker: cannot take messages: no connection before the time limit: $why" ]
	run -69 receive_logs -u $away -W 0.3
	[ "$output" = "receive_logs: cannot receive messages: no connection before the time limit: $why" ]
	run -69 move -u $away --timeout 0.3 "$q" "$q.other"
	[ "$output" = "move: cannot move messages of queue '$q': no connection before the time limit: $why" ]
}

@test "a broker that does not answer before the time limit: 69, and whom it waited for" {
	spawn_proxy
	kill -STOP "$proxy_pid"
	run -69 receive -u "$through$vhost" -W 0.5
	[[ $output == "receive: "*": no answer from 127.0.0.1:$(cat proxy.out) so far" ]]
	run -69 worker -u "$through$vhost" -W 0.5
	[[ $output == "worker: "*": no answer from 127.0.0.1:$(cat proxy.out) so far" ]]
}
