#!/bin/sh
# SPDX-License-Identifier: MIT
# The units that an installation has are what systemd understands.  $RMQ_BIN: the build's.

command -v systemd-analyze > /dev/null || exit 77
tmp=$(mktemp -d) || exit 71
trap 'rm -rf "$tmp"' EXIT

cmake --install "$RMQ_BIN/.." --prefix "$tmp" > "$tmp/log" || { cat "$tmp/log" >&2; exit 1; }
[ -d "$tmp/lib/systemd/system" ] || exit 77
bad=0
for unit in "$tmp"/lib/systemd/system/*@.service; do
	systemd-analyze verify --man=no "${unit%.service}example.service" > "$tmp/said" 2>&1 || bad=1
	# Of what else is installed on this machine it may say something too.
	grep -F "$(basename "$unit" @.service)@" "$tmp/said" >&2 && bad=1
	if grep -n '@[A-Z]*@' "$unit"; then
		echo "$unit: not filled in" >&2
		bad=1
	fi
done
[ "$bad" -eq 0 ] || cat "$tmp/said" >&2
exit "$bad"
