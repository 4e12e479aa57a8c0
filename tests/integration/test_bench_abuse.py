# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The mischief of the benchmark is what it says it is: tests/bench/abuse.py against a server that looks at what it gets."""
import contextlib
import selectors
import socket
import subprocess
import sys
import time

from harness import PATIENCE, ROOT

ENOUGH = 2 * 1024 * 1024  # of a body: more than complyd takes of any but an import

METHODS = (b"GET ", b"PUT ", b"POST ", b"BREW ")


class Visit:
    """One connection, and what is known of it so far."""

    def __init__(self, place):
        self.place = place
        self.data = b""
        self.pieces = 0
        self.poured = 0

    def take(self, piece):
        """The kind of mischief that this has turned out to be, or None; bytes that are to go back, or None."""
        self.pieces += 1
        self.poured += len(piece)
        if b"\r\n\r\n" not in self.data:
            self.data += piece
        head, whole, _ = self.data.partition(b"\r\n\r\n")
        if not any(head[:len(method)] == method[:len(head)] for method in METHODS):
            return "garbage", None
        if not whole:
            return ("sits", None) if head == b"GET /v1/sta" and self.pieces == 1 else (None, None)
        if b"chunked" in head:
            return ("endless", b"") if self.poured > ENOUGH else (None, None)
        # The kernel may put some of the bytes together.
        return ("dripped" if self.pieces > len(head) / 2 else "request"), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def watch(listeners, everything):
    """Serves until it has seen everything, or time is up; what it has seen."""
    seen, deadline = set(), time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as connections:
        for place, listener in listeners.items():
            selector.register(listener, selectors.EVENT_READ, place)
        while seen != everything and time.monotonic() < deadline:
            for key, _ in selector.select(1):
                if isinstance(key.data, str):
                    connection = connections.enter_context(key.fileobj.accept()[0])
                    selector.register(connection, selectors.EVENT_READ, Visit(key.data))
                    continue
                piece = b""
                with contextlib.suppress(ConnectionResetError):
                    piece = key.fileobj.recv(1 << 20)
                kind, answer = key.data.take(piece) if piece else (None, b"")
                if kind:
                    seen.add((kind, key.data.place))
                if answer is not None:
                    with contextlib.suppress(OSError):
                        key.fileobj.sendall(answer)
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    return seen


def test_all_kinds_of_mischief_are_done_at_both_places(scratch):
    everything = {(kind, place) for kind in ("garbage", "sits", "request", "dripped", "endless") for place in ("socket", "port")}
    with socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0), backlog=64) as port:
        unix.bind(str(scratch / "s"))
        unix.listen(64)
        command = [sys.executable, ROOT / "tests" / "bench" / "abuse.py", scratch / "s", str(port.getsockname()[1])]
        with subprocess.Popen(command) as abuser:
            try:
                assert watch({"socket": unix, "port": port}, everything) == everything
                assert abuser.poll() is None, "it goes on until it is told to stop"
            finally:
                abuser.kill()
