# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What the simulator answers, and what the daemon sends, fits Microsoft's own description of Graph: both cuts of it."""
import json
import uuid
from urllib.parse import quote, urlsplit

import pytest

import graph_openapi
from graph_openapi import Misfit
from sim_client import INTUNE_APP, SimProcess

DEVICE = "00000000-0000-4000-8000-000000000001"
PHONE = "00000000-0000-4000-8000-000000000002"
UNKNOWN = "99999999-0000-4000-8000-000000000009"
DEVICE_PROPERTIES = "id,deviceId,displayName,isCompliant,isManaged,operatingSystem,operatingSystemVersion,trustType"

pytestmark = pytest.mark.skipif(not graph_openapi.descriptions(), reason=f"no description in {graph_openapi.FOLDER}")


@pytest.fixture(scope="module", params=[d.name for d in graph_openapi.descriptions()])
def description(request):
    return graph_openapi.Description(request.param)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    with SimProcess.start(directory=tmp_path_factory.mktemp("sim")) as sim:
        sim.register(DEVICE, "Windows", displayName="PC", operatingSystemVersion="10.0", isManaged=True)
        sim.register(PHONE, "iOS")
        sim.token = sim.graph_token()
        sim.principal = sim.request("GET", "/v1.0/servicePrincipals?$filter=" + quote(f"appId eq '{INTUNE_APP}'"),
                                    token=sim.token).json()["value"][0]["id"]
        sim.object = sim.device(DEVICE)["id"]
        yield sim


ANSWERS = [
    ("GET", "/servicePrincipals?$filter=" + quote(f"appId eq '{INTUNE_APP}'"), None, 200),
    ("GET", f"/servicePrincipals?$select=id,appId&$filter=appId%20eq%20'{INTUNE_APP}'", None, 200),
    ("GET", "/servicePrincipals?$filter=" + quote(f"appId eq '{UNKNOWN}'"), None, 200),
    ("GET", "/servicePrincipals?$filter=nonsense", None, 400),
    ("GET", "/servicePrincipals/{principal}", None, 200),
    ("GET", "/servicePrincipals/{principal}/endpoints", None, 200),
    ("GET", f"/servicePrincipals/{UNKNOWN}/endpoints", None, 404),
    ("GET", "/users/ann@example.org", None, 200),
    ("GET", "/users/ann@example.org?$select=id", None, 200),
    ("GET", "/users/ann@example.org?$select=id,displayName,userPrincipalName,mail,accountEnabled", None, 200),
    ("GET", "/users('$ann@example.org')?$select=id", None, 200),
    ("GET", "/users/missing@example.org?$select=id", None, 404),
    ("GET", "/devices", None, 200),
    ("GET", f"/devices?$top=1&$select={DEVICE_PROPERTIES}", None, 200),
    ("GET", "/devices?$filter=" + quote(f"deviceId eq '{DEVICE}'"), None, 200),
    ("GET", "/devices?$filter=" + quote("isCompliant eq true"), None, 400),
    ("GET", "/devices/{object}", None, 200),
    ("GET", f"/devices/{{object}}?$select={DEVICE_PROPERTIES}", None, 200),
    ("GET", f"/devices/{UNKNOWN}", None, 404),
    ("GET", f"/devices(deviceId='{DEVICE}')", None, 200),
    ("GET", f"/devices(deviceId='{PHONE}')", None, 200),
    ("PATCH", f"/devices(deviceId='{DEVICE}')", {"isCompliant": True, "isManaged": True, "displayName": "PC 2",
                                                 "operatingSystemVersion": "10.0.22631"}, 204),
    ("PATCH", "/devices/{object}", {"isCompliant": False}, 204),
    ("PATCH", f"/devices(deviceId='{PHONE}')", {"isCompliant": True}, 403),
    ("PATCH", f"/devices(deviceId='{UNKNOWN}')", {"isCompliant": True}, 404),
    ("PATCH", f"/devices(deviceId='{DEVICE}')", {"accountEnabled": True}, 403),
    ("PATCH", f"/devices(deviceId='{DEVICE}')", {"mdmAppId": UNKNOWN}, 400),
]


def filled(simulator, path):
    return path.replace("{principal}", simulator.principal).replace("{object}", simulator.object)


@pytest.mark.parametrize("method, path, body, status", ANSWERS)
def test_answers_fit(simulator, description, method, path, body, status):
    path = filled(simulator, path)
    description.check_request(method, path, body)
    answer = simulator.request(method, f"/v1.0{path}", body, token=simulator.token)
    assert answer.status == status
    description.check_answer(method, path, answer.status, answer.json() if answer.body else None)


def test_pages_fit(simulator, description):
    simulator.settings(page_size=2)
    path = f"/servicePrincipals/{simulator.principal}/endpoints"
    answer = simulator.request("GET", f"/v1.0{path}", token=simulator.token)
    simulator.settings(page_size=0)
    assert "@odata.nextLink" in answer.json()
    description.check_answer("GET", path, 200, answer.json())


