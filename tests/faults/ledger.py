#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ledger: what send was given, what it said was confirmed, and what came out of receive.

usage: ledger.py TYPE KILLS [SEED]      TYPE is classic or quorum

In the present directory.  A sender sends files line by line, one after the other, and a receiver appends
to the file `output'; the broker, the sender and the receiver are killed with SIGKILL at random moments,
KILLS times in all (scripts/broker kill and start), and now and then one of the programs gets SIGTERM.
The next run of a program goes on where the last one ended, by its checkpoint or its report.

Each copy of a message tells which run of send it is from and has the message-id of its record, so that
what each run said can be held against what arrived.  At the end: no message that was confirmed is missing
from the output and the queue; each exit status and each report was true; what receive acknowledged did
not come again; and duplicates are no more than the kills explain.  The last line says how it went, as
JSON; 0 if all of this holds.
"""

import collections
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time

import pika

from killed_broker import BROKER, PEACE, connect

WINDOW, PREFETCH, RATE = 256, 100, 2000
CHECKPOINT = WINDOW + RATE * 3 // 2  # records after the last checkpoint: those of a second and a bit
YOUNG = 2.5  # a queue that was just declared does not survive a kill of its broker
COPY = re.compile(rb"run(\d+) ([0-9a-f-]{36}) (\d{9})x*\.\n")

faults = []
statuses = {"send": collections.Counter(), "receive": collections.Counter()}


def check(good, text):
    if not good:
        faults.append(text)


class Broker:
    """Its epoch is even while it is up, and odd from before a kill until it answers again."""

    def __init__(self):
        self.epoch, self.change = 0, None

    def kill(self, away):
        self.epoch += 1
        with open("broker.log", "ab") as log:
            self.change = subprocess.Popen(["bash", "-c", f'"$0" kill && sleep {away:.1f} && "$0" start', BROKER],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_up(self):
        if self.change and self.change.poll() is not None:
            if self.change.returncode:
                sys.exit("ledger: the broker did not start again, see broker.log")
            self.epoch, self.change = self.epoch + 1, None
        return not self.change


class Run:
    """One run of a program: in which epochs of the broker it was, and which signals it got."""

    def __init__(self, broker, command, output=subprocess.DEVNULL):
        self.broker, self.command, self.signals, self.since = broker, command, set(), broker.epoch
        with open("errors", "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)

    def send_signal(self, number):
        if self.process.poll() is None:
            self.signals.add(number)
            self.process.send_signal(number)

    def ended(self):
        if self.process.poll() is None:
            return False
        self.status, self.until = self.process.returncode, self.broker.epoch
        statuses[self.command[0]][self.status] += 1
        return True

    def undisturbed(self):
        return self.since == self.until and self.since % 2 == 0

    def __str__(self):
        return f"{' '.join(self.command)} (status {self.status}, signals {sorted(self.signals)})"


class Input:
    """A file of records; `done' is the offset before which send has told all to be confirmed."""

    def __init__(self, number, first):
        self.by_checkpoint = random.random() < 0.6
        count = random.randrange(500, 3000 if self.by_checkpoint else 1000)
        lines = [b"%09d%s.\n" % (i, b"x" * random.randrange(300)) for i in range(first, first + count)]
        self.name, self.done, self.first = f"input{number}", 0, first
        self.data = b"".join(lines)
        with open(self.name, "wb") as file:
            file.write(self.data)

    def record(self, offset):
        """The number of the record that begins there."""
        check(offset == 0 or self.data[offset - 1:offset] == b"\n", f"{self.name}: no record ends at {offset}")
        return self.first + self.data.count(b"\n", 0, offset)

    def records(self, begin, end=None):
        return range(self.record(begin), self.record(len(self.data) if end is None else end))


