# SPDX-License-Identifier: MIT
"""A sender: what is said of its messages that were published, of others, and of none."""

import time

import wire
from scene import LINES, SEND, SEND_2, Scene

ESCAPED = r"\\033\]0;own\\a\\033\[31m\\r\\n\\2332J\\377\\376\\302\\233\\342\\200\\256\\330\\234"
UNEXPECTED = "broken AMQP: a confirm for tag .* that was not expected"
TWO, THREE = b"1\n2\n", b"1\n2\n3\n"


def published(*data, count=1):
    """When so many messages have come. Nothing is confirmed but by what is said."""
    def play(liar):
        liar.reach(wire.PUBLISH)
        for _ in range(count - 1):
            liar.hear(wire.PUBLISH)
        time.sleep(0.1)  # the body of the last one
        liar.say(*data)
        liar.serve(confirm=False)
    return play


def early(liar):
    liar.reach(wire.SELECT)
    liar.say(wire.method(wire.SELECT_OK), wire.ack(2))
    liar.serve()


def nacks_all(liar):
    liar.shake_hands()

    def nack(_):
        liar.published += 1
        liar.say(wire.nack(liar.published))
    liar.serve(instead={wire.PUBLISH: nack})


def reset_before_confirm(times):
    def play(liar):
        if liar.before < times:
            liar.reach(wire.PUBLISH)
            time.sleep(0.05)
            liar.reset()
        liar.shake_hands()
        liar.serve()
    return play


def reversed_confirms(liar):
    """Of fifty messages, the last one first."""
    liar.shake_hands()
    waiting = []

    def note(_):
        liar.published += 1
        waiting.append(liar.published)
        if len(waiting) == 50:
            liar.say(*(wire.ack(tag) for tag in reversed(waiting)))
            waiting.clear()
    liar.serve(instead={wire.PUBLISH: note})


def slow_confirms(liar):
    liar.shake_hands()

    def confirm(_):
        time.sleep(0.1)
        liar.published += 1
        liar.say(wire.ack(liar.published))
    liar.serve(instead={wire.PUBLISH: confirm})


def honest(liar):
    liar.shake_hands()
    liar.serve()


def silent_goodbye(liar):
    liar.shake_hands()
    liar.serve(instead={wire.CLOSE: lambda _: None, wire.CHANNEL_CLOSE: lambda _: None})


def reset_at_goodbye(liar):
    liar.reach(wire.CLOSE)
    liar.reset()


def both_say_goodbye(liar):
    liar.reach(wire.CLOSE)
    liar.say(wire.close())


def blocks(*, again):
    """For ever, once or again and again."""
    def play(liar):
        liar.reach(wire.PUBLISH)
        liar.say(wire.blocked(wire.NASTY))
        while True:
            liar.say(wire.unblocked() + wire.blocked(wire.NASTY) if again else wire.BEAT)
            time.sleep(0.2)
    return play


def stops_flow(liar):
    liar.reach(wire.DECLARE)
    liar.say(wire.declare_ok("q"), wire.flow(False))
    liar.for_ever(wire.BEAT, 0.3)


