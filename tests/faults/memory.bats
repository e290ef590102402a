# SPDX-License-Identifier: MIT
# Each allocation of each program is refused once: 71 and one line, or as if nothing had been. Nothing hangs or is lost.

bats_require_minimum_version 1.5.0
load ../broker

# Sanitizers allocate as well and are not to be preloaded over, so the programs are built as README.md builds them.
setup_file() {
	local build=${RMQ_BIN:-$tests/../build/dev/bin}/../plain
	new_vhost
	export REFUSE=$BATS_FILE_TMPDIR/fail_malloc.so
	"${CC:-cc}" -O1 -shared -fPIC -o "$REFUSE" "$tests/preload/fail_malloc.c" 2>/dev/null || return 0
	cmake -S "$tests/.." --preset release -B "$build" -DMANPAGES=OFF -DLTO=OFF -DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 >/dev/null
	cmake --build "$build" --target send receive work-publish worker emit-log receive-logs move queue rpc-call >/dev/null
	export RMQ_BIN=$build/bin
	for queue in from to served; do declare_queue "$queue"; done
	yes message | head -n 2000 | send -q from -l
}

setup() {
	[ -e "$REFUSE" ] || skip "nothing can be preloaded here"
	LD_PRELOAD=$REFUSE FAIL_AT=1 run cat /dev/null
	[[ $output != *'cannot be preloaded'* ]] || skip "nothing can be preloaded here"
}

refuse() { # OPTION... -- COMMAND
	run /usr/bin/python3 "$tests/faults/memory.py" "$REFUSE" 300 "$@"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	echo "# $BATS_TEST_DESCRIPTION: runs, as ever, lines: $output" >&3
	read -r runs unharmed printed <<<"$output"
	[ "$runs" -gt 20 ]
}

# Do the queues have as many messages, or more?
holds() { # N QUEUE...
	local queue sum=0
	for queue in "${@:2}"; do sum=$((sum + $(depth "$queue"))); done
	[ "$sum" -ge "$1" ]
}

@test "send" {
	refuse -- send -q one -u "$AMQP_URL" -H 'a:json={"b":[1,{"c":3}]}' hello
	[ "$(depth one)" -ge "$unharmed" ]
	refuse -i $'x\ny\n' -- send -q lines -l
	[ "$(depth lines)" -ge $((2 * unharmed)) ]
}

@test "send -J" {
	refuse -i '{"payload":"x","properties":{"headers":{"a":{"$int8":1},"t":{"$table":[["a",1]]}}}}' -- send -q json -J
	[ "$(depth json)" -ge "$unharmed" ]
}

@test "work-publish and emit-log" {
	refuse -- work-publish -q tasks hello
	[ "$(depth tasks)" -ge "$unharmed" ]
	refuse -- emit_log_topic a.b hello
}

@test "receive: what is not printed is still there" {
	before=$(depth from)
	refuse -- receive -q from -J -c 1
	await 10 holds $((before - printed)) from
}

@test "receive-logs" {
	refuse -- receive_logs -W 1
}

@test "move: nothing is lost on the way" {
	before=$(($(depth from) + $(depth to)))
	refuse -- move -c 1 from to
	await 10 holds "$before" from to
}

@test "worker ends, also where it cannot subscribe" {
	refuse -w -- worker -q from -c 1 -- true
}

@test "queue and rpc-call" {
	refuse -- queue stat from
	refuse -s 75 -- rpc-call -q served -W 1 x
}
