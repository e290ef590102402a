#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""receive_logs.py TYPE N [KEY... | ARGUMENTS-AS-JSON]: N messages of the tutorials' exchange of this type."""

import json
import sys

from common import connect, exchange, route, say

kind, left, rest = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
connection = connect()
channel = connection.channel()
logs = exchange(channel, kind)
queue = channel.queue_declare(queue="", exclusive=True).method.queue
for word in rest or [""]:
    key, arguments, _ = route(kind, [word])
    channel.queue_bind(exchange=logs, queue=queue, routing_key=key, arguments=arguments)
say(" [*] Waiting for logs. To exit press CTRL+C")
for method, properties, body in channel.consume(queue, auto_ack=True):
    if kind == "headers":
        say(json.dumps(properties.headers, sort_keys=True).encode() + b" " + body)
    elif kind == "fanout":
        say(body)
    else:
        say(method.routing_key.encode() + b":" + body)
    left -= 1
    if left == 0:
        break
connection.close()
