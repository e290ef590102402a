#!/bin/sh
# SPDX-License-Identifier: MIT
# No two files call each other, not even over others between them. The room in OPEN is not so yet: there only
# what goes out of them and comes back is a circle.
#
# usage: circles.sh [LIBRARY...]; without, those of the build that $RMQ_BIN is in

[ $# -gt 0 ] || set -- "$RMQ_BIN"/../liblib_*.a "$RMQ_BIN"/../libcmd_*.a
[ -e "$1" ] || exit 77

open="lib_session.a"

# What is optimised at link time has symbols that only the compiler's own nm can read.
nm=$(command -v gcc-nm || command -v nm) || exit 77

# shellcheck disable=SC2016 # the program is awk's
arrows=$($nm -A -g "$@" 2>/dev/null | awk -v open="$open" '
function place(file,	room) {
	room = file
	sub("/.*", "", room)
	return index(" " open " ", " " room " ") ? room : file
}
NF > 1 {
	split($1, part, ":")
	file = part[1] "/" part[2]
	sub(".*/lib", "", file)
	if ($(NF - 1) == "U")
		wanted[file, $NF] = 1
	else if ($(NF - 1) ~ /^[TDBRVW]$/)
		home[$NF] = file
}
END {
	for (pair in wanted) {
		split(pair, part, SUBSEP)
		if (part[2] in home && place(home[part[2]]) != place(part[1]))
			print place(part[1]), place(home[part[2]])
	}
}' | sort -u)
[ -n "$arrows" ] || exit 77
if ! circle=$(echo "$arrows" | tsort 2>&1 >/dev/null); then
	echo "$circle" >&2
	exit 1
fi
