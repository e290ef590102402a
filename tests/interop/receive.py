#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""receive.py QUEUE N: the bodies of N messages of a durable queue, a line each."""

import sys

from common import connect, say

left = int(sys.argv[2])
connection = connect()
channel = connection.channel()
channel.queue_declare(queue=sys.argv[1], durable=True)
for _, _, body in channel.consume(sys.argv[1], auto_ack=True):
    say(body)
    left -= 1
    if left == 0:
        break
connection.close()
