# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# send and receive while they, and the broker, are killed: ledger.py holds what they said against what
# arrived. RMQ_SOAK=1 kills more often. The broker must be one's own.

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }

# Whatever went wrong, the next test finds a broker.
teardown() {
	if "$broker" can start; then "$broker" start >/dev/null 2>&1 3>&- || true; fi
}

kills() {
	if [ -n "${RMQ_SOAK:-}" ]; then echo 30; else echo 3; fi
}

keep_books() { # TYPE
	need_control kill start
	/usr/bin/python3 "$tests/faults/ledger.py" "$1" "$(kills)" >books || { cat books errors; return 1; }
	sed 's/^/# /' books >&3
}

@test "a classic queue" { keep_books classic; }

@test "a quorum queue" { keep_books quorum; }
