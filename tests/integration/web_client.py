# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The web page as a program sees it: signs in by a link of complyctl's, then asks with the session's cookie."""
import http.client
import re
import socket
from urllib.parse import urlsplit


def free_port():
    """A port of loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def with_page(daemon):
    """Sets [web] listen to a free port."""
    daemon.settings["web"]["listen"] = f"127.0.0.1:{free_port()}"
    daemon.write_config()
    return daemon


class Answer:
    """Header names in lower case; a header that came twice is a list in `all`."""

    def __init__(self, response):
        self.status = response.status
        self.all = [(name.lower(), value) for name, value in response.getheaders()]
        self.headers = dict(self.all)
        self.body = response.read().decode("utf-8", "replace")

    def cookies(self):
        return [value for name, value in self.all if name == "set-cookie"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Browser:
    """One browser: keeps the session's cookie as a browser would."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.host = daemon.settings["web"]["listen"]
        self.cookie = None
        self.csrf = None

    def link(self):
        return self.daemon.ctl("page").json["url"]

    def ask(self, method, path, headers=None, body=None):
        """One request on a connection of its own; no redirect is followed."""
        sent = {"Cookie": f"complyd_session={self.cookie}"} if self.cookie else {}
        sent.update(headers or {})
        connection = http.client.HTTPConnection(*self.host.split(":"), timeout=60)
        try:
            connection.request(method, path, body=body, headers={name: value for name, value in sent.items() if value is not None})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for cookie in answer.cookies():
            found = re.match(r"complyd_session=([^;]*);", cookie)
            if found:
                self.cookie = found[1] or None
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, headers)

    def sign_in(self, link=None):
        parts = urlsplit(link or self.link())
        answer = self.ask("GET", f"{parts.path}?{parts.query}")
        if answer.status == 303:
            self.csrf = re.search(r'<meta name="csrf" content="([^"]+)">', self.get("/").body)[1]
        return answer

    def post(self, path, **more):
        return self.change("POST", path, **more)

    def change(self, method, path, body="{}", csrf=True, origin=True, **headers):
        sent = {"Origin": f"http://{self.host}" if origin is True else origin,
                "X-CSRF-Token": self.csrf if csrf is True else csrf, **headers}
        return self.ask(method, path, sent, body)
