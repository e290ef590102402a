# SPDX-License-Identifier: MIT
"""For the ledgers: the broker that they kill, and a connection as soon as it is back."""

import os
import time

import pika

BROKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "broker")
PEACE = 120  # seconds in which all must be settled after the last kill


def connect():
    end = time.monotonic() + PEACE
    while True:
        try:
            return pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
        except (pika.exceptions.AMQPError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
