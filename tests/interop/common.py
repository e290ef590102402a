# SPDX-License-Identifier: MIT
"""What the programs beside this file share: a connection to AMQP_URL, and bytes out without a delay."""

import json
import os
import sys

import pika

EXCHANGES = {"fanout": "logs", "direct": "direct_logs", "topic": "topic_logs", "headers": "headers_logs"}


def connect():
    return pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))


def say(line):
    sys.stdout.buffer.write((line if isinstance(line, bytes) else os.fsencode(line)) + b"\n")
    sys.stdout.flush()


def exchange(channel, kind):
    """Declared as the tutorials do."""
    channel.exchange_declare(exchange=EXCHANGES[kind], exchange_type=kind)
    return EXCHANGES[kind]


def route(kind, words):
    """What a message or a binding is routed by: the key, the headers, and the words that are left."""
    if kind == "fanout":
        return "", None, words
    if kind == "headers":
        return "", json.loads(words[0]), words[1:]
    return words[0], None, words[1:]


def words(arguments):
    return b" ".join(os.fsencode(a) for a in arguments)
