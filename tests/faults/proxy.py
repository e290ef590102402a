#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Between clients and the broker of AMQP_URL; stopped by SIGSTOP it is a network that went away.

usage: proxy.py                 one connection, and no other one after it
       proxy.py --idle SECS     a load balancer: cuts every connection on which no byte went for this time
       proxy.py --silence CLASS.METHOD[@N]  of each connection: nothing of the channel on which the broker says this,
                                from the first or N-th time on
Prints its port.
"""

import os
import socket
import struct
import sys
import threading
import time
import urllib.parse

METHOD, HEARTBEAT = 1, 8


class Connection:
    def __init__(self, client, broker, answers):
        self.ends = client, broker
        self.heard = time.monotonic()
        self.answers = answers

    def start(self):
        client, broker = self.ends
        threading.Thread(target=self.copy, args=(broker, client, self.answers), daemon=True).start()
        threading.Thread(target=self.copy, args=(client, broker, lambda data: data), daemon=True).start()

    def copy(self, source, target, keep):
        try:
            while data := source.recv(65536):
                self.heard = time.monotonic()
                target.sendall(keep(data))
            target.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()

    def cut(self):
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def watch(self, idle):
        while (left := self.heard + idle - time.monotonic()) > 0:
            time.sleep(left)
        self.cut()


class Silence:
    """Of the frames of the broker all before the n-th of one method, and then none of its channel."""

    def __init__(self, text):
        method, _, number = text.partition("@")
        self.method = tuple(int(part) for part in method.split("."))
        self.left = int(number or 1)
        self.channel = None
        self.rest = b""

    def __call__(self, data):
        passed = b""
        self.rest += data
        while (size := self.size()) <= len(self.rest):
            if not self.keeps(self.rest[:size]):
                passed += self.rest[:size]
            self.rest = self.rest[size:]
        return passed

    def size(self):
        return 8 + struct.unpack_from(">I", self.rest, 3)[0] if len(self.rest) >= 7 else 8

    def keeps(self, frame):
        kind, channel = struct.unpack_from(">BH", frame)
        if kind == METHOD and struct.unpack_from(">HH", frame, 7) == self.method:
            self.left -= 1
            if self.left == 0:
                self.channel = channel
        return kind != HEARTBEAT and channel == self.channel


def connect(client, answers):
    url = urllib.parse.urlsplit(os.environ["AMQP_URL"])
    connection = Connection(client, socket.create_connection((url.hostname, url.port or 5672)), answers)
    connection.start()
    return connection


how, value = (sys.argv[1:] + [None, None])[:2]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
if how is None:
    client, _ = listener.accept()
    listener.close()
    connect(client, lambda data: data)
    threading.Event().wait()
while True:
    client, _ = listener.accept()
    connection = connect(client, Silence(value) if how == "--silence" else lambda data: data)
    if how == "--idle":
        threading.Thread(target=connection.watch, args=(float(value),), daemon=True).start()
