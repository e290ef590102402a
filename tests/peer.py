#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The other end in tests: what a program that is not ours, pika, sends, gets and sees.

usage: peer.py COMMAND ...      on the broker of AMQP_URL; 1 and a line on stderr if it fails
  depth QUEUE                            messages that are ready in it
  consumers QUEUE                        how many there are
  await-depth SECS N QUEUE               wait until N messages are ready
  await-consumers SECS N QUEUE           wait until it has N consumers
  declare QUEUE [ARGUMENTS [OPTIONS]]    durable, unless OPTIONS say {"durable": false}
  exchange NAME TYPE [OPTIONS]           transient, unless OPTIONS say {"durable": true}
  bind QUEUE EXCHANGE KEY [ARGUMENTS]
  drop QUEUE...                          delete queues, as far as they exist
  drop-exchange NAME...                  the same for exchanges
  publish EXCHANGE KEY BODY [PROPERTIES] confirmed; a BODY of - is standard input
  get QUEUE [N]                          print N bodies, a line each, and acknowledge them
  get-json QUEUE [N]                     the same with all properties, an object a line
  refuse QUEUE DEAD                      give its message back until it is in the queue DEAD, and
                                         print how often it came
  subscribe EXCHANGE TYPE N KEY...       print " [*] Waiting", then N times KEY:BODY; a KEY that
                                         begins with { is the arguments of the binding
ARGUMENTS, OPTIONS and PROPERTIES are JSON objects.
"""

import base64
import datetime
import json
import logging
import os
import sys
import time

import pika

TIMEOUT = 30


def passive(channel, queue):
    return channel.queue_declare(queue, passive=True).method


def depth(channel, queue):
    print(passive(channel, queue).message_count)


def consumers(channel, queue):
    print(passive(channel, queue).consumer_count)


def await_count(channel, name, secs, count, queue):
    end = time.monotonic() + float(secs)
    while True:
        seen = getattr(passive(channel, queue), name)
        if seen == int(count):
            return
        if time.monotonic() > end:
            sys.exit(f"peer: {queue}: {name} is {seen} after {secs} s, not {count}")
        time.sleep(0.05)


def await_depth(channel, *words):
    await_count(channel, "message_count", *words)


def await_consumers(channel, *words):
    await_count(channel, "consumer_count", *words)


def declare(channel, queue, arguments="{}", options="{}"):
    options = {"durable": True, **json.loads(options)}
    channel.queue_declare(queue, arguments=json.loads(arguments), **options)


def exchange(channel, name, kind, options="{}"):
    channel.exchange_declare(name, kind, **json.loads(options))


def bind(channel, queue, name, key, arguments="{}"):
    channel.queue_bind(queue, name, key, arguments=json.loads(arguments))


def drop(channel, *queues):
    for queue in queues:
        channel.queue_delete(queue)


def drop_exchange(channel, *names):
    for name in names:
        channel.exchange_delete(name)


def publish(channel, name, key, body, properties="{}"):
    body = sys.stdin.buffer.read() if body == "-" else os.fsencode(body)
    channel.confirm_delivery()
    channel.basic_publish(name, key, body, pika.BasicProperties(**json.loads(properties)), mandatory=True)


def take(channel, queue, count):
    """Yield messages, and acknowledge each when the next is asked for."""
    end = time.monotonic() + TIMEOUT
    taken = 0
    while taken < count:
        method, properties, body = channel.basic_get(queue)
        if method:
            yield method, properties, body
            channel.basic_ack(method.delivery_tag)
            taken += 1
        elif time.monotonic() > end:
            sys.exit(f"peer: {queue}: {taken} messages in {TIMEOUT} s, not {count}")
        else:
            time.sleep(0.05)


def get(channel, queue, count="1"):
    for _, _, body in take(channel, queue, int(count)):
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.flush()


def refuse(channel, queue, dead):
    times = 0
    for method, _, _ in channel.consume(queue, inactivity_timeout=0.1):
        if method:
            times += 1
            channel.basic_reject(method.delivery_tag, requeue=True)
        elif passive(channel, dead).message_count:
            break
    channel.cancel()
    print(times)


def plain(value):
    """What JSON lacks, as text: bytes in base64, times in ISO 8601 and UTC, whether pika names the zone or not."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return str(value)


def get_json(channel, queue, count="1"):
    for method, properties, body in take(channel, queue, int(count)):
        present = {k: v for k, v in vars(properties).items() if v is not None}
        try:
            text = {"body": body.decode()}
        except UnicodeDecodeError:
            text = {"base64": base64.b64encode(body).decode()}
        print(json.dumps({**text, **present, "exchange": method.exchange, "routing_key": method.routing_key,
                          "redelivered": method.redelivered}, default=plain, sort_keys=True), flush=True)


def subscribe(channel, name, kind, count, *keys):
    channel.exchange_declare(name, kind)
    queue = channel.queue_declare("", exclusive=True).method.queue
    for key in keys:
        table = key.startswith("{")
        channel.queue_bind(queue, name, "" if table else key, arguments=json.loads(key) if table else None)
    print(" [*] Waiting", flush=True)
    for method, _, body in take(channel, queue, int(count)):
        sys.stdout.buffer.write(os.fsencode(method.routing_key) + b":" + body + b"\n")
        sys.stdout.flush()


COMMANDS = {f.__name__.replace("_", "-"): f for f in (
    depth, consumers, await_depth, await_consumers, declare, exchange, bind, drop, drop_exchange,
    publish, get, get_json, refuse, subscribe)}


def main():
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if not command:
        sys.exit(__doc__)
    logging.disable()
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    command(connection.channel(), *sys.argv[2:])
    connection.close()


try:
    main()
except (pika.exceptions.AMQPError, OSError) as error:
    sys.exit(f"peer: {' '.join(sys.argv[1:3])}: {error!r}")
