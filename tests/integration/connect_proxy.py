# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""A small HTTP proxy on loopback that knows CONNECT only: it may want a user and a password, leads every host to one port of this
machine, and keeps what was asked of it."""
import base64
import contextlib
import select
import socket
import socketserver
import threading


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        proxy = self.server.proxy
        while True:
            line = self.rfile.readline(65536).decode("latin-1")
            headers = {}
            while True:
                header = self.rfile.readline(65536).decode("latin-1")
                if header in ("\r\n", "\n", ""):
                    break
                name, _, value = header.partition(":")
                headers[name.strip().lower()] = value.strip()
            if not line.strip():
                return
            method, target = line.split()[:2]
            proxy.seen(method, target, headers)
            if method != "CONNECT":
                self.answer("405 Method Not Allowed")
            elif proxy.wanted is not None and headers.get("proxy-authorization") != proxy.wanted:
                self.answer("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"test\"\r\n")
            elif proxy.refuses:
                self.answer(proxy.refuses)
            else:
                self.tunnel(proxy.port)
                return

    def answer(self, status, headers=""):
        self.wfile.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode())

    def tunnel(self, port):
        with socket.create_connection(("127.0.0.1", port)) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            near = self.connection
            with contextlib.suppress(OSError):
                while True:
                    for side in select.select([near, far], [], [])[0]:
                        data = side.recv(65536)
                        if not data:
                            return
                        (far if side is near else near).sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class ConnectProxy:
    def __init__(self, port, user=None, password=None):
        self.port = port
        self.refuses = None
        self._lock = threading.Lock()
        self._seen = []
        self.want(user, password)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def want(self, user, password):
        self.wanted = None if user is None else "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def seen(self, method, target, headers):
        with self._lock:
            self._seen.append((method, target, headers))

    def requests(self):
        with self._lock:
            return list(self._seen)

    def hosts(self):
        """Every host that was asked for, with its port."""
        return {target for _, target, _ in self.requests()}

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
