# SPDX-License-Identifier: MIT
"""The broker that bench/run measures with, near or behind a delay, and the queue in the middle."""

import os
import re
import socket
import subprocess
import time
import urllib.parse

from measure import say

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QUEUE = "bench"
PATIENCE = 60


def script(*words):
    return subprocess.run([os.path.join(ROOT, "scripts", "broker"), *words], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)


class Broker:
    """The one of AMQP_URL, else the one that scripts/broker has up, else a new one of its that goes at the end."""

    def __init__(self, build):
        self.build, self.ours, self.link = build, False, None
        self.near = self.url = os.environ.get("AMQP_URL") or self.from_script()
        self.tls = script("tls-url").stdout.strip()  # empty if it has no such listener
        os.environ["AMQP_URL"] = self.url

    def from_script(self):
        if script("status").returncode != 0:
            script("up", "--tls").check_returncode()
            self.ours = True
        return script("url").stdout.strip()

    def end(self):
        self.delay(0)
        self.queue("delete", QUEUE, check=False)
        if self.ours:
            os.environ.pop("AMQP_URL")
            script("down")

    def version(self):
        """The broker says it before anybody has logged in."""
        address = urllib.parse.urlsplit(self.near)
        with socket.create_connection((address.hostname, address.port or 5672), 10) as link:
            link.sendall(b"AMQP\0\0\x09\x01")
            start = link.recv(4096)
        found = re.search(rb"\x07versionS...(.)", start, re.S)
        return start[found.end():found.end() + found[1][0]].decode() if found else "?"

    def delay(self, ms):
        """From now on the broker is so far away; 0: near again."""
        if self.link:
            self.link.kill()
            self.link.wait()
        self.link, self.url = None, self.near
        if ms > 0:
            address = urllib.parse.urlsplit(self.near)
            self.link = subprocess.Popen([os.path.join(self.build, "bench", "delay"), str(ms), address.hostname,
                                          str(address.port or 5672)], stdout=subprocess.PIPE, text=True)
            login = address.netloc.rpartition("@")
            place = "%s%s127.0.0.1:%s" % (login[0], login[1], self.link.stdout.readline().strip())
            self.url = urllib.parse.urlunsplit(address._replace(netloc=place))
        os.environ["AMQP_URL"] = self.url

    def queue(self, *words, check=True):
        """What the program `queue` prints; it goes the near way."""
        command = [os.path.join(self.build, "bin", "queue"), *words]
        errors = None if check else subprocess.DEVNULL
        return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=errors, text=True,
                              env={**os.environ, "AMQP_URL": self.near}).stdout

    def empty_queue(self, kind="classic"):
        self.queue("delete", QUEUE)
        self.queue("declare", "--queue-type", kind, QUEUE)

    def fill_queue(self, count, size, kind="classic"):
        self.empty_queue(kind)
        subprocess.run([os.path.join(self.build, "bench", "blast"), QUEUE, str(count), str(size)], check=True,
                       env={**os.environ, "AMQP_URL": self.near})

    def await_depth(self, count):
        """Did so many arrive? Who does not wait for confirms is done before they have."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            depth = int(self.queue("stat", QUEUE).split()[1])
            if depth >= count:
                return depth == count
            time.sleep(0.05)
        return False

    def expect_depth(self, name, count):
        if not self.await_depth(count):
            say("%s: %s in the queue, not %d" % (name, self.queue("stat", QUEUE).split()[1], count))
