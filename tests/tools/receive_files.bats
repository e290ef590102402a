# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive --output-dir: a file for each message, complete and on the disk before it is acknowledged.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	q=q$BATS_TEST_NUMBER
}

@test "a file holds a body, and names sort as the messages came" {
	head -c 1000000 /dev/urandom | tr '\n' x >big
	{ printf 'one\na\0b\n\n' && cat big; } | send -q "$q" -l
	run -0 receive -q "$q" --output-dir files -c 4
	[ -z "$output" ]
	cd files
	files=(*)
	[ "${#files[@]}" -eq 4 ]
	[ -z "$(find . -name '.?*')" ]
	printf one | cmp - "${files[0]}"
	printf 'a\0b' | cmp - "${files[1]}"
	[ ! -s "${files[2]}" ]
	cmp ../big "${files[3]}"
	[[ ${files[0]} =~ ^20[0-9]{6}T[0-9]{6}\.[0-9]{6}Z-000001$ ]]
	[ "$(depth "$q")" -eq 0 ]
}

@test "files and directory are the user's alone" {
	send -q "$q" one
	(umask 0 && receive -q "$q" --output-dir files -c 1)
	[ "$(stat -c %a files files/*)" = $'700\n600' ]
}

@test "what is there stays there" {
	mkdir files
	seq 600 | send -q "$q" -l
	receive -q "$q" --output-dir files -c 300
	receive -q "$q" --output-dir files -c 300 --no-sync
	cat files/* | tr -d '\n' | cmp - <(seq 600 | tr -d '\n')
}

@test "a form that was asked for, and envelopes" {
	publish_log() { send -q "$q" -H n=1 body; }
	publish_log
	publish_log
	publish_log
	receive -q "$q" --output-dir form -c 1 -F '%S'
	printf 4 | cmp - form/*
	receive -q "$q" --output-dir end -c 1 -D ';'
	printf 'body;' | cmp - end/*
	receive -q "$q" --output-dir json -c 1 -J
	[ "$(wc -l <"$(echo json/*)")" -eq 1 ]
	[[ $(cat json/*) == '{"exchange":"",'*'"headers":{"n":"1"}'*'"payload":"body",'* ]]
}

@test "receive-logs: the body alone" {
	receive_logs_topic -q "$q" -e "$q" --until-empty '#'
	emit_log_topic -e "$q" a.b line
	receive_logs_topic -q "$q" -e "$q" --output-dir files -c 1 '#'
	printf line | cmp - files/*
}

@test "names from message-ids, where they are plain" {
	local id longest
	longest=$(printf '%064d' 7)
	declare_queue "$q"
	for id in order-17.json _A.z- "$longest"; do
		publish_pika '' "$q" "I am $id" "{\"message_id\": \"$id\"}"
	done
	receive -q "$q" --output-dir files --name=message-id -c 3
	for id in order-17.json _A.z- "$longest"; do
		printf 'I am %s' "$id" | cmp - "files/$id"
	done
}

@test "other message-ids never become names" {
	local id n=0
	declare_queue "$q"
	for id in ../../x /etc/x .hidden .. . - -rf --help '' 'a b' 'a/b' 'a\u0000b' 'a\nb' '\u00e4' '$(id)' "$(printf '%065d' 7)" "$(printf '%0255d' 7)"; do
		publish_pika '' "$q" "$id" "{\"message_id\": \"$id\"}"
		n=$((n + 1))
	done
	publish_pika '' "$q" none
	receive -q "$q" --output-dir files --name=message-id -c $((n + 1))
	[ "$(find files -type f | grep -cE '^files/20[0-9]{6}T[0-9.]{13}Z-[0-9]{6}$')" -eq $((n + 1)) ]
	[ "$(find . -type f | wc -l)" -eq $((n + 1)) ]
}

@test "a name that is taken is not taken away, and no link is followed" {
	mkdir files
	echo mine >precious
	ln -s ../precious files/link
	declare_queue "$q"
	publish_pika '' "$q" evil '{"message_id": "link"}'
	publish_pika '' "$q" first '{"message_id": "same"}'
	publish_pika '' "$q" second '{"message_id": "same"}'
	receive -q "$q" --output-dir files --name=message-id -c 3
	[ "$(cat precious)" = mine ]
	[ "$(cat files/same)" = first ]
	[ "$(cat files/20*-000001)" = evil ]
	[ "$(cat files/20*-000003)" = second ]
}

@test "a directory that cannot be is 73, and nothing is taken" {
	send -q "$q" one
	echo >file
	run -73 receive -q "$q" --output-dir file
	[ "$output" = "receive: cannot use directory 'file': Not a directory" ]
	run -73 receive -q "$q" --output-dir none/files
	[ "$output" = "receive: cannot use directory 'none/files': No such file or directory" ]
	[ "$(depth "$q")" -eq 1 ]
}

# Receive into a small disk of its own, and keep what is there as ./kept.
receive_on_disk() { # MOUNT-OPTIONS ARG...
	on_small_disk "$1" 'receive "$@" --output-dir disk/files; status=$?
		cp -a disk/files kept; exit "$status"' "${@:2}"
}

@test "a directory that takes no more files is 73, and the rest stays in the queue" {
	need_mounts
	seq 100 | send -q "$q" -l
	run -73 receive_on_disk size=1m,nr_inodes=20 -q "$q"
	[ "$output" = "receive: cannot create a file in 'disk/files': No space left on device" ]
	await_depth 5 $((100 - $(find kept -type f | wc -l))) "$q"
	[ -z "$(find kept -name '.?*')" ]
	receive -q "$q" --output-dir kept --until-empty
	cat kept/* | tr -d '\n' | cmp - <(seq 100 | tr -d '\n')
}

@test "a full disk is 74, and holds whole messages alone" {
	need_mounts
	local i
	for i in {1..100}; do printf '%s-%0*d\n' "$i" 10000 0; done >many
	send -q "$q" -l <many
	run -74 receive_on_disk size=300k -q "$q"
	[ "$output" = "receive: cannot write a file in 'disk/files': No space left on device" ]
	await_depth 5 $((100 - $(find kept -type f | wc -l))) "$q"
	[ -z "$(find kept -name '.?*')" ]
	receive -q "$q" --output-dir kept --until-empty
	cat kept/* | cmp - <(tr -d '\n' <many)
}

@test "a kill loses nothing, and what has a name is complete" {
	seq 100000 109999 | send -q "$q" -l
	spawn kept receive -q "$q" --output-dir files
	await 10 eval '[ "$(find files -name "20*" | wc -l)" -ge 50 ]'
	kill -KILL "$kept_pid"
	expect_status 137 kept
	await_consumers 5 0 "$q"
	[ -z "$(find files -name '20*' ! -size 6c)" ]
	receive -q "$q" --until-empty >rest
	[ "$(wc -l <rest)" -gt 0 ]
	{ find files -name '20*' -exec cat {} + | fold -w 6 && echo && cat rest; } | sed '/^$/d' | sort -u |
		cmp - <(seq 100000 109999)
}

@test "SIGTERM ends it with what was begun, and the rest stays in order" {
	seq 10000 | send -q "$q" -l
	spawn kept receive -q "$q" --output-dir files
	await 10 eval '[ "$(find files -name "20*" | wc -l)" -ge 50 ]'
	kill -TERM "$kept_pid"
	expect_status 0 kept
	receive -q "$q" --output-dir files --until-empty
	cat files/* | tr -d '\n' | cmp - <(seq 10000 | tr -d '\n')
}

@test "--name without a directory is 64" {
	run -64 receive -q "$q" --name=message-id
	[ "$output" = 'receive: --name is for the files of --output-dir (see receive --help)' ]
	run -64 receive -q "$q" --output-dir files --name=body
}
