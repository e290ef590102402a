# SPDX-License-Identifier: MIT
"""From the first byte to connection.open-ok."""

import struct

import wire
from frames import long, short
from liar import Gone
from scene import RECEIVE_2, SEND, SEND_2, WORKER, Scene


def says(*data):
    """Instead of the greeting."""
    def play(liar):
        liar.hear_header()
        liar.say(*data)
    return play


def says_and_ends(*data):
    def play(liar):
        says(*data)(liar)
        liar.hang_up()
    return play


def greets(**said):
    return says(wire.start(**said))


def after_login(*data):
    def play(liar):
        liar.ask_login()
        liar.say(*data)
    return play


def after_tune(*data):
    def play(liar):
        liar.ask_login()
        liar.say(wire.tune())
        liar.hear(wire.OPEN)
        liar.say(*data)
    return play


def honest(properties=None, **tuned):
    def play(liar):
        liar.shake_hands(properties, **tuned)
        liar.serve()
    return play


def drip(data, pause):
    def play(liar):
        liar.hear_header()
        liar.say_each((data[i:i + 1] for i in range(len(data))), pause)
    return play


def waits_for_more(liar):
    """Who speaks before it was asked to, tells a password to whoever listens."""
    liar.hear_header()
    try:
        liar.read(1)
    except Gone:
        return
    raise AssertionError("something was said before start")


def beats_for_ever(liar):
    liar.hear_header()
    liar.for_ever(wire.BEAT * 50, 0.01)


def empty_methods_for_ever(liar):
    liar.hear_header()
    liar.for_ever(wire.frame(wire.METHOD, 0, b""))


def redirects(liar):
    liar.ask_login()
    liar.say(wire.method(wire.REDIRECT, short("elsewhere:1") + short(""), 0))


def new_secret(liar):
    liar.shake_hands()
    liar.say(wire.method(wire.UPDATE_SECRET, short("x") + short("y"), 0))


NOT_AMQP = "the other side does not speak AMQP$"
STRANGERS = [
    ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", NOT_AMQP), ("SSH", b"SSH-2.0-OpenSSH_9\r\n", NOT_AMQP),
    ("AMQP 1.0", b"AMQP\0\1\0\0", "does not speak AMQP 0-9-1 but version 1-0-0"),
    ("a TLS alert", b"\x15\x03\x01\0\2\2\x46", "expects TLS"),
    ("a megabyte of 0xff", b"\xff" * (1 << 20), NOT_AMQP), ("escapes", b"\x1b]0;own\x07" * 100, NOT_AMQP),
]
TABLES = [
    ("nested 1,000 times", wire.nest(1000)), ("nested 18,000 times", wire.nest(18000)),
    ("with an unknown type", b"\1aQ1"), ("with a name that is cut", b"\xffa"),
    ("with a string that is cut", b"\1aS" + struct.pack(">I", 99) + b"x"),
]

REFUSALS = [  # code, text, status, line
    (403, "ACCESS_REFUSED - Login was refused", 77, "Login was refused"),
    (530, wire.NASTY * 8, 77, r"\\033\]0;own\\a\\033\[31m\\r\\n\\2332J\\377\\376\\302\\233\\342\\200\\256\\330\\234"),
    (0, "", 76, "no reason"), (65535, "", 76, "no reason"),
]

