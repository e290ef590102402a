#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# worker: what a command gets, what becomes of its message, and how a worker ends.
# shellcheck disable=SC2016,SC2154 # code for other shells; variables of run and spawn

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	queue=worker_$BATS_TEST_NUMBER
	peer drop "$queue"
}

teardown() {
	touch go # whatever waits for it
	end_spawned
}

# Put each argument into the queue.
put() { printf '%s\n' "$@" | work-publish -q "$queue" -l; }

# A command that notes its body in "log", then waits for the file "go".
write_job() {
	cat >job <<-'JOB'
		#!/bin/sh
		echo "begin $(cat)" >>log
		until [ -e go ]; do sleep 0.02; done
		echo end >>log
	JOB
	chmod +x job
}

lines_are() { # N PATTERN FILE
	[ "$(grep -c "$2" "$3" 2>/dev/null)" = "$1" ]
}

all_gone() { # FILE
	while read -r pid; do
		await 5 gone "$pid"
	done <"$1"
}

# Without a command

@test "without a command it pretends, in the tutorial's words" {
	put "First task."
	run -0 worker -q "$queue" -c 1 --chat=always
	[ "${lines[0]}" = " [*] Waiting for messages. To exit press CTRL+C" ]
	[ "${lines[1]}" = " [x] Received First task." ]
	[ "${lines[2]}" = " [x] Done" ]
	[ "${#lines[@]}" -eq 3 ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "without a command and without a terminal it is silent" {
	put "no dots"
	run -0 worker -q "$queue" -c 1
	[ "$output" = "" ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "pretended work takes a second for each dot, beside other work" {
	put .. .. .. ..
	SECONDS=0
	run -0 worker -q "$queue" -P 4 -c 4
	[ "$SECONDS" -ge 2 ]
	[ "$SECONDS" -lt 6 ]
}

@test "chat that cannot be written ends with 74" {
	put "a task"
	run -74 --separate-stderr bash -c "worker -q $queue --chat=always >/dev/full"
	[ "$stderr" = "worker: cannot write standard output: No space left on device" ]
	[ "$(depth "$queue")" -eq 0 ] || [ "$(depth "$queue")" -eq 1 ]
}

# What a command gets

@test "the body is standard input, and nothing of it is run" {
	put 'hello $(touch x) `touch x`; touch x' '-rf'
	run -0 worker -q "$queue" -c 2 -- sh -c 'cat; echo; echo $#' job
	[ "${lines[0]}" = 'hello $(touch x) `touch x`; touch x' ]
	[ "${lines[1]}" = 0 ]
	[ "${lines[2]}" = -rf ]
	[ ! -e x ]
}

@test "a body with any bytes arrives as it is" {
	head -c 100000 /dev/urandom >bytes
	work-publish -q "$queue" - <bytes
	worker -q "$queue" -c 1 cat >copy
	cmp bytes copy
}

@test "5 MB that the command does not read harm nobody" {
	head -c 5000000 /dev/zero | work-publish -q "$queue" -
	put second
	run -0 worker -q "$queue" -c 2 true
	[ "$output" = "" ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "properties are in the environment" {
	work-publish -q "$queue" --message-id=m-1 --correlation-id=c-1 -t answers -C text/plain \
		--timestamp=1795417200 -H n:int=5 \
		-H traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 task
	worker -q "$queue" -c 1 env >vars
	grep -qx "AMQP_ROUTING_KEY=$queue" vars
	grep -qx AMQP_EXCHANGE= vars
	grep -qx "AMQP_QUEUE=$queue" vars
	grep -qx AMQP_MESSAGE_ID=m-1 vars
	grep -qx AMQP_CORRELATION_ID=c-1 vars
	grep -qx AMQP_REPLY_TO=answers vars
	grep -qx AMQP_CONTENT_TYPE=text/plain vars
	grep -qx AMQP_TIMESTAMP=1795417200 vars
	grep -qx AMQP_REDELIVERED=0 vars
	grep -qx AMQP_ATTEMPT=1 vars
	grep '^AMQP_HEADERS=' vars | grep -q traceparent
	grep -qx TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 vars
}

@test "hostile headers make no variables" {
	work-publish -q "$queue" -H LD_PRELOAD=x.so -H PATH=/nowhere -H IFS=x -H BASH_ENV=x \
		-H 'BASH_FUNC_ls%%=() { touch x; }' task
	worker -q "$queue" -c 1 env >vars
	run ! grep -E '^(LD_PRELOAD|IFS|BASH_ENV|BASH_FUNC_ls)' vars
	grep -qxF "PATH=$PATH" vars
	grep '^AMQP_HEADERS=' vars | grep -q '"LD_PRELOAD"'
}

@test "no URL and no AMQP_ variable of ours reaches a command" {
	put task
	AMQP_PASSWORD_FILE=canary RABBITMQ_URL=amqp://canary CLOUDAMQP_URL=amqp://canary \
		worker -q "$queue" -c 1 sh -c 'env; tr "\0" "\n" </proc/$PPID/cmdline' >vars
	run ! grep -E 'canary|amqps?://' vars
}

@test "--pass-url lets a command see AMQP_URL" {
	put task
	run -0 worker -q "$queue" -c 1 --pass-url sh -c 'echo "$AMQP_URL"'
	[ "$output" = "$AMQP_URL" ]
}

@test "a value that cannot be passed is named" {
	work-publish -q "$queue" -H "long=$(printf %070000d 0)" task
	run -0 worker -q "$queue" -c 1 sh -c 'echo "$AMQP_OMITTED:$AMQP_HEADERS"'
	[ "$output" = AMQP_HEADERS: ]
}

@test "a command gets a nameless file and two descriptors, default signals and its own group" {
	put task
	exec 7</dev/null
	worker -q "$queue" -c 1 sh -c 'ls -l /proc/$$/fd; ps -o pid=,pgid= $$; grep SigIgn /proc/$$/status' >got
	exec 7<&-
	[ "$(grep -c -- '->' got)" -eq 3 ]
	grep -q ' 0 -> .*(deleted)' got
	awk 'NF == 2 && $1 ~ /^[0-9]+$/ { exit $1 != $2 }' got
	grep -q 'SigIgn:.*0000000000000000' got
}

@test "eight jobs that append to one file lose no line" {
	seq -f 'line %06.0f of a shared file' 400 >wanted
	sed 's/$/\n/' wanted | tr '\n' '\0' | sed 's/\x00\x00/\n\x00/g' | work-publish -q "$queue" -0
	worker -q "$queue" -P 8 -c 400 cat >got
	sort got | cmp - wanted
}

# What becomes of a message

@test "a command that failed gets its message again, after growing pauses" {
	work-publish -q "$queue" --message-id m1 task
	cat >job <<-'JOB'
		#!/bin/sh
		echo "$AMQP_REDELIVERED" >>tries
		[ "$(wc -l <tries)" -ge 3 ] || exit 3
	JOB
	chmod +x job
	spawn w worker -q "$queue" ./job
	await 15 lines_are 3 . tries
	await_depth 10 0 "$queue"
	kill -TERM "$w_pid"
	expect_status 0 w
	printf '0\n1\n1\n' | cmp - tries
	cat >wanted <<-'EOS'
		worker: message 'm1': command failed with exit status 3; it goes back to its queue in 1 s
		worker: message 'm1': command failed with exit status 3; it goes back to its queue in 2 s
	EOS
	grep -v "warning: " w.err | cmp wanted -
	[ "$(grep -c "warning: .*worker --setup" w.err)" -eq 1 ]
}

@test "a command killed by a signal has failed" {
	put task
	run -1 worker -q "$queue" -c 1 sh -c 'kill -KILL $$'
	[[ ${lines[0]} == "worker: message '"*"': command failed with signal 9 (Killed); it goes back to its queue" ]]
	[ "$(depth "$queue")" -eq 1 ]
}

@test "with a fixed prefetch a held message keeps its place, so a pause slows the worker down" {
	put bad good
	spawn w worker -q "$queue" -p 1 sh -c '[ "$(cat)" = good ]'
	await_log "in 1 s" w.err
	[ "$(depth "$queue")" -eq 1 ]
	kill -TERM "$w_pid"
	expect_status 0 w
	[ "$(depth "$queue")" -eq 2 ]
}

@test "a command that is not there: 127, and the message stays" {
	put task
	run -127 worker -q "$queue" no-such-command
	[ "$output" = "worker: cannot run no-such-command: No such file or directory" ]
	await_depth 10 1 "$queue"
}

@test "a command that cannot be executed: 126, and the message stays" {
	put one two three
	touch job
	run -126 worker -q "$queue" -P 3 ./job
	[ "$output" = "worker: cannot run ./job: Permission denied" ]
	await_depth 10 3 "$queue"
}

@test "a command that exits 127 has only failed" {
	put task
	run -1 worker -q "$queue" -c 1 sh -c 'exit 127'
	[[ ${lines[0]} == "worker: message '"*"': command failed with exit status 127; it goes back to its queue" ]]
	[ "${lines[1]}" = "worker: cannot finish 1 message: 0 succeeded" ]
	[ "${#lines[@]}" -eq 2 ]
}

@test "an environment that is too large is the message's fault" {
	work-publish -q "$queue" -H "traceparent=$(printf %060000d 0)" task
	run -1 bash -c "ulimit -s 256; FILLER=$(printf %080000d 0) exec worker -q $queue -c 1 true"
	[[ ${lines[0]} == \
		"worker: message '"*"': cannot run true: Argument list too long; it goes back to its queue" ]]
	[ "$(depth "$queue")" -eq 1 ]
}

@test "no process to be had: 71, and the message stays" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	id nobody >/dev/null || skip "needs nobody"
	put task
	chmod 755 "$BATS_TEST_TMPDIR"
	# The program may be in a folder that only root can look into.
	ASAN_OPTIONS=detect_leaks=0 run -71 setpriv --reuid=nobody --clear-groups --inh-caps=+dac_override \
		--ambient-caps=+dac_override prlimit --nproc=0 -- "$(command -v worker)" -q "$queue" true
	[ "$output" = "worker: cannot run true: Resource temporarily unavailable" ]
	await_depth 10 1 "$queue"
}

# Counting and limits

@test "-c N takes N messages and exits 0 if all succeeded" {
	put 1 2 3 4 5
	run -0 worker -q "$queue" -c 3 true
	[ "$output" = "" ]
	await_depth 10 2 "$queue"
}

@test "-c N with a failure exits 1 and gives the message back at once" {
	put good bad
	run -1 worker -q "$queue" -c 2 sh -c '[ "$(cat)" = good ]'
	[[ ${lines[0]} == "worker: message '"*"': command failed with exit status 1; it goes back to its queue" ]]
	[ "${lines[1]}" = "worker: cannot finish 2 messages: 1 succeeded" ]
	[ "$(peer get "$queue")" = bad ]
}

@test "the line of the Kubernetes manual does one job" {
	put apple banana
	printf '#!/bin/sh\necho "Working on $(cat)"\n' >job
	chmod +x job
	BROKER_URL=$AMQP_URL QUEUE=$queue
	unset AMQP_URL
	run -0 worker --url="$BROKER_URL" -q "$QUEUE" -c 1 ./job
	[ "$output" = "Working on apple" ]
	AMQP_URL=$BROKER_URL await_depth 10 1 "$QUEUE"
}

@test "-j is -P, -n is -c" {
	put . . .
	SECONDS=0
	run -0 worker -q "$queue" -j 3 -n 3
	[ "$SECONDS" -lt 3 ]
}

@test "--until-empty ends with an empty queue, and 0" {
	put 1 2 3
	run -0 worker -q "$queue" --until-empty cat
	[ "$output" = 123 ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "--until-empty is not deceived by a queue that sends nothing to us" {
	declare_queue "$queue" '{"x-single-active-consumer": true}'
	spawn other worker -q "$queue"
	await_consumers 10 1 "$queue"
	put . . .
	run -0 worker -q "$queue" --until-empty cat
	[ "$output" = "" ]
	[ "$(depth "$queue")" -eq 0 ]
	kill -0 "$other_pid"
}

@test "--until-empty does not wait for what others hold" {
	write_job
	put held
	spawn other worker -q "$queue" ./job
	await 10 lines_are 1 begin log
	put 1 2
	run -0 worker -q "$queue" --until-empty cat
	[ "$output" = 12 ]
	lines_are 0 end log
}

@test "--until-empty waits for a message that failed and is tried again" {
	put bad good
	run -0 worker -q "$queue" --until-empty sh -c 'body=$(cat); echo "$body" >>log; [ "$body" = good ] || [ -e fixed ] || ! touch fixed'
	[ "$(sort log | uniq -c | tr -s " \n" " ")" = " 2 bad 1 good " ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "--idle-timeout and --timeout end: 0, or 1 if -c wants more" {
	put 1
	run -0 worker -q "$queue" --idle-timeout 300ms true
	run -0 worker -q "$queue" -W 1 true
	run -1 worker -q "$queue" -c 1 -W 1 true
	[ "$output" = "worker: cannot finish 1 message: 0 succeeded" ]
}

@test "a time limit lets a running command finish" {
	put task
	run -0 worker -q "$queue" -W 1 sh -c 'sleep 2; echo done'
	[ "$output" = "done" ]
	[ "$(depth "$queue")" -eq 0 ]
}

# Sharing

@test "two workers share uneven work fairly" {
	write_job
	spawn a worker -q "$queue" sh -c 'b=$(cat); echo "$b" >>a.log; if [ "$b" = long ]; then exec ./job; fi'
	spawn b worker -q "$queue" sh -c 'b=$(cat); echo "$b" >>b.log; if [ "$b" = long ]; then exec ./job; fi'
	await_consumers 10 2 "$queue"
	put long short short short short short short
	await 10 eval '[ "$(cat a.log b.log 2>/dev/null | grep -c short)" -eq 6 ]'
	touch go
	await_depth 10 0 "$queue"
	if grep -q long a.log; then
		lines_are 6 short b.log
	else
		lines_are 6 short a.log
	fi
}

@test "-P N runs N commands at once and no more" {
	write_job
	put 1 2 3 4 5
	spawn w worker -q "$queue" -P 3 ./job
	await 10 lines_are 3 begin log
	[ "$(depth "$queue")" -eq 2 ]
	touch go
	await 10 lines_are 5 end log
	await_depth 10 0 "$queue"
}

@test "--prefetch holds more than runs; what was not started goes back" {
	write_job
	put 1 2 3 4 5
	spawn w worker -q "$queue" -p 4 ./job
	await 10 lines_are 1 begin log
	await_depth 10 1 "$queue"
	kill -TERM "$w_pid"
	await_depth 10 4 "$queue"
	touch go
	expect_status 0 w
	lines_are 1 begin log
	[ "$(depth "$queue")" -eq 4 ]
}

@test "messages that wait for a free job keep their bodies" {
	seq -f 'body number %04.0f' 500 >wanted
	work-publish -q "$queue" -l -f wanted
	worker -q "$queue" -p 200 -c 500 sh -c 'cat; echo' >got
	cmp wanted got
}

# The end

@test "SIGTERM: running commands finish and are acknowledged, nothing else is taken, 0" {
	write_job
	put 1 2 3 4 5
	spawn w worker -q "$queue" -P 3 ./job
	await 10 lines_are 3 begin log
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	touch go
	expect_status 0 w
	lines_are 3 begin log
	lines_are 3 end log
	[ "$(depth "$queue")" -eq 2 ]
	[ ! -s w.err ]
}

@test "SIGHUP ends as SIGTERM does, SIGINT with 130" {
	spawn hup worker -q "$queue" true
	spawn int worker -q "$queue" true
	await_consumers 10 2 "$queue"
	kill -HUP "$hup_pid"
	kill -INT "$int_pid"
	expect_status 0 hup
	expect_status 130 int
}

@test "a command that fails while the worker ends gives its message back at once" {
	write_job
	put task
	spawn w worker -q "$queue" sh -c './job; exit 9'
	await 10 lines_are 1 begin log
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	touch go
	expect_status 0 w
	[[ $(cat w.err) == "worker: message '"*"': command failed with exit status 9; it goes back to its queue" ]]
	[ "$(depth "$queue")" -eq 1 ]
}

@test "a second signal ends the commands: 75, the message is back, no child is left" {
	put task
	spawn w worker -q "$queue" sh -c 'echo $$ >pid; sleep 100 & echo $! >>pid; wait'
	await 10 lines_are 2 . pid
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	signal_again TERM "$w_pid"
	expect_status 75 w
	all_gone pid
	[ "$(cat w.err)" = \
		"worker: cannot wait for running commands: interrupted again; their messages go back to the queue" ]
	[ "$(depth "$queue")" -eq 1 ]
}

@test "a command that ignores SIGTERM is killed five seconds later, or at a third signal" {
	put task
	spawn w worker -q "$queue" sh -c 'trap "" TERM; echo $$ >pid; sleep 100 & echo $! >>pid; wait; wait'
	await 10 lines_are 2 . pid
	kill -TERM "$w_pid"
	await_consumers 10 0 "$queue"
	signal_again TERM "$w_pid"
	SECONDS=0
	expect_status 75 w
	[ "$SECONDS" -ge 4 ]
	all_gone pid
	[ "$(depth "$queue")" -eq 1 ]
}

@test "--grace is the time that commands have to finish" {
	put task
	spawn w worker -q "$queue" --grace 200ms sh -c 'echo $$ >pid; exec sleep 100'
	await 10 lines_are 1 . pid
	kill -TERM "$w_pid"
	expect_status 75 w
	await 5 gone "$(cat pid)"
	[ "$(cat w.err)" = \
		"worker: cannot wait for running commands: the time is over; their messages go back to the queue" ]
	[ "$(depth "$queue")" -eq 1 ]
}

@test "a worker killed with SIGKILL takes its command with it and loses nothing" {
	put task
	spawn w worker -q "$queue" sh -c 'echo $$ >pid; while :; do sleep 0.05; done'
	await 10 lines_are 1 . pid
	kill -KILL "$w_pid"
	await 5 gone "$(cat pid)"
	await_depth 10 1 "$queue"
	run -0 worker -q "$queue" -c 1 sh -c 'echo "$(cat) $AMQP_REDELIVERED $AMQP_ATTEMPT"'
	[ "$output" = "task 1 2" ]
}

# The connection

@test "a command of five heartbeats is acknowledged on the same connection" {
	need_control ctl vhosts
	put task
	spawn w worker -q "$queue" --heartbeat 1 sh -c 'sleep 5; touch finished'
	await_consumers 10 1 "$queue"
	"$broker" ctl list_connections pid vhost | grep -w "$VHOST" >before
	await 10 test -e finished
	await_depth 10 0 "$queue"
	"$broker" ctl list_connections pid vhost | grep -w "$VHOST" >after
	cmp before after
	kill -TERM "$w_pid"
	expect_status 0 w
	[ ! -s w.err ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "a lost connection: the command finishes, and its message comes again" {
	need_control ctl
	write_job
	work-publish -q "$queue" --message-id none task
	spawn w worker -q "$queue" ./job
	await 10 lines_are 1 begin log
	"$broker" ctl close_all_connections --vhost "$VHOST" bye
	await_log "; connecting again" w.err
	grep -q "the messages of running commands will be delivered again" w.err
	await_log "reconnected after" w.err
	touch go
	await 10 lines_are 2 end log
	await_depth 10 0 "$queue"
	kill -TERM "$w_pid"
	expect_status 0 w
}

@test "a queue that is deleted: 67" {
	spawn w worker -q "$queue" true
	await_consumers 10 1 "$queue"
	drop "$queue"
	expect_status 67 w
}

@test "a queue that is deleted while a command runs: it may finish, then 67" {
	write_job
	put task
	spawn w worker -q "$queue" ./job
	await 10 lines_are 1 begin log
	drop "$queue"
	await_log "the broker took its messages back: the subscription was cancelled" w.err
	touch go
	expect_status 67 w
	lines_are 1 end log
}

@test "no broker: 69, in one line" {
	run -69 worker --url=amqp://127.0.0.1:1 --connect-timeout=1 true
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "worker: "* ]]
}

@test "a wrong password: 77, in one line, without it" {
	run -77 worker --username=guest --url="${AMQP_URL/:*@/://guest:s3cret@}" -q "$queue" true
	[ "${#lines[@]}" -eq 1 ]
	[[ $output != *s3cret* ]]
}

# The queue

@test "a queue that is not durable: 78, unless told to take what is there" {
	declare_queue "$queue" '{}' '{"durable": false, "exclusive": false}' || skip "the broker refuses transient queues"
	run -78 worker -q "$queue" -c 1 true
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *durable* ]]
	publish_pika "" "$queue" task
	run -0 worker -q "$queue" -c 1 --declare=passive cat
	[ "$output" = task ]
}

@test "a quorum queue, as today's tutorials declare it, is used as it is" {
	declare_queue "$queue" '{"x-queue-type": "quorum"}'
	put task
	run -0 worker -q "$queue" -c 1 cat
	[ "$output" = task ]
}

@test "the default queue is task_queue, declared durable" {
	peer drop task_queue
	work-publish task
	run -0 worker -c 1 cat
	[ "$output" = task ]
	declare_queue task_queue
}

@test "a queue that must exist and does not: 67" {
	run -67 worker -q "$queue" --declare=passive -c 1 true
	[ "${#lines[@]}" -eq 1 ]
}

# Options

@test "usage errors: 64 and a pointer to --help, and no broker is asked" {
	for arg in --no-such-option --jobs=0 -P --grace=x --prefetch=65536 -c0; do
		run -64 env AMQP_URL=amqp://127.0.0.1:1 worker "$arg"
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "worker: "*"(see worker --help)" ]]
	done
}

@test "options end at the command" {
	put task
	run -0 worker -q "$queue" -c 1 printf '%s\n' -q --help
	[ "${lines[0]}" = -q ]
	[ "${lines[1]}" = --help ]
}

@test "timeout, which signals its child and then the group, lets the command end" {
	put task
	run timeout 1 worker -q "$queue" sh -c 'sleep 1.5; touch done'
	[ "$status" -eq 124 ]
	[ "$output" = "" ]
	[ -e "done" ]
	[ "$(depth "$queue")" -eq 0 ]
}

@test "an interrupted worker says what it waits for" {
	put task
	spawn w worker -q "$queue" --grace 20 sh -c 'touch begun; until [ -e go ]; do sleep 0.02; done'
	await 10 test -e begun
	kill -INT "$w_pid"
	await_log "^worker: waiting 20 s at most for 1 running command; interrupt again to end it$" w.err
	touch go
	expect_status 130 w
}
