#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# worker: what becomes of the output of its commands.
# shellcheck disable=SC2016,SC2154 # code for other shells; variables of run and spawn

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=output_$BATS_TEST_NUMBER
	peer drop "$queue"
}

teardown() {
	touch go # whatever waits for it
	end_spawned
}

# Put each argument into the queue.
put() { printf '%s\n' "$@" | work-publish -q "$queue" -l; }

# The lines of what each message's command wrote, told by the tag, in one file each: got.TAG.
by_tag() { # FILE
	awk -F '\t' '{ tag = $1; sub(/^[^\t]*\t/, ""); print >"got." tag }' "$1"
}

# Line by line

@test "--tag: each line has the message-id and a tab before it, on standard output and error" {
	work-publish -q "$queue" --message-id m-1 task
	run -0 --separate-stderr worker -q "$queue" -c 1 --tag sh -c 'echo one; printf "two\twords"; echo oops >&2; printf "no end" >&2'
	[ "$output" = $'m-1\tone\nm-1\ttwo\twords' ]
	[ "$stderr" = $'m-1\toops\nm-1\tno end' ]
}

@test "--tag: the routing key where there is no message-id, and no tag has a newline or a tab" {
	work-publish -q "$queue" --message-id none task
	run -0 worker -q "$queue" -c 1 --tag cat
	[ "$output" = "$queue"$'\ttask' ]
	work-publish -q "$queue" --message-id $'a\tb\nc' task
	run -0 worker -q "$queue" -c 1 --tag cat
	[ "$output" = $'a\\tb\\nc\ttask' ]
}

@test "--tag: eight jobs lose and mix no line, in a file and in a pipe" {
	seq 200 | work-publish -q "$queue" -l
	worker -q "$queue" -P 8 -c 100 --tag sh -c 'b=$(cat); for i in 1 2 3 4 5; do echo "$b: line $i of a command"; done' >file
	worker -q "$queue" -P 8 -c 100 --tag sh -c 'b=$(cat); for i in 1 2 3 4 5; do echo "$b: line $i of a command"; done' | cat >>file
	[ "$(wc -l <file)" -eq 1000 ]
	cut -f 2 file | sort >got
	for b in $(seq 200); do seq -f "$b: line %g of a command" 5; done | sort | cmp - got
	[ "$(cut -f 1 file | sort -u | wc -l)" -eq 200 ]
}

@test "--tag: much of eight commands at once, byte for byte and in order" {
	for i in 1 2 3 4 5 6 7 8; do work-publish -q "$queue" --message-id "$i" "$i"; done
	worker -q "$queue" -P 8 -c 8 --tag sh -c 'b=$(cat); seq -f "$b %.0f" 50000' | cat >file
	by_tag file
	for i in 1 2 3 4 5 6 7 8; do
		seq -f "$i %.0f" 50000 | cmp - "got.$i"
	done
}

@test "--tag: a line over 64 KiB comes as several, and no byte is lost" {
	put task
	worker -q "$queue" -c 1 --tag sh -c 'head -c 1000000 /dev/zero | tr "\0" x; echo; echo short' >file
	cut -f 2 file >got
	[ "$(head -n 1 got | tr -d '\n' | wc -c)" -eq 65536 ]
	[ "$(grep x got | tr -d '\n' | wc -c)" -eq 1000000 ]
	[ "$(tail -n 1 got)" = short ]
}

@test "--tag: a command waits while nobody reads, and the connection lives on" {
	need_control ctl
	put task
	mkfifo pipe
	exec 8<>pipe
	spawn w bash -c "exec worker -q $queue --tag --heartbeat 1 sh -c 'seq 300000; touch finished' >pipe"
	await_consumers 10 1 "$queue"
	sleep 5
	[ ! -e finished ]
	kill -0 "$w_pid"
	[ ! -s w.err ]
	[ "$(depth "$queue")" -eq 0 ]
	cat pipe >file 3>&- 8>&- &
	await 10 test -e finished
	await_log '	300000$' file
	exec 8>&-
	kill -TERM "$w_pid"
	expect_status 0 w
	cut -f 2 file | cmp - <(seq 300000)
	[ "$(depth "$queue")" -eq 0 ]
}