def test_changed_devices_fit(simulator, description):
    """From the start, page by page, then what changed, a removed device, and a link that is known no more."""
    simulator.settings(page_size=1)
    path = f"/devices/delta?$select={DEVICE_PROPERTIES}"
    description.check_request("GET", path)
    pages, removed = 0, False
    for step in ("all", "changed"):
        while path:
            answer = simulator.request("GET", path if path.startswith("http") else f"/v1.0{path}", token=simulator.token)
            assert answer.status == 200
            page = answer.json()
            description.check_changes(page)
            pages, removed = pages + 1, removed or any("@removed" in entry for entry in page["value"])
            path = page.get("@odata.nextLink")
        path = page["@odata.deltaLink"]
        if step == "all":
            simulator.control("PATCH", f"devices/{PHONE}", {"isManaged": True})
            simulator.register(UNKNOWN, "iOS")
            simulator.control("DELETE", f"devices/{UNKNOWN}")
    simulator.settings(page_size=0)
    assert pages >= 3 and removed
    simulator.control("POST", "resync")
    answer = simulator.request("GET", path, token=simulator.token)
    assert answer.status == 410
    description.check_answer("GET", "/devices", 410, answer.json())


def test_refused_tokens_fit(simulator, description):
    answer = simulator.request("GET", "/v1.0/devices", token="x")
    assert answer.status == 401
    description.check_answer("GET", "/devices", 401, answer.json())


def test_items_of_a_batch_fit(simulator, description):
    items = [{"id": str(n), "method": method, "url": filled(simulator, path),
              **({"body": body, "headers": {"Content-Type": "application/json"}} if body else {})}
             for n, (method, path, body, _) in enumerate(ANSWERS[-20:])]
    answer = simulator.request("POST", "/v1.0/$batch", {"requests": items}, token=simulator.token)
    responses = {r["id"]: r for r in answer.json()["responses"]}
    for item, expected in zip(items, ANSWERS[-20:]):
        response = responses[item["id"]]
        assert response["status"] == expected[3]
        description.check_answer(item["method"], item["url"], response["status"], response["body"])


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/users/ann@example.org?$select=nonsense", None),
    ("GET", "/users", None),
    ("DELETE", f"/devices/{DEVICE}", None),
    ("GET", f"/devices/{DEVICE}?$nonsense=1", None),
    ("PATCH", f"/devices/{DEVICE}", {"isCompliant": "true"}),
    ("PATCH", f"/devices/{DEVICE}", {"iscompliant": True}),
    ("PATCH", f"/devices/{DEVICE}", None),
    ("GET", f"/devices/{DEVICE}", {"isCompliant": True}),
])
def test_the_description_refuses_wrong_requests(description, method, path, body):
    with pytest.raises(Misfit):
        description.check_request(method, path, body)


@pytest.mark.parametrize("path, status, body", [
    (f"/devices/{DEVICE}", 200, {"id": 7}),
    (f"/devices/{DEVICE}", 200, {"id": DEVICE, "nonsense": True}),
    (f"/devices/{DEVICE}", 200, {"id": DEVICE, "isCompliant": "yes"}),
    (f"/devices/{DEVICE}", 200, {"id": DEVICE, "approximateLastSignInDateTime": "yesterday"}),
    (f"/devices/{DEVICE}", 204, None),
    ("/devices", 200, {"values": []}),
    ("/devices", 404, {"error": {"code": 7, "message": "x", "innerError": {"date": "", "request-id": "",
                                                                           "client-request-id": ""}}}),
])
def test_the_description_refuses_wrong_answers(description, path, status, body):
    with pytest.raises(Misfit):
        description.check_answer("GET", path, status, body)


# What the daemon sends

def sent_to_graph(sim):
    """Every request to Graph in the log, those inside batches one by one."""
    for entry in sim.requests(body=True):
        path = urlsplit(entry["path"]).path
        if path == "/v1.0/$batch":
            for item in json.loads(entry["body"])["requests"]:
                yield item["method"], item["url"], item.get("body")
        elif path.startswith("/v1.0/"):
            yield entry["method"], entry["path"], json.loads(entry["body"]) if entry["body"] else None


def test_what_the_daemon_sends_fits(sim, daemon, store):
    ids = [str(uuid.UUID(int=n)) for n in range(1, 31)]
    systems = ["windows", "ios", "android", "macos"]
    for n, azure_id in enumerate(ids):
        sim.register(azure_id, {"windows": "Windows", "ios": "iOS", "android": "Android", "macos": "MacMDM"}[systems[n % 4]])
    store.add_policy("p1", "quarantine")
    names = ["o'hara@contoso.example", "$ann@contoso.example", "ann_x#ext#@contoso.example", "zoë@contoso.example"]
    store.add_devices([{"device_id": f"d{n}", "platform": systems[n % 4], "azure_device_id": azure_id,
                        "user_principal_name": names[n // 4 % 4], "name": f"Gerät \"{n}\"", "os_version": f"10.{n}",
                        "violations": ["p1"] if n % 3 == 0 else []} for n, azure_id in enumerate(ids)])
    daemon.start()
    store.wait_drained()
    store.delete_device("d0")
    store.set_device("d4", name="Another name")
    store.wait_drained()
    sim.settings(page_size=12)
    daemon.check_drift()
    daemon.check_drift()
    sent = list(sent_to_graph(sim))
    assert {method for method, _, _ in sent} == {"GET", "PATCH"}
    assert sum("/devices/delta?$" in path for _, path, _ in sent) >= 3
    assert any("users" in path for _, path, _ in sent) and any("endpoints" in path.lower() for _, path, _ in sent)
    for described in graph_openapi.descriptions():
        for method, path, body in sent:
            described.check_request(method, path, body)
    assert sim.stats()["violations"] == 0
