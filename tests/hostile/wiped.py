#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The password in the memory of a program that is connected: there once, to connect again with, and nowhere else.

usage: wiped.py    with receive of PATH; 77 if nobody may look into its memory, who has to be root
"""

import os
import pathlib
import shutil
import subprocess
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).parent.parent))

from liar import Listener  # noqa: E402 (it needs what is in the folder above)
from scene import is_sanitized  # noqa: E402

SECS = 20
SECRET = "S3CRET-" + "0123456789" * 6 + "-canary"
END = SECRET[-20:].encode()  # what is freed loses its beginning


def mappings(pid):
    """What can be written to: its name, and what is in it."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, access, *name = line.split()
            begin, end = (int(address, 16) for address in span.split("-"))
            try:
                memory.seek(begin)
                yield name[-1], memory.read(min(end - begin, 1 << 28)) if access.startswith("rw") else b""
            except (OSError, ValueError, OverflowError):  # shadows of a sanitizer, the kernel's own pages
                pass


def is_sanitizers(name, data):
    """It has a copy of the environment, and leaves arguments of functions on the stack."""
    return is_sanitized(shutil.which("receive")) and (name == "[stack]" or b"AMQP_URL=" in data)


def count(command, env, subscribed):
    process = subprocess.Popen(command, env=env)
    try:
        if not subscribed.wait(SECS):
            sys.exit("no connection")
        return sum(data.count(END) for name, data in mappings(process.pid) if not is_sanitizers(name, data))
    except PermissionError:
        sys.exit(77)
    finally:
        process.kill()
        process.wait()


def main():
    subscribed = threading.Event()

    def play(liar):
        liar.subscribe()
        subscribed.set()
        liar.serve()
    url = f"amqp://guest:{SECRET}@127.0.0.1:{Listener(play).port}/"
    bad = False
    for how, options, more in (("--url", ["-u", url], {}), ("AMQP_URL", [], {"AMQP_URL": url})):
        subscribed.clear()
        times = count(["receive", "-q", "q", *options], os.environ | more, subscribed)
        bad = bad or times != 1
        print(f"from {how}: {times} times in memory")
    sys.exit(bad)


if __name__ == "__main__":
    main()
