# SPDX-License-Identifier: MIT
# Programs and a broker that lies, is silent, or says too much: the status and the reason are those that are
# promised, in bounded time, memory and lines. play.py plays what is in the other files here; no broker is needed.

bats_require_minimum_version 1.5.0
load ../broker

play() { # FILE [JOBS]
	/usr/bin/python3 "$tests/hostile/play.py" -j "${2:-8}" "$1"
}

# These need half a minute and little else, so the others are played in the meantime.
setup_file() {
	play patience 16 >"$BATS_FILE_TMPDIR/patience" 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/pid"
}

@test "from the first byte to open-ok" { play greeting 16; }

@test "the set-up of a channel, deliveries, properties" { play content; }

@test "confirms, returned messages, alarms" { play publishing; }

@test "rpc-call, queue, move, emit-log and receive-logs" { play calls; }

@test "TLS" {
	command -v openssl >/dev/null || skip "no openssl to make certificates with"
	play tls
}

@test "floods" { play floods 4; }

@test "the password is in memory once, to connect again with" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	run /usr/bin/python3 "$tests/hostile/wiped.py"
	[ "$status" -ne 77 ] || skip "root may not look into it"
	[ "$status" -eq 0 ]
}

@test "the memory is not for other programs of the same user" {
	local other=()
	[ -e /proc/self/mem ] || skip "no /proc"
	if [ "$(id -u)" -eq 0 ]; then
		other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		"${other[@]}" test -x "$(command -v receive)" || skip "no other user can run the programs"
	fi
	run -77 "${other[@]}" /usr/bin/python3 -B "$tests/hostile/wiped.py"
}

@test "what is waited for longest" {
	await_end "$(cat "$BATS_FILE_TMPDIR/pid")" 60
	cat "$BATS_FILE_TMPDIR/patience"
	grep -q '^[1-9][0-9]* scenes, 0 of them' "$BATS_FILE_TMPDIR/patience"
}