SCENES = [
    Scene("silence, send", SEND_2, lambda liar: None, 69, "no answer from .*: the time is over"),
    Scene("silence, worker", WORKER, lambda liar: None, 69, "no connection before the time limit"),
    Scene("silence, and nothing is said before start", SEND_2, waits_for_more, 69, "no answer from"),
    Scene("nobody accepts", SEND_2, None, 69, "no answer from .*: the time is over", accept=False),
    Scene("a reset at once", SEND_2, lambda liar: liar.reset(), 69, "."),
    Scene("the end at once", SEND_2, lambda liar: liar.hang_up(), 69, "."),
    *(Scene(f"{name} instead of AMQP", SEND, says(data), 76, line)
      for name, data, line in STRANGERS),
    Scene("the header of AMQP 1.0, cut", SEND_2, says_and_ends(b"AMQ"), 69, "."),
    Scene("start, four bytes a second", SEND_2, drip(wire.start(), 0.25), 69, "no answer from .*: the time is over"),
    Scene("heartbeats for ever", SEND_2, beats_for_ever, 69, "no answer from .*: the time is over"),
    Scene("methods of no bytes for ever", SEND, empty_methods_for_ever, 76, "broken AMQP"),

    Scene("version 1-0", SEND, greets(version=(1, 0)), 76, "."),
    Scene("version 0-8", SEND, greets(version=(0, 8)), 76, "."),
    Scene("mechanisms without PLAIN", SEND, greets(mechanisms="SCRAM-SHA-256 GSSAPI"), 77, "PLAIN"),
    Scene("no mechanism", SEND, greets(mechanisms=""), 77, "PLAIN"),
    Scene("mechanisms that begin and end with PLAIN", SEND, greets(mechanisms="PLAINX XPLAIN"), 77, "PLAIN"),
    Scene("mechanisms with a NUL", SEND, greets(mechanisms=b"PLA\0IN" + wire.NASTY), 77, "PLAIN"),
    Scene("properties of 130,000 bytes", SEND, honest(b"\1aS" + long(b"x" * 130000)), 0),
    Scene("properties nested 60 times", SEND, honest(wire.nest(60)), 0),
    *(Scene(f"properties {name}", SEND, honest(data), 76, "broken AMQP") for name, data in TABLES),
    Scene("properties longer than their frame", SEND,
          says(wire.method(wire.START, b"\0\x09" + struct.pack(">I", 0xfffffff0) + b"x", 0)), 76, "broken AMQP"),
    Scene("a version of 100 KB of escapes, send -v", ["send", "-v", "-q", "q", "hi"],
          honest(b"\7versionS" + long(b"\x1b[2J" * 25000)), 0, ".", lines=5),
    Scene("a frame of 2^31 bytes is announced", SEND, says(wire.announce(0x7fffffff)), 76, "broken AMQP"),
    Scene("a frame of 2^32 bytes is announced", SEND, says(wire.announce(0xffffffff)), 76, "broken AMQP"),
    Scene("start with another end", SEND, says(wire.start()[:-1] + b"\0"), 76, "broken AMQP"),
    Scene("start on channel 5", SEND, greets(channel=5), 76, "broken AMQP"),
    Scene("start twice", SEND, says(wire.start() * 2), 76, "broken AMQP"),
    Scene("tune before start", SEND, says(wire.tune()), 76, "broken AMQP"),
    Scene("close before start", SEND, says(wire.close()), 76, "broken AMQP"),
    Scene("open-ok before tune", SEND, after_login(wire.open_ok()), 76, "broken AMQP"),
    Scene("a challenge", SEND, after_login(wire.method(wire.SECURE, long("challenge"), 0)), 76, "."),
    Scene("a redirection", SEND, redirects, 76, "broken AMQP"),
    Scene("a new secret", SEND, new_secret, 76, "broken AMQP"),
    *(Scene(f"close with {code}", SEND_2, after_login(wire.close(code, text)), status, line)
      for code, text, status, line in REFUSALS),
    Scene("blocked before open-ok", SEND, after_login(wire.tune() + wire.blocked()), 76, "broken AMQP"),

    *(Scene(f"frame_max {size}", SEND, honest(frame_max=size), 0) for size in (0, 4096, 0x7fffffff, 0xffffffff)),
    *(Scene(f"frame_max {size}", SEND, honest(frame_max=size), 76, "frame") for size in (1, 7, 8, 4095)),
    *(Scene(f"channel_max {number}", SEND, honest(channels=number), 0) for number in (0, 1, 65535)),
    *(Scene(f"heartbeat {secs}", SEND, honest(heartbeat=secs), 0) for secs in (0, 1, 65535)),
    Scene("silence after tune", SEND_2, after_login(wire.tune()), 75, "the message may have been delivered"),
    Scene("silence after tune, receive", RECEIVE_2, after_login(wire.tune()), 69,
          "no connection before the time limit"),
    Scene("tune twice", SEND, after_login(wire.tune() * 2), 76, "broken AMQP"),
    Scene("open-ok twice", SEND, after_tune(wire.open_ok() * 2), 76, "broken AMQP"),
    Scene("no such virtual host", SEND, after_tune(wire.close(530, "NOT_ALLOWED - vhost x not found", (10, 40))), 77,
          "vhost x not found"),
]
