#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A trace goes through a queue: from the environment of a sender to that of a worker's command.
# shellcheck disable=SC2016,SC2154 # code for other shells; variables of run and spawn

bats_require_minimum_version 1.5.0
load ../broker

parent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=trace_$BATS_TEST_NUMBER
	peer drop "$queue"
	declare_queue "$queue"
	export TRACEPARENT=$parent TRACESTATE=congo=t61rcWkgMzE
}

teardown() { end_spawned; }

# By name: brokers since 4.3 have an order of their own.
headers() {
	receive -q "$queue" -c 1 -W 5 -F '%h\n' | /usr/bin/python3 -c '
import json, sys
print(json.dumps(json.load(sys.stdin), sort_keys=True, separators=(",", ":")))'
}

both="{\"traceparent\":\"$parent\",\"tracestate\":\"congo=t61rcWkgMzE\"}"

@test "what senders make belongs to the trace of their environment" {
	send -q "$queue" x
	[ "$(headers)" = "$both" ]
	work-publish -q "$queue" x
	[ "$(headers)" = "$both" ]
	receive_logs -q "$queue" --until-empty
	emit-log x
	[ "$(headers)" = "$both" ]
	printf '1\n2\n' | send -q "$queue" -l
	[ "$(headers)$(headers)" = "$both$both" ]
}

@test "other headers stay, and one of the same name counts more" {
	send -q "$queue" -H n:int=5 x
	[ "$(headers)" = "{\"n\":5,${both#\{}" ]
	send -q "$queue" -H traceparent=mine x
	[ "$(headers)" = '{"traceparent":"mine"}' ]
	send -q "$queue" -H 'tracestate: mine' x
	[ "$(headers)" = "{\"traceparent\":\"$parent\",\"tracestate\":\"mine\"}" ]
}

@test "without a trace, with a malformed one and with --no-trace there is no header" {
	send -q "$queue" --no-trace x
	[ "$(headers)" = "{}" ]
	TRACEPARENT=00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01 send -q "$queue" x
	[ "$(headers)" = "{}" ]
	TRACESTATE=$'a\nb' send -q "$queue" x
	[ "$(headers)" = "{\"traceparent\":\"$parent\"}" ]
	unset TRACEPARENT
	send -q "$queue" x
	[ "$(headers)" = "{}" ]
}

@test "an envelope stays as it is" {
	send -q "$queue" -J <<<'{"payload":"x"}'
	[ "$(headers)" = "{}" ]
	send -q "$queue" -J -H n:int=5 <<<'{"payload":"x"}'
	[ "$(headers)" = '{"n":5}' ]
}

@test "a command of a worker belongs to its message's trace, and hands it on" {
	send -q "$queue" x
	send -q "$queue" -H "traceparent=${parent/4bf9/5bf9}" x
	unset TRACEPARENT TRACESTATE
	send -q "$queue" x
	TRACEPARENT=ours TRACESTATE=ours worker -q "$queue" -c 3 sh -c 'echo "$TRACEPARENT $TRACESTATE"' >got
	cat >wanted <<-EOS
		$parent congo=t61rcWkgMzE
		${parent/4bf9/5bf9}
		ours ours
	EOS
	diff wanted <(sed 's/ $//' got)
	TRACEPARENT=$parent send -q "$queue" x
	worker -q "$queue" -c 1 --pass-url send -q "$queue" answer
	[ "$(headers)" = "{\"traceparent\":\"$parent\"}" ]
}
