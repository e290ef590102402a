# SPDX-License-Identifier: MIT
# What another user has laid into a folder where all may write, under a name that a program uses: 73 or 78, and
# what it leads to stays as it is. Linux itself looks after that only where fs.protected_symlinks is set.

# shellcheck disable=SC2154 # assigned by bats

bats_require_minimum_version 1.5.0
load ../broker

setup_file() { new_vhost; }

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to be another user too"
	cd "$BATS_TEST_TMPDIR" || return
	mkdir shared ours
	chmod 1777 shared
	echo precious >ours/precious
	chmod 604 ours/precious
	printf 'one\ntwo\n' >file
}

# A link of another user's.
lay_link() { # TARGET NAME
	ln -s "$1" "shared/$2"
	chown -h 65534:65534 "shared/$2"
}

lay_file() { # NAME TEXT
	echo "$2" >"shared/$1"
	chown 65534:65534 "shared/$1"
}

is_untouched() {
	[ "$(cat ours/precious)" = precious ]
	[ "$(stat -c %a ours/precious)" = 604 ]
	[ "$(ls ours)" = precious ]
}

@test "--report does not follow another's link" {
	lay_link ../ours/precious report
	run -73 send -q planted --report shared/report x
	[ "$output" = "send: cannot write report 'shared/report': Permission denied" ]
	is_untouched
	[ -L shared/report ]
}

@test "--report follows neither a link that is its own to one that is not, nor one to nothing" {
	lay_link ../ours/precious report
	ln -s shared/report mine
	run -73 send -q planted --report mine x
	lay_link ../ours/new dangling
	run -73 send -q planted --report shared/dangling x
	is_untouched
}

@test "--report does not replace what another has laid there, nor write into his pipe, nor into a second name" {
	lay_file report old
	run -73 send -q planted --report shared/report x
	[ "$(cat shared/report)" = old ]
	mkfifo shared/pipe
	chown 65534 shared/pipe
	run -73 send -q planted --report shared/pipe x
	ln ours/precious shared/second
	run -73 send -q planted --report shared/second x
	is_untouched
}

@test "--report follows links that are its own, also to nothing, and a file keeps its mode" {
	ln -s ../ours/precious shared/report
	run -0 send -q planted --report shared/report x
	[ -L shared/report ]
	[ "$(stat -c %a ours/precious)" = 604 ]
	grep -q '"confirmed": 1' ours/precious
	ln -s ../ours/new shared/new
	run -0 send -q planted --report shared/new x
	grep -q '"confirmed": 1' ours/new
}

@test "--report does not wait for who reads a pipe" {
	mkfifo pipe
	run -73 timeout 10 send -q planted --report pipe x
	[ "$output" = "send: cannot write report 'pipe': No such device or address" ]
}

@test "--checkpoint is neither written nor believed" {
	lay_link ../ours/precious state
	run -78 send -q planted -l -f file --checkpoint shared/state
	[[ $output == "send: cannot resume 'file' from checkpoint 'shared/state': Permission denied" ]]
	is_untouched
	send -q planted -l -f file --checkpoint mine
	cp mine shared/forged
	chown 65534:65534 shared/forged
	run -78 send -q planted -l -f file --checkpoint shared/forged
}

@test "--reject-file does not add to what another has laid there" {
	lay_link ../ours/precious rejects
	run -73 send -q planted -l -f file --on-error=skip --reject-file shared/rejects
	[ "$output" = "send: cannot write reject file 'shared/rejects': Permission denied" ]
	is_untouched
	lay_file own old
	run -73 send -q planted -l -f file --on-error=skip --reject-file shared/own
	[ "$(cat shared/own)" = old ]
	mkfifo pipe
	run -73 timeout 10 send -q planted -l -f file --on-error=skip --reject-file pipe
}

@test "--joblog does not add to what another has laid there" {
	declare_queue planted
	lay_link ../ours/precious log
	run -73 worker -q planted -c 1 --joblog shared/log true
	[ "$output" = "worker: cannot write job log 'shared/log': Permission denied" ]
	is_untouched
}

@test "--output-dir is neither behind another's link nor another's" {
	lay_link ../ours dir
	run -73 receive -q planted -c 1 --output-dir shared/dir
	[ "$output" = "receive: cannot use directory 'shared/dir': Permission denied" ]
	is_untouched
	mkdir shared/own
	chown 65534:65534 shared/own
	run -73 receive -q planted -c 1 --output-dir shared/own
	[ -z "$(ls shared/own)" ]
}

@test "what brokers asked for is not noted behind another's link" {
	lay_link ../ours rmq-tools
	XDG_CACHE_HOME=$PWD/shared run -0 send --eager -q planted x
	is_untouched
}
