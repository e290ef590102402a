# SPDX-License-Identifier: MIT
"""amqps: what is no TLS, is too old or too weak, shows the wrong certificate, or ends in the middle."""

import os
import socket
import ssl
import time
import warnings

import wire
from certificates import HERE, certificate, server
from scene import RECEIVE_2, SEND, SEND_2, Scene

warnings.simplefilter("ignore", DeprecationWarning)  # of old versions, which are meant

PLAIN_URL = "amqps://guest:{secret}@localhost:{port}/"
URL = PLAIN_URL + f"?cacertfile={HERE}/ours.pem"
VERSION = ssl.TLSVersion
RSA = ("-newkey", "rsa:2048")
GOOD = certificate("good")
OTHER = certificate("other", issuer="theirs")
WRONG = certificate("wrong", "subjectAltName=DNS:elsewhere.example")
MINE = f"&certfile={HERE}/{certificate('mine')}.pem&keyfile={HERE}/mine.key"
THEIRS = f"&certfile={HERE}/{OTHER}.pem&keyfile={HERE}/{OTHER}.key"


def honest(liar):
    liar.shake_hands()
    liar.serve()


def answers(*data):
    """To ClientHello."""
    def play(liar):
        liar.read(10)
        liar.say(*data)
    return play


def ends(how):
    def play(liar):
        liar.read(10)
        how(liar)
    return play


def cut(liar):
    """Without TLS's word for it."""
    socket.socket.shutdown(liar.socket, socket.SHUT_RDWR)


def cut_before_confirm(liar):
    liar.reach(wire.PUBLISH)
    cut(liar)


def cut_in_body(liar):
    liar.subscribe()
    liar.say(wire.deliver(), wire.header(100000), wire.body(b"x" * 5000))
    time.sleep(0.1)
    cut(liar)


def plain_in_between(liar):
    liar.subscribe()
    os.write(liar.socket.fileno(), wire.message(1, b"x"))


def drips(liar):
    """A record for each byte."""
    liar.subscribe()
    data = wire.message(1, b"hello")
    liar.say_each((data[i:i + 1] for i in range(len(data))), 0.002)
    liar.serve()


def large(liar):
    liar.subscribe()
    liar.say(wire.deliver(), wire.header(10 << 20), *[wire.body(b"x" * 131064)] * 80)
    liar.say(wire.body(b"x" * ((10 << 20) - 131064 * 80)))
    liar.serve()


def scene(name, wrap, status, line=None, play=honest, command=SEND, **more):
    return Scene(name, command, play, status, line, wrap=wrap, **{"url": URL, **more})


def shown(name, *extensions, line="cannot verify localhost: ", **how):
    """A certificate that is not taken."""
    return scene(f"a certificate {name}", server(certificate(name.replace(" ", "_"), *extensions, **how)), 76, line)


UNTIL_2 = ["receive", "-q", "q", "-c", "1", "-W", "2"]
NO_TLS = "the other side does not speak TLS"

SCENES = [
    scene("honest", server(GOOD), 0),
    scene("honest, TLS 1.2", server(GOOD, VERSION.TLSv1_2), 0),
    scene("the system's authorities", server(GOOD), 76, "cannot verify localhost: ", url=PLAIN_URL),
    shown("of another authority", issuer="theirs"),
    shown("of another host", "subjectAltName=DNS:elsewhere.example"),
    shown("of every host", "subjectAltName=DNS:*"),
    shown("of a part of the name", "subjectAltName=DNS:loc*host"),
    shown("of a client", "subjectAltName=DNS:localhost", "extendedKeyUsage=clientAuth"),
    shown("with a short key", kind=("-newkey", "rsa:1024"), line="."),
    shown("signed with SHA-1", digest="-sha1", line="."),
    scene("not verified, -k", server(WRONG), 0, "not verified", url=PLAIN_URL, command=["send", "-k", *SEND[1:]]),
    scene("not verified, by the address", server(WRONG), 0, "not verified", url=PLAIN_URL + "?verify=verify_none"),
    scene("another name is asked for", server(WRONG), 0, url=URL + "&server_name_indication=elsewhere.example"),
    scene("authorities that are no file", server(GOOD), 78, "cannot read certificates",
          url=PLAIN_URL + "?cacertfile=/nonexistent"),
    scene("authorities that are none", server(GOOD), 78, "cannot read certificates",
          url=PLAIN_URL + "?cacertfile=/etc/passwd"),

    scene("TLS 1.0", server(GOOD, VERSION.TLSv1), 76, "refuses TLS: "),
    scene("TLS 1.1", server(GOOD, VERSION.TLSv1_1), 76, "refuses TLS: "),
    scene("ciphers that hide nothing", server(certificate("rsa", kind=RSA), VERSION.TLSv1_2, "eNULL"), 76, "TLS"),
    scene("ciphers that prove nothing", server(GOOD, VERSION.TLSv1_2, "aNULL"), 76, "TLS"),
    scene("a client's certificate is wanted", server(GOOD, asks="ours"), 76, "certificate required"),
    scene("a client's certificate is wanted, TLS 1.2", server(GOOD, VERSION.TLSv1_2, asks="ours"), 76, "refuses TLS: "),
    scene("a client's certificate is taken", server(GOOD, asks="ours"), 0, url=URL + MINE),
    scene("a client's certificate is not taken", server(GOOD, asks="ours"), 76, "unknown ca", url=URL + THEIRS),

    scene("plain AMQP", None, 76, NO_TLS, answers(wire.start())),
    scene("HTTP", None, 76, NO_TLS, answers(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    scene("0xff", None, 76, NO_TLS, answers(b"\xff" * 70000)),
    scene("a record of 64 KB is announced", None, 76, "TLS", answers(b"\x16\x03\x03\xff\xff" + bytes(65535))),
    scene("warnings for ever", None, 76, "TLS", answers(b"\x15\x03\x03\0\2\1\x5a" * 5000)),
    scene("half a ServerHello", None, 69, "timed out|time is over",
          answers(b"\x16\x03\x03\0\x7a\2\0\0\x76\3\3"), SEND_2),
    scene("silence", None, 69, "timed out|time is over", lambda liar: None, SEND_2),
    scene("the end behind ClientHello", None, 69, ".", ends(lambda liar: liar.hang_up()), SEND_2),
    scene("a reset behind ClientHello", None, 69, ".", ends(lambda liar: liar.reset()), SEND_2),

    scene("cut before the confirm", server(GOOD), 75, "the other side closed it", cut_before_confirm, SEND_2, lines=20),
    scene("cut inside a body", server(GOOD), 1, "only 0 came", cut_in_body, UNTIL_2, lines=20),
    scene("plain bytes in between", server(GOOD), 76, "TLS", plain_in_between, RECEIVE_2),
    scene("a record for each byte", server(GOOD), 0, None, drips, RECEIVE_2, out=b"hello\n"),
    scene("a message of 10 MB", server(GOOD), 0, None, large, RECEIVE_2, out=b"x" * (10 << 20) + b"\n"),
]
