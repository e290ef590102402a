#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Jobs against kills: none is lost, and each that never succeeds is among the dead, with its reason.

usage: worker_ledger.py QUEUE RETRY-TYPE JOBS KILLS WORKERS BROKER-KILLS

The queues of `worker --setup --retry-type=RETRY-TYPE' for QUEUE are there.  JOBS messages are
published.  A third of them fail twice, one in seventeen always; WORKERS workers run, and one of them
after the other is killed with SIGKILL and replaced, BROKER-KILLS times the broker instead
(scripts/broker kill and start).  Then the work may end in peace.  The command that workers run is
this file too: `worker_ledger.py --job LOG' notes what it gets and how it ends.
"""

import collections
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time

import pika

from killed_broker import BROKER, PEACE, connect

OPTIONS = ["--attempts", "4", "--delays", "100ms,1s", "--hold", "0.2"]


def kind(number):
    if number % 17 == 0:
        return "poison"
    return "twice" if number % 3 == 0 else "good"


def job(log):
    """Note what was done, in one write."""
    body = sys.stdin.read()
    attempt = int(os.environ["AMQP_ATTEMPT"])
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    time.sleep(random.uniform(0, 0.05))
    number, what = body.split()
    if what == "poison" or (what == "twice" and attempt < 3):
        sys.exit(f"cannot do {number}")
    os.write(fd, f"{number}\n".encode())


def publish(queue, jobs):
    connection = connect()
    channel = connection.channel()
    channel.confirm_delivery()
    for number in range(jobs):
        properties = pika.BasicProperties(delivery_mode=2, message_id=f"job-{number}")
        channel.basic_publish("", queue, f"{number} {kind(number)}".encode(), properties, mandatory=True)
    connection.close()


def spawn(queue, retry, log, errors):
    command = ["worker", "-q", queue, "-P", "2", "--wait=60", *OPTIONS, "--retry-type", retry, sys.executable,
               __file__, "--job", log]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True)


def restart_broker():
    subprocess.run([BROKER, "kill"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([BROKER, "start"], check=True, stdout=subprocess.DEVNULL)


def depths(channel, queue, retry):
    queues = [queue, queue + (".delay.1s" if retry == "classic" else ".retry.1s")]
    return {q: channel.queue_declare(q, passive=True).method.message_count for q in queues}


def bury(channel, queue, dead):
    """Take what is among the dead, as (body, headers)."""
    while True:
        method, properties, body = channel.basic_get(queue + ".dead")
        if not method:
            return
        dead.append((body.decode(), properties.headers))
        channel.basic_ack(method.delivery_tag)


def await_dead(queue, retry, wanted, dead, end):
    """Wait until no message is ready anywhere and as many as wanted are dead."""
    connection = connect()
    channel = connection.channel()
    quiet = 0
    while quiet < 30:
        bury(channel, queue, dead)
        left = depths(channel, queue, retry)
        settled = not any(left.values()) and len({body for body, _ in dead}) >= wanted
        quiet = quiet + 1 if settled else 0
        if time.monotonic() > end:
            with open("workers.err", encoding="utf-8", errors="replace") as told:
                sys.stderr.write("".join(told.readlines()[-20:]))
            sys.exit(f"ledger: not settled after {PEACE} s: {left}, {len(dead)} dead, {wanted} wanted")
        time.sleep(0.1)
    connection.close()


def take_stock(queue, retry, dead):
    """What is in the queues when no worker has anything in its hands."""
    connection = connect()
    channel = connection.channel()
    left = {queue: count for queue, count in depths(channel, queue, retry).items() if count}
    bury(channel, queue, dead)
    connection.close()
    return left


def work_in_peace(queue, retry, wanted, running, hire):
    """What a worker holds counts as nothing, but is back when the worker has ended: then others go on."""
    end = time.monotonic() + PEACE
    dead, statuses = [], []
    while True:
        await_dead(queue, retry, wanted, dead, end)
        for worker in running:
            worker.send_signal(signal.SIGTERM)
        statuses += [worker.wait(60) for worker in running]
        left = take_stock(queue, retry, dead)
        if not left or time.monotonic() > end:
            return dead, left, statuses
        running[:] = [hire() for _ in running]


def check(done, dead, left, jobs, kills):
    ran = collections.Counter(done)
    buried = collections.Counter(int(body.split()[0]) for body, _ in dead)
    good = [n for n in range(jobs) if kind(n) != "poison"]
    poison = [n for n in range(jobs) if kind(n) == "poison"]
    lost = [n for n in good if n not in ran] + [n for n in poison if n not in buried]
    wrong = [n for n in poison if n in ran] + [n for n in good if n in buried]
    twice = sum(count - 1 for count in (ran + buried).values())
    reasons = collections.Counter(headers.get("x-dead-reason") for _, headers in dead)
    silent = [body for body, headers in dead if f"cannot do {body.split()[0]}" != headers.get("x-last-error")
              or headers.get("x-last-exit") != 1 or headers.get("x-attempt") != 4]
    print(json.dumps({"jobs": jobs, "kills": kills, "done": len(ran), "dead": len(buried), "twice": twice,
                      "lost": lost, "wrong": wrong, "left": left, "reasons": reasons, "silent": silent}))
    return not (lost or wrong or left or silent) and set(reasons) <= {"attempts"}


def main(queue, retry, jobs, kills, workers, broker_kills):
    log, errors = os.path.abspath("done.log"), open("workers.err", "ab")
    jobs, kills, workers, broker_kills = int(jobs), int(kills), int(workers), int(broker_kills)
    publish(queue, jobs)

    def hire():
        return spawn(queue, retry, log, errors)

    running = [hire() for _ in range(workers)]
    victims = ["broker"] * broker_kills + ["worker"] * (kills - broker_kills)
    random.shuffle(victims)
    try:
        for victim in victims:
            time.sleep(random.uniform(0.2, 1.2))
            if victim == "broker":
                restart_broker()
                continue
            place = random.randrange(workers)
            running[place].kill()
            running[place].wait()
            running[place] = hire()
        poison = sum(kind(n) == "poison" for n in range(jobs))
        dead, left, statuses = work_in_peace(queue, retry, poison, running, hire)
    finally:
        for worker in running:
            worker.kill()
    with open(log, encoding="ascii") as lines:
        done = [int(line) for line in lines]
    if any(statuses) or not check(done, dead, left, jobs, kills):
        sys.exit(f"ledger: failed; the workers ended with {statuses}")


if sys.argv[1:2] == ["--job"]:
    job(sys.argv[2])
else:
    logging.disable()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ledger: ended"))
    main(*sys.argv[1:])