SCENES = [
    Scene("a message, honest", SEND, honest, 0),
    Scene("20,000 lines, honest", LINES, honest, 0, input=b"y" * 99 + b"\n" + (b"y" * 99 + b"\n") * 19999),
    Scene("confirms in reverse", LINES, reversed_confirms, 0, input=b"y\n" * 5000),
    Scene("slow confirms", LINES + ["--window", "1"], slow_confirms, 0, input=b"y\n" * 10),
    Scene("no confirm", SEND_2, published(), 75, "not confirmed within 2 s"),

    Scene("a confirm of 999", SEND, published(wire.ack(999)), 76, UNEXPECTED),
    Scene("a confirm of 0", SEND, published(wire.ack(0)), 76, UNEXPECTED),
    Scene("a confirm of all up to 2^64-1", SEND, published(wire.ack((1 << 64) - 1, 1)), 76, UNEXPECTED),
    Scene("a confirm of all up to one more", LINES, published(wire.ack(3, 1), count=2), 76, UNEXPECTED, input=TWO,
          lines=2),
    Scene("a confirm of all that were sent, as 0", SEND, published(wire.ack(0, 1)), 0),
    Scene("a confirm of the second of one, in the set-up", SEND, early, 76, UNEXPECTED),
    Scene("a confirm twice, the first of two", LINES, published(wire.ack(1) * 2, count=2), 76, UNEXPECTED, input=TWO,
          lines=2),
    Scene("a confirm twice, in the middle of three", LINES, published(wire.ack(2) * 2, count=3), 76, UNEXPECTED,
          input=THREE, lines=2),
    Scene("a confirm three times for three", LINES, published(wire.ack(2) * 3, count=3), 76, UNEXPECTED, input=THREE,
          lines=2),
    Scene("a nack behind a confirm", LINES, published(wire.ack(2) + wire.nack(2), count=3), 76, UNEXPECTED,
          input=THREE, lines=2),
    *(Scene(f"a confirm on channel {channel}", SEND_2, published(wire.ack(1, channel=channel)), 76, "broken AMQP")
      for channel in (0, 2, 257, 65535)),
    Scene("nacks for ever", SEND_2, nacks_all, 75, "the broker does not take it"),

    Scene("a message comes back", SEND, published(wire.returned(b"hi") + wire.ack(1)), 67, "NO_ROUTE"),
    Scene("a message comes back with escapes", SEND, published(wire.returned(b"hi", text=wire.NASTY * 8) + wire.ack(1)),
          67, ESCAPED),
    Scene("a message comes back with another body", SEND, published(wire.returned(b"other") + wire.ack(1)), 76,
          "not sent"),
    Scene("a message comes back with another key", SEND, published(wire.returned(b"hi", key="r") + wire.ack(1)), 76,
          "not sent"),
    Scene("a message comes back 5,000 times", SEND, published(wire.returned(b"hi") * 5000 + wire.ack(1)), 76,
          "not sent"),
    Scene("a message comes back without end", SEND_2, published(wire.returned(b"hi", size=1 << 40)), 65,
          "134217728 are allowed"),
    Scene("a message comes back and is not confirmed", SEND_2, published(wire.returned(b"hi")), 75,
          "not confirmed within 2 s"),
    Scene("a message is delivered", SEND, published(wire.message(1, b"x")), 76, "broken AMQP"),

    Scene("the channel is closed over it, 406", SEND_2,
          published(wire.channel_close(406, "PRECONDITION_FAILED - invalid expiration", wire.PUBLISH)), 65, "invalid"),
    Scene("the channel is closed over it, 404", SEND_2,
          published(wire.channel_close(404, "NOT_FOUND - no exchange 'x'", wire.PUBLISH)), 67, "NOT_FOUND"),
    Scene("the connection is closed with escapes", SEND[:3] + ["--retry-time", "2", "hi"],
          published(wire.close(541, wire.NASTY * 8)), 75, ESCAPED, lines=20),
    Scene("a reset before the confirm, for ever", SEND_2, reset_before_confirm(1000), 75, ".", lines=20),
    Scene("a reset before the confirm, once", SEND, reset_before_confirm(1), 0),

    Scene("blocked for ever", SEND_2, blocks(again=False), 75, ESCAPED, lines=2),
    Scene("blocked again and again", SEND_2, blocks(again=True), 75, ESCAPED, lines=5),
    Scene("flow off for ever", SEND_2, stops_flow, 75, "channel.flow", lines=2),

    Scene("the goodbye is not answered", SEND, silent_goodbye, 0, lines=1),
    Scene("a reset at the goodbye", SEND, reset_at_goodbye, 0),
    Scene("both say goodbye", SEND, both_say_goodbye, 0),
]