class Sender(Run):
    """A run of send, and afterwards what it told."""

    runs = []

    def __init__(self, broker, queue, source):
        self.source, self.start, self.number = source, source.done, len(Sender.runs)
        Sender.runs.append(self)
        for stale in ("report", "rest"):
            if os.path.exists(stale):
                os.remove(stale)
        if source.by_checkpoint:
            files = ["-f", source.name, "--checkpoint", source.name + ".state"]
        else:
            files = ["-f", "rest"]
            with open("rest", "wb") as rest:
                rest.write(source.data[source.done:])
        super().__init__(broker, [
            "send", "-q", queue, "-l", *files, "--report", "report", "--correlation-id", f"run{self.number}",
            "--window", str(random.choice([32, WINDOW, WINDOW])), "--rate", str(RATE), "--declare", "none",
            "--retry-time", random.choice(["1", "60"]), "--connect-timeout", random.choice(["1", "10"])])

    def conclude(self):
        """Take what it told; the next run begins there."""
        self.confirmed = self.in_doubt = None
        told = self.start
        if self.source.by_checkpoint and os.path.exists(self.source.name + ".state"):
            told = json.load(open(self.source.name + ".state", encoding="ascii"))["offset"]
        if os.path.exists("report"):
            told = self.take_report(json.load(open("report", encoding="ascii")), told)
        elif self.status == -signal.SIGTERM and signal.SIGTERM in self.signals:
            self.confirmed = self.in_doubt = 0  # it had not begun
        else:
            check(self.status == -signal.SIGKILL, f"{self} wrote no report")
        self.check_status()
        self.promised = self.source.records(self.start, told)
        self.source.done = told

    def take_report(self, report, checkpoint):
        told = report["next_input_offset"] + (0 if self.source.by_checkpoint else self.start)
        check(told == checkpoint or not self.source.by_checkpoint, f"{self} reports {report}, checkpoint {checkpoint}")
        self.confirmed, self.in_doubt, self.unsent = report["confirmed"], report["in_doubt"], report["unsent"]
        real = 128 - self.status if self.status < 0 else self.status
        check(report["status"] == real or self.status == -signal.SIGKILL, f"{self} reports {report}")
        check(report["returned"] == report["nacked"] == report["refused"] == 0, f"{self} reports {report}")
        if report["status"] == 0:
            whole = told == len(self.source.data) and not self.in_doubt and not self.unsent
            check(whole and self.confirmed == len(self.source.records(self.start)), f"{self} reports {report}")
        return told

    def check_status(self):
        """0 only if all is confirmed, which take_report() has seen; 69 only if nothing is in doubt."""
        good = {
            0: True,
            69: self.in_doubt == 0 and not self.undisturbed(),
            75: self.in_doubt and not self.undisturbed(),
            -signal.SIGTERM: self.in_doubt == 0 and signal.SIGTERM in self.signals,
            -signal.SIGKILL: signal.SIGKILL in self.signals,
        }
        check(good.get(self.status), f"{self} is not true: {self.in_doubt} in doubt")

    def check_arrived(self, arrived):
        """How many records the next run sent again, because a kill kept this one from telling."""
        missing = [i for i in self.promised if i not in arrived]
        check(not missing, f"missing: {len(missing)}, {missing[:10]}; confirmed by {self}")
        if self.confirmed is not None:
            check(self.confirmed <= len(arrived) <= self.confirmed + self.in_doubt,
                  f"{self}: {self.confirmed} confirmed, {self.in_doubt} in doubt, but {len(arrived)} arrived")
            return 0
        untold = len(arrived) - len(self.promised)
        check(untold <= CHECKPOINT or not self.source.by_checkpoint, f"{self}: {untold} behind the checkpoint")
        return untold


class Receiver(Run):
    """A run of receive; its output is a slice of the file."""

    runs = []

    def __init__(self, broker, queue):
        Receiver.runs.append(self)
        self.count = random.choice([None, None, 200, 2000])
        limit = [] if self.count is None else ["-c", str(self.count)]
        with open("output", "ab") as output:
            self.begin = output.tell()
            super().__init__(broker, [
                "receive", "-q", queue, "-p", str(random.choice([10, PREFETCH])), "-F", "%c %i %s\\n",
                "--declare", "none", "--retry-time", random.choice(["1", "forever"]), *limit], output)

    def conclude(self):
        self.end = os.path.getsize("output")
        good = {
            0: signal.SIGTERM in self.signals or self.count is not None,
            1: signal.SIGTERM in self.signals and self.count is not None,
            69: not self.undisturbed(),
            75: not self.undisturbed(),
            -signal.SIGKILL: signal.SIGKILL in self.signals,
        }
        check(good.get(self.status), f"{self} is not true")

    def read(self, output):
        """Its copies, as (run, message-id, record); only a kill may leave a part of one at the end."""
        self.copies, at = [], self.begin
        while match := COPY.match(output, at, self.end):
            self.copies.append((int(match[1]), match[2].decode(), int(match[3])))
            at = match.end()
        self.torn = self.end - at
        check(not self.torn or self.status == -signal.SIGKILL, f"{self} left a part of a record: {output[at:at + 60]}")
        if self.count is not None and self.status in (0, 1):
            check((self.status == 0) == (len(self.copies) == self.count), f"{self} printed {len(self.copies)}")


def declare(queue, kind):
    """With a place for what a quorum queue has delivered too often: that is not lost."""
    arguments = {"x-queue-type": kind}
    connection = connect()
    channel = connection.channel()
    channel.queue_declare(queue + ".dead", durable=True, arguments=arguments)
    if kind == "quorum":
        arguments = {**arguments, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue + ".dead",
                     "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    channel.queue_declare(queue, durable=True, arguments=arguments)
    connection.close()
    time.sleep(YOUNG)


def take_rest(*queues):
    connection = connect()
    channel = connection.channel()
    copies = []
    for queue in queues:
        for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=1):
            if not method:
                break
            copies.append((int(properties.correlation_id[3:]), properties.message_id, int(body[:9])))
        channel.cancel()
    for queue in queues:
        channel.queue_delete(queue)
    connection.close()
    return copies


