# SPDX-License-Identifier: MIT
"""The tables of bench/run: each function measures one and returns it in Markdown."""

import platform
import re
import subprocess

import cases as make
from broker import QUEUE
from measure import Case, calls, have, instructions, least, median, number, order, path, ratio, rounds, run, \
    say, table


def catch_all(bench):
    """A queue for the messages, and the exchange that amqp-publish does not declare."""
    bench.broker.empty_queue()
    subprocess.run([bench.peer("oneshot"), make.EXCHANGE, "topic", make.KEY, "hello"], check=True)
    bench.broker.queue("bind", QUEUE, make.EXCHANGE, "#")


# One message for each process.

def oneshot(bench):
    catch_all(bench)
    cases = make.oneshots(bench) + [Case("/bin/true: a process", "/bin/true")]
    count = bench.rounds(41)
    rows = rounds(cases, count, bench.timed)
    base = rows[cases[0].name]
    return table(["one message", "ms", "least", "x", "CPU ms", "x", "resident MB", "system calls"],
                 [[c.name, 1e3 * median(r, "wall"), 1e3 * least(r, "wall"), ratio(r, base, "wall"),
                   1e3 * median(r, "cpu"), ratio(r, base, "cpu"), median(r, "rss"), calls(c)]
                  for c, r in ((c, rows[c.name]) for c in cases)]) + bench.note(count)


def far(bench):
    """One message, further and further away; in round trips the process itself is left out."""
    catch_all(bench)
    count, columns, head = bench.rounds(11), {}, ["one message"]
    near = {}
    for trip in (0, 5, 20, 50):
        bench.broker.delay(trip)
        cases = make.oneshots(bench)
        rows = rounds(cases, count, bench.timed)
        head += ["%d ms" % trip, "x"] + (["trips"] if trip else [])
        for case in cases:
            row = rows[case.name]
            near.setdefault(case.name, median(row, "wall"))
            cells = columns.setdefault(case.name, [case.name])
            cells += [1e3 * median(row, "wall"), ratio(row, rows[cases[0].name], "wall")]
            if trip:
                cells.append("%.1f" % (1e3 * (median(row, "wall") - near[case.name]) / trip))
    bench.broker.delay(0)
    return table(head, list(columns.values())) + bench.note(count)


# Many messages for each process.

def slope(make, before):
    """System calls for each further message, by the name of the case."""
    counts = []
    for messages in (2000, 12000):
        found = {}
        for case in make(messages):
            before(case)
            found[case.name] = calls(case), case.messages
        counts.append(found)
    return {name: "%.3f" % ((b - counts[0][name][0]) / (n - counts[0][name][1])) if b else None
            for name, (b, n) in counts[1].items()}


def throughput(bench, title, make, count, before, after, turns):
    cases = make(count)
    rows = rounds(cases, turns, bench.timed, before, after, warm=False)
    per_message = slope(make, before)
    base = rows[cases[0].name]
    return table([title, "messages", "a second", "most", "x", "CPU us each", "x", "system calls each", "resident MB"],
                 [[c.name, c.messages, median(r, "rate"), max(x["rate"] for x in r), ratio(r, base, "rate"),
                   median(r, "us"), ratio(r, base, "us"), per_message[c.name], median(r, "rss")]
                  for c, r in ((c, rows[c.name]) for c in cases)])


def stream(bench):
    broker, turns = bench.broker, bench.rounds(15)
    text = throughput(bench, "lines of 100 bytes", lambda n: make.senders(bench, n, 100), bench.scaled(200000),
                      lambda case: broker.empty_queue(),
                      lambda case, row: broker.expect_depth(case.name, case.messages), turns)
    return text + bench.note(turns)


def consume(bench):
    turns, text = bench.rounds(7), []
    for kind in ("classic", "quorum"):
        text.append(throughput(bench, "bodies of 100 bytes, %s queue" % kind, lambda n: make.receivers(bench, n, 100),
                               bench.scaled(200000), lambda case: bench.broker.fill_queue(case.messages, 100, kind),
                               None, turns))
    return "\n\n".join(text) + bench.note(turns)


# One thing changes from row to row.

SWEEP = ["messages", "blast/s", "feed/s", "send/s", "x", "CPU us", "drain/s", "receive/s", "x", "CPU us", "send ms", "receive ms"]


def sweep(bench, label, count, size, jobs, turns):
    """A row. What a floor and its program send, the floor and the program of the other side take away."""
    put, take = make.floor_and_send(bench, count, size, jobs), make.floor_and_receive(bench, count, size, jobs)
    rows = {case.name: [] for case in put + take}
    for turn in range(turns):
        sign = 1 if turn % 2 == 0 else -1
        for sender, receiver in zip(put[::sign], (take + [None])[::sign if turn % 4 < 2 else -sign]):
            bench.broker.empty_queue()
            rows[sender.name].append(run(sender, bench.timed))
            bench.broker.expect_depth(sender.name, count)
            if receiver:
                rows[receiver.name].append(run(receiver, bench.timed))
    blast, feed, send, drain, receive = rows.values()
    return [label, count, median(blast, "rate"), median(feed, "rate"), median(send, "rate"),
            ratio(send, feed, "rate"), median(send, "us"),
            median(drain, "rate"), median(receive, "rate"), ratio(receive, drain, "rate"), median(receive, "us"),
            1e3 * median(send, "wall"), 1e3 * median(receive, "wall")]


