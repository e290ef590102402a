# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# send and receive: events that come while they work, from the broker, the network and the disk. What
# is wrong from the start is in tools/. The broker must be one's own.

# Assigned in broker.bash and by spawn; each test is a shell of its own.
# shellcheck disable=SC2154,SC2153,SC2030,SC2031

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
}
teardown() {
	end_spawned
	$undo
}

undo=
users=()

# Bats waits until its descriptor 3 is closed everywhere.
start_broker() { "$broker" start >/dev/null 3>&-; }

has_space() { "$broker" ctl set_disk_free_limit 50MB >/dev/null; }

is_alarmed() { "$broker" ctl eval 'rabbit_alarm:get_alarms().' | grep -q resource_limit; }

fill_disk() {
	undo=has_space
	"$broker" ctl set_disk_free_limit 999999999999999 >/dev/null
	await 20 is_alarmed
}

holds() { # N QUEUE
	[ "$(depth "$2" 2>/dev/null || echo 0)" -ge "$1" ]
}

# A user of the virtual host for some time; $user_url is the present URL for it.
new_user() { # PERMISSIONS...
	user=u$RANDOM
	users+=("$user")
	undo=forget_users
	"$broker" ctl add_user "$user" pw >/dev/null
	"$broker" ctl set_permissions -p "$VHOST" "$user" "$@" >/dev/null
	user_url=${AMQP_URL%%://*}://$user:pw@${AMQP_URL##*@}
}

forget_users() {
	local user
	for user in "${users[@]}"; do "$broker" ctl delete_user "$user" >/dev/null 2>&1 || true; done
}

# A sender whose input is descriptor 7, and does not end; a first line of it has arrived.
spawn_sender() { # ARG...
	mkfifo fifo
	exec 7<>fifo
	spawn sender send -q "$q" -l -f fifo --report report "$@"
	echo one >&7
	await 5 holds 1 "$q"
}

@test "a disk alarm: a sender keeps its deadline, 75, or goes on when there is space again; a receiver goes on" {
	need_control ctl
	declare_queue "$q"
	seq 2000 | send -q "$q.before" -l
	fill_disk
	run -75 send -q "$q" -W 2 --report report x
	[ "${lines[0]}" = "send: the broker takes no messages for now: low on disk" ]
	[ "$(reported confirmed in_doubt status)" = "0 1 75" ]
	receive -q "$q.before" -c 2000 | cmp - <(seq 2000)
	spawn sender send -q "$q" -l -f <(seq 3000)
	await_log "low on disk" sender.err
	has_space
	expect_status 0 sender 30
	[ "$(depth "$q")" -ge 3000 ]
}

@test "a broker that is stopped in order and comes back: all arrives, each program says that it was away" {
	need_control stop start
	seq 20000 >file
	declare_queue "$q"
	spawn recv receive -q "$q"
	spawn sender send -q "$q" -l -f file --rate 10000 -v --report report
	await 10 grep -q '^2000$' recv.out
	undo=start_broker
	"$broker" stop >/dev/null
	start_broker
	undo=
	expect_status 0 sender 60
	await_log ': reconnected after' recv.err 40
	await 20 grep -q '^20000$' recv.out
	kill -TERM "$recv_pid"
	expect_status 0 recv
	grep -q 'send: .*CONNECTION_FORCED.*; connecting again$' sender.err
	grep -q 'receive: .*CONNECTION_FORCED.*; connecting again$' recv.err
	[ "$(reported confirmed in_doubt unsent)" = "20000 0 0" ]
	{ cat recv.out && receive -q "$q" --until-empty; } | sort -nu | cmp - <(seq 20000)
}

@test "a network that goes away is noticed by its silence, and another way is taken" {
	declare_queue "$q"
	spawn_proxy
	seq 3000 >file
	spawn sender send -u "$through$past$vhost" -q "$q" -l -f file --rate 1000 --heartbeat 1 -v
	await 5 holds 500 "$q"
	kill -STOP "$proxy_pid"
	expect_status 0 sender 20
	grep -q 'send: .*; connecting again$' sender.err
	receive -q "$q" --until-empty | sort -nu | cmp - <(seq 3000)
}

@test "a network that goes away for good: 75 with what is in doubt, within the limit" {
	declare_queue "$q"
	spawn_proxy
	seq 100000 >file
	spawn sender send -u "$through$vhost" -q "$q" -l -f file --rate 5000 --heartbeat 1 --retry-time 1 --report report
	await 5 holds 500 "$q"
	kill -STOP "$proxy_pid"
	expect_status 75 sender 15
	[ "$(reported status)" = 75 ]
	[ "$(reported in_doubt)" -gt 0 ]
}

@test "a receiver whose network goes away takes another way, and loses nothing" {
	spawn_proxy
	seq 1000 | send -q "$q" -l
	spawn recv receive -u "$through$past$vhost" -q "$q" -p 10 --heartbeat 1
	await 10 grep -q '^1000$' recv.out
	kill -STOP "$proxy_pid"
	seq 1001 1500 | send -q "$q" -l
	# Those that the lost connection held come last, when the broker has noticed it too.
	await 20 eval '[ "$(sort -u recv.out | wc -l)" -eq 1500 ]'
	kill -TERM "$recv_pid"
	expect_status 0 recv
	# The silence counts, which took two heartbeats to be noticed.
	grep -qE ': reconnected after ([2-9]|[1-9][0-9])\.[0-9] s$' recv.err
	[ "$(wc -l <recv.out)" -le 1510 ]
	sort -nu recv.out | cmp - <(seq 1500)
}

@test "a network that goes away before the last acknowledgements arrived: a worker that ends says so, 75" {
	spawn_proxy
	send -q "$q" x
	spawn w worker -u "$through$past$vhost" -q "$q" --heartbeat 1 sh -c 'touch began; until [ -e go ]; do sleep 0.02; done'
	await 10 test -e began
	kill -STOP "$proxy_pid"
	kill -TERM "$w_pid"
	touch go
	expect_status 75 w 20
	grep -q '^worker: cannot tell whether the last acknowledgements arrived: ' w.err
	kill -KILL "$proxy_pid"
	await_depth 20 1 "$q"
}

@test "a permission that is missing: 77, and what was refused" {
	need_control ctl
	declare_queue "$q"
	new_user '^$' '^$' '^$'
	run -77 send -u "$user_url" -q "$q" x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot "*ACCESS_REFUSED* ]]
	[ "$(depth "$q")" = 0 ]
	new_user '^$' '^amq[.]default$' '^$'
	run -77 send -u "$user_url" -J < <(printf '{"exchange":"%s","routing_key":"'"$q"'","payload":"x"}\n' '' amq.topic '')
	[[ ${lines[0]} == "send: cannot send line 2 of standard input: ACCESS_REFUSED"*"'amq.topic'"* ]]
	[[ ${lines[1]} == "send: confirmed=2 "*" refused=1 in-doubt=0 unsent=0 "* ]]
	run -77 receive -u "$user_url" -q "$q"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "receive: cannot "*"queue '$q': ACCESS_REFUSED"* ]]
}

