# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What complyd sends, field by field, as the simulator's log of requests has it: no field too many, none too few, each of the right type."""
import datetime
import http.client
import json
import re
import socketserver
import ssl
import threading
import urllib.parse

import pytest

import harness
from harness import eventually, guid
from scene import look, shared_sim, sim, succeeded, told, wait_agreed  # noqa: F401
from sim_client import INTUNE_APP

GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
OS = {"ios": "iOS", "android": "Android", "macos": "macOS"}
NAME = 'Gerät "Zoë" \\ / \u2028 \U0001f4f1 </script>'


def parse(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def puts(sim, since=0):
    """(request, envelope, inventory, compliance) of each message of one device."""
    for request in sim.requests(since, body=True, at="partner_put"):
        envelope = json.loads(request["body"])
        inventory, compliance = json.loads(envelope["Content"])
        yield request, envelope, inventory, compliance


# ---- partner messages

@pytest.mark.parametrize("platform", OS)
@pytest.mark.parametrize("action, managed, state", [(None, "managed", "compliant"), ("quarantine", "managed", "notCompliant"),
                                                    ("retire", "notManaged", "notCompliant")])
def test_a_partner_message_field_by_field(sim, store, daemon, platform, action, managed, state):
    if action:
        store.add_policy("policy", action)
    store.add_device("device", 1, platform=platform, name=NAME, os_version="17.5.1 (21F90)", last_check_in=1770000001,
                     azure_device_id=guid(1).upper(), user_principal_name="Zoe@contoso.example", violations=["policy"] if action else [])
    daemon.start()
    eventually(lambda: told(store, "device"))
    (request, envelope, inventory, compliance), = puts(sim)
    assert request["method"] == "PUT" and request["token"] == "intune" and request["answered"]
    path = re.fullmatch(rf"/fef/PartnerDeviceDataSyncService/DataUploadMessages\(guid'({GUID})'\)\?api-version=1\.2", request["path"])
    assert path and bytes.fromhex(path[1].replace("-", "")) == look(store, "device").message_id
    assert re.fullmatch(GUID, request["client_request_id"])
    user = sim.user_id("zoe@contoso.example", sim.graph_token())
    stamp = inventory["LastUpdateTime"]
    assert re.fullmatch(TIME, stamp) and abs((parse(stamp) - parse(request["time"])).total_seconds()) < 60
    assert set(envelope) == {"TenantId", "UploadTime", "Content"} and isinstance(envelope["Content"], str)
    assert (envelope["TenantId"], envelope["UploadTime"]) == (sim.tenant_id, stamp)
    assert inventory == {
        "EntityType": 1, "TenantId": sim.tenant_id, "DeviceManagementState": managed, "DeviceId": guid(1), "DeviceName": NAME,
        "UserId": user, "LastCheckInTime": "2026-02-02T02:40:01.000Z", "LastUpdateTime": stamp, "Os": OS[platform],
        "OsVersion": "17.5.1 (21F90)", "EasIds": [], "State": 0}
    assert compliance == {"EntityType": 4, "TenantId": sim.tenant_id, "DeviceId": guid(1), "UserId": user, "LastUpdateTime": stamp,
                          "complianceStatus": state}
    assert list(inventory)[0] == list(compliance)[0] == "EntityType"


def test_a_device_that_never_checked_in_names_the_time_of_its_report(sim, store, daemon):
    store.add_device("device", 1, last_check_in=None)
    daemon.start()
    eventually(lambda: told(store, "device"))
    (_, _, inventory, _), = puts(sim)
    assert inventory["LastCheckInTime"] == inventory["LastUpdateTime"]


def test_the_verdict_is_asked_for_where_the_message_was_put(sim, store, daemon):
    store.add_device("device", 1)
    daemon.start()
    eventually(lambda: succeeded(store, "device"))
    (put,) = sim.requests(at="partner_put")
    gets = sim.requests(at="partner_get", body=True)
    assert gets and all((get["method"], get["path"], get["token"], get["body"]) == ("GET", put["path"], "intune", "") for get in gets)


def test_stamps_rise_with_each_message_of_a_device(sim, store, daemon):
    """Though the clock gives the same millisecond twice, and over a restart."""
    store.add_devices([{"device_id": f"phone{n}", "number": n} for n in range(1, 6)])
    daemon.start()
    wait_agreed(store, sim)
    for change in range(8):
        if change == 4:
            daemon.restart()
        for n in range(1, 6):
            store.set_device(f"phone{n}", name=f"Name {change}")
        wait_agreed(store, sim)
    last = {}
    for _, envelope, inventory, compliance in puts(sim):
        assert inventory["LastUpdateTime"] == compliance["LastUpdateTime"] == envelope["UploadTime"]
        assert inventory["LastUpdateTime"] > last.get(inventory["DeviceId"], ""), inventory
        last[inventory["DeviceId"]] = inventory["LastUpdateTime"]
    assert len(last) == 5


def test_each_message_has_an_id_of_its_own(sim, store, daemon):
    store.add_devices([{"device_id": f"phone{n}", "number": n} for n in range(1, 40)])
    daemon.start()
    wait_agreed(store, sim)
    paths = [request["path"] for request in sim.requests(at="partner_put")]
    assert len(set(paths)) == len(paths) == 39
    assert len({request["client_request_id"] for request in sim.requests()}) == len(sim.requests())


# ---- Graph

ODD_USERS = ["o'brien@contoso.example", "$ann@contoso.example", "ann_x#ext#@contoso.example", "zoë@contoso.example", "a+b&c=d@contoso.example",
             "50%@contoso.example", "a b@contoso.example", "q?x@contoso.example", 'q"x@contoso.example']


def test_users_are_looked_up_by_encoded_names(sim, store, daemon):
    store.add_devices([{"device_id": f"phone{n}", "number": n, "user_principal_name": name} for n, name in enumerate(ODD_USERS)])
    daemon.start()
    store.wait_drained()
    asked = {}
    for request in sim.requests(body=True, at="graph_batch"):
        for item in json.loads(request["body"])["requests"]:
            assert set(item) == {"id", "method", "url"} and item["method"] == "GET", item
            path, query = item["url"].split("?", 1)
            assert query == "$select=id" and path.isascii() and not re.search(r"[\s\"#&+]", path), item
            plain = re.fullmatch(r"/users/([^/()]+)", path)
            quoted = re.fullmatch(r"/users\('(.+)'\)", path)
            name = urllib.parse.unquote(plain[1]) if plain else urllib.parse.unquote(quoted[1]).replace("''", "'")
            asked[name] = bool(quoted)
    assert set(asked) == set(ODD_USERS)
    assert asked["$ann@contoso.example"], "a name that begins with $ must stand in parentheses"


def test_a_batch_of_devices_field_by_field(sim, store, daemon):
    store.add_policy("policy", "block_email")
    store.add_policy("retire", "retire")
    count = 53
    store.add_devices([{"device_id": f"pc{n:02}", "number": n, "platform": "windows", "name": f"{NAME} {n}", "os_version": f"10.0.{n}",
                        "azure_device_id": guid(n).upper(), "violations": {1: ["policy"], 2: ["retire"]}.get(n % 3, [])}
                       for n in range(1, count + 1)])
    daemon.start()
    wait_agreed(store, sim)
    seen = {}
    batches = sim.requests(body=True, at="graph_batch")
    for request in batches:
        assert (request["method"], request["path"], request["token"]) == ("POST", "/v1.0/$batch", "graph")
        assert re.fullmatch(GUID, request["client_request_id"])
        body = json.loads(request["body"])
        assert set(body) == {"requests"} and 1 <= len(body["requests"]) <= 20
        assert len({item["id"] for item in body["requests"]}) == len(body["requests"])
        for item in body["requests"]:
            assert set(item) == {"id", "method", "url", "headers", "body"} and item["method"] == "PATCH" and isinstance(item["id"], str)
            assert item["headers"] == {"Content-Type": "application/json"}
            number = int(re.fullmatch(rf"/devices\(deviceId='({GUID})'\)", item["url"])[1][-12:], 16)
            seen[number] = item["body"]
    assert len(batches) == 3 and set(seen) == set(range(1, count + 1))
    for number, body in seen.items():
        state = [(True, True), (True, False), (False, False)][number % 3]
        inventory = {"displayName": f"{NAME} {number}", "operatingSystemVersion": f"10.0.{number}"}
        assert body == {"isManaged": state[0], "isCompliant": state[1], **inventory}, (number, body)


def test_a_change_of_compliance_alone_leaves_out_what_did_not_change(sim, store, daemon):
    store.add_policy("policy", "block_email")
    store.add_device("pc", 1, platform="windows")
    daemon.start()
    wait_agreed(store, sim)
    since = sim.last_request()
    store.violate("pc", "policy")
    wait_agreed(store, sim)
    (request,) = sim.requests(since, body=True, at="graph_batch")
    assert json.loads(request["body"])["requests"][0]["body"] == {"isCompliant": False, "isManaged": True}


def test_discovery_asks_for_the_intune_app_and_its_endpoints_once_a_day(sim, store, daemon):
    store.add_device("phone", 1)
    daemon.start()
    wait_agreed(store, sim)
    principal, endpoints = sim.requests(at="discovery")
    path, query = principal["path"].split("?", 1)
    assert path == "/v1.0/servicePrincipals" and urllib.parse.parse_qs(query)["$filter"] == [f"appId eq '{INTUNE_APP}'"]
    assert re.fullmatch(rf"/v1\.0/servicePrincipals/{GUID}/endpoints", endpoints["path"]) and endpoints["token"] == "graph"
    daemon.restart()
    store.set_device("phone", name="After the restart")
    wait_agreed(store, sim)
    assert sim.count("discovery") == 2 and store.value("SELECT count(*) FROM endpoint") == 1


# ---- headers, and the token's form: read off the wire by a server between complyd and the simulator

class Recorder(socketserver.ThreadingTCPServer):
    """Passes HTTPS requests on to a simulator and keeps them as they came: {"method", "path", "headers", "body"}."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, sim):
        super().__init__(("127.0.0.1", 0), Handler)
        self.sim = sim
        self.seen = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*(sim.certs / name for name in ("server.pem", "server.key")))
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        raw, address = super().get_request()
        return self.context.wrap_socket(raw, server_side=True), address

    def handle_error(self, request, client_address):
        pass  # a client that went away

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            line = self.rfile.readline().decode().split()
            if not line:
                return
            headers = [(name, value) for name, value in http.client.parse_headers(self.rfile).items()]
            length = int(dict((name.lower(), value) for name, value in headers).get("content-length", 0))
            body = self.rfile.read(length).decode()
            self.server.seen.append({"method": line[0], "path": line[1], "headers": headers, "body": body})
            own, other = (urllib.parse.quote(url, safe="") for url in (self.server.url, self.server.sim.url))  # the token's scope
            passed = {name: value for name, value in headers if name.lower() not in ("host", "content-length")}
            answer = self.server.sim.request(line[0], line[1], body.replace(own, other), passed)
            self.wfile.write(f"HTTP/1.1 {answer.status} Whatever\r\nContent-Type: application/json\r\n"
                             f"Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body)


def test_headers_and_the_token_form(sim, store, make_daemon, scratch, closing):
    recorder = Recorder(sim)
    closing(recorder)
    settings = harness.connection_settings(sim, scratch, authority_url=recorder.url, graph_url=recorder.url)
    daemon = make_daemon(store, {"default": settings})
    store.add_device("pc", 2, platform="windows")
    daemon.start()
    eventually(lambda: told(store, "pc"))
    token, batch = recorder.seen[0], next(seen for seen in recorder.seen if seen["path"] == "/v1.0/$batch")
    assert (token["method"], token["path"]) == ("POST", f"/{sim.tenant_id}/oauth2/v2.0/token")
    form = urllib.parse.parse_qs(token["body"], strict_parsing=True)
    assert form == {"client_id": [sim.client_id], "scope": [f"{recorder.url}/.default"], "grant_type": ["client_credentials"],
                    "client_secret": [sim.client_secret]}
    common = {"host", "user-agent", "accept", "content-type", "content-length", "client-request-id"}
    for request, kind, more in ((token, "application/x-www-form-urlencoded", set()), (batch, "application/json", {"authorization"})):
        headers = {name.lower(): value for name, value in request["headers"]}
        assert len(headers) == len(request["headers"]), "a header twice"
        assert set(headers) - {"accept-encoding"} == common | more
        assert headers["content-type"] == kind and headers["accept"] == "application/json"
        assert re.fullmatch(r"complyd/\d+\.\d+\.\d+.*", headers["user-agent"]) and re.fullmatch(GUID, headers["client-request-id"])
    assert re.fullmatch(r"Bearer [\w.-]+", headers["authorization"])


# ---- quotas

def test_microsoft_has_no_reason_to_throttle(sim, store, daemon):
    """What the configuration allows in a stretch of time is not sent twice at its start: once from a full bucket, once from what flows in."""
    sim.settings(quota_graph_requests_per_10s=20)
    daemon.connections["default"]["graph_requests_per_10s"] = 20
    daemon.write_config()
    store.add_devices([{"device_id": f"d{n:02}", "number": n, "platform": "windows"} for n in range(25)])
    daemon.start()
    eventually(lambda: all(told(store, f"d{n:02}") for n in range(25)))
    graph = daemon.status()["connections"][0]["channels"]["graph"]
    assert graph["throttled"] == 0 and graph["accepted"] == 25, graph


def test_look_ups_are_no_writes(sim, store, daemon):
    """A fleet of new users does not wait for the quota of writes, nor use it up."""
    daemon.connections["default"]["graph_writes_per_150s"] = 4
    daemon.write_config()
    store.add_devices([{"device_id": f"d{n:03}", "number": n, "platform": "ios"} for n in range(60)])
    daemon.start()
    eventually(lambda: all(told(store, f"d{n:03}") for n in range(60)))
    store.add_device("pc", 100, platform="windows")
    eventually(lambda: told(store, "pc"))
