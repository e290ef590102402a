# SPDX-License-Identifier: MIT
"""Running commands in turn, and what is told about them; for bench/run.

A case is a command with a name. The cases of a table run one after the other in every round, in an
order that is shuffled anew for every other round and reversed in the one between, so that what else
the machine does falls on all of them. The columns headed "x" are medians of ratios, each of two
runs of one round; they keep their value on another machine and at another hour, times do not.
"""

import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
scratch = tempfile.TemporaryDirectory(prefix="rmq-bench.", dir=memory)


def path(name):
    return os.path.join(scratch.name, name)


def say(text):
    print(text, file=sys.stderr, flush=True)


missing = set()


def have(program):
    """Is it there? It is left out with a word if not."""
    if program == "pika":
        there = subprocess.run(["/usr/bin/python3", "-c", "import pika"], capture_output=True).returncode == 0
    else:
        there = shutil.which(program) is not None
    if not there and program not in missing:
        missing.add(program)
        say("%s is not installed: left out" % program)
    return there


class Case:
    """A command with what stands around it, `jobs` of it at once, and how many messages that are in all."""

    def __init__(self, name, command, messages=1, stdin=os.devnull, stdout=os.devnull, env=None, jobs=1):
        self.name, self.command, self.messages = name, shlex.split(command), messages
        self.stdin, self.stdout, self.env, self.jobs = stdin, stdout, env or {}, jobs

    def start(self, number, *wrapper):
        stdout = self.stdout if number == 0 or self.stdout == os.devnull else "%s.%d" % (self.stdout, number)
        with open(self.stdin, "rb") as stdin, open(stdout, "wb") as out, open(path("errors"), "ab") as errors:
            return subprocess.Popen([*wrapper, *self.command], stdin=stdin, stdout=out, stderr=errors,
                                    env={**os.environ, **self.env})


def run(case, timed):
    """One run: wall and CPU seconds, the largest resident size in MB, and whether all ended with 0."""
    children = [case.start(n, timed, path("timed.%d" % n)) for n in range(case.jobs)]
    for child in children:
        child.wait()
    rows = []
    for n in range(case.jobs):
        with open(path("timed.%d" % n)) as file:
            rows.append([float(word) for word in file.read().split()])
    wall, cpu, rss, status = zip(*rows)
    return {"wall": max(wall), "cpu": sum(cpu), "rss": max(rss) / 1024, "failed": any(status),
            "rate": case.messages / max(wall), "us": 1e6 * sum(cpu) / case.messages}


def order(cases, turn):
    cases = list(cases)
    random.Random(turn // 2).shuffle(cases)
    return cases if turn % 2 == 0 else cases[::-1]


def rounds(cases, count, timed, before=None, after=None, warm=True):
    """All cases, `count` times: a list of rows for each name. before(case), after(case, row) see to the broker."""
    rows = {case.name: [] for case in cases}
    for turn in range(count):
        for number, case in enumerate(order(cases, turn)):
            if before:
                before(case)
            if warm and number == 0:
                run(case, timed)  # who is first after a pause would pay for it
                if before:
                    before(case)
            row = run(case, timed)
            if after:
                after(case, row)
            rows[case.name].append(row)
            if row["failed"]:
                say("%s failed: %s" % (case.name, last_error()))
    return rows


def last_error():
    with open(path("errors"), errors="replace") as file:
        lines = file.read().split("\n")
    return lines[-2] if len(lines) > 1 else ""


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def least(rows, key):
    return min(row[key] for row in rows)


def ratio(rows, base, key):
    """The median of the ratios, each of one round."""
    pairs = [a[key] / b[key] for a, b in zip(rows, base) if b[key] > 0]
    return statistics.median(pairs) if pairs else float("nan")


def calls(case):
    """How many system calls, or None where strace cannot tell."""
    if not have("strace") or case.jobs > 1:
        return None
    case.start(0, "strace", "-f", "-c", "-qq", "-U", "calls,name", "-o", path("calls")).wait()
    with open(path("calls")) as file:
        lines = [line.split() for line in file]
    return sum(int(line[0]) for line in lines if len(line) == 2 and line[0].isdigit() and line[1] != "total") or None


def instructions(case):
    """How many of the user's instructions, or None where valgrind cannot tell."""
    if not have("valgrind"):
        return None
    with open(path("instructions"), "wb") as out:
        subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *case.command],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out, env={**os.environ, **case.env})
    with open(path("instructions")) as file:
        words = [line.split()[-1] for line in file if "Collected :" in line]
    return int(words[0]) if words else None


def number(value, digits=2):
    """As a table shows it; a dash for what is not known."""
    if value is None or value != value:
        return "-"
    if isinstance(value, str):
        return value
    return "{:,.{}f}".format(value, 0 if isinstance(value, int) or abs(value) >= 1000 else digits)


def table(head, rows):
    """Markdown: the first column to the left, all others to the right."""
    cells = [head] + [[row[0]] + [number(value) for value in row[1:]] for row in rows]
    width = [max(len(str(row[i])) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        lines.append("| " + " | ".join(str(cell).ljust(width[i]) if i == 0 else str(cell).rjust(width[i])
                                       for i, cell in enumerate(row)) + " |")
    lines.insert(1, "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(width)) + "|")
    return "\n".join(lines)
