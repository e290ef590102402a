# SPDX-License-Identifier: MIT
"""rpc-call, queue, move, receive-logs and emit-log, who ask the broker more than the others."""

import struct

import wire
from frames import short
from scene import Scene

CALL = ["rpc-call", "-q", "r", "-W", "2", "x"]
MOVE = ["move", "--retry-time", "1", "-c", "1", "a", "b"]
LOGS = ["receive-logs", "-c", "1", "-W", "2"]
EMIT = ["emit-log", "-W", "2", "--retry-time", "2", "hi"]
BROKEN = "broken AMQP"


def silent_at(id):
    def play(liar):
        liar.reach(id)
    return play


def silent(liar):
    liar.shake_hands()


def says_at(id, *data):
    """Instead of an answer to a method."""
    def play(liar):
        liar.reach(id)
        liar.say(*data)
        liar.serve()
    return play


def replies(properties, body, times=1):
    """To each request, whatever it asked for."""
    def play(liar):
        liar.shake_hands()

        def reply(_):
            liar.published += 1
            liar.say(wire.ack(liar.published),
                     *(wire.message(i + 1, body, properties, liar.tags[0]) for i in range(times)))
        liar.serve(instead={wire.PUBLISH: reply})
    return play


def counts(data):
    def play(liar):
        liar.shake_hands()
        liar.serve(instead={wire.DECLARE: lambda _: liar.say(wire.method(wire.DECLARE_OK, short("q") + data))})
    return play


def refuses(code, reason, id=wire.DECLARE):
    def play(liar):
        liar.shake_hands()
        liar.serve(instead={id: lambda _: liar.refuse(code, reason, id)})
    return play


def moves(*data, confirm=True):
    """A source that delivers so, and a target beside it."""
    def play(liar):
        liar.shake_hands()

        def deliver(arguments):
            liar.answer(wire.CHANNEL, wire.CONSUME, arguments, False)
            liar.say(*data)
        liar.serve(instead={wire.CONSUME: deliver}, confirm=confirm)
    return play


OTHER = b"\4\0" + short("another")

SCENES = [
    Scene("rpc-call: no reply", CALL, replies(b"\0\0", b"", 0), 75, "none came within 2 s", lines=2),
    Scene("rpc-call: silence", CALL, silent, 69, "."),
    Scene("rpc-call: a reply to another request", CALL, replies(OTHER, b"evil"), 75, "none came within 2 s", out=b"",
          lines=2),
    Scene("rpc-call: a reply to no request", CALL, replies(b"\0\0", b"evil"), 75, "none came within 2 s", out=b"",
          lines=2),
    Scene("rpc-call: a thousand replies to another", CALL, replies(OTHER, b"evil", 1000), 75, "none came within 2 s",
          out=b"", lines=2),
    Scene("rpc-call: a reply with broken properties", CALL, replies(b"\x04\0\xff", b"evil"), 75,
          "cannot read the properties", out=b"", lines=3),

    Scene("queue stat: counts of 2^32-1", ["queue", "stat", "q"], counts(b"\xff" * 8), 0,
          out=b"q 4294967295 4294967295\n"),
    Scene("queue stat: half of the counts", ["queue", "stat", "q"], counts(b"\xff" * 6), 76, BROKEN),
    Scene("queue stat: an answer of another kind", ["queue", "stat", "q"],
          says_at(wire.DECLARE, wire.method(wire.PURGE_OK, bytes(4))), 76, BROKEN),
    Scene("queue stat: not found, with escapes", ["queue", "stat", "q"], refuses(404, wire.NASTY * 8), 67,
          r"\\033\]0;own"),
    Scene("queue stat: deliveries instead", ["queue", "stat", "q"], says_at(wire.DECLARE, wire.message(1, b"x")), 76,
          BROKEN),
    Scene("queue purge: half of the count", ["queue", "purge", "q"],
          says_at(wire.PURGE, wire.method(wire.PURGE_OK, b"\1")), 76, BROKEN),
    Scene("queue delete: the channel is closed", ["queue", "delete", "q"],
          refuses(406, "PRECONDITION_FAILED - in use", wire.DELETE), 78, "in use$"),
    Scene("queue wait: silence", ["queue", "wait", "--ready", "--timeout", "2"], silent, 69, "."),
    Scene("queue wait --empty: never", ["queue", "wait", "--empty", "--timeout", "2", "q"],
          counts(struct.pack(">II", 5, 0)), 1, "."),

    Scene("move: a message, honest", MOVE, moves(wire.message(1, b"x")), 0),
    Scene("move: a message that was not asked for", MOVE, moves(wire.message(1, b"x", consumer="z")),
          76, BROKEN, lines=2),
    Scene("move: a confirm of what was not published", MOVE, moves(wire.ack(7)), 76, BROKEN, lines=2),
    Scene("move: a confirm of all that were not published", MOVE, moves(wire.ack(0, 1)), 76, BROKEN,
          lines=2),
    Scene("move: beyond the prefetch", ["move", "-p", "5", "a", "b"],
          moves(*(wire.message(i + 1, b"x") for i in range(1000)), confirm=False), (75, 76), "prefetch",
          lines=3),
    Scene("move: a target that returns all", MOVE,
          says_at(wire.CONSUME, wire.returned(b"x")), 76, BROKEN, lines=2),

    Scene("receive-logs: silence at the binding", LOGS, silent_at(wire.BIND), 69, "."),
    Scene("receive-logs: an exchange that is locked", LOGS,
          refuses(405, "RESOURCE_LOCKED", wire.EXCHANGE_DECLARE), 78, "LOCKED"),
    Scene("emit-log: an exchange of another type", EMIT, refuses(406, "PRECONDITION_FAILED - type",
          wire.EXCHANGE_DECLARE), 78,
          "type$"),
    Scene("emit-log: bind-ok instead of declare-ok", EMIT, says_at(wire.EXCHANGE_DECLARE, wire.method(wire.BIND_OK)),
          76, BROKEN),
    Scene("emit-log: a delivery", EMIT, says_at(wire.PUBLISH, wire.message(1, b"x")), 76, BROKEN),
]
