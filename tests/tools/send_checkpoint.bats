# SPDX-License-Identifier: MIT
# send --checkpoint: a file goes on where it ended, and no other file is taken for it.

# Assigned by spawn and expected by bats.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	printf 'one\ntwo\n' >file
}
teardown() { end_spawned; }

@test "a file that grows is sent once" {
	run -0 send -q grow -l -f file --checkpoint state
	run -0 send -q grow -l -f file --checkpoint state
	printf 'three\nfour\n' >>file
	run -0 send -q grow -l -f file --checkpoint state -v
	[[ $output == "send: confirmed=2 "*" next-input-offset=19" ]]
	[ "$(depth grow)" = 4 ]
	[ "$(stat -c %a state)" = 600 ]
	[ ! -e state.tmp ]
}

@test "line numbers go on too" {
	run -0 send -q numbers -l -f file --checkpoint state
	printf 'longer\n' >>file
	run -65 send -q numbers -l -f file --checkpoint state --max-message 5
	[ "${lines[0]}" = "send: cannot send line 3 of file: longer than 5 bytes (see --max-message)" ]
	run -0 send -q numbers -l -f file --checkpoint state
	[ "$(depth numbers)" = 3 ]
}

@test "what was not delivered is where it goes on" {
	run -67 send -q missing --declare=none -l -f file --checkpoint state
	run -69 send -u amqp://127.0.0.1:1 --connect-timeout 1 -l -f file --checkpoint state
	run -0 send -q missing -l -f file --checkpoint state
	[ "$(depth missing)" = 2 ]
}

@test "what was set aside is done with" {
	printf 'long\nok\n' >>file
	run -65 send -q aside -l -f file --checkpoint state --max-message 3 --on-error=skip --reject-file rejects
	[ "$(cat rejects)" = long ]
	run -0 send -q aside -l -f file --checkpoint state
	[ "$(depth aside)" = 3 ]
}

@test "a file that was renamed is the same one; the one in its place is not: 78" {
	run -0 send -q rotate -l -f file --checkpoint state
	echo last >>file
	mv file file.1
	printf 'one\ntwo\nnew\n' >file
	run -78 send -q rotate -l -f file --checkpoint state
	[ "$output" = "send: cannot resume 'file' from checkpoint 'state': the file is not the one that was read" ]
	run -0 send -q rotate -l -f file.1 --checkpoint state
	: >state
	run -0 send -q rotate -l -f file --checkpoint state
	[ "$(depth rotate)" = 6 ]
}

@test "a file that was cut or written anew: 78, and nothing is sent" {
	run -0 send -q cut -l -f file --checkpoint state
	: >file
	run -78 send -q cut -l -f file --checkpoint state
	[ "$output" = "send: cannot resume 'file' from checkpoint 'state': the file is shorter than it was" ]
	printf 'two\none\nmore\n' >file
	run -78 send -q cut -l -f file --checkpoint state
	[ "$output" = "send: cannot resume 'file' from checkpoint 'state': the file has other content than the one that was read" ]
	[ "$(depth cut)" = 2 ]
}

@test "other content behind the first kilobyte is seen as well" {
	{ head -c 5000 /dev/zero | tr '\0' x; echo; } >file
	run -0 send -q behind -l -f file --checkpoint state
	printf y | dd of=file bs=1 seek=4990 conv=notrunc 2>/dev/null
	run -78 send -q behind -l -f file --checkpoint state
}

@test "a checkpoint that is broken: 78; that cannot be written: 73" {
	for text in '{' '[]' '{"version": 1}' x "$(head -c 3000 /dev/zero | tr '\0' '[')"; do
		echo "$text" >state
		run -78 send -q broken -l -f file --checkpoint state
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "send: cannot resume 'file' from checkpoint 'state': it is broken: "* ]]
	done
	rm state
	run -0 send -q broken -l -f file --checkpoint state
	sed 's/"version": 1/"version": 2/' state >other
	run -78 send -q broken -l -f file --checkpoint other
	sed 's/"offset": 8/"offset": 9/' state >other
	run -78 send -q broken -l -f file --checkpoint other
	sed 's/"offset": 8/"offset": -1/' state >other
	run -78 send -q broken -l -f file --checkpoint other
	sed 's/"tail": ".*"/"tail": ""/' state >other
	run -78 send -q broken -l -f file --checkpoint other
	run -78 send -q broken -l -f file --checkpoint /dev/null
	run -73 send -q broken -l -f file --checkpoint no/state
	[ "$output" = "send: cannot write checkpoint 'no/state': No such file or directory" ]
}

@test "only a regular file that is cut into records can have one" {
	mkfifo fifo
	run -64 send --checkpoint state -l </dev/null
	run -64 send --checkpoint state -l -f - <file
	run -64 send --checkpoint state -f file
	run -64 send --checkpoint state x
}

@test "killed again and again, it sends the whole file" {
	seq 30000 >file
	for wait in 0.3 1.2 0.5 1.6 0.1; do
		spawn sender send -q again -l -f file --checkpoint state --rate 6000
		sleep "$wait"
		kill -KILL "$sender_pid" 2>/dev/null || true
		wait "$sender_pid" 2>/dev/null || true
	done
	run -0 send -q again -l -f file --checkpoint state
	n=$(depth again)
	[ "$n" -ge 30000 ]
	[ "$n" -le 66000 ]
	peer get again "$n" | sort -nu | cmp - <(seq 30000)
}
