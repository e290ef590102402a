# SPDX-License-Identifier: MIT
"""The commands that bench/run measures: the programs, the raw peers, and what is installed of others."""

import os
import subprocess

from broker import QUEUE
from measure import Case, have, path

HERE = os.path.dirname(os.path.abspath(__file__))
PIKA = "/usr/bin/python3 " + os.path.join(HERE, "pika_peer.py")
EXCHANGE, KEY = "topic_logs", "kern.critical"


def lines(count, size):
    """A file of so many lines of so many bytes."""
    name = path("lines.%d.%d" % (count, size))
    if not os.path.exists(name):
        with open(name, "w") as file:
            line = "x" * size + "\n"
            for _ in range(count):
                file.write(line)
    return name


def oneshots(bench):
    url = bench.broker.url
    cases = []
    if have("amqp-publish"):
        publish = "amqp-publish -u %s -e %s -r %s -b hello" % (url, EXCHANGE, KEY)
        cases += [Case("amqp-publish: transient, no confirm", publish), Case("the same again", publish)]
    cases += [Case("raw: transient", bench.peer("oneshot -t %s topic %s hello" % (EXCHANGE, KEY))),
              Case("raw", bench.peer("oneshot %s topic %s hello" % (EXCHANGE, KEY))),
              Case("emit_log_topic --transient", bench.tool("emit_log_topic --transient %s hello" % KEY)),
              Case("emit_log_topic", bench.tool("emit_log_topic %s hello" % KEY))]
    if "--eager" in subprocess.run([bench.tool("emit_log"), "--help"], capture_output=True, text=True).stdout:
        cases.append(Case("emit_log_topic --eager", bench.tool("emit_log_topic --eager %s hello" % KEY),
                          env={"XDG_CACHE_HOME": path("cache")}))
    cases.append(Case("send", bench.tool("send -q %s hello" % QUEUE)))
    if have("pika"):
        cases.append(Case("pika", "%s oneshot %s %s hello" % (PIKA, EXCHANGE, KEY)))
    return bench.chosen(cases)


# Each of these makes the cases for so many messages of so many bytes.

def floor_and_send(bench, count, size, jobs=1):
    each = count // jobs
    text = lines(each, size)
    return [Case("blast", bench.peer("blast %s %d %d" % (QUEUE, each, size)), count, jobs=jobs),
            Case("feed: raw lines", bench.peer("feed " + QUEUE), count, text, jobs=jobs),
            Case("send -l", bench.tool("send -q %s -l" % QUEUE), count, text, jobs=jobs)]


def floor_and_receive(bench, count, size, jobs=1):
    each = count // jobs
    return [Case("drain", bench.peer("drain %s %d" % (QUEUE, each)), count, stdout=path("out"), jobs=jobs),
            Case("receive --raw", bench.tool("receive -q %s --raw -c %d" % (QUEUE, each)), count, stdout=path("out"),
                 jobs=jobs)]


def senders(bench, count, size):
    text, few = lines(count, size), max(100, count // 50)
    cases = floor_and_send(bench, count, size)
    cases += [Case("blast, window 1000", bench.peer("blast -w 1000 %s %d %d" % (QUEUE, count, size)), count),
              Case("blast, full", bench.peer("blast -f %s %d %d" % (QUEUE, count, size)), count),
              Case("blast, transient", bench.peer("blast -t %s %d %d" % (QUEUE, count, size)), count),
              Case("blast, transient, full", bench.peer("blast -t -f %s %d %d" % (QUEUE, count, size)), count),
              Case("send -l --transient", bench.tool("send -q %s -l --transient" % QUEUE), count, text)]
    if bench.broker.tls:
        secure = "send -k -u %s -q %s -l" % (bench.broker.tls, QUEUE)
        cases.append(Case("send -l, TLS", bench.tool(secure), count, text))
    if have("amqp-publish"):
        cases.append(Case("amqp-publish -p -l: no confirm",
                          "amqp-publish -u %s -r %s -p -l" % (bench.broker.url, QUEUE), count, text))
    if have("pika"):
        cases.append(Case("pika", "%s lines %s" % (PIKA, QUEUE), few, lines(few, size)))
    return bench.chosen(cases)


def pairs(bench, count):
    """A sender of lines and a receiver, who hands on each at once."""
    return bench.chosen([
        Case("feed, drain", "%s -- %s" % (bench.peer("feed " + QUEUE), bench.peer("drain -k 1 %s %d" % (QUEUE, count)))),
        Case("send -l, receive", "%s -- %s" % (bench.tool("send -q %s -l" % QUEUE), bench.tool("receive -q " + QUEUE)))])


def receivers(bench, count, size):
    out, few = path("out"), max(100, count // 50)
    cases = floor_and_receive(bench, count, size)
    cases += [Case("receive", bench.tool("receive -q %s -c %d" % (QUEUE, count)), count, stdout=out),
              Case("receive -J", bench.tool("receive -q %s -J -c %d" % (QUEUE, count)), count, stdout=out)]
    if have("amqp-consume"):
        cat = "amqp-consume -u %s -q %s -c %d cat" % (bench.broker.url, QUEUE, few)
        cases.append(Case("amqp-consume cat", cat, few, stdout=out))
    if have("pika"):
        cases.append(Case("pika", "%s drain %s %d" % (PIKA, QUEUE, few), few, stdout=out))
    return bench.chosen(cases)


def workers(bench, count):
    job, url, text = bench.peer("tick"), bench.broker.url, lines(count, 10)
    cases = [Case("spawn: no queue", bench.peer("spawn 1 %d %s" % (count, job)), count),
             Case("spawn, 4 at once", bench.peer("spawn 4 %d %s" % (count, job)), count)]
    for jobs in (1, 4):
        if have("xargs"):
            cases.append(Case("xargs -P %d -n 1: no queue" % jobs, "xargs -P %d -n 1 %s" % (jobs, job), count, text))
        for words in ("", " --prefetch 32"):
            words = "worker -P %d%s" % (jobs, words)
            cases.append(Case(words, bench.tool("%s -q %s -c %d %s" % (words, QUEUE, count, job)), count))
    if have("amqp-consume"):
        consume = "amqp-consume -u %s -q %s -c %d" % (url, QUEUE, count)
        cases += [Case("amqp-consume", "%s %s" % (consume, job), count),
                  Case("amqp-consume -p 1", "%s -p 1 %s" % (consume, job), count)]
    return bench.chosen(cases)


