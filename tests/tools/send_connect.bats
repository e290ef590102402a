# SPDX-License-Identifier: MIT
# send, for all programs: which broker, as whom, and what happens without one.

# Assigned in broker.bash and by spawn.
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
teardown() { end_spawned; }

refuse_port=amqp://127.0.0.1:1

holds() { # N QUEUE
	[ "$(depth "$2" 2>/dev/null || echo 0)" -ge "$1" ]
}

# The URL with another user and password.
login_as() { # USER:PASSWORD
	echo "${AMQP_URL%%://*}://$1@${AMQP_URL##*@}"
}

@test "no broker: 69 within the limit" {
	start=$SECONDS
	run -69 send -u $refuse_port --connect-timeout 1 x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot connect to 127.0.0.1"*"Connection refused" ]]
	run -69 send -u $refuse_port -W 1 x
	run -69 send -u $refuse_port --wait=1 x
	[ $((SECONDS - start)) -le 6 ]
}

@test "an unknown host: 68" {
	run -68 send -u amqp://no.such.host.invalid --connect-timeout 1 x
	[ "${#lines[@]}" -eq 1 ]
}

@test "a wrong password: 77 at once, and no secret in it" {
	start=$SECONDS
	run -77 send -u "$(login_as guest:S3CRET-canary)" x
	[ $((SECONDS - start)) -le 3 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot log in to "*" as 'guest': ACCESS_REFUSED"* ]]
	[[ $output != *S3CRET* ]]
}

@test "a virtual host that is not there: 77" {
	run -77 send --vhost no-such-vhost x
	[ "${#lines[@]}" -eq 1 ]
}

@test "a bad URL: 64 from the option, 78 from the environment, and no secret" {
	run -64 send -u http://guest:S3CRET-canary@h x
	[[ $output == "send: cannot use the URL of --url: "* ]]
	[[ $output != *S3CRET* ]]
	AMQP_URL=amqp://guest:S3CRET-canary@h:port run -78 send x
	[[ $output == "send: cannot use the URL of AMQP_URL: "* ]]
	[[ $output != *S3CRET* ]]
}

@test "URLs are tried in turn: by option, by comma, by comma between hosts" {
	run -0 send -q turn -u $refuse_port -u "$AMQP_URL" x
	run -0 send -q turn -u "$refuse_port,$AMQP_URL" x
	hosts=${AMQP_URL/@/@127.0.0.1:1,}
	run -0 send -q turn -u "$hosts" x
	[ "$(depth turn)" = 3 ]
}

@test "the environment: AMQP_URL, then RABBITMQ_URL, then CLOUDAMQP_URL" {
	url=$AMQP_URL
	run -0 env -u AMQP_URL RABBITMQ_URL="$url" CLOUDAMQP_URL=$refuse_port send -q env x
	run -0 env AMQP_URL= CLOUDAMQP_URL="$url" send -q env x
	run -69 env AMQP_URL=$refuse_port RABBITMQ_URL="$url" send --connect-timeout 1 x
}

@test "single options refine the URL" {
	port=${AMQP_URL##*:}
	port=${port%%/*}
	run -0 send -q refined --server 127.0.0.1 --port "$port" x
	run -0 send -q refined --server "127.0.0.1:$port" x
	run -0 send -q refined --server 127.0.0.1 x
	run -69 send -q refined --port 1 --connect-timeout 1 x
	run -64 send --server a/b x
}

@test "--password-file: the password of the user" {
	login=${AMQP_URL##*://}
	login=${login%%@*}
	echo "${login#*:}" >"$BATS_TEST_TMPDIR/password"
	chmod 600 "$BATS_TEST_TMPDIR/password"
	url=$(login_as "${login%%:*}:wrong")
	run -0 send -q secret -u "$url" --password-file "$BATS_TEST_TMPDIR/password" x
	chmod 644 "$BATS_TEST_TMPDIR/password"
	run -78 send -u "$url" --password-file "$BATS_TEST_TMPDIR/password" x
	[[ $output == "send: cannot read password file '"*"': others than its owner have access"* ]]
	mkfifo -m 600 "$BATS_TEST_TMPDIR/fifo"
	run -78 send --password-file "$BATS_TEST_TMPDIR/fifo" x
	ln -s password "$BATS_TEST_TMPDIR/link"
	run -78 send --password-file "$BATS_TEST_TMPDIR/link" x
	run -78 send --password-file "$BATS_TEST_TMPDIR/nothing" x
	run -64 send --password-file x --ask-password x
}

@test "--password-file as systemd hands out credentials: root's, with an access list that looks like a group" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	login=${AMQP_URL##*://}
	login=${login%%@*}
	cd "$BATS_TEST_TMPDIR" || return
	echo "${login#*:}" >password
	url=$(login_as "${login%%:*}:wrong")
	chown 0:0 password
	chmod 440 password
	run -0 send -q secret -u "$url" --password-file password x
	chmod 460 password
	run -78 send -u "$url" --password-file password x
	chmod 444 password
	run -78 send -u "$url" --password-file password x
	chmod 440 password
	chgrp 1 password
	run -78 send -u "$url" --password-file password x
}

@test "who does not answer the question for a password can end each program" {
	local words how='-u amqp://guest@127.0.0.1:1 --ask-password'
	for words in 'send @ x' 'emit_log @ x' 'receive @ -q a' 'receive_logs @' 'worker @ true' 'move @ a b' \
		'rpc-call @ x' 'queue stat @ a'; do
		spawn asked /usr/bin/python3 "$tests/terminal.py" "exec ${words/@/"$how"}"
		await 10 grep -q assword "$BATS_TEST_TMPDIR/asked.out"
		kill -INT "$(pgrep -P "$asked_pid")"
		expect_status 254 asked
	done
}

@test "--ask-password asks on the terminal, and fails without one" {
	run -78 setsid send --ask-password x </dev/null
	[[ $output == "send: cannot ask for the password: "* ]]
}

@test "another user is not sent the first one's password" {
	run -77 send --username somebody x
	[[ $output == "send: cannot log in to "*" as 'somebody': "* ]]
}

@test "the password of --url is not among the arguments" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q hidden -l -f "$BATS_TEST_TMPDIR/fifo" \
		-u "amqp://guest:S3CRET-canary@127.0.0.1:1" -u "$AMQP_URL"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	echo one >&7
	await 5 holds 1 hidden
	run -1 grep -aq S3CRET "/proc/$sender_pid/cmdline"
	exec 7>&-
	expect_status 0 sender
}

@test "certificates need an amqps URL" {
	run -64 send --cacert x y
	[ "$output" = "send: cannot use certificates: they need an amqps:// URL" ]
	run -64 send --sasl=external y
	run -64 send --sasl=magic y
}

@test "a connection that the broker cuts is made again, and every line arrives" {
	need_control ctl
	drop cut
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	spawn sender send -q cut -l -v -f "$BATS_TEST_TMPDIR/fifo"
	exec 7>"$BATS_TEST_TMPDIR/fifo"
	for line in $(seq 200); do
		echo "$line"
		sleep 0.01
	done >&7 3>&- &
	await 5 holds 50 cut
	"$broker" ctl close_all_connections --vhost "${VHOST:-/}" bye >/dev/null
	await_log "send: .*CONNECTION_FORCED.*; connecting again$" "$BATS_TEST_TMPDIR/sender.err"
	await_log "send: reconnected after " "$BATS_TEST_TMPDIR/sender.err"
	exec 7>&-
	expect_status 0 sender 60
	n=$(depth cut)
	[ "$n" -ge 200 ]
	[ "$(peer get cut "$n" | sort -nu | wc -l)" = 200 ]
}