@test "--tag, --collect: the reader goes away: SIGPIPE, and the message is back" {
	for option in --tag --collect "--tag --collect"; do
		put task
		# shellcheck disable=SC2086 # two words
		spawn w bash -c "worker -q $queue $option sh -c 'seq 1000000' | head -n 1; echo \"\${PIPESTATUS[0]}\" >status"
		await 10 test -s status
		[ "$(cat status)" -eq 141 ]
		[ ! -s w.err ]
		await_depth 5 1 "$queue"
		run -0 worker -q "$queue" -c 1 sh -c 'exit 0'
		rm status
	done
}

@test "--tag: a command without an end ends with the reader" {
	put task
	spawn w bash -c "worker -q $queue --tag yes | head -n 1; echo \"\${PIPESTATUS[0]}\" >status"
	await 10 test -s status
	[ "$(cat status)" -eq 141 ]
	await_depth 5 1 "$queue"
}

@test "--tag, --collect: SIGPIPE ignored: 74, and the message is back" {
	for option in --tag --collect; do
		put task
		run -74 --separate-stderr bash -c "trap '' PIPE; worker -q $queue $option seq 1000000 > >(:)"
		[ "$stderr" = "worker: cannot write standard output: Broken pipe" ]
		await_depth 5 1 "$queue"
		run -0 worker -q "$queue" -c 1 true
	done
}

@test "--tag, --collect: a full disk: 74, and the message is back" {
	for option in --tag --collect; do
		put task
		run -74 --separate-stderr bash -c "worker -q $queue $option cat >/dev/full"
		[ "$stderr" = "worker: cannot write standard output: No space left on device" ]
		await_depth 5 1 "$queue"
		run -0 worker -q "$queue" -c 1 true
	done
}

# More than our pipe takes, and with --tag less than the command's pipe does.
begin_unread() { # OPTION N
	spawn w bash -c "exec worker -q $queue $1 seq $2 >pipe"
	await_consumers 10 1 "$queue"
	await 10 output_waits
}

output_waits() {
	kill -USR2 "$w_pid"
	grep -q "0 running, .* 1 being written" w.err
}

@test "--tag, --collect: acknowledged after the output is written" {
	mkfifo pipe
	for n in 8000 30000; do
		[ $n = 8000 ] && option=--tag || option=--collect
		put task
		exec 8<>pipe
		begin_unread "$option" $n
		kill -KILL "$w_pid"
		await_depth 5 1 "$queue"
		begin_unread "$option" $n
		cat pipe >file 3>&- 8>&- &
		await_log "$n\$" file
		exec 8>&-
		kill -TERM "$w_pid"
		expect_status 0 w
		[ "$(depth "$queue")" -eq 0 ]
	done
}

@test "--tag: a line that nobody had room for is not acknowledged" {
	mkfifo pipe
	exec 8<>pipe
	put much little
	cat >job <<-'EOF'
		read -r what
		[ "$what" != much ] || exec perl -e 'print "x" x 999, "\n" for 1 .. 180'
		until [ -e go ]; do sleep 0.02; done
		echo little
	EOF
	spawn w bash -c "exec worker -q $queue -P 2 --tag sh job >pipe"
	await_consumers 10 1 "$queue"
	await 10 eval 'kill -USR2 "$w_pid"; grep -q "1 running, .* 1 being written" w.err'
	touch go
	await 10 eval 'kill -USR2 "$w_pid"; grep -q "0 running, .* 2 being written" w.err'
	kill -KILL "$w_pid"
	await_depth 5 2 "$queue"
	exec 8>&-
}

@test "--collect: while an output waits, no other command takes its place" {
	mkfifo pipe
	exec 8<>pipe
	put 1 2
	spawn w bash -c "exec worker -q $queue -p 2 -c 2 --collect sh -c 'echo >>started; seq 30000' >pipe"
	await 10 test -e started
	await 10 eval 'kill -USR2 "$w_pid"; grep -q "0 running, 1 waiting, .* 1 being written" w.err'
	[ "$(wc -l <started)" -eq 1 ]
	cat pipe >file 3>&- 8>&- &
	exec 8>&-
	expect_status 0 w
	await 10 eval '[ "$(wc -l <file)" -eq 60000 ]'
	cat <(seq 30000) <(seq 30000) | cmp - file
}

