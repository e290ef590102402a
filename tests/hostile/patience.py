# SPDX-License-Identifier: MIT
"""What a consumer waits for longest: 30 s for the answer to basic.cancel, which stands behind all that comes first."""

import wire
from floods import tagged
from scene import RECEIVE, RECEIVE_2, SEND, Scene

LONG = 45
PAUSE = 0.05  # or the other tests would get no processor


def held(*data):
    """And then alive, but no more."""
    def play(liar):
        liar.subscribe()
        liar.say(*data)
        liar.for_ever(wire.BEAT, 0.3)
    return play


def drips(data, pause):
    def play(liar):
        liar.subscribe()
        liar.say_each((data[i:i + 1] for i in range(len(data))), pause)
    return play


def floods(data, first=b""):
    def play(liar):
        liar.subscribe()
        liar.say(first)
        liar.for_ever(data, PAUSE)
    return play


def delivers_for_ever(liar):
    liar.subscribe()
    liar.say_each(tagged(1), PAUSE)


def dead(heartbeat):
    """Nothing comes any more, nor does what would say so."""
    def play(liar):
        liar.subscribe(heartbeat=heartbeat)
    return play


def dead_publisher(liar):
    liar.reach(wire.PUBLISH, heartbeat=1)


SCENES = [
    Scene("silence, send without an option", SEND, lambda liar: None, 69, "no answer from .*: the time is over"),
    Scene("silence, receive without an option", RECEIVE, lambda liar: None, 69, "no answer from .*: the time is over"),
    *(Scene(f"a dead broker, heartbeat {secs}", RECEIVE + ["--heartbeat", "1"], dead(secs), 69,
            "nothing heard for 2 s", secs=LONG, lines=20) for secs in (0, 1)),
    Scene("a dead broker, send", ["send", "-q", "q", "-l", "--retry-time", "1"], dead_publisher, 75,
          "nothing heard for 2 s", secs=LONG, lines=20, input=b"1\n2\n"),
    Scene("a dead broker, move", ["move", "--heartbeat", "1", "--retry-time", "1", "a", "b"], dead(1), 69,
          "nothing heard for 2 s", secs=LONG, lines=20),
    Scene("a dead broker, worker", ["worker", "-q", "q", "--heartbeat", "1", "--retry-time", "1", "--", "cat"],
          dead(1), 69, "nothing heard for 2 s", secs=LONG, lines=20),
    Scene("128 MiB announced, one byte comes", RECEIVE_2,
          held(wire.deliver(), wire.header(128 << 20), wire.body(b"x")), 1, "only 0 came", secs=LONG),
    Scene("a body byte by byte", RECEIVE_2, drips(wire.message(1, b"x" * 500), 0.1), 1, "only 0 came", secs=LONG),
    Scene("bodies of no bytes for ever", RECEIVE_2,
          floods(wire.body(b"") * 5000, wire.deliver() + wire.header(5)), 1, "only 0 came", secs=LONG),
    Scene("heartbeats for ever", RECEIVE_2, floods(wire.BEAT * 1000), 1, "only 0 came", secs=LONG),
    Scene("cancels for ever", RECEIVE_2, floods(wire.cancel("nobody") * 1000), 1, "only 0 came", secs=LONG),
    Scene("deliveries for ever to --no-ack", RECEIVE_2 + ["-A"], delivers_for_ever, 0, "are lost", secs=LONG,
          lines=2),
]
