# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # scripts/broker sets dir, root and patience
# A broker in a container, by docker-compose.yml of this project.

docker_image=rabbitmq:${RABBITMQ_TAG:-4-management}

# Version 2 is a plugin of docker, version 1 a program of its own; both read our file.
docker_compose() {
	local -a files=(-f "$root/docker-compose.yml")
	[ ! -d "$dir/tls" ] || files+=(-f "$root/docker-compose.tls.yml")
	# shellcheck source=/dev/null
	. "$dir/docker.env"
	if docker compose version >/dev/null 2>&1; then
		docker compose -p "$project" "${files[@]}" "$@" </dev/null 9>&-
	else
		docker-compose -p "$project" "${files[@]}" "$@" </dev/null 9>&-
	fi
}

# Is there an engine, on this very machine, with the image? An engine elsewhere would publish its
# ports on a loopback that is not ours.
docker_usable() {
	command -v docker >/dev/null || return 1
	case ${DOCKER_HOST:-$(timeout 10 docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)} in
	unix://*) ;;
	*) return 1 ;;
	esac
	timeout 10 docker info >/dev/null 2>&1 || return 1
	docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || return 1
	docker image inspect "$docker_image" >/dev/null 2>&1 && return
	echo "broker: pulling $docker_image" >&2
	timeout 600 docker pull -q "$docker_image" >/dev/null 2>&1
}

docker_up() {
	local port
	port=$(free_port) || return
	{
		echo "export RABBITMQ_PORT=$port RABBITMQ_TLS_PORT=$((port + 5000)) RABBITMQ_MGMT_PORT=$((port + 10000))"
		echo "export RABBITMQ_TAG=${RABBITMQ_TAG:-4-management} RABBITMQ_TLS_DIR=$dir/tls"
		echo "project=rmq-tools-$port port=$port"
	} >"$dir/docker.env"
	echo "broker: starting a container of $docker_image" >&2
	if ! docker_compose up -d >"$dir/log" 2>&1; then
		cat "$dir/log" >&2
		die 69 "cannot start the container (BROKER_BACKEND=private uses the installed rabbitmq-server)"
	fi
	docker_compose ps -q rabbitmq >"$dir/container" 2>/dev/null
	echo "amqp://guest:guest@127.0.0.1:$port" >"$dir/url"
	docker_await
}

docker_await() {
	local port
	# shellcheck source=/dev/null
	. "$dir/docker.env"
	await_answer 127.0.0.1 "$port" docker_alive &&
		{ [ ! -d "$dir/tls" ] || await_answer 127.0.0.1 $((port + 5000)) docker_alive; } && return
	docker logs --tail 20 "$(<"$dir/container")" >&2
	die 69 "the broker in the container does not answer (BROKER_BACKEND=private uses the installed rabbitmq-server)"
}

docker_alive() {
	[ "$(docker inspect -f '{{.State.Running}}' "$(<"$dir/container")" 2>/dev/null)" = true ]
}

docker_url() {
	cat "$dir/url"
}

docker_tls_url() {
	local port
	[ -d "$dir/tls" ] || return
	# shellcheck source=/dev/null
	. "$dir/docker.env"
	echo "amqps://guest:guest@localhost:$((port + 5000))"
}

docker_can() {
	:
}

# Never as root: a root's rabbitmqctl that runs before the broker has made its cookie makes one that
# the broker cannot read.
docker_ctl() {
	docker exec -u rabbitmq "$(<"$dir/container")" rabbitmqctl -s "$@" </dev/null
}

docker_kill() {
	docker kill "$(<"$dir/container")" >/dev/null
}

docker_stop() {
	docker stop -t 30 "$(<"$dir/container")" >/dev/null
}

docker_start() {
	docker start "$(<"$dir/container")" >/dev/null && docker_await
}

# The data is in a volume without a name: a later broker, perhaps of another version, must not get it.
docker_down() {
	docker_compose down -v -t 0 >/dev/null 2>&1
}
