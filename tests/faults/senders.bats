# SPDX-License-Identifier: MIT
# Senders whose broker takes no messages, dies, or never comes back. It must be a broker of one's own.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
	end_spawned
	if [ -n "$alarm" ]; then
		alarm off
	fi
	if [ -n "$killed" ]; then
		start_broker
	fi
}

alarm=
killed=

# Bats waits until its descriptor 3 is closed everywhere.
start_broker() {
	"$broker" start >/dev/null 3>&-
}

alarm() { # on|off
	local watermark=0.6
	alarm=
	if [ "$1" = on ]; then
		alarm=1 watermark=0.00001
	fi
	"$broker" ctl set_vm_memory_high_watermark $watermark >/dev/null
	await 10 is_alarmed "$1"
}

is_alarmed() { # on|off
	local seen=off
	if "$broker" ctl eval 'rabbit_alarm:get_alarms().' | grep -q resource_limit; then seen=on; fi
	[ $seen = "$1" ]
}

holds() { # N QUEUE
	[ "$(depth "$2" 2>/dev/null || echo 0)" -ge "$1" ]
}

# Each number from 1 to N is in the queue, each at most twice.
holds_all() { # N QUEUE
	local n
	n=$(depth "$2")
	[ "$n" -le $((2 * $1)) ]
	peer get "$2" "$n" | sort -nu | cmp - <(seq "$1")
}

@test "a broker that takes no messages: input waits, and goes on afterwards" {
	need_control ctl
	declare_queue blocked
	alarm on
	spawn sender send -q blocked -l -v -f <(seq 20000)
	await_log "the broker takes no messages for now: low on memory" sender.err
	alarm off
	expect_status 0 sender 30
	grep -q "the broker takes messages again" sender.err
	holds_all 20000 blocked
}

@test "a broker that takes no messages: the deadline is kept, 75 if a message is in doubt" {
	need_control ctl
	declare_queue deadline
	alarm on
	start=$SECONDS
	run -75 send -q deadline -W 2 --report report x
	[ $((SECONDS - start)) -le 4 ]
	[ "${lines[0]}" = "send: the broker takes no messages for now: low on memory" ]
	[[ ${lines[1]} == "send: cannot confirm delivery to queue 'deadline': not confirmed within 2 s, the broker takes no messages: low on memory" ]]
	[ "$(reported confirmed in_doubt status)" = "0 1 75" ]
	run -75 send -q deadline -W 2 -l --report report -f <(seq 5000)
	[ "$(reported confirmed in_doubt next_input_offset)" = "0 1000 0" ]
}

@test "a broker that takes no messages: the first signal waits for ten seconds, the second ends it at once" {
	need_control ctl
	declare_queue signals
	alarm on
	mkfifo fifo
	spawn sender send -q signals -l -f fifo
	exec 7>fifo
	echo one >&7
	await_log "takes no messages" sender.err
	kill -TERM "$sender_pid"
	sleep 1
	kill -0 "$sender_pid"
	kill -TERM "$sender_pid"
	expect_status 75 sender 2
	exec 7>&-
	alarm off
}

@test "a broker that is killed and comes back: nothing is missing, 0" {
	need_control kill start
	declare_queue killed
	age_queues
	seq 40000 >file
	spawn sender send -q killed -l -f file --rate 10000 -v --report report
	await 10 holds 5000 killed
	killed=1
	"$broker" kill
	start_broker
	killed=
	expect_status 0 sender 60
	grep -q "connecting again" sender.err
	[ "$(reported confirmed returned nacked in_doubt unsent)" = "40000 0 0 0 0" ]
	holds_all 40000 killed
}

@test "a broker that is killed and does not come back: 75, or 69 if nothing is in doubt, and where to go on" {
	need_control kill start
	declare_queue gone
	age_queues
	seq 40000 >file
	spawn sender send -q gone -l -f file --rate 10000 --retry-time 2 --report report
	await 10 holds 5000 gone
	killed=1
	"$broker" kill
	await_end "$sender_pid" 20
	start_broker
	killed=
	if [ "$(reported in_doubt)" = 0 ]; then
		expect_status 69 sender
	else
		expect_status 75 sender
	fi
	[ "$(reported in_doubt)" -le 8000 ]
	tail -c +$(($(reported next_input_offset) + 1)) file | send -q gone -l
	holds_all 40000 gone
}

@test "a checkpoint through a kill of the broker and one of the sender" {
	need_control kill start
	declare_queue both
	age_queues
	seq 40000 >file
	spawn sender send -q both -l -f file --rate 10000 --checkpoint state -v
	await 10 holds 5000 both
	killed=1
	"$broker" kill
	await_log "connecting again" sender.err
	kill -KILL "$sender_pid"
	start_broker
	killed=
	run -0 send -q both -l -f file --checkpoint state --wait
	holds_all 40000 both
}

@test "a checkpoint or reject file on a full disk: 74, and nothing confirmed is forgotten" {
	need_mounts
	run -0 on_small_disk size=64k '
		set -e
		seq 20000 >file
		send -q full -l -f file --checkpoint disk/state
		seq 20001 25000 >>file
		head -c 100000 /dev/zero >disk/zeros 2>/dev/null || true
		status=0
		send -q full -l -f file --checkpoint disk/state || status=$?
		[ "$status" -eq 74 ]
		rm disk/zeros
		send -q full -l -f file --checkpoint disk/state'
	[[ $output == *"send: cannot write checkpoint 'disk/state': No space left on device"* ]]
	holds_all 25000 full
}
