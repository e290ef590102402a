# SPDX-License-Identifier: MIT
"""A scene: a program, what the broker does to it, and what it has to end with, in bounded time, memory and lines."""

import dataclasses
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Callable, Optional

from liar import Listener

SECS = 20
MEMORY = 100  # MB; a sanitizer needs more
SECRET = "S3CRET-canary"

SEND = ["send", "-q", "q", "hi"]
SEND_2 = ["send", "-q", "q", "-W", "2", "--retry-time", "2", "hi"]
LINES = ["send", "-q", "q", "-l", "-W", "4", "--retry-time", "2"]
RECEIVE = ["receive", "-q", "q", "-c", "1", "--retry-time", "1"]
RECEIVE_2 = RECEIVE + ["-W", "2"]
RECEIVE_JSON = RECEIVE_2 + ["-J"]
WORKER = ["worker", "-q", "q", "-c", "1", "-W", "2", "--retry-time", "1", "--", "cat"]


@dataclasses.dataclass
class Scene:
    name: str
    command: list
    play: Callable
    status: int                     # or several, where it hangs on how much was read at once
    line: Optional[str] = None      # what a line on standard error matches; None: there is none
    lines: int = 1                  # and no more than these
    out: Optional[bytes] = None     # what standard output is
    input: bytes = b""
    memory: int = MEMORY
    secs: float = SECS
    end_after: Optional[float] = None   # SIGTERM
    unread: bool = False            # nobody reads standard output
    accept: bool = True
    wrap: Optional[Callable] = None     # TLS, for one
    url: str = "amqp://guest:{secret}@127.0.0.1:{port}/"
    env: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class End:
    status: Optional[int]   # None: it did not end
    out: bytes
    errors: bytes
    memory: int


@functools.lru_cache
def is_sanitized(path):
    with open(path, "rb") as file:
        return b"__asan_init" in file.read()


def environment(scene, port, home):
    env = {name: os.environ[name] for name in ("PATH", "ASAN_SYMBOLIZER_PATH") if name in os.environ}
    return env | {
        "HOME": home, "LC_ALL": "C.UTF-8", "AMQP_URL": scene.url.format(secret=SECRET, port=port),
        "ASAN_OPTIONS": "quarantine_size_mb=8:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=98",
    } | scene.env


def wait(process, scene):
    """The wait status and the most memory that it had; killed when its time is over."""
    began, told = time.monotonic(), False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        passed = time.monotonic() - began
        if pid != 0:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss
        if scene.end_after and passed > scene.end_after and not told:
            process.send_signal(signal.SIGTERM)
            told = True
        if passed > scene.secs:
            process.kill()
            return None, os.wait4(process.pid, 0)[2].ru_maxrss
        time.sleep(0.02)


def run(scene, port, home):
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        given.write(scene.input)
        given.seek(0)
        reader, writer = os.pipe()
        process = subprocess.Popen(scene.command, stdin=given, stdout=writer if scene.unread else out, stderr=errors,
                                   env=environment(scene, port, home), cwd=home)
        os.close(writer)
        status, memory = wait(process, scene)
        os.close(reader)
        out.seek(0)
        errors.seek(0)
        return End(status, out.read(), errors.read(), memory // 1024)


def faults(scene, end):
    """All that is wrong with an end."""
    lines = end.errors.decode("utf-8", "replace").splitlines()
    limit = scene.memory * (3 if is_sanitized(shutil.which(scene.command[0])) else 1)
    if end.status is None:
        yield f"still there after {scene.secs} s"
    elif end.status not in (scene.status if isinstance(scene.status, tuple) else (scene.status,)):
        yield f"status {end.status}, not {scene.status}"
    if b"Sanitizer" in end.errors or b"runtime error: " in end.errors:
        yield "a sanitizer has found something"
    if end.memory > limit:
        yield f"{end.memory} MB of memory, not {limit}"
    if len(lines) > (0 if scene.line is None else scene.lines):
        yield f"{len(lines)} lines"
    if scene.line is not None and not any(re.search(scene.line, line) for line in lines):
        yield f"no line matches '{scene.line}'"
    if scene.out is not None and end.out != scene.out:
        yield f"standard output is {end.out[:100]!r}"
    if SECRET.encode() in end.out + end.errors:
        yield "the password is told"
    if re.search(rb"[\0-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xaa-\xae]|\xd8\x9c", end.errors):
        yield "raw control characters"
    if b"\xff" in end.errors:
        yield "bytes that are no text"


def play(scene):
    """What is wrong, and the program's lines."""
    with tempfile.TemporaryDirectory() as home:
        listener = Listener(scene.play, scene.wrap, scene.accept)
        end = run(scene, listener.port, home)
        listener.close()
    wrong = list(faults(scene, end))
    if listener.failure:
        wrong.append(f"the scene itself failed: {listener.failure}")
    return wrong, end
