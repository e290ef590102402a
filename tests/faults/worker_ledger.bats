# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# worker, while workers and the broker are killed: worker_ledger.py keeps the books. RMQ_SOAK=1 for
# many jobs and kills. The broker must be one's own.
#
# A classic queue hands a message on when its pause is over without waiting for the other queue: a
# broker that stops just then loses it. So with classic retry queues the broker goes on.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }

# Whatever went wrong, the next test finds a broker, and no worker of this one.
teardown() {
	if "$broker" can start && [ -n "${killing:-}" ]; then "$broker" start >/dev/null 2>&1 || true; fi
}

keep_books() { # QUEUE BROKER SETUP-OPTION...: BROKER is kill if it is to be killed too
	local queue=$1 victim=$2 broker_kills=0
	shift 2
	queue=${queue}_ledger
	worker --setup -q "$queue" --attempts 4 --delays 100ms,1s --hold 0.2 "$@"
	age_queues
	if [ -n "${RMQ_SOAK:-}" ]; then
		set -- 400 32 4
		if can_restart; then broker_kills=6; fi
	else
		set -- 60 7 3
		if can_restart; then broker_kills=1; fi
	fi
	/usr/bin/python3 "$tests/faults/worker_ledger.py" "$queue" "$1" "$2" "$3" "$broker_kills" >books || {
		cat books
		return 1
	}
	echo "# $BATS_TEST_DESCRIPTION: $(cat books)" >&3
}

can_restart() {
	[ "$victim" = kill ] && "$broker" can kill && "$broker" can start && killing=1
}

@test "a classic queue with classic retry queues" {
	keep_books classic spare --queue-type=classic --allow-lossy-retry
}

@test "a classic queue with quorum retry queues" {
	keep_books mixed kill --queue-type=classic
}

@test "a quorum queue with quorum retry queues" {
	keep_books quorum kill
}
