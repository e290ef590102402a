# SPDX-License-Identifier: MIT
# --eager: all at once to a broker that is known, what is remembered, and what if it is wrong.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() {
	new_vhost
	declare_queue eager
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	cache=$XDG_CACHE_HOME/rmq-tools/brokers.json
}

teardown() {
	end_spawned
	if [ -n "${limited:-}" ]; then usual_limits; fi
}

end_turns() {
	kill "$turns_pid"
	await_end "$turns_pid"
}

turns() { # CONNECTION
	grep -c "^$1 " turns.out || true
}

# The header is all that the connection began with.
began_in_order() { # CONNECTION
	[ "$(grep "^$1 " turns.out | head -n 1)" = "$1 AMQP\\x00\\x00\\t\\x01" ]
}

began_at_once() { # CONNECTION
	grep "^$1 " turns.out | head -n 1 | grep -q "^$1 AMQP.*PLAIN.*eager"
}

quietly() { # COMMAND...
	run -0 "$@"
	[ -z "$output" ]
}

@test "a host that is not known sees the header first; the next time all travels at once: four turns, then two" {
	spawn_turns
	quietly send --eager -u "$url" -q eager one
	began_in_order 1
	[ "$(turns 1)" -eq 4 ]
	quietly send --eager -u "$url" -q eager two
	began_at_once 2
	[ "$(turns 2)" -eq 2 ]
	quietly send -u "$url" -q eager three
	began_in_order 3
	[ "$(turns 3)" -eq 4 ]
	[ "$(get_pika eager 3 | wc -l)" -eq 3 ]
}

@test "all senders have it, each with the answers of one broker" {
	declare_queue eager.tasks
	spawn_turns
	run -0 emit-log-topic --eager -u "$url" k eager
	run -0 emit-log-topic --eager -u "$url" k eager
	[[ $output == "emit-log-topic: warning: nobody receives "* ]]
	quietly work-publish --eager -u "$url" -q eager.tasks eager
	began_in_order 1
	began_at_once 2
	began_at_once 3
	[ "$(turns 2)" -eq 2 ]
	[ "$(turns 3)" -eq 2 ]
}

@test "a stream has no use for it: nothing is remembered" {
	quietly send --eager -q eager -l <<<line
	quietly send --eager -q eager -f /dev/null
	quietly send -q eager x
	[ ! -e "$XDG_CACHE_HOME" ]
}

