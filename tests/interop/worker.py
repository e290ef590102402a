#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""worker.py N: N tasks of task_queue one after the other, a second for each dot, acknowledged when done."""

import sys
import time

from common import connect, say


def work(channel, method, properties, body):
    global left
    say(b" [x] Received " + body + b" mode %d" % (properties.delivery_mode or 0))
    time.sleep(body.count(b"."))
    say(" [x] Done")
    channel.basic_ack(delivery_tag=method.delivery_tag)
    left -= 1
    if left == 0:
        channel.stop_consuming()


left = int(sys.argv[1])
connection = connect()
channel = connection.channel()
channel.queue_declare(queue="task_queue", durable=True)
channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue="task_queue", on_message_callback=work)
say(" [*] Waiting for messages. To exit press CTRL+C")
channel.start_consuming()
connection.close()
