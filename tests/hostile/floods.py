# SPDX-License-Identifier: MIT
"""As much as fits through a connection, of what costs the broker nothing."""

import itertools
import time

import wire
from scene import LINES, RECEIVE, RECEIVE_2, SEND, SEND_2, WORKER, Scene

AGAIN = 30  # lines in two seconds of the same news
LOSSES = 20


def pour(liar, pieces, pause=0):
    """For three seconds. What was asked for in the meantime is answered then."""
    end = time.monotonic() + 3
    for piece in pieces:
        if time.monotonic() > end:
            break
        liar.say(piece)
        time.sleep(pause)
    liar.serve()


def floods(data, pause=0):
    def play(liar):
        liar.subscribe()
        pour(liar, itertools.repeat(data), pause)
    return play


def floods_publisher(data):
    def play(liar):
        liar.reach(wire.PUBLISH)
        pour(liar, itertools.repeat(data))
    return play


def tagged(size):
    """Messages with tags that count, about a megabyte at a time."""
    each = max(1, 10**6 // (size + 60))
    for first in itertools.count(1, each):
        yield b"".join(wire.message(first + i, b"x" * size) for i in range(each))


def deliveries(size):
    def play(liar):
        liar.subscribe()
        pour(liar, tagged(size))
    return play


def blocks_for_a_second(liar):
    liar.reach(wire.PUBLISH)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        liar.say((wire.blocked(wire.NASTY) + wire.unblocked()) * 1000)
    liar.say(wire.ack(1))
    liar.serve(confirm=False)


def at_each_subscription(after):
    def play(liar):
        liar.shake_hands()

        def end(arguments):
            liar.answer(wire.CHANNEL, wire.CONSUME, arguments, False)
            after(liar)
        liar.serve(instead={wire.CONSUME: end})
    return play


def cancels(liar):
    liar.say(wire.cancel(liar.tags[-1]))


def times_out(liar):
    liar.refuse(406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out")


def leaves(liar):
    liar.subscribe()
    liar.hang_up()


def closes_while_reopening(liar):
    liar.subscribe()
    liar.refuse(406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out")
    liar.for_ever(wire.channel_close(406, "x") * 1000)


def reads_nothing(liar):
    liar.reach(wire.DECLARE)
    liar.say(wire.declare_ok("q"))
    liar.for_ever(wire.BEAT, 0.5)


SCENES = [
    Scene("deliveries beside -c 1", RECEIVE_2, deliveries(1), 76, "prefetch"),
    Scene("deliveries to --no-ack", RECEIVE_2 + ["-A"], deliveries(1), 0, "are lost", lines=2),
    Scene("deliveries to --no-ack whose output nobody reads", ["receive", "-q", "q", "-A"],
          deliveries(1000), 0, "are lost", unread=True, end_after=2, lines=2),
    Scene("deliveries to a worker", WORKER, deliveries(1), 75, "acknowledgements arrived", lines=2),
    Scene("large deliveries to a worker", ["worker", "-q", "q", "-W", "2", "--grace", "1", "--", "sleep", "60"],
          deliveries(130000), 75, "prefetch", lines=3),
    Scene("cancels of others", RECEIVE_2, floods(wire.cancel("nobody") * 1000), 1, "only 0 came", lines=2),
    Scene("channel.flow", RECEIVE_2, floods((wire.flow(False) + wire.flow(True)) * 500, 0.05), 1, "only 0 came",
          lines=2),
    Scene("channel.flow, send", SEND_2, floods_publisher(wire.flow(True) * 1000), 75, "not confirmed within 2 s"),
    Scene("blocked and unblocked", RECEIVE_2, floods((wire.blocked(wire.NASTY) + wire.unblocked()) * 1000), 1,
          "only 0 came", lines=2),
    Scene("blocked and unblocked, then a confirm", SEND, blocks_for_a_second, 0, ".", lines=AGAIN),
    Scene("heartbeats", RECEIVE_2, floods(wire.BEAT * 1000), 1, "only 0 came"),
    Scene("channel.close while the channel is opened again", RECEIVE_2, closes_while_reopening, 1, "only 0 came",
          lines=3),
    Scene("a cancel behind each consume-ok", RECEIVE_2, at_each_subscription(cancels), 1, "only 0 came", lines=AGAIN),
    Scene("a timeout behind each consume-ok", RECEIVE_2, at_each_subscription(times_out), 1, "only 0 came",
          lines=AGAIN),
    Scene("a connection that ends behind each consume-ok", RECEIVE[:5] + ["-W", "2"], leaves, 1, "only 0 came",
          lines=LOSSES),
    Scene("20 MB of lines for who reads nothing", LINES, reads_nothing, 75, "not finished within 4 s", lines=3,
          input=(b"y" * 999 + b"\n") * 20000),
    Scene("deliveries whose acknowledgements are not read, SIGTERM", RECEIVE[:3], deliveries(10), 76,
          "with a prefetch of ",
          end_after=2),
]
