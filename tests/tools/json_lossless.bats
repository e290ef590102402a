# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# receive -J | send -J: the bytes of properties and bodies at the broker stay as they are, for a message
# of each kind. RabbitMQ before 4.0 passes bytes on; later ones write them anew, so what is compared
# has been through the broker once.

bats_require_minimum_version 1.5.0
load ../broker

setup() { cd "$BATS_TEST_TMPDIR" || return; }
setup_file() { new_vhost; }

corpus() { "$tests/frames.py" corpus "$1"; }
bytes() { "$tests/frames.py" get "$1"; }

@test "every property, every type, names and bodies of any bytes" {
	corpus original
	bytes original >expected
	[ "$(wc -l <expected)" -gt 150 ]
	corpus from
	declare_queue to
	receive -q from --until-empty -J | send -q to -J
	bytes to >got
	cmp expected got
}

@test "through files" {
	corpus from
	declare_queue to
	bytes_of_file=$(receive -q from --output-dir files --until-empty -J && cat files/* | wc -c)
	cat files/* | send -q to -J
	[ "$bytes_of_file" -gt 800000 ]
	bytes to | cmp - <(corpus again && bytes again)
}

@test "what one look shows is what another one shows" {
	corpus looked
	receive -q looked --peek -J | sed 's/"redelivered":[a-z]*//' >first
	[ -s first ]
	receive -q looked --peek -J | sed 's/"redelivered":[a-z]*//' | cmp - first
}
