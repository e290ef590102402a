# SPDX-License-Identifier: MIT
"""A consumer, from the set-up of its channel to the end of a message."""

import struct
import time

import wire
from frames import headers, long, nested, short, text
from scene import RECEIVE, RECEIVE_2, RECEIVE_JSON, WORKER, Scene

BROKEN = "broken AMQP"
LOSSES = 20  # lines of a connection that is lost again and again


def opened(*data):
    """In the middle of the set-up."""
    def play(liar):
        liar.shake_hands()
        liar.say(*data)
        liar.serve()
    return play


def subscribed(*data, **tuned):
    def play(liar):
        liar.subscribe(**tuned)
        liar.say(*data)
        liar.serve()
    return play


def subscribed_once(*data):
    """Who comes again is served honestly."""
    def play(liar):
        liar.subscribe()
        liar.say(*(data if liar.before == 0 else (wire.message(1, b"hello"),)))
        liar.serve()
    return play


def refuses(id, code, reason):
    """Whenever a method comes."""
    def play(liar):
        liar.shake_hands()
        liar.serve(instead={id: lambda _: liar.refuse(code, reason, id)})
    return play


def other_tag(liar):
    liar.reach(wire.CONSUME)
    liar.say(wire.method(wire.CONSUME_OK, short("other")), wire.message(1, b"x", consumer="other"))
    liar.serve()


def early_message(liar):
    liar.reach(wire.CONSUME)
    liar.say(wire.message(1, b"x"))


def reset_in_body(liar):
    liar.subscribe()
    liar.say(wire.deliver(), wire.header(100000), wire.body(b"x" * 5000))
    time.sleep(0.1)
    liar.reset()


def queue_of_escapes(liar):
    liar.shake_hands()
    liar.serve(instead={wire.DECLARE: lambda _: liar.say(wire.declare_ok(wire.NASTY * 8)),
                        wire.BIND: lambda _: liar.refuse(404, wire.NASTY * 8, wire.BIND)})


def silent_goodbye(liar):
    liar.subscribe()
    liar.say(wire.message(1, b"hello"))
    liar.serve(instead={wire.CLOSE: lambda _: None, wire.CHANNEL_CLOSE: lambda _: None})


def announced(size, *data):
    return subscribed(wire.deliver(), wire.header(size), *data)


def with_properties(properties):
    return subscribed(wire.message(1, b"x", properties))


FRAMES = [  # in the set-up
    ("a method on channel 2", wire.method(wire.CHANNEL_OPEN_OK, long(""), 2)),
    ("a body on channel 65535", wire.frame(wire.BODY, 65535, b"x")),
    ("a body on channel 0", wire.frame(wire.BODY, 0, b"x")),
    ("a heartbeat on channel 1", wire.frame(wire.HEARTBEAT, 1, b"")),
    ("exchange.declare-ok that nobody asked for",
     wire.method(wire.CHANNEL_OPEN_OK, long("")) + wire.method(wire.EXCHANGE_DECLARE_OK)),
]

ORDER = [  # behind consume-ok
    ("a message for nobody", wire.message(1, b"x", consumer="nobody")),
    ("a header of class 50", wire.deliver() + wire.header(1, class_id=50) + wire.body(b"x")),
    ("a header of 13 bytes", wire.deliver() + wire.frame(wire.HEADER, 1, b"\0<\0\0" + bytes(9))),
    ("a body without header", wire.deliver() + wire.body(b"x")),
    ("a body of nothing", wire.body(b"x")),
    ("a header of nothing", wire.header(0)),
    ("two headers", wire.deliver() + wire.header(5) * 2),
    ("a message inside another", wire.deliver(1) + wire.deliver(2)),
    ("a method inside a body", wire.deliver() + wire.header(500000) + wire.body(b"x") + wire.cancel("c0")),
    ("a body longer than announced", wire.deliver() + wire.header(3) + wire.body(b"hello")),
    ("the second frame too long", wire.deliver() + wire.header(5) + wire.body(b"hel") + wire.body(b"loo!")),
    ("basic.get-ok", wire.method(wire.GET_OK, struct.pack(">QB", 1, 0) + short("") * 2 + bytes(4))),
    ("a method that is none", wire.method((60, 255))),
    ("a class that is none", wire.method((12345, 1))),
    ("a method of three bytes", wire.frame(wire.METHOD, 1, b"abc")),
    ("basic.publish from the broker", wire.method(wire.PUBLISH, bytes(2) + short("x") + short("k") + b"\0")),
    ("close-ok that nobody asked for", wire.method(wire.CLOSE_OK, b"", 0)),
    ("channel.close-ok that nobody asked for", wire.method(wire.CHANNEL_CLOSE_OK)),
    ("a frame with another end", wire.message(1, b"hello")[:-1] + b"\0"),
    ("a confirm", wire.ack(1)),
    ("a confirm of all", wire.ack(0, 1)),
    ("a returned message", wire.returned(b"x")),
    ("a second message beyond -c 1 with the same tag", wire.deliver(1) + wire.header(1) + wire.deliver(1)),
]

STRANGE = [  # properties that can be read
    ("with a string of no text", b"\x80\0" + short(wire.NASTY)),
    ("with NaN and infinity", headers(("n", b"d\x7f\xf8" + bytes(6)), ("i", b"f\x7f\x80\0\0"))),
    ("with 14,000 headers", headers(*((f"k{i}", b"t\1") for i in range(14000)))),
    ("with the same header 26,000 times", headers(*[("k", b"t\1")] * 26000)),
    ("with a header of no text", headers((wire.NASTY, text(wire.NASTY)))),
    ("with 120 KB of one header", headers(("k", text(b"y" * 120000)))),
]

