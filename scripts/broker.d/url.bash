# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # scripts/broker sets dir, root and patience
# The broker that AMQP_URL names. It is not ours: nothing is started or stopped unless the user gave
# commands for that.

# The first host of the URL and its port, each on a line.
url_endpoint() { # URL
	local authority=${1#*://} port=5672
	case $1 in amqps:*) port=5671 ;; esac
	authority=${authority%%[/?]*}
	authority=${authority##*@}
	authority=${authority%%,*}
	case $authority in
	\[*\]:*) port=${authority##*:} authority=${authority%:*} ;;
	\[*) ;;
	*:*) port=${authority##*:} authority=${authority%:*} ;;
	esac
	authority=${authority#\[}
	printf '%s\n%s\n' "${authority%\]}" "$port"
}

url_await() { # whole seconds
	local endpoint
	[ -n "${AMQP_URL:-}" ] || die 78 "cannot use the broker of AMQP_URL: it is not set"
	mapfile -t endpoint < <(url_endpoint "$AMQP_URL")
	patience=$1 await_answer "${endpoint[@]}" || die 69 "no broker answers at ${endpoint[0]} port ${endpoint[1]}"
}

url_up() {
	url_await "$patience"
}

url_alive() {
	(url_await 0) 2>/dev/null
}

url_url() {
	echo "${AMQP_URL:-}"
}

url_tls_url() {
	[ -n "${BROKER_TLS_URL:-}" ] && echo "$BROKER_TLS_URL"
}

url_can() { # CONTROL
	local command="BROKER_${1^^}"
	[ -n "${!command:-}" ]
}

url_ctl() {
	bash -c "$BROKER_CTL \"\$@\"" broker "$@"
}

url_kill() {
	bash -c "$BROKER_KILL"
}

url_stop() {
	bash -c "$BROKER_STOP"
}

url_start() {
	bash -c "$BROKER_START" && url_await "$patience"
}
