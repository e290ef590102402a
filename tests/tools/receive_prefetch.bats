# SPDX-License-Identifier: MIT
# How many messages a receiver has in hand.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() {
	new_vhost
	seq -f '%0100.0f' 20000 >"$BATS_FILE_TMPDIR/wanted"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=intake_$BATS_TEST_NUMBER
	wanted=$BATS_FILE_TMPDIR/wanted
	drop "$q"
}

teardown() { end_spawned; }

fill() { # OPTION...
	queue declare "$@" "$q"
	send -q "$q" -l <"$wanted"
}

# What the consumers of the queue may have in hand, all together.
prefetch() {
	"$broker" ctl -q list_consumers -p "${VHOST:-/}" queue_name prefetch_count |
		awk -v q="$q" '$1 == q { sum += $2 } END { print sum + 0 }'
}

has_prefetch() { [ "$(prefetch)" -eq "$1" ]; } # N

has_lines() { # N FILE
	[ "$(wc -l 2>/dev/null <"$2")" -ge "$1" ]
}

# A receiver that stands still after the first messages, so that its consumers stay as they are.
stop_after() { # N FILE
	await 60 has_lines "$@"
	kill -STOP "$recv_pid"
}

redelivered() { grep -c '"redelivered": *true' "$1" || true; }

@test "prefetch grows with what is taken, and the order stays" {
	need_control ctl
	fill
	spawn recv receive -q "$q" --no-sync
	stop_after 8000 recv.out
	[ "$(prefetch)" -ge 256 ]
	kill -CONT "$recv_pid"
	await_depth 60 0 "$q"
	kill -TERM "$recv_pid"
	expect_status 0 recv
	cmp recv.out "$wanted"
}

@test "the same of a quorum queue" {
	fill --queue-type=quorum
	receive -q "$q" --until-empty --no-sync >got
	cmp got "$wanted"
}

@test "when the reader falls behind it is small again" {
	need_control ctl
	fill
	mkfifo fifo
	spawn recv bash -c 'exec receive -q "$1" >fifo' receive "$q"
	exec 7<fifo
	head -n 8000 <&7 >got
	await 20 has_prefetch 64
	cat <&7 >>got &
	await_depth 60 0 "$q"
	kill -TERM "$recv_pid"
	expect_status 0 recv
	exec 7<&-
}

@test "--prefetch fixes it" {
	need_control ctl
	fill
	spawn recv receive -q "$q" --no-sync -p 100
	stop_after 8000 recv.out
	[ "$(prefetch)" -eq 100 ]
}

@test "it does not grow while the reader is slow" {
	need_control ctl
	fill
	mkfifo fifo
	spawn recv bash -c 'exec receive -q "$1" >fifo' receive "$q"
	exec 7<fifo
	for _ in {1..30}; do
		read -r _ <&7
		sleep 0.02
	done
	[ "$(prefetch)" -eq 64 ]
	exec 7<&-
}

@test "who has little time and a slow reader gives little back" {
	fill
	for _ in 1 2 3; do
		receive -q "$q" -W 0.3 | { sleep 0.5 && cat; } >>got
	done
	receive -q "$q" --until-empty -J >rest
	[ "$(redelivered rest)" -le 192 ]
	[ $(($(wc -l <got) + $(wc -l <rest))) -eq 20000 ]
}

@test "a count takes no more, and little comes back" {
	fill
	receive -q "$q" -c 12000 --no-sync >got
	head -n 12000 "$wanted" | cmp - got
	[ "$(depth "$q")" -eq 8000 ]
	receive -q "$q" --until-empty -J >rest
	[ "$(redelivered rest)" -le 4096 ]
}

@test "a single active consumer stays alone" {
	need_control ctl
	fill --single-active-consumer
	spawn recv receive -q "$q" --no-sync
	stop_after 8000 recv.out
	[ "$(prefetch)" -eq 64 ]
	kill -CONT "$recv_pid"
	await_depth 60 0 "$q"
	cmp recv.out "$wanted"
}

@test "a stream gives each message once" {
	queue declare --queue-type=stream "$q"
	send -q "$q" -l <"$wanted"
	spawn recv receive -q "$q" --offset=0 --no-sync
	await 60 has_lines 20000 recv.out
	cmp recv.out "$wanted"
}
