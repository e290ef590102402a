#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a script with pika does, for bench/run; the broker is the one of AMQP_URL.

usage: pika_peer.py oneshot EXCHANGE KEY BODY
       pika_peer.py lines QUEUE             a message for each line, each confirmed before the next
       pika_peer.py drain QUEUE N           N messages, each acknowledged
"""

import os
import sys

import pika

PERSISTENT = pika.BasicProperties(delivery_mode=2)


def oneshot(channel, exchange, key, body):
    channel.exchange_declare(exchange=exchange, exchange_type="topic")
    channel.confirm_delivery()
    channel.basic_publish(exchange=exchange, routing_key=key, body=body, properties=PERSISTENT)


def lines(channel, queue):
    channel.confirm_delivery()
    for line in sys.stdin.buffer:
        channel.basic_publish(exchange="", routing_key=queue, body=line.rstrip(b"\n"), properties=PERSISTENT)


def drain(channel, queue, count):
    channel.basic_qos(prefetch_count=500)
    for number, (method, _, body) in enumerate(channel.consume(queue), 1):
        sys.stdout.buffer.write(body + b"\n")
        channel.basic_ack(method.delivery_tag)
        if number == int(count):
            break
    sys.stdout.flush()


command, *arguments = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
{"oneshot": oneshot, "lines": lines, "drain": drain}[command](connection.channel(), *arguments)
connection.close()
