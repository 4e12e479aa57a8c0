# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Mischief on the control socket and the web port, until it is told to stop: what reporting must not feel.

    abuse.py SOCKET WEB_PORT

Connections that only sit there, requests a byte at a time, bytes that are no HTTP, bodies without end, unknown ids, lists of the whole
fleet, one after the other without a pause, at the lowest priority so that its own share of the processors does not count.
"""

import os
import random
import socket
import sys

SITTING = 200
REQUESTS = (b"GET /v1/status?devices=no HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /v1/devices?limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /v1/devices/nobody%20knows HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"BREW /v1/coffee HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"PUT /v1/devices/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"x" * 0x4000 + b"\r\n",
            b"POST /v1/resync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")


def reach(path, port):
    """A new connection to one or the other; None when it is not to be had."""
    try:
        if random.random() < 0.5:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(0.2)
            connection.connect(path)
        else:
            connection = socket.create_connection(("127.0.0.1", port), 0.2)
        connection.settimeout(0.2)
        return connection
    except OSError:
        return None


def misbehave(connection, sitting):
    try:
        kind = random.random()
        if kind < 0.3:
            connection.sendall(os.urandom(random.randrange(1, 4096)))
        elif kind < 0.9:
            connection.sendall(random.choice(REQUESTS))
            connection.recv(65536)
        else:
            connection.sendall(b"GET /v1/sta")
            sitting.append(connection)
            return
    except OSError:
        pass
    connection.close()


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    os.nice(19)
    sitting = []
    while True:
        connection = reach(path, port)
        if connection:
            misbehave(connection, sitting)
        if len(sitting) > SITTING:
            sitting.pop(random.randrange(len(sitting))).close()


if __name__ == "__main__":
    main()
