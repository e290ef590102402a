# SPDX-License-Identifier: MIT
"""What a broker says, as bytes: every frame can be made, also those that no broker has a reason to send."""

import struct

from frames import long, short

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
CHANNEL = 1

START, START_OK, SECURE, TUNE, TUNE_OK = (10, 10), (10, 11), (10, 20), (10, 30), (10, 31)
OPEN, OPEN_OK, REDIRECT, CLOSE, CLOSE_OK = (10, 40), (10, 41), (10, 42), (10, 50), (10, 51)
BLOCKED, UNBLOCKED, UPDATE_SECRET = (10, 60), (10, 61), (10, 70)
CHANNEL_OPEN, CHANNEL_OPEN_OK, FLOW = (20, 10), (20, 11), (20, 20)
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20, 40), (20, 41)
EXCHANGE_DECLARE, EXCHANGE_DECLARE_OK = (40, 10), (40, 11)
DECLARE, DECLARE_OK, BIND, BIND_OK, PURGE, PURGE_OK = (50, 10), (50, 11), (50, 20), (50, 21), (50, 30), (50, 31)
DELETE, DELETE_OK = (50, 40), (50, 41)
QOS, QOS_OK, CONSUME, CONSUME_OK, CANCEL, CANCEL_OK = (60, 10), (60, 11), (60, 20), (60, 21), (60, 30), (60, 31)
PUBLISH, RETURN, DELIVER, GET_OK, ACK, NACK = (60, 40), (60, 50), (60, 60), (60, 71), (60, 80), (60, 120)
SELECT, SELECT_OK = (85, 10), (85, 11)

# What drives a terminal, is no character, or turns the text around.
NASTY = b"\x1b]0;own\x07\x1b[31m\r\n\x9b2J\xff\xfe\xc2\x9b\xe2\x80\xae\xd8\x9c"


def frame(kind, channel, payload, end=b"\xce"):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def announce(size, kind=METHOD, channel=0):
    """The beginning of a frame, and nothing behind it."""
    return struct.pack(">BHI", kind, channel, size)


def method(id, arguments=b"", channel=CHANNEL):
    return frame(METHOD, channel, struct.pack(">HH", *id) + arguments)


BEAT = frame(HEARTBEAT, 0, b"")


def start(mechanisms="PLAIN AMQPLAIN", properties=b"\x07versionS" + long("4.0.5"), version=(0, 9), channel=0):
    return method(START, bytes(version) + long(properties) + long(mechanisms) + long("en_US"), channel)


def tune(channels=2047, frame_max=131072, heartbeat=60):
    return method(TUNE, struct.pack(">HIH", channels, frame_max, heartbeat), 0)


def open_ok():
    return method(OPEN_OK, short(""), 0)


def close(code=320, text="CONNECTION_FORCED - bye", over=(0, 0)):
    return method(CLOSE, struct.pack(">H", code) + short(text) + struct.pack(">HH", *over), 0)


def channel_close(code, text, over=(0, 0)):
    return method(CHANNEL_CLOSE, struct.pack(">H", code) + short(text) + struct.pack(">HH", *over))


def blocked(reason="low on memory"):
    return method(BLOCKED, short(reason), 0)


def unblocked():
    return method(UNBLOCKED, b"", 0)


def flow(active):
    return method(FLOW, bytes([active]))


def declare_ok(name, messages=0, consumers=0):
    return method(DECLARE_OK, short(name) + struct.pack(">II", messages, consumers))


def header(size, properties=b"\0\0", class_id=60):
    return frame(HEADER, CHANNEL, struct.pack(">HHQ", class_id, 0, size) + properties)


def body(data):
    return frame(BODY, CHANNEL, data)


def deliver(tag=1, consumer="c0", redelivered=0):
    return method(DELIVER, short(consumer) + struct.pack(">QB", tag, redelivered) + short("x") + short("k"))


def message(tag, data, properties=b"\0\0", consumer="c0"):
    return deliver(tag, consumer) + header(len(data), properties) + (body(data) if data else b"")


def cancel(consumer):
    return method(CANCEL, short(consumer) + b"\1")


def ack(tag, multiple=0, channel=CHANNEL):
    return method(ACK, struct.pack(">QB", tag, multiple), channel)


def nack(tag, multiple=0):
    return method(NACK, struct.pack(">QB", tag, multiple))


def returned(data, key="q", code=312, text="NO_ROUTE", size=None):
    arguments = struct.pack(">H", code) + short(text) + short("") + short(key)
    return method(RETURN, arguments) + header(len(data) if size is None else size) + body(data)


def nest(levels):
    """Entries of a table that holds a table, and so on."""
    entries = b""
    for _ in range(levels):
        entries = b"\1nF" + long(entries)
    return entries
