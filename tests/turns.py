#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Between clients and the broker of AMQP_URL: who speaks when. One round trip is one turn of the client.

usage: turns.py [PORT [ANSWER]]    prints its port, then for each turn of a client: CONNECTION BYTES
ANSWER is what clients get instead of the broker: any text, which is said once and then the connection is closed
"""

import os
import select
import socket
import sys
import urllib.parse


class Stranger:
    """Says its line to whoever speaks, and hangs up."""

    def __init__(self, client, text):
        client.recv(1, socket.MSG_PEEK)
        self.end, self.other = socket.socketpair()
        self.other.sendall(text.encode())
        self.other.shutdown(socket.SHUT_WR)


def to_broker():
    url = urllib.parse.urlsplit(os.environ["AMQP_URL"])
    return socket.create_connection((url.hostname, url.port or 5672))


def tell(number, turn):
    if turn:
        print(number, turn.decode("latin-1").encode("unicode_escape").decode(), flush=True)


def relay(number, client, broker):
    turn = b""
    while True:
        for source in select.select([client, broker], [], [])[0]:
            try:
                data = source.recv(65536)
            except ConnectionResetError:
                data = b""
            if source is broker or not data:
                tell(number, turn)
                turn = b""
            if not data:
                return
            if source is client:
                turn += data
            try:
                (client if source is broker else broker).sendall(data)
            except OSError:
                pass


listener = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
print(listener.getsockname()[1], flush=True)
number = 0
while True:
    client, _ = listener.accept()
    number += 1
    stranger = Stranger(client, sys.argv[2]) if len(sys.argv) > 2 else None
    broker = stranger.end if stranger else to_broker()
    relay(number, client, broker)
    client.close()
    broker.close()
