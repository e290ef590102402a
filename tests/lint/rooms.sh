#!/bin/sh
# SPDX-License-Identifier: MIT
# Each room includes what lies below it and nothing else, cmd/ knows no AMQP library, lib/ no user, and files
# are short enough to be read.
#
# usage: rooms.sh [FOLDER that holds cmd and lib]

# shellcheck disable=SC2086 # names of files, none with a blank

cd "${1:-.}" || exit
bad=0
cmd=$(find cmd -name '*.[ch]')
lib=$(find lib -name '*.[ch]')

# A room, and those that it may include beside itself. "programs" are the files of cmd/ itself.
rooms='
programs            tool message broker input output publish consume rpc move queue worker worker/retry
cmd/tool
cmd/message         tool
cmd/broker          message tool
cmd/input           message tool
cmd/output          broker message tool
cmd/publish         input output broker message tool
cmd/consume         output broker message tool
cmd/rpc             input output broker message tool
cmd/move            output broker message tool
cmd/queue           broker message tool
cmd/worker/job      output broker message tool
cmd/worker/retry    worker/job broker message tool
cmd/worker          worker/retry worker/job output broker message tool
lib/base
lib/uri             base
lib/data            base
lib/text            data base
lib/wire            data base
lib/session         wire data base
'

# refuse WHAT PATTERN FILE...: the pattern must be nowhere outside comments.
refuse() {
	what=$1 pattern=$2
	shift 2
	if grep -nE "$pattern" "$@" /dev/null | grep -vE ':[0-9]+:[[:space:]]*(/\*|\*)'; then
		echo "^ $what" >&2
		bad=1
	fi
}

# shellcheck disable=SC2016 # the program is awk's
grep -n '^#include "' $cmd $lib /dev/null | awk -v rooms="$rooms" '
function room(path) {
	sub("/[^/]*$", "", path)
	return path == "cmd" ? "programs" : path
}
BEGIN {
	for (n = split(rooms, lines, "\n"); n > 0; n--)
		for (words = split(lines[n], word, " "); words > 0; words--) {
			top = word[1] ~ "^lib" ? "lib/" : "cmd/"
			may[word[1], words == 1 ? word[1] : top word[words]] = 1
			if (words == 1)
				known[word[1]] = 1
		}
}
{
	split($0, part, ":")
	split($0, quoted, "\"")
	from = room(part[1])
	top = part[1]
	sub("/.*", "/", top)
	to = room(top quoted[2])
	if (!(from in known)) {
		print part[1] ": a room that the table of this lint does not have"
		bad = 1
	} else if (!((from, to) in may)) {
		print part[1] ":" part[2] ": includes " quoted[2] ", which is not below " from
		bad = 1
	}
}
END { exit bad }' >&2 || bad=1

refuse 'cmd/ includes amqp.h' '#include[[:space:]]*<(rabbitmq-c/)?amqp' $cmd
refuse 'lib/ prints' '\b(v?f?printf|puts|putchar|fputs|perror|v?warnx?|v?dprintf|syslog)\(|\b(stdout|stderr)\b' $lib
refuse 'lib/ exits' '\b(_?exit|quick_exit|_Exit|v?errx?)\(' $lib
refuse 'lib/ reads the environment' '\b(secure_)?getenv\(|\benviron\b' $lib

for file in $lib $cmd; do
	lines=$(wc -l < "$file") most=400
	case $file in
	cmd/*/* | lib/*/*) ;;
	cmd/*) most=149 ;;	# a program is a page
	lib/rmq.h) most=500 ;;	# the face is comments
	esac
	if [ "$lines" -gt "$most" ]; then
		echo "$file: $lines lines, more than $most" >&2
		bad=1
	fi
	head -n 1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
		echo "$file: no licence in its first line" >&2
		bad=1
	}
done
others=$(find bench -name '*.[ch]' 2>/dev/null)
if expand -t 8 $lib $cmd $others | grep -nE '^.{121}'; then
	echo '^ longer than 120 columns' >&2
	bad=1
fi
exit "$bad"
