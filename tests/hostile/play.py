#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Play scenes with the programs of PATH: for each that ends wrongly a line why, and what the program said.

usage: play.py [-j JOBS] [-v] FILE [WORD]     the scenes of FILE.py, or those whose name has the word
"""

import argparse
import importlib
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.append(str(pathlib.Path(__file__).parent.parent))

import scene  # noqa: E402 (its modules are found in the folder above too)


def timed(one):
    began = time.monotonic()
    return one, *scene.play(one), time.monotonic() - began


def tell(one, wrong, end, secs):
    print(f"{'not ok' if wrong else 'ok'} {one.name}: {'; '.join(wrong) or end.status} ({secs:.1f} s, {end.memory} MB)")
    print(*(f"    {line}"[:400] for line in end.errors.decode("utf-8", "replace").splitlines()[:20]), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-j", "--jobs", type=int, default=8)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("file")
    parser.add_argument("word", nargs="?", default="")
    args = parser.parse_args()
    scenes = [one for one in importlib.import_module(args.file).SCENES if args.word in one.name]
    bad = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for one, wrong, end, secs in pool.map(timed, scenes):
            bad += bool(wrong)
            if wrong or args.verbose:
                tell(one, wrong, end, secs)
    print(f"{len(scenes)} scenes, {bad} of them ended wrongly")
    return 1 if bad or not scenes else 0


if __name__ == "__main__":
    sys.exit(main())