@test "a permission that is taken away, and a user that is deleted, in the middle: 77" {
	need_control ctl
	declare_queue "$q"
	new_user '.*' '.*' '.*'
	spawn_sender -u "$user_url"
	new_user '.*' '.*' '.*'
	spawn recv receive -u "$user_url" -q "$q"
	await_log '^one$' recv.out
	"$broker" ctl clear_permissions -p "$VHOST" "${users[0]}" >/dev/null
	"$broker" ctl delete_user "$user" >/dev/null
	"$broker" ctl close_all_connections -p "$VHOST" 'closed by a test' >/dev/null
	expect_status 77 recv 20
	[[ $(tail -n 1 recv.err) == "receive: cannot log in to "* ]]
	expect_status 77 sender 20
	exec 7>&-
	[ "$(reported confirmed in_doubt status)" = "1 0 77" ]
}

# Its queues go first, which a receiver may see: 67.
@test "a virtual host that is missing, or deleted in the middle: 77" {
	need_control vhosts
	local url status=0
	run -77 receive --vhost no-such-vhost
	[ "${#lines[@]}" -eq 1 ]
	undo="$broker rmvhosts t_rows_gone"
	"$broker" vhosts t_rows_gone
	url=$("$broker" url t_rows_gone)
	export AMQP_URL=$url
	declare_queue "$q"
	spawn_sender
	spawn recv receive -q "$q"
	await_log '^one$' recv.out
	"$broker" rmvhosts t_rows_gone
	undo=
	await_end "$recv_pid" 20
	wait "$recv_pid" || status=$?
	[[ $status == 67 || $status == 77 ]]
	expect_status 77 sender 20
	exec 7>&-
}

