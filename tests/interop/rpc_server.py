#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rpc_server.py N [QUEUE-ARGUMENTS-AS-JSON]: N requests of rpc_queue, each answered with its Fibonacci number."""

import json
import sys

import pika
from common import connect, say


def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def answer(channel, method, properties, body):
    global left
    say(b" [.] fib(" + body + b")")
    channel.basic_publish(exchange="", routing_key=properties.reply_to, body=str(fib(int(body))),
                          properties=pika.BasicProperties(correlation_id=properties.correlation_id))
    channel.basic_ack(delivery_tag=method.delivery_tag)
    left -= 1
    if left == 0:
        channel.stop_consuming()


left = int(sys.argv[1])
connection = connect()
channel = connection.channel()
channel.queue_declare(queue="rpc_queue", durable=True, arguments=json.loads((sys.argv[2:] or ["{}"])[0]))
channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue="rpc_queue", on_message_callback=answer)
say(" [x] Awaiting RPC requests")
channel.start_consuming()
connection.close()
