# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""A client of the control API: HTTP over its Unix socket."""
import contextlib
import http.client
import json
import socket
from urllib.parse import quote


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = body

    @property
    def type(self):
        return self.headers.get("content-type", "")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def segment(text):
    """An id as a segment of a path."""
    return quote(text, safe="")


class Control:
    def __init__(self, path, timeout=60):
        self.path = str(path)
        self.timeout = timeout

    def request(self, method, target, body=None, content_type=None, headers=None):
        """`body`: bytes or text as they are, an iterable of bytes as chunks, anything else as JSON."""
        headers = dict(headers or {})
        if isinstance(body, str):
            body = body.encode()
        elif isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            content_type = content_type or ("application/merge-patch+json" if method == "PATCH" else "application/json")
        if content_type:
            headers["Content-Type"] = content_type
        connection = UnixConnection(self.path, self.timeout)
        try:
            with contextlib.suppress(BrokenPipeError):  # an answer may come before all of the body is read
                connection.request(method, target, body, headers, encode_chunked=not isinstance(body, (bytes, type(None))))
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, target):
        return self.request("GET", target)

    def put(self, target, body=None, **options):
        return self.request("PUT", target, body, **options)

    def patch(self, target, body, **options):
        return self.request("PATCH", target, body, **options)

    def delete(self, target):
        return self.request("DELETE", target)

    def post(self, target, body=None, **options):
        return self.request("POST", target, body, **options)

    def import_lines(self, *records):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        return self.post("/v1/import", lines, content_type="application/x-ndjson")

    def half_an_import(self):
        """A connection that has sent the first part of an import."""
        connection = UnixConnection(self.path, self.timeout)
        connection.putrequest("POST", "/v1/import")
        connection.putheader("Content-Type", "application/x-ndjson")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        line = (json.dumps({"delete_device": "x"}) + "\n").encode()
        part = line * (600000 // len(line))
        connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        return connection
