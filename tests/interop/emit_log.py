#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""emit_log.py TYPE [KEY | HEADERS-AS-JSON] WORD...: a message to the tutorials' exchange of this type."""

import sys

import pika
from common import connect, exchange, route, words

kind = sys.argv[1]
key, headers, rest = route(kind, sys.argv[2:])
connection = connect()
channel = connection.channel()
channel.basic_publish(exchange=exchange(channel, kind), routing_key=key, body=words(rest),
                      properties=pika.BasicProperties(headers=headers))
connection.close()
