# SPDX-License-Identifier: MIT
# Run a program again and again, each time with another allocation refused, until it makes no more or the limit is
# reached. Each run must end by itself, with 71 and one line that says why, or as if nothing had been refused.
#
#	memory.py LIBRARY LIMIT [-i INPUT] [-s STATUS] [-w] -- COMMAND...
#
# Prints how many runs there were in which one was refused, how many of them ended as if nothing had been, and how many
# lines all runs wrote to standard output; 1 if any ended in another way.

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

NOT_REACHED = 99
SECS = 20
OTHER = rb'confirmed=|warning: |cannot finish '  # what is said beside the reason

parser = argparse.ArgumentParser()
parser.add_argument('library')
parser.add_argument('limit', type=int)
parser.add_argument('-i', '--input', default='')
parser.add_argument('-s', '--status', type=int, default=0)
parser.add_argument('-w', '--worker', action='store_true', help='a message that did not get its memory is 1 there')
parser.add_argument('command', nargs='+')
args = parser.parse_args()


def run(n):
    env = dict(os.environ, LD_PRELOAD=args.library, FAIL_AT=str(n))
    try:
        done = subprocess.run(args.command, input=args.input.encode(), env=env, capture_output=True, timeout=SECS)
    except subprocess.TimeoutExpired:
        return n, 'hangs', b'', b''
    return n, done.returncode, done.stdout, done.stderr


def is_sound(status, errors):
    lines = [line for line in errors.splitlines() if not re.search(OTHER, line)]
    if status == 71:
        return len(lines) == 1 and b'memory' in lines[0]
    return status == args.status or (args.worker and status == 1 and b'memory' in errors)


runs = unharmed = lines = bad = 0
with ThreadPoolExecutor(2) as pool:
    tries = [pool.submit(run, n) for n in range(1, args.limit + 1)]
    for t in tries:
        if t.cancelled():
            continue
        n, status, out, errors = t.result()
        lines += out.count(b'\n')
        if status == NOT_REACHED:
            pool.shutdown(wait=True, cancel_futures=True)
            continue
        runs += 1
        unharmed += status == args.status
        if not is_sound(status, errors):
            bad += 1
            print(n, status, errors[:300], file=sys.stderr)
print(runs, unharmed, lines)
sys.exit(bad > 0)
