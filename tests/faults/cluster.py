#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A cluster that loses nodes, and the programs that use it all the while.

usage: cluster.py URLS SECONDS <FAULTS

URLS names the nodes, with commas.  Each line of FAULTS is a shell command that harms the cluster and mends it again.
Senders are fed a line every SECONDS into two quorum queues, a stream, and an exchange with a quorum queue of its own;
consumers print what arrives.  The next fault waits until each consumer has printed something that was sent after the
last one.  At the end every sender has confirmed all, every line was printed, and no program has ended by itself.
The last line says how it went; 0 if all of this holds.  In the present directory.
"""

import os
import signal
import subprocess
import sys
import threading
import time

LIMIT = 180  # seconds for what may take long on a busy machine
RUN = ["sh", "-c", 'read -r x; echo "$x"']

env = dict(os.environ, AMQP_URL=sys.argv[1])
faults = []


def check(good, text):
    if not good:
        faults.append(text)


def run(*command):
    subprocess.run(command, env=env, check=True, stdin=subprocess.DEVNULL)


class Program:
    def __init__(self, name, *command, stdin=subprocess.DEVNULL):
        self.name = name
        with open(f"{name}.out", "wb") as out, open(f"{name}.err", "wb") as err:
            self.process = subprocess.Popen(command, env=env, stdin=stdin, stdout=out, stderr=err)

    def is_alive(self):
        return self.process.poll() is None

    def lines(self):
        with open(f"{self.name}.out", encoding="ascii") as f:
            return f.read().split("\n")[:-1]

    def ends(self, what):
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "does not end"
        check(status == 0, f"{self.name}: {status} {what}")

    def tail(self):
        with open(f"{self.name}.err", encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-3:])


class Feeder(threading.Thread):
    """Numbers the lines of a sender until it is told to stop."""

    def __init__(self, name, pause, *command):
        super().__init__()
        self.program = Program(name, *command, stdin=subprocess.PIPE)
        self.pause, self.count, self.stopped = pause, 0, threading.Event()

    def run(self):
        try:
            with self.program.process.stdin as pipe:
                while not self.stopped.wait(self.pause):
                    pipe.write(b"%d\n" % self.count)
                    pipe.flush()
                    self.count += 1
        except BrokenPipeError:
            check(False, f"{self.program.name} ended by itself")


def await_lines(name, consumers, wanted):
    """Until each consumer has printed the line that is wanted of it, and all of them are alive."""
    end = time.monotonic() + LIMIT
    for consumer, line in zip(consumers, wanted):
        while str(line) not in set(consumer.lines()):
            if not consumer.is_alive() or time.monotonic() > end:
                check(False, f"after '{name}': {consumer.name} does not print line {line}: {consumer.tail()}")
                return False
            time.sleep(0.2)
    return True


def set_up():
    for queue in "orders", "tasks", "log":
        run("queue", "declare", "--queue-type=quorum", queue)
    run("queue", "declare", "--queue-type=stream", "events")
    run("queue", "bind", "log", "topic_logs", "#")


def report(feeders, consumers):
    doubles = 0
    for feeder, consumer in zip(feeders, consumers):
        lines = consumer.lines()
        lost = set(map(str, range(feeder.count))) - set(lines)
        doubles += len(lines) - len(set(lines))
        check(not lost, f"{consumer.name}: {len(lost)} of {feeder.count} lost, for instance {sorted(lost)[:3]}")
    for fault in faults:
        print(fault)
    print(f"lines {sum(f.count for f in feeders)}, doubles {doubles}, faults {len(faults)}")


def main():
    pause = float(sys.argv[2])
    run("emit_log_topic", "--durable", "--require-route=no", "a.b", "declares the exchange")
    set_up()
    consumers = [
        Program("receive", "receive", "-q", "orders"),
        Program("worker", "worker", "-q", "tasks", "-P", "2", *RUN),
        Program("stream", "receive", "-q", "events", "--offset=first"),
        Program("logs", "receive", "-q", "log"),
    ]
    feeders = [
        Feeder("send", pause, "send", "-q", "orders", "-l"),
        Feeder("work-publish", pause, "work-publish", "-q", "tasks", "-l"),
        Feeder("send-stream", pause, "send", "-q", "events", "-l"),
        Feeder("emit-log", pause, "emit_log_topic", "--durable", "-l", "a.b"),
    ]
    for feeder in feeders:
        feeder.start()
    for fault in [line.strip() for line in sys.stdin if line.strip()]:
        status = subprocess.call(fault, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        check(status == 0, f"'{fault}' ended with {status}")
        if not await_lines(fault, consumers, [f.count for f in feeders]):
            break
        print(f"{fault}: all go on", flush=True)
    for feeder in feeders:
        feeder.stopped.set()
        feeder.join()
        feeder.program.ends("at the end of its lines: " + feeder.program.tail())
    await_lines("the end", consumers, [f.count - 1 for f in feeders])
    for consumer in consumers:
        consumer.process.send_signal(signal.SIGTERM)
        consumer.ends("on SIGTERM")
    report(feeders, consumers)
    sys.exit(bool(faults))


main()
