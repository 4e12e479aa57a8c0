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
DRIPPING = 16
CHUNK = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
BODY_MOST = 8 * 1024 * 1024  # of a body without end, should nobody cut it off
REQUESTS = (b"GET /v1/status?devices=no HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /v1/devices?limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /v1/devices/nobody%20knows HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"BREW /v1/coffee HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"POST /v1/resync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
ENDLESS = b"PUT /v1/devices/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def reach(path, port):
    """A new connection to one or the other; None when it is not to be had."""
    try:
        if random.random() < 0.5:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(0.2)
            connection.connect(path)
        else:
            connection = socket.create_connection(("127.0.0.1", port), 0.2)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each byte by itself
        connection.settimeout(0.2)
        return connection
    except OSError:
        return None


def pour(connection):
    """A body without end: until the other side has had enough."""
    connection.sendall(ENDLESS)
    for _ in range(BODY_MOST // len(CHUNK)):
        connection.sendall(CHUNK)


def misbehave(connection, sitting, dripping):
    kind = random.random()
    try:
        if kind < 0.3:
            connection.sendall(os.urandom(random.randrange(1, 4096)))
        elif kind < 0.7:
            connection.sendall(random.choice(REQUESTS))
            connection.recv(65536)
        elif kind < 0.8:
            pour(connection)
        elif kind < 0.9:
            dripping.append((connection, iter(random.choice(REQUESTS))))
            return
        else:
            connection.sendall(b"GET /v1/sta")
            sitting.append(connection)
            return
    except OSError:
        pass
    connection.close()


def drip(dripping):
    """The next byte of each request that is sent so; those at their end take the answer and go."""
    for connection, rest in list(dripping):
        byte = next(rest, None)
        try:
            if byte is None:
                connection.recv(65536)
            else:
                connection.sendall(bytes([byte]))
                continue
        except OSError:
            pass
        connection.close()
        dripping.remove((connection, rest))


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    os.nice(19)
    sitting, dripping = [], []
    while True:
        connection = reach(path, port)
        if connection:
            misbehave(connection, sitting, dripping)
        drip(dripping)
        if len(sitting) > SITTING:
            sitting.pop(random.randrange(len(sitting))).close()
        if len(dripping) > DRIPPING:
            dripping.pop(0)[0].close()


if __name__ == "__main__":
    main()
