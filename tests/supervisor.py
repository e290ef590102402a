#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hears what systemd would be told: a line for each datagram, its own newlines as blanks.

usage: supervisor.py PATH
"""

import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
while True:
    print(listener.recv(4096).decode().replace("\n", " "), flush=True)