@test "what is remembered: for its owner, no password; not written again if it is still so" {
	umask 000
	quietly send --eager -q eager x
	[ "$(stat -c %a "$cache" "${cache%/*}" | tr '\n' ' ')" = "600 700 " ]
	[ "$(json 'it[0]["frame_max"] > 0 and it[0]["plain"] and it[0]["user"] != "" and len(it[0])' "$cache")" = 10 ]
	[ "$(json '"password" in it[0]' "$cache")" = false ]
	touch -d @1000000000 "$cache"
	quietly send --eager -q eager x
	[ "$(stat -c %Y "$cache")" = 1000000000 ]
	[ "$(ls -A "${cache%/*}")" = brokers.json ]
}

@test "users, virtual hosts and ports are told apart" {
	spawn_turns
	quietly send --eager -u "$url" -q eager x
	run -77 send --eager -u "$url" --username nobody -q eager x
	began_in_order 2
	run -77 send --eager -u "$url" --vhost no-such-vhost -q eager x
	began_in_order 3
	quietly send --eager -q eager x
	quietly send --eager -u "$url" -q eager x
	began_at_once 4
	[ "$(json "len(it)" "$cache")" -eq 2 ]
}

@test "where the cache is: XDG_CACHE_HOME if it is absolute, else HOME" {
	quietly env XDG_CACHE_HOME=relative HOME="$PWD/home" send --eager -q eager x
	[ -e home/.cache/rmq-tools/brokers.json ]
	[ ! -e relative ]
	quietly env -u XDG_CACHE_HOME HOME="$PWD/other" send --eager -q eager x
	[ -e other/.cache/rmq-tools/brokers.json ]
}

@test "no place to remember: no error, and nothing is guessed" {
	spawn_turns
	quietly env -u XDG_CACHE_HOME -u HOME send --eager -u "$url" -q eager x
	quietly env -u XDG_CACHE_HOME HOME= send --eager -u "$url" -q eager x
	quietly env -u XDG_CACHE_HOME HOME=/dev/null send --eager -u "$url" -q eager x
	quietly env XDG_CACHE_HOME=/proc send --eager -u "$url" -q eager x
	quietly env XDG_CACHE_HOME="/$(printf '%05000d' 0)" send --eager -u "$url" -q eager x
	for connection in 1 2 3 4 5; do
		began_in_order $connection
	done
}

# Known by one connection, and $cache kept as the file good.
known() {
	spawn_turns
	quietly send --eager -u "$url" -q eager x
	cp "$cache" good
	connection=1
}

begins() { # HOW, as in began_HOW
	quietly send --eager -u "$url" -q eager x
	connection=$((connection + 1))
	"began_$1" $connection
}

# What is in the file now is not believed, and not complained about; the next one is right again.
disbelieved() {
	begins in_order
	begins at_once
}

@test "a cache that is broken is not believed, and made anew" {
	known
	for broken in '' '[' '{}' '[1]' '[{"host":"127.0.0.1"}]' '[[]]' "$(head -c 100 good)"; do
		printf '%s' "$broken" >"$cache"
		disbelieved
	done
	for member in frame_max channel_max heartbeat; do
		for value in -1 1.5 4294967296 '"1"' None; do
			json "[it[0] | {\"$member\": $value}]" good >"$cache"
			disbelieved
		done
	done
	head -c 300000 /dev/zero >"$cache"
	disbelieved
}

@test "a cache that others could have written is not believed" {
	known
	chmod 622 "$cache"
	disbelieved
	[ "$(stat -c %a "$cache")" = 600 ]
	ln -sf "$PWD/good" "$cache"
	disbelieved
	rm "$cache" && mkfifo "$cache"
	disbelieved
	rm "$cache" && mkdir "$cache"
	begins in_order
	begins in_order
	rmdir "$cache"
	disbelieved
	chmod 777 "${cache%/*}"
	begins in_order
	begins in_order
}

@test "the cache of another user is not believed" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	known
	chown 1 "$cache"
	disbelieved
	chown 1 "${cache%/*}"
	begins in_order
	begins in_order
}

@test "programs at the same time: each is done, and the cache is whole" {
	for i in 1 2 3 4 5 6 7 8; do
		spawn "sender$i" send --eager -q eager "$i"
	done
	for i in 1 2 3 4 5 6 7 8; do
		expect_status 0 "sender$i"
	done
	[ "$(json "len(it)" "$cache")" -eq 1 ]
	[ "$(ls -A "${cache%/*}")" = brokers.json ]
}

@test "it holds 64 brokers, the latest first" {
	quietly send --eager -q eager x
	json '[it[0] | {"port": port} for port in range(1, 81)]' "$cache" >many
	cp many "$cache" && chmod 600 "$cache"
	quietly send --eager -q eager x
	[ "$(json "len(it)" "$cache")" -eq 64 ]
	[ "$(json 'it[1]["port"]' "$cache")" -eq 1 ]
}

limits() { # FRAME_MAX CHANNEL_MAX
	limited=1
	"$broker" ctl eval "application:set_env(rabbit, frame_max, $1), application:set_env(rabbit, channel_max, $2)."
}

usual_limits() {
	limits 131072 2047
	limited=
}

@test "a broker with other limits than before: every message arrives once, and what is known is right again" {
	need_control ctl
	declare_queue eager.limits
	spawn_turns
	through=$url'?channel_max=500'
	quietly send --eager -u "$through" -q eager.limits 1
	limits 16384 2047
	quietly send --eager -u "$through" -q eager.limits 2
	[ "$(json 'it[0]["frame_max"]' "$cache")" -eq 16384 ]
	usual_limits
	quietly send --eager -u "$through" -q eager.limits 3
	limits 131072 400
	quietly send --eager -u "$through" -q eager.limits 4
	usual_limits
	quietly send --eager -u "$through" -q eager.limits 5
	began_at_once 2
	began_in_order 3		# the second message
	began_at_once 4
	began_at_once 5
	began_in_order 6		# the fourth
	began_at_once 7
	[ "$(get_pika eager.limits 5 | tr '\n' ' ')" = "1 2 3 4 5 " ]
	[ "$(depth eager.limits)" -eq 0 ]
}

@test "a wrong password is said once" {
	spawn_turns
	quietly send --eager -u "$url" -q eager x
	(umask 077 && echo wrong >password)
	run -77 send --eager -u "$url" --password-file password -q eager x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot log in to 127.0.0.1:$port as "*": ACCESS_REFUSED"* ]]
	began_at_once 2
	[ "$(turns 3)" -eq 0 ]
}

@test "something else is there now: it is asked again in order, 76, and forgotten" {
	spawn_turns
	quietly send --eager -u "$url" -q eager x
	end_turns
	spawn_turns "$port" "HTTP/1.1 400 Bad Request"
	run -76 send --eager -u "$url" -q eager x
	[[ $output == "send: cannot connect to 127.0.0.1:$port: "*"does not speak AMQP"* ]]
	began_at_once 1
	began_in_order 2
	run -76 send --eager -u "$url" -q eager x
	began_in_order 3
	[ "$(turns 4)" -eq 0 ]
}

@test "who hangs up without a word may have taken the message: 75" {
	spawn_turns
	quietly send --eager -u "$url" -q eager x
	end_turns
	spawn_turns "$port" ""
	run -75 send --eager -u "$url" -W 1 -q eager x
	[[ $output == *"; the message may have been delivered" ]]
	began_at_once 1
	began_in_order 2
	run -69 send --eager -u "$url" -W 1 -q eager x
}

@test "nobody is there any more: 69, as nothing was said" {
	spawn_turns
	quietly send --eager -u "$url" -q eager x
	end_turns
	run -69 send --eager -u "$url" -W 1 -q eager x
}

@test "the connection of a single message has a name if it is given one, others have one by themselves" {
	spawn_turns
	send -u "$url" -q named x
	await_log product turns.out
	run -1 grep connection_name turns.out
	send -u "$url" -q named --connection-name mine x
	await_log 'connection_name.*mine' turns.out
	echo y | send -u "$url" -q named -l
	await_log 'connection_name.*send\[' turns.out
}
