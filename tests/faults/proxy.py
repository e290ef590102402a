#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Between a client and the broker of AMQP_URL, for one connection; stopped by SIGSTOP it is a network that went away.

usage: proxy.py         prints its port
"""

import os
import socket
import threading
import urllib.parse


def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


url = urllib.parse.urlsplit(os.environ["AMQP_URL"])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
client = listener.accept()[0]
listener.close()
broker = socket.create_connection((url.hostname, url.port or 5672))
threading.Thread(target=copy, args=(broker, client), daemon=True).start()
copy(client, broker)
