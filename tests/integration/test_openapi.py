# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""docs/openapi.yaml says what the control API does: every path, parameter, answer and error."""
import contextlib
import json
import re
import socket

import jsonschema
import pytest
import yaml

from control_openapi import CheckedControl, Document, Misfit
from harness import eventually, guid

DEVICE = {"platform": "ios", "name": "Phone", "azure_device_id": guid(1), "evaluated_at": 1770000000,
          "user_principal_name": "ann@example.org"}
LINES = json.dumps({"device": {"device_id": "imported", "platform": "windows"}}) + "\n"
PAGES = {"enrollment_url": "https://mdm.example/enrol", "remediation_url": "https://mdm.example/mend",
         "assignment_group": "All users"}
NDJSON = "application/x-ndjson"

# What tests/unit/admin/test_probes.c holds: it takes five minutes of a store thread that hangs.
UNSEEN = {("GET", "/healthz", "503")}


@pytest.fixture
def document():
    return Document()


@pytest.fixture
def control(daemon, document):
    daemon.connections["default"].update(PAGES)
    daemon.write_config()
    daemon.start()
    return CheckedControl(daemon.socket, document)


def check_schemas(node):
    """Each schema is one by the rules of JSON Schema."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            jsonschema.Draft202012Validator.check_schema(node["schema"])
        for value in node.values():
            check_schemas(value)
    elif isinstance(node, list):
        for value in node:
            check_schemas(value)


def test_the_document_is_in_order(document):
    assert document.document["openapi"].startswith("3.1")
    check_schemas(document.document)
    for schema in document.document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = [document.document["paths"][path][method.lower()]["operationId"] for method, path in document.operations]
    assert len(names) == len(set(names))
    used = json.dumps(document.document)
    for kind, parts in document.document["components"].items():
        for name in parts:
            assert f'"#/components/{kind}/{name}"' in used, f"{kind}/{name} is used nowhere"


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    for value in node if isinstance(node, list) else []:
        yield from references(value)


def test_references_lead_somewhere(document):
    for reference in references(document.document):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in document.document["components"][kind], reference


def test_what_varies_in_a_path_is_a_parameter(document):
    for path in document.document["paths"]:
        for method in (method for method, found in document.operations if found == path):
            parameters = document.parameters(path, document.document["paths"][path][method.lower()])
            named = [p["name"] for p in parameters if p["in"] == "path" and p["required"] is True]
            assert sorted(named) == sorted(re.findall(r"\{(\w+)\}", path)), (method, path)


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("openapi: 3.1.0\ncomponents:\n  schemas: {A: {type: string}, B: {}, A: {type: integer}}\n")
    with pytest.raises(yaml.constructor.ConstructorError, match="key A is there twice"):
        Document(path)


def test_every_route_is_described_and_no_other(control, document):
    routes = {(method, path) for path, methods in control.get("/v1").json()["paths"].items() for method in methods}
    assert routes == document.operations


def successes(control, sim):
    sim.register(guid(1), "iOS")
    for path in ("", "/version", "/status", "/status?devices=no", "/log-level", "/plan?limit=5", "/policies?limit=1", "/devices"):
        assert control.get(f"/v1{path}").status == 200
    assert control.put("/v1/log-level", {"level": "debug"}).status == 200
    assert control.put("/v1/policies/p", {"actions": ["quarantine"]}).status == 201
    assert control.put("/v1/policies/p", {"name": "P", "enabled": 1, "actions": ["quarantine"]}).status == 200
    assert control.patch("/v1/policies/p", {"name": None}).status == 200
    assert control.put("/v1/devices/d", DEVICE).status == 201
    assert control.put("/v1/devices/d", {**DEVICE, "managed": 1}).status == 200
    assert control.put("/v1/devices/d/violations/p").status == 201
    assert control.put("/v1/devices/d/violations/p").status == 200
    assert control.patch("/v1/devices/d", {"last_check_in": None, "violations": ["p", "q"]}).status == 200
    assert control.patch("/v1/devices/d", '{"violations": ["p"]}', content_type="application/json").status == 200
    for path in ("", "/explain", "/violations", "/violations/p"):
        assert control.get(f"/v1/devices/d{path}").status == 200
    eventually(lambda: control.get("/v1/devices/d").json()["azure_state"] == "non_compliant")
    assert control.get("/v1/devices/d/explain").json()["decision"]["action"] == "quarantine"
    assert control.get("/v1/devices/d?at=0s").json()["device_id"] == "d"
    assert control.get("/v1/devices?state=non_compliant&status=success&connection=default&search=PHONE&limit=1&after=a").status == 200
    assert control.get("/v1/policies/p").status == 200
    assert control.post("/v1/devices/d/report").status == 202
    assert control.post("/v1/import", LINES, content_type=NDJSON).json()["devices"] == 1
    assert control.get("/v1/activity?device=d&kind=report&connection=default&since=7d&limit=2").json()["activity"]
    newest = control.get("/v1/activity").json()["newest"]
    assert control.get(f"/v1/activity?follow={newest}&wait=0").status == 200
    assert control.post("/v1/resync").status == 202
    assert control.post("/v1/resync", {"connection": "default"}).status == 202
    assert control.delete("/v1/devices/d/violations/p").status == 204
    assert control.delete("/v1/policies/p").status == 204
    assert control.delete("/v1/devices/d").status == 204
    assert control.get("/v1/devices/d").status == 200, "a removed device is still shown"


def probes(control):
    for path in ("/healthz", "/readyz", "/metrics"):
        assert control.get(path).status == 200


def drift(control):
    assert control.get("/v1/drift?cause=stale_id&connection=default&limit=1").status == 200
    assert control.get("/v1/drift?cause=odd").status == 400
    assert control.get("/v1/drift?connection=none").status == 404
    for path in ("/v1/drift", "/v1/drift/repair"):
        assert control.post(path).status == 202
        assert control.post(path, {"x": 1}).status == 400
        assert control.post(path, {"connection": "none"}).status == 404


def breaker(control):
    assert control.get("/v1/breaker").status == 200
    for act in ("release", "discard"):
        assert control.post(f"/v1/breaker/{act}").status == 200
        assert control.post(f"/v1/breaker/{act}", {"x": 1}).status == 400
        assert control.post(f"/v1/breaker/{act}", {"connection": "none"}).status == 404


def holds(control):
    """An administrator's own word on single devices, against the MDM's."""
    hold = {"until": "2099-01-02T03:04:05Z", "reason": "exam"}
    assert control.put("/v1/devices/held", {**DEVICE, "azure_device_id": guid(2)}).status == 201
    assert control.put("/v1/policies/exam", {"actions": ["quarantine"]}).status == 201
    for what in ("device/held", "policy/exam"):
        answer = control.put(f"/v1/holds/{what}", hold)
        assert answer.status == 200, answer
        assert control.put(f"/v1/holds/{what}", {"until": "yesterday"}).status == 400
    assert len(control.get("/v1/holds").json()["holds"]) == 2
    for what in ("device/held", "policy/exam"):
        assert control.delete(f"/v1/holds/{what}").status == 204
    for what in ("device/none", "policy/none"):
        assert control.delete(f"/v1/holds/{what}").status == 404
    assert control.post("/v1/devices/held/retire", {"x": 1}).status == 400
    eventually(lambda: control.post("/v1/devices/held/retire").status == 202, what="the hold has ended")
    assert control.post("/v1/devices/held/revive", {"x": 1}).status == 400
    assert control.post("/v1/devices/held/revive").status == 202
    for act in ("retire", "revive"):
        assert control.post(f"/v1/devices/none/{act}").status == 404


def account(control, sim):
    path = "/v1/connections/default"
    assert control.get(f"{path}/doctor").json()["findings"]
    assert control.get(f"{path}/doctor?x=1").status == 400
    assert control.get("/v1/connections/none/doctor").status == 404
    assert control.get(path).status == control.get(f"{path}?devices=no").status == 200
    assert control.get(f"{path}?devices=maybe").status == 400
    for none in ("", "/connect", "/disconnect"):
        ask = control.post if none else control.get
        assert ask(f"/v1/connections/none{none}", *([{"confirm": "none"}] if none == "/disconnect" else [])).status == 404
    assert control.post(f"{path}/disconnect", {}).status == 409
    assert control.post(f"{path}/disconnect", {"x": 1}).status == 400
    assert eventually(lambda: control.post(f"{path}/connect").status == 202)
    assert eventually(lambda: control.get(path).json()["steps"])
    assert eventually(lambda: control.post(f"{path}/disconnect", {"confirm": "default", "this_server_only": True}).status == 202)
    assert eventually(lambda: control.get(path).json()["account"] == "disconnected")
    assert eventually(lambda: control.post(f"{path}/connect").status == 202)
    assert eventually(lambda: control.get(path).json()["account"] == "connected")
    sim.add_fault("tenant_put", "status", status=503, count=-1)
    # 503 is not yet an answer: a connection that starts anew takes no orders for a while.
    assert eventually(lambda: (status := control.post(f"{path}/disconnect", {"confirm": "default"}).status) != 503 and status) == 202
    assert eventually(lambda: sim.count("tenant_put", 503) > 0)
    assert eventually(lambda: (status := control.post(f"{path}/connect").status) != 503 and status) == 409, "it is too late to turn back"


def one_import_at_a_time(control):
    first = control.half_an_import()
    assert eventually(lambda: control.post("/v1/import", LINES, content_type=NDJSON).status == 409)
    first.close()


def page_link(daemon, control):
    assert control.post("/v1/page-link").status == 409
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon.settings["web"]["listen"] = f"127.0.0.1:{port}"
    daemon.write_config()
    daemon.reload()
    assert control.post("/v1/page-link").status == 201


def errors(daemon, control):
    big = " " * (1024 * 1024 + 1)
    for path in ("/status?devices=maybe", "/devices?state=odd", "/devices?limit=0", "/devices?after=%25zz", "/policies?limit=x",
                 "/plan?after=nonsense", "/version?x=1", "/devices/a%00b", "/activity?kind=odd", "/activity?after=1&follow=1"):
        assert control.get(f"/v1{path}").status == 400, path
    for path in ("devices/none", "devices/none/explain", "devices/none/violations", "devices/none/violations/p", "policies/none",
                 "nothing", "devices/none/nothing"):
        assert control.get(f"/v1/{path}").status == 404, path
    for path in ("devices/d", "policies/p", "log-level"):
        assert control.put(f"/v1/{path}", {}).status == 400
        assert control.put(f"/v1/{path}", "{}", content_type="text/plain").status == 415
    for path in ("devices/d", "policies/p"):
        assert control.put(f"/v1/{path}", big).status == 413
        assert control.patch(f"/v1/{path}", big).status == 413
        assert control.patch(f"/v1/{path}", {"name": "x"}).status == 404
        assert control.patch(f"/v1/{path}", "{}", content_type="text/plain").status == 415
        assert control.delete(f"/v1/{path}").status == 404
    assert control.put("/v1/devices/d/violations/p").status == 404
    assert control.put("/v1/devices/d/violations/p", {"since": 1}).status == 400
    assert control.delete("/v1/devices/d/violations/p").status == 404
    assert control.post("/v1/devices/none/report").status == 404
    assert control.put("/v1/devices/d", DEVICE).status == 201
    assert control.patch("/v1/devices/d", {"platform": "odd"}).json()["pointer"] == "#/platform"
    assert control.put("/v1/policies/p", {"actions": []}).status == 201
    assert control.patch("/v1/policies/p", {"actions": "odd"}).status == 400
    assert control.post("/v1/import", "{}", content_type=NDJSON).json()["line"] == 1
    assert control.post("/v1/import", "{}", content_type="text/html").status == 415
    assert control.request("POST", "/v1/import", headers={"Content-Length": str(2**31)}).status == 413
    assert control.post("/v1/resync", {"x": 1}).status == 400
    assert control.post("/v1/resync", {"connection": "none"}).status == 404
    assert control.request("DELETE", "/v1/status").status == 405
    daemon.settings["reporting"] = {"enabled": False}
    daemon.write_config()
    daemon.reload()
    assert control.post("/v1/resync").status == 409


@contextlib.contextmanager
def away(store):
    """The store's file is not where it was."""
    elsewhere = store.path.with_suffix(".away")
    store.path.rename(elsewhere)
    yield
    elsewhere.rename(store.path)