@test "--collect: an output that waits is written also when its message was lost" {
	need_control ctl
	mkfifo pipe
	exec 8<>pipe
	work-publish -q "$queue" --message-id none task
	spawn w bash -c "exec worker -q $queue --collect --joblog log --joblog-format json seq 30000 >pipe"
	await_consumers 10 1 "$queue"
	await 10 output_waits
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "reconnected after" w.err
	cat pipe >file 3>&- 8>&- &
	exec 8>&-
	await_log '"acked"' log
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(logged outcome log | paste -s -d " ")" = '"lost" "acked"' ]
	await 10 eval '[ "$(wc -l <file)" -eq 60000 ]'
	cat <(seq 30000) <(seq 30000) | cmp - file
}

@test "--tag: a second signal while nobody reads: 75, and the message is back" {
	put task
	mkfifo pipe
	exec 8<>pipe
	spawn w bash -c "exec worker -q $queue --tag sh -c 'echo \$\$ >pid; exec seq 1000000' >pipe"
	await 10 test -s pid
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	signal_again TERM "$w_pid"
	expect_status 75 w
	exec 8>&-
	[ "$(depth "$queue")" -eq 1 ]
}

@test "--tag: what a child in the background writes later is passed on, and nobody waits for it" {
	put task
	spawn w worker -q "$queue" --tag sh -c '(until [ -e go ]; do sleep 0.02; done; echo late) & printf early'
	await_depth 5 0 "$queue"
	await_log '	early$' w.out
	kill -0 "$w_pid"
	touch go
	await_log '	late$' w.out
	kill -TERM "$w_pid"
	expect_status 0 w
}

# In one piece

@test "--collect: outputs of several commands are never mixed, with and without tags" {
	seq 40 | work-publish -q "$queue" -l
	for option in --collect "--collect --tag"; do
		# shellcheck disable=SC2086 # two words
		worker -q "$queue" -P 4 -c 20 $option sh -c 'b=$(cat); for i in 1 2 3; do echo "$b $i"; sleep 0.02; done' >file
		[ "$(wc -l <file)" -eq 60 ]
		awk '{ if (NR % 3 == 1) b = $(NF - 1); if ($(NF - 1) != b || $NF != (NR - 1) % 3 + 1) exit 1 }' file
	done
	[ "$(cut -f 1 file | uniq | wc -l)" -eq 20 ]
}

@test "--collect: an output that has begun goes on before others" {
	mkfifo pipe
	exec 8<>pipe
	spawn w bash -c "exec worker -q $queue -P 2 --collect sh -c 'b=\$(cat)
		if [ \$b = 1 ]; then until [ -e go ]; do sleep 0.02; done; fi; yes \$b | head -n 500000' >pipe"
	await_consumers 10 1 "$queue"
	put 1 2
	await 10 eval 'kill -USR2 "$w_pid"; grep -q "1 running, .* 1 being written" w.err'
	touch go
	await 10 eval 'kill -USR2 "$w_pid"; grep -q "0 running, .* 2 being written" w.err'
	cat pipe >file 3>&- 8>&- &
	await_depth 10 0 "$queue"
	kill -TERM "$w_pid"
	expect_status 0 w
	exec 8>&-
	await 10 eval '[ "$(wc -l <file)" -eq 1000000 ]'
	[ "$(uniq file | paste -s -d " ")" = "2 1" ]
}

@test "--collect: the bytes are what the command wrote, and with --tag its last line is whole" {
	put 1 2
	worker -q "$queue" -c 1 --collect printf 'a\0b\n\nc' | cmp - <(printf 'a\0b\n\nc')
	worker -q "$queue" -c 1 --collect --tag printf 'a\0b\n\nc' | cut -f 2 | cmp - <(printf 'a\0b\n\nc\n')
}

@test "--collect --tag: lines of any length stay whole" {
	put task
	worker -q "$queue" -c 1 --collect --tag sh -c 'head -c 1000000 /dev/zero | tr "\0" x; echo; echo short' >file
	[ "$(wc -l <file)" -eq 2 ]
	[ "$(head -n 1 file | cut -f 2 | wc -c)" -eq 1000001 ]
}

@test "--collect: 100 MB through a pipe, byte for byte, with little memory" {
	put 1 2
	worker -q "$queue" -c 2 --collect sh -c 'grep VmHWM /proc/$PPID/status >>memory; head -c 100000000 /dev/zero' |
		cmp - <(head -c 200000000 /dev/zero)
	awk 'NR == 1 { first = $2 } END { exit NR != 2 || $2 - first > 50000 }' memory
}