def messages(bench):
    turns = bench.rounds(3)
    counts = [bench.scaled(n) for n in (1000, 10000, 100000, 1000000)]
    rows = [sweep(bench, number(n), n, 100, 1, turns) for n in counts]
    return table(SWEEP, [row[:1] + row[2:] for row in rows]) + bench.note(turns, ", 100 bytes")


def sizes(bench):
    turns, most = bench.rounds(9), bench.scaled(50000)
    rows = [sweep(bench, number(size), max(20, min(most, most * 4000 // size)), size, 1, turns)
            for size in (10, 100, 1000, 10000, 100000, 1000000)]
    return table(["bytes"] + SWEEP, rows) + bench.note(turns)


def distances(bench):
    turns, rows = bench.rounds(7), []
    for trip in (0, 5, 20, 50):
        bench.broker.delay(trip)
        rows.append(sweep(bench, number(trip), bench.scaled(50000), 100, 1, turns))
    bench.broker.delay(0)
    return table(["round trip, ms"] + SWEEP, rows) + bench.note(turns, ", 100 bytes")


def programs(bench):
    turns, count = bench.rounds(9), bench.scaled(100000) // 8 * 8
    rows = [sweep(bench, number(jobs), count, 100, jobs, turns) for jobs in (1, 2, 4, 8)]
    return table(["programs at once"] + SWEEP, rows) + bench.note(turns, ", 100 bytes")


# A line from the input of one program to the output of another.

def under_way(bench, case, count):
    """The 50th and the 99th of hundred parts of the times, in microseconds."""
    bench.broker.empty_queue()
    subprocess.run([bench.peer("latency"), path("latency"), "1000", str(count), *case.command], check=True,
                   stderr=subprocess.DEVNULL)
    with open(path("latency")) as file:
        p50, p99 = (float(word) for word in file.read().split())
    return {"p50": p50, "p99": p99}


def latency(bench):
    turns, count = bench.rounds(15), bench.scaled(5000)
    cases = make.pairs(bench, count)
    rows = {case.name: [] for case in cases}
    for turn in range(turns):
        for case in order(cases, turn):
            rows[case.name].append(under_way(bench, case, count))
    base = rows[cases[0].name]
    return table(["1,000 lines a second", "p50 us", "x", "p99 us", "x"],
                 [[c.name, median(r, "p50"), ratio(r, base, "p50"), median(r, "p99"), ratio(r, base, "p99")]
                  for c, r in ((c, rows[c.name]) for c in cases)]) + bench.note(turns, ", %s lines" % number(count))


# A process for each message.

def worker(bench):
    turns, count = bench.rounds(9), bench.scaled(4000)
    cases = make.workers(bench, count)
    rows = rounds(cases, turns, bench.timed, lambda case: bench.broker.fill_queue(count, 10), None, warm=False)
    base = rows[cases[0].name]
    return table(["jobs that do nothing", "a second", "most", "x", "CPU us each", "x", "resident MB"],
                 [[c.name, median(r, "rate"), max(x["rate"] for x in r), ratio(r, base, "rate"), median(r, "us"),
                   ratio(r, base, "us"), median(r, "rss")]
                  for c, r in ((c, rows[c.name]) for c in cases)]) + bench.note(turns, ", %s jobs" % number(count))


# What is not a time.

def memory(bench):
    many, size = bench.scaled(1000000), 100
    pair = make.floor_and_send(bench, many, size)[-1], make.floor_and_receive(bench, many, size)[1]
    rows = [["send --help", 0, 0, run(Case("", bench.tool("send --help")), bench.timed)["rss"]]]
    bench.broker.empty_queue()
    rows += [[case.name, many, size, run(case, bench.timed)["rss"]] for case in pair]
    large = 100000000
    bench.broker.empty_queue()
    send = Case("send -", bench.tool("send -q %s -" % QUEUE), stdin=make.lines(1, large - 1))
    row = run(send, bench.timed)
    if row["failed"]:
        say("this broker does not take a body of 100 MB: left out")
    else:
        receive = Case("receive --raw", bench.tool("receive -q %s --raw -c 1" % QUEUE), stdout=path("out"))
        rows += [[send.name, 1, large, row["rss"]], [receive.name, 1, large, run(receive, bench.timed)["rss"]]]
    return table(["memory", "messages", "bytes each", "resident MB"], rows) + bench.note(1)


def libraries(case):
    """Those that are mapped, without their versions; None where strace cannot tell."""
    if not have("strace"):
        return None
    case.start(0, "strace", "-f", "-qq", "-e", "trace=open,openat", "-o", path("opened")).wait()
    with open(path("opened"), errors="replace") as file:
        found = re.findall(r'"[^"]*/([^/"]+?)\.so[^"]*", [^)]*\) = \d', file.read())
    return ", ".join(sorted(set(found) - {"ld"}))


def startup(bench):
    catch_all(bench)
    cases = [Case("emit_log --help", bench.tool("emit_log --help"))]
    cases += [case for case in make.oneshots(bench) if "again" not in case.name and case.name != "pika"]
    return table(["start-up", "instructions", "system calls", "libraries"],
                 [[c.name, instructions(c), calls(c), libraries(c)] for c in cases]) + bench.note(
                     1, ", " + platform.machine())


TABLES = [oneshot, far, stream, consume, messages, sizes, distances, programs, latency, worker, memory, startup]
