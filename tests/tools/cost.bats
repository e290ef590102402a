# SPDX-License-Identifier: MIT
# What the programs cost, where that can be counted: instructions, system calls, libraries. The bounds are
# a third above what was counted last, or more where the broker's pace is in the count. Times are nothing for
# a test: see bench/.

bats_require_minimum_version 1.5.0
load ../broker

# Sanitizers cost more than all else, so the programs are built as README.md builds them, beside the
# build that is tested.
setup_file() {
	local build=${RMQ_BIN:-$tests/../build/dev/bin}/../plain
	new_vhost
	cmake -S "$tests/.." --preset release -B "$build" -DMANPAGES=OFF >/dev/null
	cmake --build "$build" --target send receive emit-log >/dev/null
	export PLAIN=$build RMQ_BIN=$build/bin
	seq -f '%0100.0f' 12000 >"$BATS_FILE_TMPDIR/12000"
	head -n 2000 "$BATS_FILE_TMPDIR/12000" >"$BATS_FILE_TMPDIR/2000"
}

# A container may forbid it.
need_strace() {
	strace -qq -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
}

need_valgrind() {
	valgrind --tool=none true 2>/dev/null || skip "valgrind does not run here"
}

instructions() { # COMMAND...
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>"$BATS_TEST_TMPDIR/callgrind" >/dev/null
	sed -n 's/.*Collected : //p' "$BATS_TEST_TMPDIR/callgrind"
}

calls() { # COMMAND...
	strace -f -qq -o "$BATS_TEST_TMPDIR/calls" "$@" >/dev/null
	grep -cE '^[0-9]+ +[a-z0-9_]+\(' "$BATS_TEST_TMPDIR/calls"
}

# How many more for each of 1,000 further messages: what two runs differ by, without what both begin with.
slope() { # FEW MANY, for 2,000 and 12,000 messages
	echo $((($2 - $1) / 10))
}

at_most() { # BOUND VALUE
	echo "# $BATS_TEST_DESCRIPTION: $2, at most $1" >&3
	[ -n "$2" ] && [ "$2" -gt 0 ] && [ "$2" -le "$1" ]
}

send_lines() { # COUNTER N
	"$1" send -q costs -l <"$BATS_FILE_TMPDIR/$2"
}

receive_lines() { # COUNTER N OPTION...
	local counter=$1 n=$2
	shift 2
	drop costs
	send -q costs -l <"$BATS_FILE_TMPDIR/$n"
	"$counter" receive -q costs -c "$n" "$@"
}

@test "nobody maps OpenSSL who does not need it" {
	need_strace
	! grep -q 'ARCHIVE:FILEPATH=.*NOTFOUND' "$PLAIN/CMakeCache.txt" || skip "no static archive of librabbitmq here"
	send -q costs warm
	for command in 'emit_log --help' 'emit_log hello' 'send -q costs hello' 'receive -q costs -c 1'; do
		# shellcheck disable=SC2086 # words
		strace -f -qq -e trace=open,openat,openat2 -o "$BATS_TEST_TMPDIR/opened" $command
		grep -q 'libc[.-]' "$BATS_TEST_TMPDIR/opened"
		run -1 grep -E 'libssl|libcrypto|rmq-tls' "$BATS_TEST_TMPDIR/opened"
	done
}

@test "OpenSSL is mapped when an amqps address asks for it" {
	need_strace
	[ "$(id -u)" -eq 0 ] || skip "only root may look into the programs"
	run strace -f -qq -e trace=open,openat,openat2 -o "$BATS_TEST_TMPDIR/opened" \
		send -W 2 -u "amqps://${AMQP_URL#*://}" hello
	[ "$status" -ne 0 ]
	grep -q libssl "$BATS_TEST_TMPDIR/opened"
}

@test "instructions of --help" {
	need_valgrind
	at_most 1020000 "$(instructions emit_log --help)"
}

@test "instructions of one message" {
	need_valgrind
	send -q costs warm
	at_most 540000 "$(instructions send -q costs hello)"
	at_most 610000 "$(instructions emit_log_topic key hello)"
}

@test "instructions of 1,000 lines sent" {
	need_valgrind
	drop costs
	at_most 2500000 "$(slope "$(send_lines instructions 2000)" "$(send_lines instructions 12000)")"
}

@test "instructions of 1,000 bodies received" {
	need_valgrind
	at_most 1900000 "$(slope "$(receive_lines instructions 2000 --raw)" "$(receive_lines instructions 12000 --raw)")"
}

@test "instructions of 1,000 messages received as JSON" {
	need_valgrind
	at_most 11300000 "$(slope "$(receive_lines instructions 2000 -J)" "$(receive_lines instructions 12000 -J)")"
}

@test "system calls of --help" {
	need_strace
	at_most 52 "$(calls emit_log --help)"
}

@test "system calls of one message" {
	need_strace
	send -q costs warm
	at_most 105 "$(calls send -q costs hello)"
}

@test "system calls of 1,000 lines sent" {
	need_strace
	drop costs
	at_most 50 "$(slope "$(send_lines calls 2000)" "$(send_lines calls 12000)")"
}

# How many deliveries come at once is the broker's affair: what must not be is a call for each.
@test "system calls of 1,000 bodies received" {
	need_strace
	at_most 500 "$(slope "$(receive_lines calls 2000 --raw)" "$(receive_lines calls 12000 --raw)")"
}