@test "--collect: a command that opens its standard output again loses nothing" {
	put task
	run -0 worker -q "$queue" -c 1 --collect sh -c 'echo one; echo two >>/dev/stdout; cat; echo; echo three'
	[ "$output" = $'one\ntwo\ntask\nthree' ]
}

@test "--collect: nothing is left in TMPDIR; if there is none, memory does" {
	put 1 2
	mkdir tmp
	TMPDIR=$PWD/tmp run -0 worker -q "$queue" -c 1 --collect sh -c 'ls tmp; ls -l /proc/$$/fd/1'
	[[ $output == *"$PWD/tmp/worker."*"(deleted)" ]]
	[ "${#lines[@]}" -eq 1 ]
	TMPDIR=$PWD/none run -0 worker -q "$queue" -c 1 --collect cat
	[ "$output" = 2 ]
}

@test "--collect: what a failed command wrote is written too" {
	put task
	run -1 --separate-stderr worker -q "$queue" -c 1 --collect sh -c 'echo said; exit 3'
	[ "$output" = said ]
	[[ $stderr == "worker: message '"*"': command failed with exit status 3; it goes back to its queue
worker: cannot finish 1 message: 0 succeeded" ]]
}

@test "5 MB that a command does not read harm nobody, and 5 MB that it copies arrive" {
	head -c 5000000 /dev/urandom >bytes
	for option in --tag --collect "--tag --collect"; do
		work-publish -q "$queue" - <bytes
		# shellcheck disable=SC2086 # two words
		run -0 worker -q "$queue" -c 1 $option true
		[ "$output" = "" ]
	done
	work-publish -q "$queue" - <bytes
	worker -q "$queue" -c 1 --collect cat | cmp - bytes
	work-publish -q "$queue" - <bytes
	worker -q "$queue" -c 1 --collect cat >file
	cmp file bytes
}

@test "--tag and --collect need a command: 64" {
	for option in --tag --collect; do
		run -64 env AMQP_URL=amqp://127.0.0.1:1 worker "$option"
		[ "$output" = "worker: $option needs a command (see worker --help)" ]
	done
}

# The job log

# Fields of a line of the job log that are not the same each time: a time in seconds, and how long it took.
times='[0-9]*\.[0-9][0-9][0-9]	 *[0-9]*\.[0-9][0-9][0-9]'
header=$'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand'

@test "--joblog: a line for each attempt, as GNU parallel writes it" {
	for id in m-1 m-2; do work-publish -q "$queue" --message-id $id $id; done
	run -1 worker -q "$queue" -c 2 --joblog log sh -c '[ $(cat) = m-1 ] || exit 3'
	[ "$(head -n 1 log)" = "$header" ]
	[ "$(wc -l <log)" -eq 3 ]
	[ "$(sed -n 2p log)" = "$(grep -x "1	:	$times	3	0	0	0	sh -c \[ \$(cat) = m-1 \] || exit 3 # m-1" log)" ]
	[ "$(sed -n 3p log)" = "$(grep -x "2	:	$times	3	0	3	0	sh -c \[ \$(cat) = m-1 \] || exit 3 # m-2" log)" ]
	run -1 worker -q "$queue" -c 1 --joblog log --collect sh -c 'echo four; kill -9 $$'
	[ "$(wc -l <log)" -eq 4 ]
	[ "$(tail -n 1 log)" = "$(grep -x "1	:	$times	3	5	0	9	sh -c echo four; kill -9 \$\$ # m-2" log)" ]
}

@test "--joblog: GNU parallel's own reader of such files takes it" {
	command -v parallel >/dev/null || skip "needs GNU parallel"
	put 1 2 3
	worker -q "$queue" -c 3 --joblog log true
	# What is in the log is not run again.
	run -0 parallel --will-cite --resume --joblog log echo ::: 1 2 3
	[ "$output" = "" ]
}

# A member of each object in the log, one a line.
logged() { # NAME FILE
	/usr/bin/python3 -c '
import json, sys
for line in open(sys.argv[2]):
    print(json.dumps(json.loads(line).get(sys.argv[1])))' "$1" "$2"
}

@test "--joblog-format=json: all that is known of an attempt" {
	work-publish -q "$queue" --message-id m-1 hello
	worker -q "$queue" -c 1 --tag --joblog log --joblog-format json sh -c 'printf abc' >/dev/null
	[ "$(wc -l <log)" -eq 1 ]
	[ "$(logged seq log)" = 1 ]
	[ "$(logged message_id log)" = '"m-1"' ]
	[ "$(logged routing_key log)" = "\"$queue\"" ]
	[ "$(logged queue log)" = "\"$queue\"" ]
	[ "$(logged attempt log)" = 1 ]
	logged started log | grep -qx '"20[0-9-]*T[0-9:]*\.[0-9][0-9][0-9]Z"'
	[ "$(date -u -d "$(logged started log | tr -d '"')" +%s)" -le "$(date +%s)" ]
	[ "$(date -u -d "$(logged started log | tr -d '"')" +%s)" -gt "$(($(date +%s) - 100))" ]
	logged seconds log | grep -qx '[0-9.]*'
	[ "$(logged sent log)" = 5 ]
	[ "$(logged received log)" = 3 ]
	[ "$(logged exit log)" = 0 ]
	[ "$(logged signal log)" = null ]
	[ "$(logged outcome log)" = '"acked"' ]
	[ "$(logged command log)" = '["sh", "-c", "printf abc"]' ]
}

@test "--joblog-format=json: what a command wrote to our own output is not known" {
	put 1 2
	worker -q "$queue" -c 1 --joblog log --joblog-format json true
	worker -q "$queue" -c 1 --collect --joblog log --joblog-format json true
	[ "$(logged received log | paste -s -d ' ')" = "null 0" ]
}

@test "--joblog-format=json: what became of each attempt" {
	worker --setup -q "$queue" --attempts 2 --delays 100ms
	put bad fatal good
	spawn w worker -q "$queue" --attempts 2 --delays 100ms --joblog log --joblog-format json \
		sh -c 'case $(cat) in bad) kill -9 $$;; fatal) exit 65;; esac'
	await_depth 10 2 "$queue.dead"
	await 10 eval '[ "$(wc -l <log)" -eq 4 ]'
	kill -TERM "$w_pid"
	expect_status 0 w
	paste -d ' ' <(logged outcome log) <(logged exit log) <(logged signal log) <(logged attempt log) | sort >got
	sort >wanted <<-'EOS'
		"acked" 0 null 1
		"dead" 65 null 1
		"dead" null 9 2
		"retry" null 9 1
	EOS
	cmp wanted got
	[ "$(logged seq log | sort -n | paste -s -d ' ')" = "1 2 3 4" ]
}

@test "--joblog-format=json: requeued, rejected, ended by us, timed out" {
	put 1 2 3
	worker -q "$queue" -c 1 --exit-map 3=nack-requeue --joblog log --joblog-format json sh -c 'exit 3' || true
	worker -q "$queue" -c 1 --exit-map 3=reject --joblog log --joblog-format json sh -c 'exit 3' || true
	worker -q "$queue" -c 1 --job-timeout 200ms --joblog log --joblog-format json sleep 100 || true
	[ "$(logged outcome log | paste -s -d ' ')" = '"requeued" "rejected" "requeued"' ]
	[ "$(logged signal log | tail -n 1)" = 15 ]
	spawn w worker -q "$queue" --joblog log --joblog-format json sh -c 'touch begun; exec sleep 100'
	await 10 test -e begun
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	signal_again TERM "$w_pid"
	expect_status 75 w
	[ "$(logged outcome log | tail -n 1)" = '"requeued"' ]
	[ "$(logged signal log | tail -n 1)" = 15 ]
}

@test "--joblog-format=json: a message that was lost with its connection" {
	need_control ctl
	work-publish -q "$queue" --message-id none task
	spawn w worker -q "$queue" --joblog log --joblog-format json sh -c 'touch begun; until [ -e go ]; do sleep 0.02; done'
	await 10 test -e begun
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "reconnected after" w.err
	touch go
	await_log acked log
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(logged outcome log | paste -s -d ' ')" = '"lost" "acked"' ]
	[ "$(logged attempt log | paste -s -d ' ')" = '1 2' ]
}

@test "--joblog-format=json: what is acknowledged over a connection that is lost already is no longer ours" {
	need_control ctl
	work-publish -q "$queue" --message-id m-1 task
	spawn w worker -q "$queue" --joblog log --joblog-format json \
		sh -c 'echo $$ >>pids; until [ -e go ]; do sleep 0.02; done'
	await 10 test -s pids
	kill -STOP "$w_pid"
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_consumers 10 0 "$queue"
	touch go
	await 10 grep -q '^State:.Z' "/proc/$(cat pids)/status"
	kill -CONT "$w_pid"
	await_log "message 'm-1' was done before it came back: acknowledged" w.err
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(logged outcome log)" = '"lost"' ]
	[ "$(wc -l <pids)" -eq 1 ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "--joblog: two workers share a file, and one header" {
	seq 100 | work-publish -q "$queue" -l
	: >log
	spawn a worker -q "$queue" -P 4 --joblog log true
	spawn b worker -q "$queue" -P 4 --joblog log true
	await_depth 20 0 "$queue"
	await 20 eval '[ "$(wc -l <log)" -ge 101 ]'
	kill -TERM "$a_pid" "$b_pid"
	expect_status 0 a
	expect_status 0 b
	[ "$(grep -c "	:	$times	[123]	0	0	0	true # " log)" -eq 100 ]
}

@test "--joblog: a file that was copied and truncated goes on with a header" {
	put 1
	spawn w worker -q "$queue" --joblog log true
	await 10 eval '[ "$(wc -l <log)" -eq 2 ]'
	cp log log.1
	: >log
	put 2
	await 10 eval '[ "$(wc -l <log)" -eq 2 ]'
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(head -n 1 log)" = "$header" ]
	[ "$(head -c 1 log)" = S ]
}

@test "--joblog: a file that cannot be opened: 73, and no message is taken" {
	put task
	run -73 worker -q "$queue" --joblog /no/such/folder/log touch ran
	[ "$output" = "worker: cannot write job log '/no/such/folder/log': No such file or directory" ]
	run -73 worker -q "$queue" --joblog /dev/full touch ran
	[ "$output" = "worker: cannot write job log '/dev/full': No space left on device" ]
	[ ! -e ran ]
	[ "$(depth "$queue")" -eq 1 ]
}

@test "--joblog: a disk that is full later costs lines of the log, and no message" {
	put 1 2 3
	run -0 worker -q "$queue" -c 3 --joblog /dev/full --joblog-format json true
	[ "$output" = "worker: cannot write job log '/dev/full': No space left on device; going on without it" ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "a limit of files' sizes: 71 and the message is back, a log without lines, and commands have their signal" {
	head -c 5000 /dev/zero | work-publish -q "$queue" -
	run -71 bash -c "ulimit -f 1; worker -q $queue -c 1 true"
	[ "$output" = "worker: cannot run true: File too large" ]
	[ "$(depth "$queue")" -eq 1 ]
	run -0 worker -q "$queue" -c 1 true
	head -c 1020 /dev/zero >log
	put task
	run -0 bash -c "ulimit -f 1; worker -q $queue -c 1 --joblog log true"
	[ "$output" = "worker: cannot write job log 'log': No space left on device; going on without it" ]
	put task
	run -1 bash -c "ulimit -f 1; worker -q $queue -c 1 --collect sh -c 'exec seq 1000'"
	[[ "$output" = *"signal 25 (File size limit exceeded)"* ]]
}

@test "--joblog and a command that cannot be run: no line" {
	put task
	run -127 worker -q "$queue" --joblog log no-such-command
	[ "$(cat log)" = "$header" ]
}

@test "--joblog-format wants a word it knows, --joblog a command: 64" {
	run -64 worker --joblog-format=xml true
	[[ $output == "worker: "*"(see worker --help)" ]]
	run -64 worker --joblog log
	[ "$output" = "worker: --joblog needs a command (see worker --help)" ]
	[ ! -e log ]
}

@test "--collect: what halts the worker gives back what is behind the message whose output was written" {
	declare_queue "$queue"
	seq 3 | send -q "$queue" -l
	run -75 --separate-stderr worker -q "$queue" -p 3 --collect --halt-after 2 sh -c 'echo x; exit 1'
	[[ $stderr == *"2 different messages failed in a row: stopping"* ]]
	await_depth 5 3 "$queue"
}
