# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive into a file while it, or the broker, is killed: what was acknowledged is in the file, and
# duplicates are no more than what was held. RMQ_SOAK=1 kills more often. The broker must be one's own.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
	end_spawned
	if [ -n "$killed" ]; then
		"$broker" start >/dev/null 3>&-
	fi
}

prefetch=100
killed=

kills() { # FEW MANY
	if [ -n "${RMQ_SOAK:-}" ]; then echo "$2"; else echo "$1"; fi
}

# Whole lines alone: a kill may have torn the last one.
whole_lines() { # FILE...
	local file
	for file; do sed -n '/^[0-9]\{6\}$/p' "$file"; done
}

pause() { # MS: about as long
	sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

# Each number from 100000 on must be there, and few of them twice.
check_ledger() { # N DUPLICATES FILE...
	local n=$1 most=$2 twice
	shift 2
	whole_lines "$@" | sort >all
	twice=$(($(wc -l <all) - n))
	sort -u all | cmp - <(seq 100000 $((99999 + n)))
	echo "# $BATS_TEST_DESCRIPTION: $n messages, $twice twice, at most $most allowed" >&3
	[ "$twice" -le "$most" ]
}

kill_receivers() { # TYPE
	local i n times
	times=$(kills 5 50)
	n=$((times * 5000))
	declare_queue "$1" "{\"x-queue-type\": \"$1\"}"
	seq 100000 $((99999 + n)) | send -q "$1" -l
	for ((i = 0; i < times; i++)); do
		spawn "r$i" receive -q "$1" -p "$prefetch"
		await 10 test -s "r$i.out"
		pause 20
		kill -KILL "${spawned[-1]}"
		wait "${spawned[-1]}" 2>/dev/null || true
		await_consumers 10 0 "$1"
	done
	receive -q "$1" --until-empty >rest
	check_ledger "$n" $((times * prefetch)) r*.out rest
}

reconnected() { # TIMES
	[ "$(grep -c ': reconnected after [0-9.]* s$' recv.err)" -eq "$1" ]
}

kill_broker() { # TYPE
	local i n=0 times
	times=$(kills 2 10)
	declare_queue "$1" "{\"x-queue-type\": \"$1\"}"
	age_queues
	spawn recv receive -q "$1" -p "$prefetch"
	for ((i = 0; i < times; i++)); do
		seq $((100000 + n)) $((104999 + n)) | send -q "$1" -l --wait 60 --retry-time 60 3>&- &
		n=$((n + 5000))
		pause 900
		killed=1
		"$broker" kill
		"$broker" start >/dev/null 3>&-
		killed=
		wait $!
		await 40 reconnected $((i + 1))
	done
	await_depth 20 0 "$1"
	await_log "^$((99999 + n))\$" recv.out 20
	kill -TERM "$recv_pid"
	expect_status 0 recv
	# What the sender could not know to be confirmed it sends again, and a killed broker forgets the
	# acknowledgements that it had not put on the disk: how many is its affair.
	check_ledger "$n" $((times * n)) recv.out
}

@test "receivers are killed, a classic queue" { kill_receivers classic; }

@test "receivers are killed, a quorum queue" { kill_receivers quorum; }

@test "the broker is killed, a classic queue" {
	need_control kill start
	kill_broker classic
}

@test "the broker is killed, a quorum queue" {
	need_control kill start
	kill_broker quorum
}

# Of what strace sees: bytes written and synced, and the highest tag that was acknowledged. A record
# has seven bytes, and tags count them.
@test "nothing is acknowledged before it is synced" {
	command -v strace >/dev/null || skip "no strace"
	[ "$(id -u)" -eq 0 ] || skip "only root may look into the programs"
	local synced=0 written=0 acked=0 acks=0 call
	declare_queue order '{"x-queue-type": "classic"}'
	seq 100000 100999 | send -q order -l
	ASAN_OPTIONS=detect_leaks=0 strace -xx -s 4000 -o trace -e trace=write,writev,sendmsg,sendto,fdatasync \
		receive -q order -p 20 -c 1000 >got || skip "strace may not trace"
	while read -r call; do
		case $call in
		'write(1, '*) written=$((written + ${call##* = })) ;;
		'fdatasync(1)'*) synced=$written ;;
		*) # basic.ack: class 60, method 80, the tag, multiple
			while [[ $call =~ '\x00\x3c\x00\x50\x00\x00\x00\x00\x00\x00'(\\x..)(\\x..) ]]; do
				acked=$((0x${BASH_REMATCH[1]#*x}${BASH_REMATCH[2]#*x})) acks=$((acks + 1))
				[ $((acked * 7)) -le "$synced" ] || { echo "tag $acked, but $synced bytes synced"; return 1; }
				call=${call#*"${BASH_REMATCH[0]}"}
			done ;;
		esac
	done <trace
	[ "$acked" -eq 1000 ]
	[ "$acks" -ge 10 ]
}
