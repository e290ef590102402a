#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""send.py QUEUE WORD...: a message to a durable queue."""

import sys

from common import connect, words

connection = connect()
channel = connection.channel()
channel.queue_declare(queue=sys.argv[1], durable=True)
channel.basic_publish(exchange="", routing_key=sys.argv[1], body=words(sys.argv[2:]))
connection.close()
