# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Runs complyd-sim and talks to it: its control endpoint, and the APIs it plays.

    with SimProcess(tmp_path, "--verdict-delay", "50ms") as sim:
        sim.register("7d0f...", "Windows")
        sim.add_fault(at="partner_put", fault="throttle", retry_after="2.1")
        ...
        assert sim.device("7d0f...")["isCompliant"] is True
        assert sim.stats()["violations"] == 0

The binary comes from $COMPLYD_BIN (a directory), else build/release/bin.
"""
import http.client
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.parse
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TENANT = "5e1ec7ed-0000-4000-8000-000000000001"
CLIENT = "5e1ec7ed-0000-4000-8000-0000000000aa"
INTUNE_SCOPE = "https://api.manage.microsoft.com//.default"
INTUNE_APP = "0000000a-0000-0000-c000-000000000000"


def binary(name):
    """Path of one of our programs."""
    folder = Path(os.environ.get("COMPLYD_BIN", ROOT / "build" / "release" / "bin"))
    return str(folder / name)


class Answer:
    """One HTTP answer; header names in lower case."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class SimProcess:
    """A complyd-sim on a free port. A second one with the same folder and port is the same server come back."""

    def __init__(self, folder, *options, tenants=(TENANT,), port=0):
        self.folder = Path(folder)
        self.certs = self.folder / "sim-certs"
        self.config = self.folder / "sim-connection.conf"
        self.ready = self.folder / "sim-ready.json"
        self.log = self.folder / "sim.log"
        self.options = [str(option) for option in options]
        self.tenants = list(tenants)
        self.port = port
        self.process = None
        self.url = None
        self._context = None

    # Life

    def start(self, timeout=30):
        self.ready.unlink(missing_ok=True)
        command = [binary("complyd-sim"), "--listen", f"127.0.0.1:{self.port}", "--make-certs", str(self.certs),
                   "--config-out", str(self.config), "--ready-file", str(self.ready)]
        for tenant in self.tenants:
            command += ["--tenant", tenant]
        self.output = open(self.log, "ab")
        self.process = subprocess.Popen(command + self.options, stdout=self.output, stderr=self.output)
        wait_for(lambda: self.ready.exists() or self.process.poll() is not None, "the simulator answers", timeout)
        if self.process.poll() is not None:
            raise RuntimeError(f"complyd-sim ended with {self.process.returncode}: {self.log.read_text()}")
        told = json.loads(self.ready.read_text())
        self.url = told["url"]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.ca = told["ca_file"]
        self.tenant_id = told["tenant_id"]
        self.client_id = told["client_id"]
        self._context = ssl.create_default_context(cafile=self.ca)
        return self

    def stop(self, timeout=30):
        """Ends it in good order and returns its exit code; fine when it runs no more."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.output.close()
        code, self.process = self.process.returncode, None
        return code

    def kill(self):
        """Ends it at once: connections are refused from now on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.output.close()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # HTTP

    def connect(self, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context, timeout=timeout)

    def request(self, method, path, body=None, headers=None, token=None, connection=None, timeout=30):
        """One request. dicts and lists are sent as JSON; `path` may be a whole URL."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if isinstance(body, str):
            body = body.encode()
        path = path[len(self.url):] if path.startswith(self.url) else path
        own = connection is None
        connection = connection or self.connect(timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            if own:
                connection.close()

    # Control

    def control(self, method, path, body=None):
        answer = self.request(method, f"/sim/{path}", body)
        if answer.status >= 300:
            raise RuntimeError(f"{method} /sim/{path}: {answer}")
        return answer.json()

    def add_fault(self, at, fault, **parameters):
        """Adds a rule; returns its number."""
        return self.control("POST", "faults", {"at": at, "fault": fault, **parameters})["number"]

    def faults(self):
        """Every rule: {"number", "fitted", "played", "rule"}."""
        return self.control("GET", "faults")["value"]

    def played(self, number):
        """How often a rule has played."""
        return next(fault["played"] for fault in self.faults() if fault["number"] == number)

    def clear_faults(self):
        self.control("DELETE", "faults")

    def devices(self, tenant=None):
        """What Microsoft believes, by device id."""
        query = f"?tenant={tenant}" if tenant else ""
        return {device["deviceId"]: device for device in self.control("GET", f"devices{query}")["value"]}

    def device(self, device_id):
        """What Microsoft believes of one device; None = it does not know it."""
        value = self.control("GET", f"devices/{device_id}")["value"]
        return value[0] if value else None

    def register(self, device_id, operating_system, **properties):
        self.register_all([{"deviceId": device_id, "operatingSystem": operating_system, **properties}])

    def register_all(self, devices, tenant=None):
        query = f"?tenant={tenant}" if tenant else ""
        lines = "\n".join(json.dumps(device) for device in devices)
        return self.control("POST", f"devices{query}", lines)["count"]

    def remove_device(self, device_id):
        self.control("DELETE", f"devices/{device_id}")

    def add_users(self, users):
        return self.control("POST", "users", users)["count"]

    def requests(self, since=0, body=False, at=None):
        """The log of requests, oldest first; `at` picks a place such as partner_put."""
        value = self.control("GET", f"requests?since={since}&body={int(body)}")["value"]
        return [entry for entry in value if at is None or entry["at"] == at]

    def last_request(self):
        """Number of the newest request: pass it as `since` to see only later ones."""
        return self.control("GET", "requests?limit=0")["last"]

    def stats(self):
        return self.control("GET", "stats")

    def count(self, place, status=None):
        """Answers given at a place, all of them or those with a status (0 = reset or closed without an answer)."""
        counts = self.stats()["requests"][place]
        return sum(counts.values()) if status is None else counts.get(str(status), 0)

    def settings(self, **values):
        """Changes settings and returns them all."""
        return self.control("PUT", "settings", values)

    def revoke_tokens(self):
        self.control("POST", "revoke")

    def reset(self):
        self.control("POST", "reset")

    # The APIs, as a client sees them

    @property
    def secret(self):
        return (self.certs / "client.secret").read_text().strip()

    def token_request(self, scope, tenant=None, content_type="application/x-www-form-urlencoded", **changes):
        """Asks for a token with the secret; a change of None leaves the parameter out."""
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "scope": scope,
                "client_secret": self.secret, **changes}
        body = urllib.parse.urlencode({k: v for k, v in form.items() if v is not None})
        return self.request("POST", f"/{tenant or self.tenant_id}/oauth2/v2.0/token", body,
                            {"Content-Type": content_type})

    def graph_token(self, tenant=None):
        return self.token_request(f"{self.url}/.default", tenant).json()["access_token"]

    def intune_token(self, tenant=None):
        return self.token_request(INTUNE_SCOPE, tenant).json()["access_token"]

    def user_id(self, name, token):
        path = f"/v1.0/users/{urllib.parse.quote(name, safe='@')}?$select=id"
        return self.request("GET", path, token=token).json()["id"]

    def put_message(self, token, message, message_id=None, connection=None):
        """Sends a device message (see message()); returns the answer."""
        return self.request("PUT", message_path(message_id or message["id"]), message["body"],
                            {"Content-Type": "application/json"}, token=token, connection=connection)

    def verdict(self, token, message_id):
        return self.request("GET", message_path(message_id), token=token)


def message_path(message_id):
    return f"/fef/PartnerDeviceDataSyncService/DataUploadMessages(guid'{message_id}')?api-version=1.2"


def message(device_id, user_id, stamp, os="iOS", managed=True, compliant=True, tenant=TENANT, message_id=None,
            inventory=None, compliance=None, envelope=None):
    """A device message: {"id", "body"}. The last three change or (None) drop fields of its parts."""
    first = {"EntityType": 1, "TenantId": tenant, "DeviceManagementState": "managed" if managed else "notManaged",
             "DeviceId": device_id, "DeviceName": "A phone", "UserId": user_id, "LastCheckInTime": stamp,
             "LastUpdateTime": stamp, "Os": os, "OsVersion": "17.1", "EasIds": [], "State": 0}
    second = {"EntityType": 4, "TenantId": tenant, "DeviceId": device_id, "UserId": user_id, "LastUpdateTime": stamp,
              "complianceStatus": "compliant" if compliant else "notCompliant"}
    content = json.dumps([_changed(first, inventory), _changed(second, compliance)])
    body = _changed({"TenantId": tenant, "UploadTime": stamp, "Content": content}, envelope)
    return {"id": message_id or str(uuid.uuid4()), "body": json.dumps(body)}


def _changed(fields, changes):
    return {k: v for k, v in {**fields, **(changes or {})}.items() if v is not None}


def wait_for(condition, what, timeout=30):
    """Waits until condition() is true and returns its value; `what` names it when it never comes."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout} s: {what}")
        time.sleep(0.005)
