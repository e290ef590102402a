#!/bin/sh
# SPDX-License-Identifier: MIT
# The rooms keep to themselves: cmd/ knows no AMQP library, lib/ no user.

# shellcheck disable=SC2086 # names of files, none with a blank

bad=0
cmd=$(find cmd -name '*.[ch]')
lib=$(find lib -name '*.[ch]')

# refuse WHAT PATTERN FILE...: the pattern must be nowhere outside comments.
refuse() {
	what=$1 pattern=$2
	shift 2
	if grep -nE "$pattern" "$@" /dev/null | grep -vE ':[0-9]+:[[:space:]]*(/\*|\*)'; then
		echo "^ $what" >&2
		bad=1
	fi
}

refuse 'cmd/ includes amqp.h' '#include[[:space:]]*<(rabbitmq-c/)?amqp' $cmd
for header in lib/*.h; do
	name=${header#lib/}
	[ "$name" = rmq.h ] || [ -e "cmd/$name" ] ||
		refuse "cmd/ includes $header" "#include[[:space:]]*[<\"]$name" $cmd
done
refuse 'lib/ prints' '\b(v?f?printf|puts|putchar|fputs|perror|v?warnx?|v?dprintf|syslog)\(|\b(stdout|stderr)\b' $lib
refuse 'lib/ exits' '\b(_?exit|quick_exit|_Exit|v?errx?)\(' $lib
refuse 'lib/ reads the environment' '\b(secure_)?getenv\(|\benviron\b' $lib

for file in $lib $cmd; do
	lines=$(wc -l < "$file")
	if [ "$lines" -gt 500 ]; then
		echo "$file: $lines lines, more than 500" >&2
		bad=1
	fi
	head -n 1 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
		echo "$file: no licence in its first line" >&2
		bad=1
	}
done
if expand -t 8 $lib $cmd bench/*.[ch] | grep -nE '^.{121}'; then
	echo '^ longer than 120 columns' >&2
	bad=1
fi
exit "$bad"
