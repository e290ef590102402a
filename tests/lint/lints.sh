#!/bin/sh
# SPDX-License-Identifier: MIT
# The lints find what they are for.

here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT
bad=0

# finds LINT WORD [ARGUMENT...]: it fails, and says this.
finds() {
	lint=$1 word=$2
	shift 2
	if sh "$here/$lint" "$@" >"$tmp/said" 2>&1 || ! grep -q "$word" "$tmp/said"; then
		echo "$lint does not find: $word" >&2
		cat "$tmp/said" >&2
		bad=1
	fi
}

plant() { # FILE LINE
	rm -rf "${tmp:?}/cmd" "${tmp:?}/lib"
	mkdir -p "$tmp/cmd/tool" "$tmp/cmd/odd" "$tmp/lib/base"
	printf '/* SPDX-License-Identifier: MIT */\n' | tee "$tmp/cmd/tool/tool.h" >"$tmp/lib/base/error.h"
	printf '/* SPDX-License-Identifier: MIT */\n%s\n' "$2" >"$tmp/$1"
}

plant cmd/tool/good.c '#include "tool/tool.h"'
sh "$here/rooms.sh" "$tmp" || bad=1
plant cmd/tool/a.c '#include "broker/loop.h"'
finds rooms.sh 'a.c:2: includes broker/loop.h, which is not below cmd/tool' "$tmp"
plant cmd/tool/a.c '#include "base/error.h"'
finds rooms.sh 'a.c:2: includes base/error.h' "$tmp"
plant cmd/odd/a.c '#include "tool/tool.h"'
finds rooms.sh 'a room that the table of this lint does not have' "$tmp"
plant lib/base/a.c '#include "session/session.h"'
finds rooms.sh 'which is not below lib/base' "$tmp"
plant cmd/tool/a.c '#include <amqp.h>'
finds rooms.sh 'cmd/ includes amqp.h' "$tmp"
plant lib/base/a.c '	printf("x");'
finds rooms.sh 'lib/ prints' "$tmp"

cd "$tmp" || exit
echo 'int g(void); int f(void); int f(void) { return g(); }' >f.c
echo 'int g(void); int h(void); int g(void) { return h(); }' >g.c
echo 'int f(void); int h(void); int h(void) { return f(); }' >h.c
cc -c f.c g.c h.c && ar rc libloop.a f.o g.o h.o && ar rc libline.a f.o g.o || exit
finds circles.sh 'loop.a/h.o' libloop.a
sh "$here/circles.sh" libline.a || bad=1
exit "$bad"
