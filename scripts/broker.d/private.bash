# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # scripts/broker sets dir, root and patience
# A node of the installed rabbitmq-server, as this user, on loopback alone. Nothing is shared with a
# broker of the system or with another private node: own data, cookie, configuration, epmd, ports.

# Where the server's own scripts are. Debian's in /usr/sbin want root and go to /var/lib/rabbitmq.
private_sbin() {
	local place
	for place in "${RABBITMQ_SBIN:-}" /usr/lib/rabbitmq/bin /opt/rabbitmq/sbin \
		/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin {/opt/homebrew,/usr/local}/opt/rabbitmq/sbin; do
		[ -x "$place/rabbitmq-server" ] && { echo "$place"; return; }
	done
	die 69 "cannot start a private node: no rabbitmq-server is installed (scripts/bootstrap --broker)"
}

private_up() {
	local sbin try port
	sbin=$(private_sbin) || return
	echo "broker: starting a private node of $sbin/rabbitmq-server" >&2
	for try in 1 2 3; do
		port=$(free_port) && private_configure "$port" "$sbin" || return
		private_run && return
		grep -qi 'eaddrinuse\|address already in use' "$dir/log" || break
		[ "$try" -eq 3 ] || private_down
	done
	tail -n 20 "$dir/log" >&2
	die 69 "the private node did not start"
}

private_configure() { # PORT SBIN
	mkdir -p "$dir"/{data,home,conf.d} || return
	rm -f "$dir/log"
	echo '[].' | tee "$dir/advanced.config" >"$dir/enabled_plugins"
	: >"$dir/env.conf"
	private_settings "$1" >"$dir/rabbitmq.conf"
	private_environment "$1" "$2" >"$dir/env"
	[ -z "${BROKER_JOIN:-}" ] || private_join "$1" || return
	echo "$1" >"$dir/port"
	echo "$2" >"$dir/sbin"
	echo "amqp://guest:guest@127.0.0.1:$1" >"$dir/url"
}

private_settings() { # PORT
	echo "listeners.tcp.1 = 127.0.0.1:$1"
	echo "log.console = true"
	echo "log.file = false"
	[ -d "$dir/tls" ] || return 0
	echo "listeners.ssl.1 = 127.0.0.1:$(($1 + 5000))"
	echo "ssl_options.cacertfile = $dir/tls/ca.pem"
	echo "ssl_options.certfile = $dir/tls/server.pem"
	echo "ssl_options.keyfile = $dir/tls/server.key"
	echo "ssl_options.verify = verify_peer"
	echo "ssl_options.fail_if_no_peer_cert = false"
}

# A node that is started for the first time joins the one that is up there. Nodes of a cluster share a cookie and an epmd.
private_join() { # PORT
	local first
	first=$(<"$BROKER_JOIN/port") || return
	cat >>"$dir/rabbitmq.conf" <<-END || return
		cluster_formation.peer_discovery_backend = classic_config
		cluster_formation.classic_config.nodes.1 = rmq$first@127.0.0.1
		cluster_formation.classic_config.nodes.2 = rmq$1@127.0.0.1
	END
	sed -i "s/^ERL_EPMD_PORT=.*/ERL_EPMD_PORT=$((first + 15000))/" "$dir/env"
	cp -p "$BROKER_JOIN/home/.erlang.cookie" "$dir/home/"
}

# The node's whole environment, a variable a line. Each file that is not named here would be read
# from /etc/rabbitmq. The long name with an address works whatever the host is called. A node under
# systemd is the process that we start, not a child of it, and stops in order on SIGTERM.
# -rmq_tools marks the process as ours.
private_environment() { # PORT SBIN
	cat <<-END
		PATH=$2:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
		HOME=$dir/home
		LC_ALL=C.UTF-8
		RABBITMQ_NODENAME=rmq$1@127.0.0.1
		RABBITMQ_USE_LONGNAME=true
		RABBITMQ_CONF_ENV_FILE=$dir/env.conf
		RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
		RABBITMQ_CONFIG_FILES=$dir/conf.d
		RABBITMQ_ADVANCED_CONFIG_FILE=$dir/advanced.config
		RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
		RABBITMQ_MNESIA_BASE=$dir/data
		RABBITMQ_LOG_BASE=$dir
		RABBITMQ_PID_FILE=$dir/data/pid
		RABBITMQ_GENERATED_CONFIG_DIR=$dir/data/config
		RABBITMQ_DIST_PORT=$(($1 + 10000))
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} -rmq_tools $1
		RUNNING_UNDER_SYSTEMD=true
		ERL_EPMD_PORT=$(($1 + 15000))
		ERL_EPMD_ADDRESS=127.0.0.1
		ERL_CRASH_DUMP=/dev/null
	END
}

private_env() { # COMMAND ARG...
	local -a env
	mapfile -t env <"$dir/env"
	cd "$dir" && exec env -i "${env[@]}" "$@"
}

# The node must inherit no descriptor of its caller (a test runner waits until all are closed), and
# it is in a process group of its own, which the terminal's Ctrl-C does not reach.
private_run() {
	(
		set -m
		private_env "$(<"$dir/sbin")/rabbitmq-server" >>"$dir/log" 2>&1 </dev/null \
			3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
		echo $! >"$dir/pid"
	)
	await_answer 127.0.0.1 "$(<"$dir/port")" private_alive || return
	[ ! -d "$dir/tls" ] || await_answer 127.0.0.1 $(($(<"$dir/port") + 5000)) private_alive
}

# A process number may be somebody else's by now, or that of a dead child which nobody has reaped.
# Ours is the node, the script that becomes it, or this very script just before that.
private_alive() {
	local pid command
	pid=$(cat "$dir/pid" 2>/dev/null) || return
	if [ -r "/proc/$pid/cmdline" ]; then
		command=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)
	else
		command=$(ps -o args= -p "$pid" 2>/dev/null)
	fi
	# In the moment of an exec(2) a living process has no command.
	[ -n "$command" ] || { grep -q '^State:.[^Z]' "/proc/$pid/status" 2>/dev/null && return; }
	case $command in *"-rmq_tools "* | *rabbitmq-server* | *"$0 "*) ;; *) return 1 ;; esac
}

private_url() {
	cat "$dir/url"
}

private_tls_url() {
	[ -d "$dir/tls" ] && echo "amqps://guest:guest@localhost:$(($(<"$dir/port") + 5000))"
}

private_can() {
	:
}

private_ctl() {
	(private_env "$(<"$dir/sbin")/rabbitmqctl" -s "$@" </dev/null)
}

private_signal() { # SIGNAL SECONDS: send it, wait for the end, 1 if it does not come
	local end=$((SECONDS + $2))
	private_alive || return 0
	kill -"$1" "$(<"$dir/pid")"
	while private_alive; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

private_kill() {
	private_signal KILL 10
}

private_stop() {
	private_signal TERM 30 || private_kill
}

private_start() {
	private_alive || private_run || { tail -n 20 "$dir/log" >&2; die 69 "the private node did not start again"; }
}

# The data goes, so there is no reason for an orderly stop. The node started an epmd, which stays
# until it is told to go and refuses while it knows a node.
private_down() {
	local try
	private_kill
	for try in {1..40}; do
		listens $(($(<"$dir/port") + 15000)) || break
		(private_env epmd -kill) >/dev/null 2>&1 || sleep 0.05
	done
	rm -rf "${dir:?}"/{data,home,conf.d}
}
