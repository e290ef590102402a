# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# For bats files: a virtual host of their own, the programs first in PATH, waiting without guessing,
# and another program at the other end. Begin a file with
#
#	load ../broker
#	setup_file() { new_vhost; }
#	teardown() { end_spawned; }
#
# Run by hand, a file uses the broker of AMQP_URL, or the one that scripts/broker has up, and the
# programs in RMQ_BIN, default build/dev/bin.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
broker=$tests/../scripts/broker
PATH=${RMQ_BIN:-$tests/../build/dev/bin}:$PATH
spawned=()

# What harms a broker has one to itself, if scripts/test has started one.
if [ -n "${RMQ_TEST_HARMS:-}" ] && [ -n "${RMQ_HARMED_URL:-}" ] && [ "${BROKER_DIR:-}" != "$RMQ_HARMED_DIR" ]; then
	export BROKER_DIR=$RMQ_HARMED_DIR AMQP_URL=$RMQ_HARMED_URL
fi
unset RMQ_HARMED_URL # a command's environment is to hold no URL

# Export AMQP_URL with a virtual host named after the file, t_NAME, and its name as VHOST. It is
# empty, unless the broker is not under our control: then the URL stays as it is.
new_vhost() {
	local url
	url=${AMQP_URL:-$("$broker" url)} || return
	VHOST=t_$(basename "$BATS_TEST_FILENAME" .bats)
	VHOST=${VHOST//-/_}
	if [ -n "${RMQ_TEST_VHOSTS:-}" ] || { "$broker" can vhosts && "$broker" vhosts "$VHOST"; }; then
		url=$("$broker" url "$VHOST") || return
	else
		VHOST=
	fi
	export AMQP_URL=$url VHOST
}

# Skip the test unless the broker can be controlled so: ctl, kill, stop, start, vhosts, tls.
need_control() { # CONTROL...
	local control
	for control in "$@"; do
		"$broker" can "$control" || skip "no $control of this broker"
	done
}

# Wait until a command succeeds, at most so many seconds.
await() { # SECS COMMAND...
	local secs=$1 end=$((SECONDS + $1))
	shift
	until "$@"; do
		if [ "$SECONDS" -gt "$end" ]; then
			echo "not within $secs s: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# Wait until a line of a file matches a basic regular expression, 10 s unless told otherwise.
await_log() { # PATTERN FILE [SECS]
	await "${3:-10}" grep -qs -e "$1" "$2" && return
	cat "$2" >&2
	return 1
}

# Has a process ended, also where the first process does not wait for orphans?
gone() { # PID
	! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"
}

await_end() { # PID [SECS]
	await "${2:-10}" gone "$1"
}

# Is a program ready for SIGTERM, with a handler or with a descriptor for what is blocked?
catches_signals() { # PID
	grep -qE 'Sig(Blk|Cgt):.*[4-7c-f]...$' "/proc/$1/status"
}

# Start a program in the background: its output is in NAME.out and NAME.err of $BATS_TEST_TMPDIR,
# its process number in $NAME_pid. A job of a shell has SIGINT ignored; a program in a terminal has
# not. Bats waits until its descriptor 3 is closed everywhere.
spawn() { # NAME COMMAND...
	local name=$1
	shift
	env --default-signal=INT,QUIT "$@" </dev/null \
		>"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	spawned+=($!)
	printf -v "${name}_pid" %s $!
	await 5 is_itself $!
}

# Has a child become the program that it is to run? Before that a signal would not reach the program.
is_itself() { # PID
	case $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") in
	*bats-exec-*' '* | 'env --default-signal'*) return 1 ;;
	esac
}

# Wait for the end of a spawned program and check its exit status.
expect_status() { # STATUS NAME [SECS]
	local pid=${2}_pid status=0
	await_end "${!pid}" "${3:-10}" || return
	wait "${!pid}" || status=$?
	[ "$status" -eq "$1" ] && return
	echo "$2 ended with $status, not $1:" >&2
	cat "$BATS_TEST_TMPDIR/$2.err" >&2
	return 1
}

# Clients come to $url, and what each says before it listens is a line of turns.out in the test's directory.
spawn_turns() { # [PORT [ANSWER]]
	local rest=${AMQP_URL##*@}
	spawn turns /usr/bin/python3 "$tests/turns.py" "$@"
	await 5 test -s turns.out
	port=$(head -n 1 turns.out)
	url=${AMQP_URL%"$rest"}127.0.0.1:$port/${rest#*/}
}

# Something in the way to the broker: $through$vhost is the URL through it, $through$past$vhost then goes past it.
spawn_proxy() { # ARG...
	local rest=${AMQP_URL##*@}
	spawn proxy /usr/bin/python3 "$tests/faults/proxy.py" "$@"
	await 5 test -s proxy.out
	# shellcheck disable=SC2034
	through=${AMQP_URL%"$rest"}127.0.0.1:$(cat proxy.out)
	# shellcheck disable=SC2034
	past=,${rest%%/*} vhost=/${rest#*/}
}

# For teardown: nothing that a test spawned may outlive it.
end_spawned() {
	[ ${#spawned[@]} -gt 0 ] || return 0
	{ kill -KILL "${spawned[@]}" && wait "${spawned[@]}"; } 2>/dev/null || true
	spawned=()
}

# Let what was declared grow old enough to survive a SIGKILL of the broker. In its first moments a
# quorum queue loses even confirmed messages then, and a classic one may be gone itself.
age_queues() {
	sleep 2
}

# pika at the other end; tests/peer.py says what it can. Another python3 may be first in PATH.
peer() { # COMMAND ARG...
	/usr/bin/python3 "$tests/peer.py" "$@"
}

# Run words of /bin/sh on a terminal; what they write there, on either output, is printed.
on_terminal() { # WORDS
	/usr/bin/python3 "$tests/terminal.py" "$1" </dev/null
}

# Print what a Python expression says of `it`, the JSON value in a file, as JSON.
json() { # EXPRESSION FILE
	/usr/bin/python3 -c 'import json, sys
it = json.load(open(sys.argv[2]))
print(json.dumps(eval(sys.argv[1])))' "$@"
}

# Members of the object that a sender wrote with --report "$BATS_TEST_TMPDIR/report".
reported() { # NAME...
	/usr/bin/python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
print(*(report[name] for name in sys.argv[2:]))' "$BATS_TEST_TMPDIR/report" "$@"
}

# Skip the test unless on_small_disk works here. Not for a function that `run` calls: what is skipped
# there looks like a success.
need_mounts() {
	on_small_disk size=64k true 2>/dev/null || skip "cannot mount a small disk"
}

# Run words of bash, for which ./disk is a file system of its own that goes with them.
on_small_disk() { # MOUNT-OPTIONS WORDS [ARG...]
	local -a own=(--mount)
	[ "$(id -u)" -eq 0 ] || own+=(--map-root-user)
	mkdir -p disk
	# shellcheck disable=SC2016 # for another shell
	unshare "${own[@]}" bash -c 'mount -t tmpfs -o "$1" tmpfs disk || exit 99
		words=$2
		shift 2
		eval "$words"' bash "$@"
}

depth() { peer depth "$@"; }                     # QUEUE
await_depth() { peer await-depth "$@"; }         # SECS N QUEUE
await_consumers() { peer await-consumers "$@"; } # SECS N QUEUE
declare_queue() { peer declare "$@"; }           # QUEUE [ARGUMENTS [OPTIONS]]
drop() { peer drop "$@"; }                       # QUEUE...
publish_pika() { peer publish "$@"; }            # EXCHANGE KEY BODY [PROPERTIES]
get_pika() { peer get "$@"; }                    # QUEUE [N]

# How long the broker waits for an acknowledgement, and how often it looks at the clock.
be_impatient() { # MS TICK
	impatient=1
	"$broker" ctl eval "application:set_env(rabbit, consumer_timeout, $1),
		application:set_env(rabbit, channel_tick_interval, $2),
		application:set_env(rabbit, quorum_tick_interval, $2)." >/dev/null
}

be_patient() { # unless it is
	if [ -n "${impatient:-}" ]; then be_impatient 1800000 60000; fi
	impatient=
}

# Since 4.3 only quorum queues have such a limit.
limits_classic() { ! "$broker" ctl version | grep -qE '^(4\.[3-9]|4\.[1-9][0-9]|[5-9])'; }

# A user of the broker, whose password is "secret" and who may not declare, and the URL for it.
add_guest() { # NAME
	local rest=${AMQP_URL#*@}
	delete_guest "$1" 2>/dev/null || true
	"$broker" ctl add_user "$1" secret >/dev/null &&
		"$broker" ctl set_permissions -p "${VHOST:-/}" "$1" '' '.*' '.*' >/dev/null &&
		export guest_url=amqp://$1:secret@$rest
}

delete_guest() { # NAME
	"$broker" ctl delete_user "$1" >/dev/null
}

# Later than what counts as the same signal: timeout(1) sends each twice.
signal_again() { # SIGNAL PID
	sleep 0.3
	kill -"$1" "$2"
}