@test "an exchange that is missing, or goes in the middle: 67, and where to go on" {
	run -67 send -e nowhere -r key x
	[[ $output == "send: cannot "*"'nowhere'"*NOT_FOUND* ]]
	[ "${#lines[@]}" -eq 1 ]
	peer exchange leaving topic
	declare_queue "$q"
	peer bind "$q" leaving '#'
	mkfifo fifo
	exec 7<>fifo
	spawn sender send -e leaving -r key -l -f fifo --report report
	echo one >&7
	await 5 holds 1 "$q"
	peer drop-exchange leaving
	echo two >&7
	expect_status 67 sender
	exec 7>&-
	[ "$(reported confirmed next_input_offset status)" = "1 4 67" ]
}

@test "a binding that goes in the middle: 67, and where to go on" {
	declare_queue "$q"
	peer exchange staying topic
	peer bind "$q" staying '#'
	mkfifo fifo
	exec 7<>fifo
	spawn sender send -e staying -r key -l -f fifo --report report
	echo one >&7
	await 5 holds 1 "$q"
	drop "$q"
	echo two >&7
	expect_status 67 sender
	exec 7>&-
	[ "$(reported confirmed returned next_input_offset)" = "1 1 4" ]
}

@test "a queue that is full for a moment: what was nacked is sent again, 0" {
	declare_queue "$q" '{"x-max-length": 1, "x-overflow": "reject-publish"}'
	publish_pika '' "$q" zero
	spawn_turns
	spawn sender send -u "$url" -q "$q" -l -f <(seq 2) --window 1 -v
	await 5 grep -qF '\x00<\x00(' turns.out # basic.publish, and the broker has spoken after it
	receive -q "$q" -c 3 | cmp - <(printf 'zero\n1\n2\n')
	expect_status 0 sender
	grep -q '^send: confirmed=2 returned=0 nacked=0 in-doubt=0' sender.err
}

@test "a queue that belongs to another connection: 78" {
	spawn owner receive -q "$q" -x --chat=always
	await_log Waiting owner.out
	run -78 send -q "$q" --declare=strict --connect-timeout 2 x
	[[ $output == "send: cannot declare queue '$q': "* ]]
}

@test "what answers is no AMQP broker, or knows no TLS: 76" {
	local rest=${AMQP_URL##*@}
	spawn http /usr/bin/python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    c = s.accept()[0]
    c.recv(8)
    c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    c.close()'
	await 5 test -s http.out
	run -76 send -u "amqp://127.0.0.1:$(cat http.out)" x
	[ "${#lines[@]}" -eq 1 ]
	run -76 receive -u "amqp://127.0.0.1:$(cat http.out)"
	[ "${#lines[@]}" -eq 1 ]
	run -76 send -u "amqps://${rest}" x
	[ "${#lines[@]}" -eq 1 ]
	run -76 receive -u "amqps://${rest}"
}

@test "a disk that is full under the output: 74, whole messages alone, and the rest is in the queue" {
	need_mounts
	local i
	for i in {1..100}; do printf '%s-%0*d\n' "$i" 3000 0; done >many
	send -q "$q" -l -f many
	run -74 on_small_disk size=128k 'receive -q "$1" >disk/part; status=$?
		cp disk/part part; exit "$status"' "$q"
	[ "$output" = 'receive: cannot write standard output: No space left on device' ]
	[ "$(tail -c 1 part | xxd -p)" = 0a ]
	await_depth 5 $((100 - $(wc -l <part))) "$q"
	receive -q "$q" --until-empty >rest
	cat part rest | cmp - many
}

@test "a hang-up that was ignored stays ignored" {
	declare_queue "$q"
	spawn recv env -u DISPLAY nohup receive -q "$q" -c 2
	publish_pika '' "$q" one
	await_log '^one$' recv.out
	kill -HUP "$recv_pid"
	publish_pika '' "$q" two
	expect_status 0 recv
}

@test "a worker whose second connection cannot be made says so, and takes nothing" {
	declare_queue "$q"
	send -q "$q" task
	spawn_proxy
	spawn w worker --url="$through$vhost" --connect-timeout 1 -q "$q" cat
	await_log 'worker: cannot look for the queues of failed messages: no second connection so far; nothing is taken before' w.err
	[ "$(depth "$q")" -eq 1 ]
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(wc -l <w.err)" -eq 2 ]
	[[ $(tail -n 1 w.err) == "worker: there is no connection at the end: a second connection, for failed messages: cannot connect to "* ]]
}
