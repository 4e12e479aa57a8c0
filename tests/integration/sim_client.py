# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Runs complyd-sim and talks to it: its control endpoint, and the APIs it plays.

    with SimProcess.start(directory=tmp_path, verdict_delay="50ms", auto_register=True) as sim:
        sim.register("7d0f...", "Windows")
        sim.add_fault(at="partner_put", fault="throttle", retry_after="2.1")
        ...
        assert sim.device("7d0f...")["isCompliant"] is True
        assert sim.stats()["violations"] == 0

The program comes from build/bin (`build`, else $COMPLYD_BUILD, else build/asan), or from the directory $COMPLYD_BIN.
"""
import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TENANT = "5e1ec7ed-0000-4000-8000-000000000001"
CLIENT = "5e1ec7ed-0000-4000-8000-0000000000aa"
INTUNE_APP = "0000000a-0000-0000-c000-000000000000"


def program(build=None):
    """Path of complyd-sim."""
    if "COMPLYD_BIN" in os.environ:
        return Path(os.environ["COMPLYD_BIN"]) / "complyd-sim"
    return Path(build or os.environ.get("COMPLYD_BUILD", ROOT / "build" / "asan")) / "bin" / "complyd-sim"


def as_options(values):
    """{"verdict_delay": "50ms", "auto_register": True, "tenant": [a, b]} as words of a command line."""
    words = []
    for name, value in values.items():
        option = "--" + name.replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                words.append(option)
            elif one is not None and one is not False:
                words += [option, str(one)]
    return words


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
    """A complyd-sim on a free port. launch() after stop() or kill() is the same server come back: same port, certificates and
    secret, nothing remembered."""

    def __init__(self, *words, directory, build=None, port=0, **options):
        options.setdefault("verdict_delay", "50ms")
        self.directory = Path(tempfile.mkdtemp(prefix="sim-", dir=directory))
        self.program = program(build)
        self.own_certificate = options.get("tls_cert")
        self.words = [str(word) for word in words] + as_options(options)
        self.port = port
        self.certs = self.directory / "certs"
        self.config = self.directory / "connection.conf"
        self.log = self.directory / "sim.log"
        self.process = None
        self._output = None
        self._context = None

    @classmethod
    def start(cls, *words, directory=None, build=None, port=0, **options):
        """Starts one and waits until it answers. Options of the command line as keywords: verdict_delay="1s"."""
        return cls(*words, directory=directory, build=build, port=port, **options).launch()

    def launch(self, timeout=60):
        ready = self.directory / "ready.json"
        ready.unlink(missing_ok=True)
        command = [str(self.program), "--listen", f"127.0.0.1:{self.port}", "--make-certs", str(self.certs),
                   "--config-out", str(self.config), "--ready-file", str(ready), *self.words]
        self._output = open(self.log, "ab")
        self.process = subprocess.Popen(command, stdout=self._output, stderr=self._output)
        wait_for(lambda: ready.exists() or self.process.poll() is not None, "the simulator answers", timeout)
        if self.process.poll() is not None:
            raise RuntimeError(f"complyd-sim ended with {self.process.returncode}: {self.log.read_text()}")
        told = json.loads(ready.read_text())
        self.url = told["url"]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.ca = told["ca_file"] or str(self.own_certificate)
        self.identity_url = told.get("identity_url", "")
        self.tenant_id = told["tenant_id"]
        self.client_id = told["client_id"]
        self.intune_scope = told["intune_scope"]
        self._context = ssl.create_default_context(cafile=self.ca)
        return self

    def stop(self, timeout=60):
        """Ends it in good order; fails when that goes wrong. Fine when it runs no more."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._output.close()
        self.process = None
        if code != 0:
            raise RuntimeError(f"complyd-sim ended with {code}: {self.log.read_text()[-4000:]}")

    def kill(self):
        """Ends it at once: connections are refused from now on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._output.close()
            self.process = None

    def __enter__(self):
        return self

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
        except OSError as problem:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"complyd-sim ended by itself with {self.process.returncode}: "
                                   f"{self.log.read_text(errors='replace')[-4000:]}") from problem
            raise
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
    def client_secret(self):
        return (self.certs / "client.secret").read_text().strip()

    def token_request(self, scope, tenant=None, content_type="application/x-www-form-urlencoded", **changes):
        """Asks for a token with the secret; a change of None leaves the parameter out."""
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "scope": scope,
                "client_secret": self.client_secret, **changes}
        body = urllib.parse.urlencode({k: v for k, v in form.items() if v is not None})
        return self.request("POST", f"/{tenant or self.tenant_id}/oauth2/v2.0/token", body,
                            {"Content-Type": content_type})

    def graph_token(self, tenant=None):
        return self.token_request(f"{self.url}/.default", tenant).json()["access_token"]

    def intune_token(self, tenant=None):
        return self.token_request(self.intune_scope, tenant).json()["access_token"]

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
