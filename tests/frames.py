#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Messages as bytes: what a client library would encode or decode goes over the wire as it is.

usage: frames.py COMMAND ...    on the broker of AMQP_URL, without TLS; 1 and a line on stderr if it fails
  corpus QUEUE         publish a message of each kind to a durable queue, which is declared
  deep QUEUE LEVELS    publish one whose headers are nested as deep, with the body "deep"
  get QUEUE            acknowledge all its messages and print for each: PROPERTIES BODY, in hexadecimal
"""

import os
import socket
import struct
import sys
import urllib.parse

FRAME_MAX = 131072


def short(data):
    data = data.encode() if isinstance(data, str) else data
    return bytes([len(data)]) + data


def long(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def table(*entries):
    return long(b"".join(short(name) + value for name, value in entries))


def text(data):
    return b"S" + long(data)


def headers(*entries):
    """Properties with headers alone."""
    return struct.pack(">H", 1 << 13) + table(*entries)


# A type's letter, how it is packed, values at its limits. Brokers refuse what Erlang has no float for: NaN, infinity.
FIXED = {
    b"t": ("B", (0, 1)), b"b": ("b", (-128, 0, 127)), b"B": ("B", (0, 255)),
    b"s": ("h", (-32768, 32767)), b"u": ("H", (0, 65535)),
    b"I": ("i", (-2**31, 2**31 - 1)), b"i": ("I", (0, 2**32 - 1)),
    b"l": ("q", (-2**63, -1, 0, 2**53 + 1, 2**63 - 1)), b"L": ("Q", (0, 2**63 - 1, 2**63, 2**64 - 1)),
    b"f": ("f", (0.0, -0.0, 0.1, 1e-45, 3.4e38)),
    b"d": ("d", (0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, 1e22)),
    b"T": ("Q", (0, 1795417200, 2**63 - 1)),
}


def values():
    for letter, (code, several) in FIXED.items():
        for value in several:
            yield letter + struct.pack(">" + code, value)
    for scale, value in ((0, 0), (2, 314), (255, 2**32 - 1)):
        yield b"D" + struct.pack(">BI", scale, value)
    strings = (b"", b"text", b"\0", b"a\0b\n\"\\/", "h\u00e9llo \u2028 \U0001f600 \x7f\u009b".encode(),
               b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"x" * 5000)
    for value in strings:
        yield b"S" + long(value)
        yield b"x" + long(value)
    yield b"V"
    yield b"F" + table()
    yield b"F" + table(("a", b"V"), ("b", b"F" + table(("c", text("d")))))
    yield b"A" + long(b"")
    yield b"A" + long(b"V" + text("x") + b"l" + bytes(8) + b"A" + long(b"t\1") + b"F" + table(("k", b"V")))


NAMES = (b"", b"$", b"$int8", b"$table", b"$binary", b"n" * 255, b"\xff", b"a\0b", "\u00e4".encode(), b"a\"b\\c\n")

PROPERTIES = (  # in the order of their flags, from the highest
    short("text/plain"), short("gzip"), table(("h", text("v"))), b"\2", b"\xff", short(b"c\xff\0"), short("r" * 255),
    short("3600000"), short("m"), struct.pack(">Q", 1795417200), short("t"), short("guest"), short("a"), short("cl"))


def nested(levels):
    value = b"V"
    for _ in range(levels):
        value = b"F" + table(("n", value))
    return headers(("n", value))


def corpus():
    for value in values():
        yield headers(("v", value)), b"value"
        yield headers(("t", b"F" + table(("v", value))), ("a", b"A" + long(value + value))), b"inside"
    for name in NAMES:
        yield headers((name, text("v"))), b"name"
        yield headers(("t", b"F" + table((name, text("v")))), ("z", b"V")), b"name inside"
    yield headers(*((name, b"V") for name in NAMES)), b"names"
    yield headers(("same", text("1")), ("other", b"V"), ("same", text("2"))), b"same name"
    yield headers(*((f"k{i}", b"l" + struct.pack(">q", i)) for i in range(1000))), b"many"
    yield nested(30), b"deep"
    yield bytes(2), b"no properties"
    yield headers(), b"no headers"
    for i, value in enumerate(PROPERTIES):
        yield struct.pack(">H", 1 << (15 - i)) + value, b"property %d" % i
    yield struct.pack(">H", 0xfffc) + b"".join(PROPERTIES), b"all"
    yield struct.pack(">H", 1 << 12) + b"\1", b"transient"
    for body in (b"", b"\0", b"\xff\n\r\n", b"\"\\/\b\f\t", "\u2028\u00e9".encode(), bytes(range(256)) * 1200,
                 b"x" * 300000, b'{"payload":"not this"}'):
        yield bytes(2), body


class Connection:
    """One channel, and whole frames."""

    def __init__(self, url):
        url = urllib.parse.urlsplit(url)
        vhost = urllib.parse.unquote(url.path[1:]) or "/"
        self.socket = socket.create_connection((url.hostname, url.port or 5672), timeout=30)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(b"AMQP\0\0\x09\1")
        self.expect(10, 10)
        login = b"\0" + urllib.parse.unquote(url.username or "guest").encode()
        login += b"\0" + urllib.parse.unquote(url.password or "guest").encode()
        self.method(10, 11, table() + short("PLAIN") + long(login) + short("en_US"), 0)
        self.expect(10, 30)
        self.method(10, 31, struct.pack(">HIH", 1, FRAME_MAX, 0), 0)
        self.method(10, 40, short(vhost) + short("") + b"\0", 0)
        self.expect(10, 41)
        self.method(20, 10, short(""))
        self.expect(20, 11)

    def frame(self, kind, payload, channel=1):
        self.socket.sendall(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

    def method(self, class_id, method_id, arguments, channel=1):
        self.frame(1, struct.pack(">HH", class_id, method_id) + arguments, channel)

    def read(self):
        while True:
            kind, _, size = struct.unpack(">BHI", self.file.read(7))
            payload = self.file.read(size + 1)[:-1]
            if kind != 8:
                return kind, payload

    def expect(self, *allowed):
        """The arguments of a method; one of several if class and method numbers alternate."""
        kind, payload = self.read()
        got = struct.unpack(">HH", payload[:4])
        if kind != 1 or got not in [allowed[i:i + 2] for i in range(0, len(allowed), 2)]:
            sys.exit(f"frames: not what was expected: {payload!r}")
        return got, payload[4:]

    def publish(self, queue, properties, body):
        self.method(60, 40, b"\0\0" + short("") + short(queue) + b"\1")
        self.frame(2, struct.pack(">HHQ", 60, 0, len(body)) + properties)
        for i in range(0, len(body), FRAME_MAX - 8):
            self.frame(3, body[i:i + FRAME_MAX - 8])
        self.expect(60, 80)

    def get(self, queue):
        self.method(60, 70, b"\0\0" + short(queue) + b"\1")
        got, _ = self.expect(60, 71, 60, 72)
        if got == (60, 72):
            return None
        _, header = self.read()
        size = struct.unpack(">Q", header[4:12])[0]
        body = b""
        while len(body) < size:
            body += self.read()[1]
        return header[12:], body


def main():
    command, queue, *rest = sys.argv[1:] if len(sys.argv) > 2 else sys.exit(__doc__)
    connection = Connection(os.environ["AMQP_URL"])
    if command == "get":
        while message := connection.get(queue):
            print(message[0].hex(), message[1].hex())
        return
    connection.method(50, 10, b"\0\0" + short(queue) + b"\2" + table())
    connection.expect(50, 11)
    connection.method(85, 10, b"\0")
    connection.expect(85, 11)
    messages = corpus() if command == "corpus" else [(nested(int(rest[0])), b"deep")]
    for properties, body in messages:
        connection.publish(queue, properties, body)


if __name__ == "__main__":
    main()
