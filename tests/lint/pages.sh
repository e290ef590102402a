#!/bin/sh
# SPDX-License-Identifier: MIT
# Each finished page is mdoc without a warning, says of the program what the
# program says of itself, names each option that it has, and no option that it
# has not.  $RMQ_BIN, $RMQ_MAN: the build's.

command -v mandoc > /dev/null || exit 77
bad=0

# Long options, one a line, of a finished page and of what a program says for one.
options_of_page() {
	mandoc -Tascii -O width=1000 "$1" | col -b |
	grep -oE '(^|[[:space:](,])--[a-z][a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u
}

options_of_program() {
	"$1" --help=mdoc | grep -oE 'Fl -[a-z-]+' | sed 's/Fl /-/' | sort -u
}

check_about() {
	about=$("$2" --help | sed -n 2p)
	grep -qxF ".Nd $about" "$1" && return
	echo "$1 does not say \"$about\" in its NAME" >&2
	bad=1
}

check_options() {
	options_of_page "$1" > "$tmp/page"
	options_of_program "$2" > "$tmp/program"
	diff "$tmp/page" "$tmp/program" > "$tmp/diff" && return
	echo "$1 (<) and $2 (>) differ in" >&2
	grep '^[<>]' "$tmp/diff" >&2
	bad=1
}

tmp=$(mktemp -d) || exit 71
trap 'rm -rf "$tmp"' EXIT

for page in "$RMQ_MAN"/*.[17]; do
	[ -h "$page" ] && continue
	mandoc -Tlint -Wwarning "$page" || bad=1
	if grep -n '@[A-Z]*@' "$page"; then
		echo "$page: not filled in" >&2
		bad=1
	fi
	name=$(basename "$page" .1)
	[ -x "$RMQ_BIN/$name" ] || continue
	check_about "$page" "$RMQ_BIN/$name"
	check_options "$page" "$RMQ_BIN/$name"
done
exit "$bad"
