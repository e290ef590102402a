# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# worker, while workers and the broker are killed: worker_ledger.py keeps the books. RMQ_SOAK=1 for
# many jobs and kills. The broker must be one's own.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }

# Whatever went wrong, the next test finds a broker, and no worker of this one.
teardown() {
	if "$broker" can start && [ -n "${killing:-}" ]; then "$broker" start >/dev/null 2>&1 || true; fi
}

keep_books() { # TYPE RETRY-TYPE
	local retry=$2 queue=ledger_$1_$2 broker_kills=0
	worker --setup -q "$queue" --attempts 4 --delays 100ms,1s --hold 0.2 --queue-type "$1" --retry-type "$retry"
	age_queues
	if [ -n "${RMQ_SOAK:-}" ]; then
		set -- 400 32 4
		if can_restart; then broker_kills=6; fi
	else
		set -- 60 7 3
		if can_restart; then broker_kills=1; fi
	fi
	/usr/bin/python3 "$tests/faults/worker_ledger.py" "$queue" "$retry" "$1" "$2" "$3" "$broker_kills" >books || {
		cat books
		return 1
	}
	echo "# $BATS_TEST_DESCRIPTION: $(cat books)" >&3
}

can_restart() {
	"$broker" can kill && "$broker" can start && killing=1
}

@test "a classic queue with classic queues for delays" { keep_books classic classic; }

@test "a quorum queue with classic queues for delays" { keep_books quorum classic; }

@test "a classic queue with quorum retry queues" { keep_books classic quorum; }

@test "a quorum queue with quorum retry queues" { keep_books quorum quorum; }
