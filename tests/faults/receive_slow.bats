# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive whose reader stops for longer than the broker waits for acknowledgements, and whose disk is
# full. The broker must be one's own.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
	end_spawned
	be_patient
}

# A hundred messages of 10 kB: more than a pipe and a buffer hold.
send_many() { # QUEUE
	local i
	for i in {100..199}; do printf '%s-%0*d\n' "$i" 10000 0; done >many
	send -q "$1" -l <many
}

# Brokers before 4.3 close the channel, which stays so until the client agrees; later ones end the consumer
# of a quorum queue.
gives_up_on() { # QUEUE
	"$broker" ctl eval "[sys:get_state(C) || C <- rabbit_channel:list()]." | grep -q '{conf,closing,' ||
		"$broker" ctl --silent list_queues -p "$VHOST" name consumers messages_ready | grep -q "^$1	0	[1-9]"
}

stop_reading() { # TYPE
	local q=$1
	need_control ctl
	be_impatient 1000 500
	declare_queue "$q" "{\"x-queue-type\": \"$q\"}"
	send_many "$q"
	mkfifo fifo
	exec 7<>fifo
	spawn stuck bash -c 'exec receive "$@" >fifo' receive -q "$q" -p 500 --heartbeat 1
	await_depth 10 0 "$q"
	await 20 gives_up_on "$q"
	timeout 6 cat <&7 >got || true
	kill -TERM "$stuck_pid"
	expect_status 0 stuck
	timeout 1 cat <&7 >>got || true
	receive -q "$q" --until-empty >>got
	sort -u got | cmp - many
	echo "# $q: $(($(wc -l <got) - 100)) twice; $(tr '\n' '|' <stuck.err)" >&3
}

@test "a reader that stops past the consumer timeout: classic queue" {
	limits_classic || skip "these brokers do not limit it"
	stop_reading classic
}

@test "a reader that stops past the consumer timeout: quorum queue" { stop_reading quorum; }

@test "a full disk is 74, the file holds whole messages, and all the others are in the queue" {
	need_mounts
	local fill
	for fill in '' '--no-sync' '-p 7'; do
		send_many full
		# shellcheck disable=SC2086
		run -74 on_small_disk size=300k 'receive -q full "$@" >disk/file; status=$?
			cp disk/file kept; exit "$status"' $fill
		[ "$output" = 'receive: cannot write standard output: No space left on device' ]
		[ "$(wc -l <kept)" -gt 10 ]
		await_depth 5 $((100 - $(wc -l <kept))) full
		receive -q full --until-empty >>kept
		cmp kept many
	done
}
