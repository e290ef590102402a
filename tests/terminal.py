#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run words of /bin/sh on a terminal of their own, print all that they write there, end as they do.

usage: terminal.py WORDS
"""

import os
import pty
import sys
import tty


def copy(master):
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # Linux's way to say that nobody has the other end any more
            return
        if not data:
            return
        os.write(1, data)


def main():
    pid, master = pty.fork()
    if pid == 0:
        tty.setraw(1)  # no \r before \n
        os.execv("/bin/sh", ["sh", "-c", sys.argv[1]])
    copy(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256


if __name__ == "__main__":
    sys.exit(main())