def test_every_answer_fits(daemon, control, document, sim, store):
    successes(control, sim)
    probes(control)
    drift(control)
    breaker(control)
    holds(control)
    one_import_at_a_time(control)
    page_link(daemon, control)
    errors(daemon, control)
    with store.transaction():
        assert control.put("/v1/devices/d", DEVICE).status == 503
    with away(store):
        assert eventually(lambda: control.get("/readyz").status == 503)
    missing = {seen for seen in document.statuses if "/connections/" not in seen[1]} - document.seen - UNSEEN
    assert not missing, f"described, but not seen: {sorted(missing)}"


def test_answers_about_the_account_fit(control, document, sim):
    account(control, sim)
    missing = {seen for seen in document.statuses if "/connections/" in seen[1]} - document.seen - UNSEEN
    assert not missing, f"described, but not seen: {sorted(missing)}"


def test_figures_of_a_store_in_trouble_fit(daemon, control, store):
    with away(store):
        assert eventually(lambda: control.get("/v1/status").json()["figures_error"])
        assert control.get("/v1/devices/d").status == 503


@pytest.mark.parametrize("change", [
    lambda d: d["paths"].pop("/v1/plan"),
    lambda d: d["paths"]["/v1/devices/{id}"].pop("patch"),
])
def test_a_missing_operation_is_found(control, change):
    other = Document()
    change(other.document)
    routes = {(method, path) for path, methods in control.get("/v1").json()["paths"].items() for method in methods}
    assert routes != other.operations


def test_misfits_are_found(control, document):
    control.put("/v1/devices/d", DEVICE)
    answer = control.get("/v1/devices/d")
    body = answer.json()
    for wrong in ({**body, "more": 1}, {k: v for k, v in body.items() if k != "cure"}, {**body, "queued": "yes"},
                  {**body, "azure_report_time": "yesterday"}, {**body, "azure_state": "odd"}):
        answer.body = json.dumps(wrong).encode()
        with pytest.raises(Misfit):
            document.check_answer("GET", "/v1/devices/d", answer)
    with pytest.raises(Misfit):
        document.check_request("PUT", "/v1/devices/d", {"platform": "ios", "colour": 1}, "application/json")
    with pytest.raises(Misfit):
        document.check_request("GET", "/v1/devices?colour=1", None, None)