class Play:
    """Both programs run, and events come at random moments, most of them while the broker is up.

    `allowed' counts the duplicates that kills of the broker and the receiver explain."""

    def __init__(self, queue, kills):
        self.queue, self.broker, self.allowed, self.inputs, self.given = queue, Broker(), 0, 0, 0
        self.events = ["broker", "sender", "receiver"] * (kills // 3) + ["broker"] * (kills % 3)
        self.events += ["end sender", "end receiver"] * max(1, kills // 9)
        random.shuffle(self.events)
        self.kills = collections.Counter()
        self.begin_input()
        self.sender, self.receiver = Sender(self.broker, queue, self.source), Receiver(self.broker, queue)

    def begin_input(self):
        self.source = Input(self.inputs, self.given)
        self.inputs += 1
        self.given += len(self.source.records(0))

    def event(self, what):
        if what == "broker":
            self.broker.kill(random.choice([0, 0, 2]))
            self.allowed += WINDOW + PREFETCH
        else:
            victim = self.sender if "sender" in what else self.receiver
            victim.send_signal(signal.SIGTERM if what.startswith("end") else signal.SIGKILL)
            if what == "receiver":
                self.allowed += PREFETCH
        self.kills[what] += 1

    def turn(self, more):
        """Look after the programs; false: the last input was sent, and all was received but what is left."""
        time.sleep(0.01)
        self.broker.is_up()
        if self.receiver.ended():
            self.receiver.conclude()
            self.receiver = Receiver(self.broker, self.queue)
        if not self.sender.ended():
            return True
        self.sender.conclude()
        if self.sender.status == 0 and self.sender.source.done == len(self.source.data):
            if not more:
                return False
            self.begin_input()
        self.sender = Sender(self.broker, self.queue, self.source)
        return True

    def run(self):
        while self.events:
            pause = random.uniform(0.1, 1.2)
            patient = self.events[-1] == "broker" or random.random() < 0.8
            until = time.monotonic() + pause
            while time.monotonic() < until:
                self.turn(True)
                if patient and not self.broker.is_up():
                    until = time.monotonic() + pause
            self.event(self.events.pop())
        end = time.monotonic() + PEACE
        while not self.broker.is_up() or self.turn(False):
            if time.monotonic() > end:
                sys.exit(f"ledger: not settled after {PEACE} s, see errors: {self.sender.command}, {statuses}")
        self.receiver.send_signal(signal.SIGTERM)
        self.receiver.process.wait(PEACE)
        self.receiver.ended()
        self.receiver.conclude()
        check(self.receiver.status == (0 if self.receiver.count is None else 1), f"{self.receiver} in peace")


def check_acknowledged(rest):
    """What a run that ended well printed does not come again, unless the broker was killed or send sent it twice."""
    slices = [(run.until, run.copies) for run in Receiver.runs] + [(Receiver.runs[-1].until, rest)]
    for i, run in enumerate(Receiver.runs):
        if run.status != 0 or not run.undisturbed():
            continue
        acknowledged = {copy for copy in run.copies if Sender.runs[copy[0]].undisturbed()}
        again = [c for until, copies in slices[i + 1:] if until == run.until for c in copies if c in acknowledged]
        check(not again, f"{run} said 0, but there came again: {again[:5]}")


def main(kind, kills, seed=None):
    seed = int(seed) if seed else random.SystemRandom().randrange(10**6)
    random.seed(seed)
    print(f"ledger: {kind}, seed {seed}", flush=True)
    # The name is new: a broker killed just after it has deleted a quorum queue spoils the next one of that name.
    queue = f"ledger.{kind}.{seed}"
    declare(queue, kind)
    play = Play(queue, int(kills))
    play.run()
    with open("output", "rb") as file:
        output = file.read()
    rest = take_rest(queue, queue + ".dead")
    for run in Receiver.runs:
        run.read(output)
    arrived, copies = collections.defaultdict(set), collections.Counter()
    for number, _, record in [c for run in Receiver.runs for c in run.copies] + rest:
        arrived[number].add(record)
        copies[record] += 1
    untold = sum(run.check_arrived(arrived[run.number]) for run in Sender.runs)
    check_acknowledged(rest)
    lost = [i for i in range(play.given) if i not in copies]
    twice = sum(copies.values()) - len(copies)
    check(not lost, f"LOST: {len(lost)}, {lost[:10]}")
    check(not set(copies) - set(range(play.given)), "what was never sent came out")
    check(twice <= play.allowed + untold, f"{twice} duplicates, {play.allowed + untold} explained")
    for fault in faults:
        print(f"ledger: {fault}")
    print(json.dumps({"type": kind, "seed": seed, "events": play.kills, "sent": play.given, "lost": len(lost),
                      "twice": twice, "of these sent again by the next run": untold, "allowed": play.allowed + untold,
                      "in queue": len(rest), "torn": sum(run.torn > 0 for run in Receiver.runs), "statuses": statuses}))
    sys.exit(1 if faults else 0)


if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
logging.disable()
main(*sys.argv[1:])
