#!/bin/sh
# SPDX-License-Identifier: MIT
# All that a shell reads is clean for shellcheck.

command -v shellcheck > /dev/null || exit 77
is_shell() { head -n 1 "$1" | grep -qE '^#!.*\b(sh|bash)\b'; }

set --
for file in scripts/* scripts/*.d/* tests/*.bash tests/*.sh tests/*/*.bash tests/*/*.sh bench/* packaging/* .ci/*; do
	[ -f "$file" ] || continue
	case $file in
	*.sh | *.bash) set -- "$@" "$file" ;;
	*) is_shell "$file" && set -- "$@" "$file" ;;
	esac
done
bad=0
shellcheck --external-sources "$@" || bad=1
shellcheck --shell=bash completions/*.bash.in || bad=1

# A file of bats has variables from what it loads, and conditions that are evaluated later.
set -- tests/*/*.bats
[ -f "$1" ] && { shellcheck --exclude=SC2154,SC2016 "$@" || bad=1; }
exit "$bad"
