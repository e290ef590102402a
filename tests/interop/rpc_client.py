#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rpc_client.py N...: asks rpc_queue for Fibonacci numbers; replies come to an exclusive queue."""

import sys
import uuid

import pika
from common import connect, say


def call(n):
    wanted = str(uuid.uuid4())
    channel.basic_publish(exchange="", routing_key="rpc_queue", body=str(n),
                          properties=pika.BasicProperties(reply_to=callbacks, correlation_id=wanted))
    for _, properties, body in channel.consume(callbacks, auto_ack=True, inactivity_timeout=10):
        if properties is None:
            sys.exit("no reply")
        if properties.correlation_id == wanted:
            return int(body)


connection = connect()
channel = connection.channel()
callbacks = channel.queue_declare(queue="", exclusive=True).method.queue
for word in sys.argv[1:]:
    say(f" [x] Requesting fib({word})")
    say(f" [.] Got {call(int(word))}")
connection.close()
