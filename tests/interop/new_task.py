#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""new_task.py WORD...: a persistent message to task_queue."""

import sys

import pika
from common import connect, words

connection = connect()
channel = connection.channel()
channel.queue_declare(queue="task_queue", durable=True)
channel.basic_publish(exchange="", routing_key="task_queue", body=words(sys.argv[1:]),
                      properties=pika.BasicProperties(delivery_mode=2))
connection.close()
