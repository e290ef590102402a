# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Three nodes on this machine that are killed, paused and restarted while all programs use them. RMQ_SOAK=1 does it to
# each node.

bats_require_minimum_version 1.5.0
load ../broker

nodes() { # COMMAND... on each node's directory
	local n
	for n in 1 2 3; do "$@" "$n" || return; done
}

node() { # N COMMAND...
	local n=$1
	shift
	BROKER_BACKEND=private BROKER_DIR=$BATS_FILE_TMPDIR/n$n env -u AMQP_URL "$broker" "$@"
}

start_node() { # N
	if [ "$1" = 1 ]; then node 1 up; else BROKER_JOIN=$BATS_FILE_TMPDIR/n1 node "$1" up; fi >"$BATS_FILE_TMPDIR/url$1" 3>&-
}

setup_file() {
	start_node 1 || return 0
	start_node 2 &
	start_node 3
	wait $!
}

teardown_file() {
	for n in 3 2 1; do node "$n" down 3>&-; done
}

setup() {
	[ -s "$BATS_FILE_TMPDIR/url3" ] || skip "no node can be started here"
	cd "$BATS_TEST_TMPDIR" || return
}

# Each fault leaves two nodes, which have all that was confirmed.
faults() {
	local n
	for n in 1 ${RMQ_SOAK:+2 3}; do
		echo "on $n kill && sleep 1 && on $n start"
		echo "kill -STOP \$(on $n pid) && sleep 6; kill -CONT \$(on $n pid)"
	done
	for n in 2 ${RMQ_SOAK:+3 1}; do
		echo "on $n stop && on $n start"
	done
}

@test "nodes are killed, paused and restarted: nothing is lost, and no program ends by itself" {
	[ "$(node 1 ctl cluster_status --formatter json | grep -o '"running_nodes":\[[^]]*\]' | tr , '\n' | wc -l)" -eq 3 ]
	printf '#!/bin/sh\nexport BROKER_BACKEND=private BROKER_DIR=%s/n$1\nshift\nunset AMQP_URL\n' "$BATS_FILE_TMPDIR" >on
	printf 'case $1 in pid) cat "$BROKER_DIR/pid" ;; *) exec %s "$@" ;; esac\n' "$broker" >>on
	chmod +x on
	PATH=$PWD:$PATH
	faults | /usr/bin/python3 "$tests/faults/cluster.py" \
		"$(cat "$BATS_FILE_TMPDIR"/url[123] | paste -sd ,)" 0.01 >result 2>&1 3>&- || { cat result ./*.err; return 1; }
	sed 's/^/# /' result >&3
}
