# SPDX-License-Identifier: MIT
"""A broker that a scene writes: it answers as an honest one does until the scene says something else."""

import socket
import ssl
import struct
import threading
import time

import wire
from frames import long, short

HONEST = {
    wire.CHANNEL_OPEN: (wire.CHANNEL_OPEN_OK, long("")), wire.CHANNEL_CLOSE: (wire.CHANNEL_CLOSE_OK, b""),
    wire.SELECT: (wire.SELECT_OK, b""), wire.EXCHANGE_DECLARE: (wire.EXCHANGE_DECLARE_OK, b""),
    wire.BIND: (wire.BIND_OK, b""), wire.QOS: (wire.QOS_OK, b""), wire.CLOSE: (wire.CLOSE_OK, b""),
    wire.PURGE: (wire.PURGE_OK, bytes(4)), wire.DELETE: (wire.DELETE_OK, bytes(4)),
}


class Gone(Exception):
    """The program has hung up."""


class Liar:
    """One connection. `tags`: its consumers; `published`: how many messages came; `before`: connections before it."""

    def __init__(self, sock, before):
        self.socket, self.before = sock, before
        self.heard = b""
        self.tags = []
        self.published = 0

    def say(self, *data):
        try:
            for piece in data:
                self.socket.sendall(piece)
        except OSError:
            raise Gone from None

    def read(self, size):
        while len(self.heard) < size:
            try:
                data = self.socket.recv(1 << 18)
            except OSError:
                raise Gone from None
            if not data:
                raise Gone
            self.heard += data
        data, self.heard = self.heard[:size], self.heard[size:]
        return data

    def method(self):
        """The next method that is heard: channel, (class, method), arguments."""
        while True:
            kind, channel, size = struct.unpack(">BHI", self.read(7))
            payload = self.read(size + 1)[:-1]
            if kind == wire.METHOD:
                return channel, struct.unpack(">HH", payload[:4]), payload[4:]

    def hear(self, id):
        while True:
            _, got, arguments = self.method()
            if got == id:
                return arguments

    def say_each(self, pieces, pause=0):
        for piece in pieces:
            self.say(piece)
            time.sleep(pause)

    def for_ever(self, data, pause=0):
        while True:
            self.say(data)
            time.sleep(pause)

    def hear_header(self):
        self.read(8)

    def ask_login(self, **said):
        """Up to the login, which is returned."""
        self.hear_header()
        self.say(wire.start(**said))
        return self.hear(wire.START_OK)

    def shake_hands(self, properties=None, **tuned):
        self.ask_login(**({} if properties is None else {"properties": properties}))
        self.say(wire.tune(**tuned))
        self.hear(wire.OPEN)
        self.say(wire.open_ok())

    def answer(self, channel, id, arguments, confirm):
        if id in HONEST:
            ok, told = HONEST[id]
            self.say(wire.method(ok, told, channel))
        elif id == wire.DECLARE:
            self.say(wire.declare_ok(arguments[3:3 + arguments[2]] or b"amq.gen-x"))
        elif id == wire.CONSUME:
            self.say(wire.method(wire.CONSUME_OK, short(self.note_consumer(arguments))))
        elif id == wire.CANCEL:
            self.say(wire.method(wire.CANCEL_OK, arguments[:1 + arguments[0]]))
        elif id == wire.PUBLISH:
            self.published += 1
            if confirm:
                self.say(wire.ack(self.published))

    def note_consumer(self, arguments):
        tag = arguments[3 + arguments[2]:]
        self.tags.append(tag[1:1 + tag[0]])
        return self.tags[-1]

    def serve(self, until=None, instead=None, confirm=True):
        """Honest, until a method that is not answered. `instead`: a method to what answers it in another way."""
        while True:
            channel, id, arguments = self.method()
            if id == until:
                return arguments
            if instead and id in instead:
                instead[id](arguments)
            else:
                self.answer(channel, id, arguments, confirm)

    def reach(self, until, **tuned):
        self.shake_hands(**tuned)
        return self.serve(until)

    def subscribe(self, **tuned):
        """Up to consume-ok."""
        self.answer(wire.CHANNEL, wire.CONSUME, self.reach(wire.CONSUME, **tuned), False)

    def refuse(self, code, reason, over=(0, 0)):
        """channel.close, and as an honest broker does nothing but wait for the answer to it."""
        self.say(wire.channel_close(code, reason, over))
        self.hear(wire.CHANNEL_CLOSE_OK)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def hang_up(self):
        self.socket.close()
        raise Gone

    def rest(self):
        """Nothing more is said."""
        while True:
            self.read(1)
            self.heard = b""


class Listener:
    """Plays a scene to each who comes; `failure` is what went wrong on our side."""

    def __init__(self, play, wrap=None, accept=True):
        self.play, self.wrap = play, wrap
        self.count, self.failure = 0, None
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        if accept:
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(client, self.count), daemon=True).start()
            self.count += 1

    def talk(self, client, before):
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            liar = Liar(self.wrap(client) if self.wrap else client, before)
            self.play(liar)
            liar.rest()
        except (Gone, OSError, ssl.SSLError):
            pass
        except Exception as error:  # whatever it is, the scene did not play
            self.failure = repr(error)
        finally:
            client.close()

    def close(self):
        self.socket.close()