MALFORMED = [
    ("nested 1,000 times", nested(1000)), ("with all flags and nothing behind", b"\xff\xff"),
    ("that are cut", b"\x80\0\xff"), ("that go on for ever", b"\xff\xff" * 20),
    ("with bytes behind them", b"\0\0rest"), ("with a table longer than the rest", b"\x20\0\xff\xff\xff\xff"),
]

SCENES = [
    Scene("silence behind open-ok", RECEIVE_2, lambda liar: liar.shake_hands(), 69, "time limit"),
    *(Scene(f"{name}, in the set-up", RECEIVE_2, opened(data), 76, BROKEN) for name, data in FRAMES),
    Scene("a frame of type 4, in the set-up", RECEIVE_2, opened(wire.frame(4, 1, b"x")), 76, "does not speak AMQP$"),
    Scene("a heartbeat of 100 KB", RECEIVE_2,
          subscribed(wire.frame(wire.HEARTBEAT, 0, b"x" * 100000), wire.message(1, b"hello")), 0, out=b"hello\n"),
    Scene("channel.close over channel.open", RECEIVE_2, opened(wire.channel_close(504, "no", wire.CHANNEL_OPEN)), 76,
          "cannot open a channel: no"),
    Scene("another consumer's tag", RECEIVE_2, other_tag, 76, BROKEN),
    Scene("a message before consume-ok", RECEIVE_2, early_message, 76, BROKEN),
    Scene("a queue is not found", RECEIVE_2, refuses(wire.DECLARE, 404, "NOT_FOUND - no queue 'q'"), 67, "NOT_FOUND"),
    Scene("a queue is of another kind", RECEIVE_2, refuses(wire.DECLARE, 406, "PRECONDITION_FAILED - no"), 78, "no$"),
    Scene("a queue is locked", RECEIVE_2, refuses(wire.DECLARE, 405, "RESOURCE_LOCKED"), 78, "LOCKED"),
    Scene("a queue whose node is down, for ever", RECEIVE_2,
          refuses(wire.DECLARE, 404, "NOT_FOUND - home node 'x' of durable queue is down or inaccessible"), 69, "."),
    Scene("a refusal of escapes", RECEIVE_2, refuses(wire.DECLARE, 541, wire.NASTY * 8), 78, r"\\033\]0;own"),
    Scene("a queue's name of escapes", ["receive_logs", "-c", "1", "-W", "2"], queue_of_escapes, 67,
          r"\\033\]0;own", lines=5),

    Scene("a message, honest", RECEIVE_2, subscribed(wire.message(1, b"hello")), 0, out=b"hello\n"),
    Scene("heartbeats between its frames", RECEIVE_2, subscribed(
        wire.deliver(), wire.BEAT, wire.header(5), wire.BEAT, wire.body(b"he"), wire.BEAT, wire.body(b"llo")), 0,
        out=b"hello\n"),
    *(Scene(name, RECEIVE_2, subscribed(data), 76, BROKEN) for name, data in ORDER),
    *(Scene(f"{name}, worker", WORKER, subscribed(data), 76, BROKEN, lines=2) for name, data in ORDER[::4]),
    *(Scene(f"a body of {name} is announced", RECEIVE_2, announced(size), 65, "134217728 are allowed")
      for name, size in (("2^63", 1 << 63), ("2^64-1", (1 << 64) - 1))),
    Scene("a frame larger than frame_max", RECEIVE_2,
          subscribed(wire.deliver(), wire.header(9000), wire.body(b"x" * 9000), frame_max=4096), 76, BROKEN),
    Scene("the connection is closed inside a body", RECEIVE,
          subscribed(wire.deliver(), wire.header(500000), wire.body(b"x"), wire.close()), 69, "bye", lines=LOSSES),
    Scene("and goes on behind connection.close", RECEIVE, subscribed(wire.close(), wire.message(1, b"x") * 100), 69,
          "bye", lines=LOSSES),
    Scene("the connection is closed once", RECEIVE, subscribed_once(wire.close()), 0, "reconnected", lines=2,
          out=b"hello\n"),
    Scene("a reset inside a body, for ever", ["receive", "-q", "q", "-c", "1", "-W", "2"], reset_in_body, 1,
          "only 0 came", lines=LOSSES),
    Scene("channel.close over a message that was not sent", RECEIVE_2,
          subscribed(wire.channel_close(406, "x", wire.PUBLISH)), 76, "a message that was not sent"),
    Scene("the goodbye is not answered", RECEIVE, silent_goodbye, 75, "whether the last acknowledgements arrived",
          out=b"hello\n"),

    Scene("tags that are 0, twice the same, or go back", ["receive", "-q", "q", "-c", "8", "-W", "2"], subscribed(
        *(wire.message(tag, b"x") for tag in (5, 4, 4, 0, 1 << 48, (1 << 48) + 1, (1 << 64) - 1, 1))), 76, BROKEN),
    Scene("more than the prefetch", RECEIVE_2, subscribed(*(wire.message(i + 1, b"x" * 1000) for i in range(20000))),
          76, "with a prefetch of 1"),

    Scene("properties without flags", RECEIVE_2, with_properties(b""), 76, BROKEN),
    *(Scene(f"properties {name}", RECEIVE_JSON, with_properties(data), 0) for name, data in STRANGE),
    *(Scene(f"properties {name}, worker", WORKER, with_properties(data), 0, out=b"x") for name, data in STRANGE),
    *(Scene(f"properties {name}", RECEIVE_JSON, with_properties(data), 0, "properties of .*: malformed ")
      for name, data in MALFORMED),
    *(Scene(f"properties {name}, worker", WORKER, with_properties(data), 1, "malformed .* goes back", lines=2, out=b"")
      for name, data in MALFORMED),
]
