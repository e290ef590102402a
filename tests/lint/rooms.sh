#!/bin/sh
# SPDX-License-Identifier: MIT
# The rooms keep to themselves: cmd/ knows no AMQP library, lib/ no user.

bad=0

# refuse WHAT PATTERN FILE...: the pattern must be nowhere outside comments.
refuse() {
	what=$1 pattern=$2
	shift 2
	if grep -nE "$pattern" "$@" /dev/null | grep -vE ':[0-9]+:[[:space:]]*(/\*|\*)'; then
		echo "^ $what" >&2
		bad=1
	fi
}

refuse 'cmd/ includes amqp.h' '#include[[:space:]]*<(rabbitmq-c/)?amqp' cmd/*.[ch]
for header in lib/*.h; do
	name=${header#lib/}
	[ "$name" = rmq.h ] || [ -e "cmd/$name" ] ||
		refuse "cmd/ includes $header" "#include[[:space:]]*[<\"]$name" cmd/*.[ch]
done
refuse 'lib/ prints' '\b(v?f?printf|puts|putchar|fputs|perror|v?warnx?|v?dprintf|syslog)\(|\b(stdout|stderr)\b' lib/*.c
refuse 'lib/ exits' '\b(_?exit|quick_exit|_Exit|v?errx?)\(' lib/*.c
refuse 'lib/ reads the environment' '\b(secure_)?getenv\(|\benviron\b' lib/*.c

for file in lib/*.[ch] cmd/*.[ch]; do
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
if expand -t 8 lib/*.[ch] cmd/*.[ch] bench/*.[ch] | grep -nE '^.{121}'; then
	echo '^ longer than 120 columns' >&2
	bad=1
fi
exit "$bad"
