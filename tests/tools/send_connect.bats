# SPDX-License-Identifier: MIT
# send, for all programs: which broker, as whom, and what happens without one.

# Assigned in broker.bash and by spawn; run assigns in the shell of its test.
# shellcheck disable=SC2154,SC2030,SC2031

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
	run -69 send -u $refuse_port --connect-timeout 3 x
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "send: cannot connect to 127.0.0.1"*"Connection refused" ]]
	run -69 send -u $refuse_port -W 1 x
	run -69 send -u $refuse_port --wait=1 x
	[ $((SECONDS - start)) -le 6 ]
}

@test "an unknown host: 68" {
	run -68 send -u amqp://no.such.host.invalid --connect-timeout 3 x
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
	run -69 env AMQP_URL=$refuse_port RABBITMQ_URL="$url" send --connect-timeout 3 x
}

@test "single options refine the URL" {
	port=${AMQP_URL##*:}
	port=${port%%/*}
	run -0 send -q refined --server 127.0.0.1 --port "$port" x
	run -0 send -q refined --server "127.0.0.1:$port" x
	run -0 send -q refined --server 127.0.0.1 x
	run -69 send -q refined --port 1 --connect-timeout 3 x
	run -64 send --server a/b x
}

# The password of the URL in a file that nobody else may read, and the URL with a wrong one.
keep_password() {
	cd "$BATS_TEST_TMPDIR" || return
	login=${AMQP_URL##*://}
	login=${login%%@*}
	url=$(login_as "${login%%:*}:wrong")
	(umask 077 && echo "${login#*:}" >password)
}

refuses_password() { # FILE REASON
	run -78 send -u "$url" --password-file "$1" x
	[ "$output" = "send: cannot read password file '$1': $2" ]
}

@test "--password-file: the password of the user" {
	keep_password
	run -0 send -q secret -u "$url" --password-file password x
	printf %s "${login#*:}" >password
	run -0 send -q secret -u "$url" --password-file password x
	chmod 620 password
	refuses_password password "others than its owner can write to it (chmod 600 helps)"
	refuses_password nothing "No such file or directory"
	refuses_password . "it is neither a file nor a pipe"
	run -64 send --password-file x --ask-password x
}

@test "--password-file: a link to a link, as Kubernetes has it" {
	keep_password
	mkdir ..2026_11_23
	mv password ..2026_11_23
	ln -s ..2026_11_23 ..data
	ln -s ..data/password password
	run -0 send -q secret -u "$url" --password-file password x
	chmod 602 ..data/password
	refuses_password password "others than its owner can write to it (chmod 600 helps)"
}

@test "--password-file: what a command writes, a named pipe, and standard input" {
	keep_password
	run -0 send -q secret -u "$url" --password-file <(sleep 0.2; cat password) x
	run -0 send -q secret -u "$url" --password-file /dev/stdin x <password
	mkfifo -m 600 fifo
	cat password >fifo 3>&- &
	run -0 send -q secret -u "$url" --password-file fifo x
	run -78 send -u "$url" --password-file <(false) x
	[[ $output == "send: cannot read password file '/dev/fd/"*"': it is empty" ]]
	refuses_password /dev/fd/99 "Bad file descriptor"
}

@test "--password-file: one line, of 64 KiB at most, and nothing that a password does not have" {
	keep_password
	: >password
	refuses_password password "it is empty"
	echo >password
	refuses_password password "it is empty"
	printf 'guest\r\n' >password
	refuses_password password "it has a carriage return, as files from Windows do"
	printf 'guest\nlogin: guest\n' >password
	refuses_password password "it has more than one line"
	printf 'gue\0st' >password
	refuses_password password "it has a NUL byte"
	head -c 65537 /dev/zero | tr '\0' x >password
	refuses_password password "it is longer than 65536 bytes"
	echo >>password
	refuses_password password "it is longer than 65536 bytes"
}

@test "--password-file: what root lets others read, they may use" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	keep_password
	for mode in 444 644 640 440 400; do
		chmod $mode password
		run -0 send -q secret -u "$url" --password-file password x
	done
	chmod 460 password
	refuses_password password "others than its owner can write to it (chmod 600 helps)"
	chown 1 password
	chmod 600 password
	refuses_password password "it belongs to another user"
}

@test "--password-file: what is one's own nobody else may read" {
	[ "$(id -u)" -ne 0 ] || skip "needs an ordinary user"
	keep_password
	chmod 644 password
	refuses_password password "others than its owner have access (chmod 600 helps)"
}

# Again until it sees one: libbsd misses a signal between its question and its read.
interrupts() { # PARENT
	local child
	child=$(pgrep -P "$1") || return 0
	kill -INT "$child"
	return 1
}

@test "who does not answer the question for a password can end each program" {
	local words how='-u amqp://guest@127.0.0.1:1 --ask-password'
	for words in 'send @ x' 'emit_log @ x' 'receive @ -q a' 'receive_logs @' 'worker @ true' 'move @ a b' \
		'rpc-call @ x' 'queue stat @ a'; do
		spawn asked /usr/bin/python3 "$tests/terminal.py" "exec ${words/@/"$how"}"
		await 10 grep -q assword "$BATS_TEST_TMPDIR/asked.out"
		await 10 interrupts "$asked_pid"
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
	local option

	for option in --cacert=x --cert=x --key=x --insecure; do
		run -64 send "$option" y
		[ "$output" = "send: cannot use ${option%=x}: it is for amqps:// URLs, and this one is amqp://" ]
	done
	run -64 send -k -u amqp://guest:S3CRET@127.0.0.1:1 y
	[ "$output" = "send: cannot use --insecure: it is for amqps:// URLs, and this one is amqp://" ]
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

# Limits are no credentials: somebody may leave room.

limit() { # vhost | user, and what to set; afterwards the test forgets it
	need_control ctl
	[ -n "$VHOST" ] || skip "no virtual host of our own"
	"$broker" ctl set_vhost_limits -p "$VHOST" "$1"
}

unlimit() {
	"$broker" ctl clear_vhost_limits -p "$VHOST"
}

@test "a limit of connections is waited for, then 69; when there is room, 0" {
	limit '{"max-connections": 0}'
	run send -q limited --connect-timeout 3 x
	spawn waits send -q limited --connect-timeout 30 --timeout 30 y
	[ "$status" -eq 69 ]
	[[ $output == *"connection limit (0) is reached"* ]]
	unlimit
	expect_status 0 waits 20
}

@test "a limit of queues is waited for, then 69" {
	limit '{"max-queues": 0}'
	run send -q "unlimited_$RANDOM" --connect-timeout 3 x
	unlimit
	[ "$status" -eq 69 ]
	[[ $output == *"queue limit in vhost "*" (0) is reached"* ]]
}

@test "a token that is too long, frames that are too small: 78 with the reason, unless the broker takes them" {
	(umask 077 && printf '%09000d' 0 >"$BATS_TEST_TMPDIR/token")
	run -78 send -u "${AMQP_URL/:guest@/@}" --password-file "$BATS_TEST_TMPDIR/token" x
	[[ $output == *": the password or token is too long for this broker "* ]]
	run send -u "$AMQP_URL?frame_max=4096" -q small x
	[ "$status" -eq 0 ] || {
		[ "$status" -eq 78 ]
		[[ $output == *": frame_max is too small for this broker, it needs 8192 "* ]]
	}
}
