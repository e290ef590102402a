# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The examples of README.md and of the manual work as they are written.
#
# An example is a command line in an sh block of README.md, or in a display of a page's EXAMPLES.
# Each runs in a directory with the files that examples speak of, on a broker with their queues and
# listeners. It must exit 0 and be silent on standard error. What receives must print something, what
# emits must be heard, what serves must answer. What does not end by itself is ended as a person would do it.

bats_require_minimum_version 1.5.0
load ../broker

root=$(cd "$(dirname "$BATS_TEST_FILENAME")/../.." && pwd)

setup_file() {
	new_vhost
	export BROKER_URL=$AMQP_URL QUEUE=orders
	listen_to_all
}

teardown_file() { drop copies orders task_queue hello files pictures results archive app_archive events \
	tasks tasks.retry.1m tasks.dead old-orders failed-tasks failed invoices rpc_queue; }

setup() {
	feeder='' example_pid=''
	mkdir "$BATS_TEST_TMPDIR/world"
	cd "$BATS_TEST_TMPDIR/world" || return
	make_files
}

teardown() {
	end_feeder
	if [ -n "$example_pid" ]; then children "$example_pid" | xargs -r kill -KILL; fi
	end_spawned
}

# What is emitted with the examples' keys also goes to the queue `copies'.
listen_to_all() {
	receive_logs -q copies --until-empty
	receive_logs_direct -q copies --until-empty info warning error
	receive_logs_topic -q copies --until-empty '#'
	receive_logs_headers -q copies --until-empty host=web1
}

make_files() {
	seq -f 'order %.0f' 3 >orders.txt
	seq -f 'line %.0f of a log' 3 >app.log
	printf '\x89PNG\r\n\x1a\n\0\0' >picture.png
	touch web.conf 16.jpg 17.jpg
	printf '#!/bin/sh\nread -r verb file; echo "$verb: $file"\n' >resize
	printf '#!/bin/sh\ncat\n' >job
	printf '%s\n' '#!/bin/sh' \
		"awk '{ for (b = 1; n < \$1; n++) { c = a + b; a = b; b = c } printf \"%d\", a }'" >fib
	chmod +x resize job fib
}

# --- where examples are ---------------------------------------------------------------------------

readme_lines() {
	awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/README.md"
}

# As a reader sees them: a display is indented further than the text around it.
page_lines() { # SOURCE
	sed 's/@PREFIX@//g' "$1" | mandoc -Tascii -O width=1000 | col -b | expand |
		sed -n '/^EXAMPLES/,/^[A-Z]/s/^           //p'
}

# Lines to whole commands, each ended by a NUL byte.
commands() {
	local line command=
	while IFS= read -r line; do
		[ -n "$command$line" ] || continue
		command+=$line$'\n'
		case $line in *\\) continue ;; esac
		bash -nc "$command" 2>/dev/null || continue
		printf '%s\0' "$command"
		command=
	done
	[ -z "$command" ] || { echo "not a command: $command" >&2; return 1; }
}

# --- running one ----------------------------------------------------------------------------------

receives() { [[ $1 =~ (^|[^.[:alnum:]])(receive|worker)([^[:alnum:].]|$) && $1 != *--setup* ]]; }
serves() { [[ $1 =~ rpc[-_]serve ]]; }
calls() { [[ $1 =~ rpc[-_](call|client) ]]; }
follows() { [[ $1 == *'tail -F '* ]]; }
emits() { [[ $1 =~ emit[-_]log ]]; }

fill_queues() { # COMMAND
	send -q orders -l <<<$'17\n18'
	work-publish resize 16.jpg
	if [[ $1 == *'-q tasks'* ]]; then work-publish -q tasks resize 17.jpg; fi
}

# Somebody else who logs. Whether anybody listens yet is not his affair.
feed() {
	while :; do
		emit_log tick
		emit_log_direct error tick
		emit_log_topic kern.critical tick
		emit_log_topic app.info tick
		emit_log_headers host=web1 level=warning -- tick
		sleep 0.1
	done
}

start_feeder() {
	feed </dev/null >/dev/null 2>&1 3>&- &
	feeder=$!
}

end_feeder() {
	[ -n "$feeder" ] || return 0
	kill "$feeder"
	wait "$feeder" || true
	feeder=''
}

start_server() {
	spawn server rpc_server ./fib
	await_consumers 10 1 rpc_queue
}

end_server() {
	kill -TERM "$server_pid"
	expect_status 0 server
}

answers() { [ "$(rpc_client -W 1 30 2>/dev/null)" = 832040 ]; }

printed() {
	[ -s "$BATS_TEST_TMPDIR/example.out" ] ||
		[ -n "$(find . -type f -newer ../stamp -size +0)" ]
}

ended() { gone "$example_pid"; }

# It has ended; or it is of a kind that need not end, has done something, and had time for more.
had_time() { # COMMAND
	ended || { serves "$1" && answers; } || { [ "$SECONDS" -ge 2 ] && { follows "$1" || { receives "$1" && printed; }; }; }
}

children() { # PID
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$1" '$4 == parent { print $1 }' | sort -n
}

# The first program of a line is the one whose end ends the others. A shell that is not needed any
# more has become that program.
end_first() {
	local first=
	case $(tr '\0' ' ' <"/proc/$example_pid/cmdline") in
	bash\ *) first=$(children "$example_pid" | head -n 1) ;;
	esac
	kill -TERM "${first:-$example_pid}"
}

run_example() { # COMMAND
	printf '%s' "$1"
	touch ../stamp
	case $1 in *receive[-_]logs*) start_feeder ;; esac
	if calls "$1"; then start_server; fi
	SECONDS=0
	spawn example bash -uc "$1"
	await 20 had_time "$1" || { cat "$BATS_TEST_TMPDIR/example.err"; return 1; }
	ended || end_first
	expect_status 0 example
	example_pid=''
	end_feeder
	if calls "$1"; then end_server; fi
	cat "$BATS_TEST_TMPDIR/example.out"
	diff /dev/null "$BATS_TEST_TMPDIR/example.err"
	if receives "$1" || calls "$1"; then printed || { echo "it printed nothing"; return 1; }; fi
	if emits "$1"; then receive -q copies -c 1 --timeout 5; fi
}

run_examples() { # FILE: of whole commands
	local -a all
	local command
	mapfile -d '' all <"$1"
	[ "${#all[@]}" -gt 0 ]
	for command in "${all[@]}"; do
		if receives "$command"; then fill_queues "$command"; fi
		receive -q copies --until-empty >/dev/null
		run_example "$command"
	done
}

@test "the page about running workers" {
	command -v mandoc col >/dev/null || skip "no mandoc, or no col"
	sed 's/@PREFIX@//g' "$root/man/rmq-worker.7.in" | mandoc -Tascii -O width=1000 | col -b | expand |
		sed -n 's/^           \(worker \)/\1/p' | commands >../commands
	run_examples ../commands
}

@test "README.md" {
	readme_lines | commands >../commands
	run_examples ../commands
}

@test "the manual's pages" {
	command -v mandoc col >/dev/null || skip "no mandoc, or no col"
	local page
	for page in "$root"/man/*.1.in; do
		echo "== ${page##*/}"
		page_lines "$page" | commands >../commands
		run_examples ../commands
	done
}
