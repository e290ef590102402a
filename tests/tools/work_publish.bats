# SPDX-License-Identifier: MIT
# work-publish: the durable queue of tasks.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

@test "words are a task, all its names are the same program" {
	drop task_queue
	for name in work-publish work_publish new-task new_task; do
		run -0 "$name" First task.
		[ "$output" = "" ]
		[ "$(get_pika task_queue)" = "First task." ]
		run -64 "$name" --bogus
		[ "$output" = "$name: unknown option --bogus (see $name --help)" ]
	done
}

@test "without operands it says hello" {
	run -0 work-publish </dev/null
	[ "$(get_pika task_queue)" = "Hello World!" ]
}

@test "without operands it says nothing in place of what was meant" {
	run -64 work-publish -q task_queue </dev/null
	[ "$output" = "work-publish: nothing to send: words, - or -l (see work-publish --help)" ]
	run -64 work-publish < <(echo task)
	[ "$output" = "work-publish: nothing to send: words, - or -l (see work-publish --help)" ]
}

@test "tasks are persistent unless --transient" {
	work-publish a
	work-publish --transient b
	run -0 peer get-json task_queue 2
	[[ ${lines[0]} == *'"delivery_mode": 2,'* ]]
	[[ ${lines[1]} == *'"delivery_mode": 1,'* ]]
}

@test "the queue is declared durable" {
	drop durable
	run -0 work-publish -q durable x
	declare_queue durable
}

@test "a queue with other arguments is used as it is" {
	drop other
	declare_queue other '{"x-max-length": 5}'
	run -0 work-publish -q other x
	[ "$(get_pika other)" = x ]
}

@test "a queue that is not durable: 78, and what to do; --declare=passive takes it" {
	drop passing
	declare_queue passing '{}' '{"durable": false}' 2>/dev/null || skip "this broker refuses transient queues"
	run -78 work-publish -q passing x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "work-publish: cannot declare queue 'passing': "*durable* ]]
	[ "$(depth passing)" = 0 ]
	run -0 work-publish -q passing --declare=passive x
	[ "$(depth passing)" = 1 ]
}

@test "--declare=strict insists on its arguments" {
	drop strict
	run -0 work-publish -q strict --declare=strict --arg x-max-length=5 x
	run -78 work-publish -q strict --declare=strict x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "work-publish: cannot declare queue 'strict': PRECONDITION_FAILED"* ]]
}

@test "--queue-type=quorum declares a quorum queue" {
	drop many
	run -0 work-publish -q many --queue-type quorum x
	declare_queue many '{"x-queue-type": "quorum"}'
	[ "$(get_pika many)" = x ]
}

@test "a queue that is not there and not made: 67" {
	run -67 work-publish -q absent --declare=passive x
	[ "${#lines[@]}" -eq 1 ]
	run -67 work-publish -q absent --declare=none x
	[ "$output" = "work-publish: cannot deliver to queue 'absent': there is no such queue (NO_ROUTE)" ]
}

@test "-l sends a task a line" {
	printf 'one\ntwo' | work-publish -q lines -l
	run -0 get_pika lines 2
	[ "$output" = $'one\ntwo' ]
	run -64 work-publish -l word
}

@test "- is one task" {
	printf 'one\ntwo' | work-publish -q whole -
	[ "$(get_pika whole)" = $'one\ntwo' ]
}

@test "names of 255 bytes are good, of 256 they are not" {
	name=$(printf '%0255d' 0)
	run -0 work-publish -q "$name" x
	drop "$name"
	run -64 work-publish -q "${name}0" x
	[ "${#lines[@]}" -eq 1 ]
}

@test "chat as in the tutorial" {
	run -0 work-publish -q chat --chat=always First task.
	[ "$output" = " [x] Sent 'First task.'" ]
	run -0 on_terminal "new_task -q chat 'A very hard task.......'"
	[ "$output" = " [x] Sent 'A very hard task.......'" ]
}

@test "no broker: 69; wrong password: 77" {
	run -69 work-publish -u amqp://127.0.0.1:1 --connect-timeout 1 x
	[ "${#lines[@]}" -eq 1 ]
	run -77 work-publish -u "amqp://guest:S3CRET-canary@${AMQP_URL##*@}" x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output != *S3CRET* ]]
}

@test "amqp-consume gets what work-publish put" {
	run -0 work-publish -q foreign "a task"
	[ "$(amqp-consume --url="$AMQP_URL" -q foreign -c 1 cat)" = "a task" ]
}

@test "who may not declare the queue uses the one that is there, and so does a worker" {
	need_control ctl
	declare_queue granted
	add_guest worker
	run -0 work-publish -q granted -u "$guest_url" task
	[ "$output" = "" ]
	run -0 worker -q granted -u "$guest_url" -c 1 --timeout 10 cat
	[[ ${lines[0]} == task ]]
	run -77 work-publish -q forbidden -u "$guest_url" task
	[[ $output == "work-publish: cannot find queue 'forbidden': NOT_FOUND"*", and this user may not declare it" ]]
	run -77 worker -q forbidden -u "$guest_url" -c 1 true
	delete_guest worker
	[[ $output == "worker: cannot find queue 'forbidden': NOT_FOUND"*", and this user may not declare it" ]]
}
