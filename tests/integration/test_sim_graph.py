# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's Graph: discovery, users, devices and $batch."""
import json
import uuid
from urllib.parse import quote

import pytest

from sim_client import INTUNE_APP, TENANT
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

UNKNOWN = "99999999-0000-4000-8000-000000000009"
FILTER = quote(f"appId eq '{INTUNE_APP}'")


@pytest.fixture
def token(sim):
    return sim.graph_token()


@pytest.fixture
def get(sim, token):
    return lambda path, **headers: sim.request("GET", f"/v1.0{path}", headers=headers, token=token)


def batch(sim, token, requests, **headers):
    return sim.request("POST", "/v1.0/$batch", {"requests": requests}, headers, token)


def patch_item(number, device_id, body, **more):
    return {"id": str(number), "method": "PATCH", "url": f"/devices(deviceId='{device_id}')",
            "headers": {"Content-Type": "application/json"}, "body": body, **more}


def user_item(number, name):
    return {"id": str(number), "method": "GET", "url": f"/users/{name}?$select=id"}


def assert_error(answer, status, code):
    told = answer.json()["error"]
    assert (answer.status, told["code"]) == (status, code)
    assert told["message"]
    assert told["innerError"]["request-id"] == answer.headers["request-id"]
    assert told["innerError"]["date"] and told["innerError"]["client-request-id"]


# Tracing

def test_tracing_headers(get):
    mine = str(uuid.uuid4())
    answer = get("/users/ann@example.org", **{"client-request-id": mine})
    assert answer.headers["client-request-id"] == mine
    uuid.UUID(answer.headers["request-id"])
    assert "ServerInfo" in json.loads(answer.headers["x-ms-ags-diagnostic"])
    assert answer.headers["date"].endswith("GMT")


def test_a_client_request_id_must_be_a_guid(get):
    assert_error(get("/users/ann@example.org", **{"client-request-id": "42"}), 400, "BadRequest")


def test_no_token(sim):
    answer = sim.request("GET", "/v1.0/users/ann@example.org")
    assert_error(answer, 401, "InvalidAuthenticationToken")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("path, enough", [
    (f"/servicePrincipals?$filter={FILTER}", "Application.Read.All"),
    ("/users/ann@example.org", "User.ReadBasic.All"),
    ("/groups", "Group.Read.All"),
    ("/devices", "Device.Read.All"),
    ("/devices/delta", "Directory.Read.All"),
])
def test_reading_needs_its_permission(sim, path, enough):
    every = sim.settings()["permissions"].split() + ["Device.Read.All"]
    kind = path[1:5]
    others = " ".join(name for name in every if not name.lower().startswith(kind[:3]) and name != enough)
    sim.settings(permissions=others)
    assert_error(sim.request("GET", f"/v1.0{path}", token=sim.graph_token()), 403, "Authorization_RequestDenied")
    sim.settings(permissions=enough)
    assert sim.request("GET", f"/v1.0{path}", token=sim.graph_token()).status == 200


def test_writing_needs_more_than_reading(sim):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    sim.settings(permissions="Device.Read.All")
    token = sim.graph_token()
    assert sim.request("GET", f"/v1.0/devices(deviceId='{device_id}')", token=token).status == 200
    assert_error(patch(sim, token, device_id, {"isManaged": True}), 403, "Authorization_RequestDenied")
    item = batch(sim, token, [patch_item(1, device_id, {"isManaged": True})]).json()["responses"][0]
    assert item["status"] == 403 and sim.device(device_id)["updates"] == 0


@pytest.mark.parametrize("path", ["/devices?$search=x", "/devices?%24orderby=displayName", "/devices?$count=true", "/devices?$top=5x",
                                  "/users/ann@example.org?$expand=manager", "/groups?$top=1",
                                  f"/servicePrincipals?$filter={FILTER}&$skip=1"])
def test_query_options_that_are_not_served_are_not_passed_over(get, path):
    assert get(path).status == 400


def test_other_words_of_a_query_are(get):
    assert get("/users/ann@example.org?x=1&y").status == 200


# Discovery

def test_discovery_leads_to_the_partner_service(sim, get):
    principals = get(f"/servicePrincipals?$filter={FILTER}").json()["value"]
    assert [p["appId"] for p in principals] == [INTUNE_APP]
    endpoints = get(f"/servicePrincipals/{principals[0]['id']}/endpoints").json()["value"]
    uris = {e["providerName"]: e["uri"] for e in endpoints}
    assert len(uris) > 2
    assert uris["PartnerDeviceDataSyncService"].startswith(sim.url)
    assert uris["PartnerTenantDataSyncService"] != uris["PartnerDeviceDataSyncService"]
    assert get(f"/servicePrincipals/{principals[0]['id']}/endPoints").status == 200
    assert get(f"/servicePrincipals/{principals[0]['id']}").json()["appId"] == INTUNE_APP


def test_discovery_in_pages(sim, get):
    principal = get(f"/servicePrincipals?$filter={FILTER}").json()["value"][0]["id"]
    whole = get(f"/servicePrincipals/{principal}/endpoints").json()["value"]
    sim.settings(page_size=2)
    seen, path = [], f"{sim.url}/v1.0/servicePrincipals/{principal}/endpoints"
    while path:
        page = get(path[len(sim.url) + len("/v1.0"):]).json()
        assert len(page["value"]) <= 2
        seen += page["value"]
        path = page.get("@odata.nextLink")
    assert seen == whole


@pytest.mark.parametrize("path, status", [
    ("/servicePrincipals", 400),
    ("/servicePrincipals?$filter=" + quote(f"appid eq '{INTUNE_APP}'"), 400),
    ("/servicePrincipals?$filter=" + quote(f"appId eq {INTUNE_APP}"), 400),
    ("/servicePrincipals?$filter=" + quote("displayName eq 'Microsoft Intune'"), 400),
    ("/servicePrincipals?$filter=" + quote("appId eq 'x'"), 400),
    ("/servicePrincipals?$select=nonsense&$filter=" + FILTER, 400),
    (f"/servicePrincipals/{UNKNOWN}", 404),
    (f"/servicePrincipals/{UNKNOWN}/endpoints", 404),
    ("/nonsense", 400),
    ("/", 400),
    ("/%zz", 400),
    ("/a%00b", 400),
    ("/" + "a/" * 20, 400),
])
def test_bad_paths(get, path, status):
    assert get(path).status == status


def test_another_app_is_not_there(get):
    answer = get("/servicePrincipals?$filter=" + quote(f"appId eq '{uuid.uuid4()}'"))
    assert (answer.status, answer.json()["value"]) == (200, [])


# Users

def test_users_by_every_form_of_the_path(sim, get):
    first = get("/users/Ann@example.org?$select=id").json()
    assert set(first) == {"@odata.context", "id"}
    assert get("/users/ann@EXAMPLE.org").json()["id"] == first["id"]
    assert get("/users('ann@example.org')?$select=id").json()["id"] == first["id"]
    assert get(quote("/users('ann@example.org')")).json()["id"] == first["id"]
    assert get("/users/bob@example.org").json()["id"] != first["id"]
    sim.add_users([{"userPrincipalName": "o'hara@example.org", "id": TENANT, "displayName": "Kim"}])
    assert get("/users('o''hara@example.org')").json()["displayName"] == "Kim"
    assert get(f"/users/{TENANT}").json()["userPrincipalName"] == "o'hara@example.org"


def test_user_names_with_special_characters(get):
    guest = get(f"/users/{quote('ann_example.com#EXT#@example.org', safe='@')}")
    assert guest.json()["userPrincipalName"] == "ann_example.com#EXT#@example.org"
    assert get("/users('$ann@example.org')").json()["userPrincipalName"] == "$ann@example.org"
    assert_error(get("/users/$ann@example.org"), 400, "BadRequest")


def test_ids_of_users_stay_the_same_from_run_to_run(sim, make_sim, token):
    again = make_sim()
    assert sim.user_id("ann@example.org", token) == again.user_id("ann@example.org", again.graph_token())


def test_missing_users(get):
    assert_error(get("/users/missing.person@example.org"), 404, "Request_ResourceNotFound")
    assert_error(get("/users/noat"), 404, "Request_ResourceNotFound")
    assert_error(get(f"/users/{uuid.uuid4()}"), 404, "Request_ResourceNotFound")
    assert_error(get("/users/ann@example.org?$select=nonsense"), 400, "BadRequest")


def test_only_named_users_exist_when_a_file_names_them(make_sim, tmp_path):
    users = tmp_path / "users.jsonl"
    users.write_text('{"userPrincipalName":"ann@example.org"}\n\n{"userPrincipalName":"missing@example.org"}\n')
    sim = make_sim(users=users)
    token = sim.graph_token()
    for name, status in [("ann", 200), ("missing", 200), ("bob", 404)]:
        assert sim.request("GET", f"/v1.0/users/{name}@example.org", token=token).status == status


# Devices

def test_a_device_by_every_form_of_the_path(sim, get):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows", displayName="PC", operatingSystemVersion="10.0")
    listed = get("/devices?$filter=" + quote(f"deviceId eq '{device_id}'")).json()["value"][0]
    shown = get(f"/devices/{listed['id']}").json()
    assert shown.pop("@odata.context").endswith("#devices/$entity")
    assert shown == listed
    assert listed["deviceId"] == device_id != listed["id"]
    assert (listed["displayName"], listed["operatingSystem"], listed["isManaged"]) == ("PC", "Windows", None)
    selected = get(f"/devices(deviceId='{device_id.upper()}')?$select=deviceId,isCompliant").json()
    assert selected["deviceId"] == device_id and "displayName" not in selected


def test_devices_unknown(get):
    unknown = uuid.uuid4()
    assert_error(get(f"/devices/{unknown}"), 404, "Request_ResourceNotFound")
    assert_error(get(f"/devices(deviceId='{unknown}')"), 404, "Request_ResourceNotFound")
    assert get("/devices?$filter=" + quote(f"deviceId eq '{unknown}'")).json()["value"] == []
    assert_error(get("/devices?$filter=" + quote("isCompliant eq true")), 400, "Request_UnsupportedQuery")


def test_devices_in_pages(sim, get):
    ids = {str(uuid.uuid4()) for _ in range(7)}
    sim.register_all([{"deviceId": i, "operatingSystem": "iOS"} for i in ids])
    seen, path = [], "/devices?$top=3&$select=deviceId"
    while path:
        page = get(path).json()
        seen += [d["deviceId"] for d in page["value"]]
        path = page.get("@odata.nextLink", "")[len(sim.url) + len("/v1.0"):]
    assert sorted(ids) == seen
    assert get("/devices?$top=0").status == 400


def patch(sim, token, device_id, body, content_type="application/json"):
    return sim.request("PATCH", f"/v1.0/devices(deviceId='{device_id}')",
                       body if isinstance(body, str) else json.dumps(body), {"Content-Type": content_type}, token)


def test_patch_changes_what_microsoft_believes(sim, token):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    answer = patch(sim, token, device_id, {"isCompliant": False, "isManaged": True, "displayName": "PC 1",
                                           "operatingSystemVersion": "10.0.22631"})
    assert (answer.status, answer.body) == (204, b"")
    device = sim.device(device_id)
    assert (device["isCompliant"], device["isManaged"], device["displayName"]) == (False, True, "PC 1")
    assert (device["operatingSystemVersion"], device["operatingSystem"], device["updates"]) == ("10.0.22631", "Windows", 1)
    by_object = sim.request("PATCH", f"/v1.0/devices/{device['id']}", {"isCompliant": True}, token=token)
    assert by_object.status == 204 and sim.device(device_id)["isCompliant"] is True


@pytest.mark.parametrize("body, status, code", [
    ({"isCompliant": "true"}, 400, "Request_BadRequest"),
    ({"isManaged": 1}, 400, "Request_BadRequest"),
    ({"isManaged": None}, 400, "Request_BadRequest"),
    ({"displayName": 7}, 400, "Request_BadRequest"),
    ({"iscompliant": True}, 400, "Request_BadRequest"),
    ({"isCompliant": True, "mdmAppId": "x"}, 400, "Request_BadRequest"),
    ({"isCompliant": True, "nonsense": True}, 400, "Request_BadRequest"),
    ({"accountEnabled": False}, 403, "Authorization_RequestDenied"),
    ({}, 400, "Request_BadRequest"),
    ([], 400, "Request_BadRequest"),
    ("", 400, "BadRequest"),
    ('{"isCompliant":true', 400, "BadRequest"),
    ('{"isCompliant":true}}', 400, "BadRequest"),
    ('{"isCompliant":true,"isCompliant":false}', 400, "Request_BadRequest"),
])
def test_patch_is_strict(sim, token, body, status, code):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    answer = patch(sim, token, device_id, body)
    assert_error(answer, status, code)
    assert sim.device(device_id)["updates"] == 0


def test_patch_refuses_bytes_that_are_no_utf8(sim, token):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    answer = sim.request("PATCH", f"/v1.0/devices(deviceId='{device_id}')", b'{"displayName":"\xff"}',
                         {"Content-Type": "application/json"}, token)
    assert_error(answer, 400, "BadRequest")


def test_patch_needs_its_content_type(sim, token):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    assert patch(sim, token, device_id, {"isCompliant": True}, "text/plain").status == 415


@pytest.mark.parametrize("system", ["iOS", "AndroidForWork", "MacMDM", ""])
def test_only_windows_may_be_told_compliant(sim, token, system):
    device_id = str(uuid.uuid4())
    sim.register(device_id, system)
    assert_error(patch(sim, token, device_id, {"isCompliant": True}), 403, "Authorization_RequestDenied")
    assert_error(patch(sim, token, device_id, {"isManaged": False}), 403, "Authorization_RequestDenied")
    assert patch(sim, token, device_id, {"displayName": "Mine"}).status == 204


def test_patch_of_an_unknown_device(sim, token):
    device_id = str(uuid.uuid4())
    assert_error(patch(sim, token, device_id, {"isCompliant": True}), 404, "Request_ResourceNotFound")
    sim.settings(auto_register=True)
    assert patch(sim, token, device_id, {"isCompliant": True}).status == 204
    assert sim.device(device_id)["operatingSystem"] == "Windows"


def test_a_deleted_device_is_unknown(sim, token):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    sim.remove_device(device_id)
    assert patch(sim, token, device_id, {"isCompliant": True}).status == 404


# $batch

def test_a_batch_answers_each_item_in_another_order(sim, token):
    ids = [str(uuid.uuid4()) for _ in range(18)]
    sim.register_all([{"deviceId": i, "operatingSystem": "Windows"} for i in ids])
    items = [patch_item(n, i, {"isCompliant": n % 2 == 0, "isManaged": True}) for n, i in enumerate(ids)]
    items += [user_item("ann", "ann@example.org"), user_item("nobody", "missing@example.org")]
    responses = batch(sim, token, items).json()["responses"]
    assert [r["id"] for r in responses] != [i["id"] for i in items]
    by_id = {r["id"]: r for r in responses}
    assert len(by_id) == len(responses) == 20
    assert all(by_id[str(n)]["status"] == 204 and by_id[str(n)]["body"] is None for n in range(18))
    assert uuid.UUID(by_id["ann"]["body"]["id"])
    assert by_id["nobody"]["status"] == 404
    assert by_id["nobody"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert by_id["nobody"]["headers"]["Content-Type"].startswith("application/json")
    assert [sim.device(i)["isCompliant"] for i in ids] == [n % 2 == 0 for n in range(18)]
    assert sim.count("graph_batch_item", 204) == 18 and sim.count("graph_batch", 200) == 1


def test_a_batch_item_with_special_characters(sim, token):
    responses = batch(sim, token, [user_item(1, "ann_x%23EXT%23@example.org"), {
        "id": "2", "method": "GET", "url": "/users('%24ann@example.org')?$select=id"}]).json()["responses"]
    assert {r["status"] for r in responses} == {200}
    assert batch(sim, token, [user_item(1, "ann_x#EXT#@example.org")]).json()["responses"][0]["status"] == 400


@pytest.mark.parametrize("items", [
    [],
    [user_item(n, "ann@example.org") for n in range(21)],
    [user_item("a", "ann@example.org"), user_item("A", "bob@example.org")],
    [{"method": "GET", "url": "/users/ann@example.org"}],
    [{"id": "", "method": "GET", "url": "/users/ann@example.org"}],
    [{"id": "1", "method": "GET", "url": "/users/ann@example.org", "headers": {"ConsistencyLevel": 1}}],
    [{"id": 1, "method": "GET", "url": "/users/ann@example.org"}],
    [{"id": "1", "url": "/users/ann@example.org"}],
    [{"id": "1", "method": "GET", "url": "https://graph.microsoft.com/v1.0/users/ann@example.org"}],
    [{"id": "1", "method": "GET", "url": "users/ann@example.org"}],
    [{"id": "1", "method": "GET", "url": "/users/ann@example.org", "nonsense": 1}],
    [{"id": "1", "method": "PATCH", "url": "/devices(deviceId='x')", "body": {"isCompliant": True}}],
    [user_item(1, "ann@example.org"), {**user_item(2, "ann@example.org"), "dependsOn": ["3"]}],
    [{**user_item(1, "ann@example.org"), "dependsOn": ["1"]}],
    [user_item(1, "a@b.c"), {**user_item(2, "a@b.c"), "dependsOn": ["1"]}, user_item(3, "a@b.c")],
], ids=["none", "21", "same id", "no id", "empty id", "number header", "number id", "no method", "absolute url", "no slash", "unknown member", "no content type",
        "unknown dependency", "self", "half a chain"])
def test_a_bad_batch_is_refused_whole(sim, token, items):
    assert_error(batch(sim, token, items), 400, "BadRequest")
    assert sim.count("graph_batch_item") == 0


@pytest.mark.parametrize("body, headers, status", [
    ("[]", {"Content-Type": "application/json"}, 400),
    ('{"requests":{}}', {"Content-Type": "application/json"}, 400),
    ('{"requests":[1]}', {"Content-Type": "application/json"}, 400),
    ('{"requests":[', {"Content-Type": "application/json"}, 400),
    ("", {"Content-Type": "application/json"}, 400),
    ('{"requests":[]}', {"Content-Type": "text/plain"}, 415),
    ("[" * 100000, {"Content-Type": "application/json"}, 400),
])
def test_what_is_no_batch(sim, token, body, headers, status):
    assert sim.request("POST", "/v1.0/$batch", body, headers, token).status == status


def test_a_chain_stops_at_the_first_failure(sim, token):
    device_id = str(uuid.uuid4())
    sim.register(device_id, "Windows")
    items = [patch_item(1, device_id, {"isCompliant": True}),
             {**user_item(2, "missing@example.org"), "dependsOn": ["1"]},
             patch_item(3, device_id, {"isCompliant": False}, dependsOn=["2"])]
    statuses = {r["id"]: r["status"] for r in batch(sim, token, items).json()["responses"]}
    assert statuses == {"1": 204, "2": 404, "3": 424}
    assert sim.device(device_id)["isCompliant"] is True


def test_a_batch_in_a_batch(sim, token):
    item = {"id": "1", "method": "POST", "url": "/$batch", "headers": {"Content-Type": "application/json"},
            "body": {"requests": []}}
    assert batch(sim, token, [item]).json()["responses"][0]["status"] == 400


def test_items_are_counted_against_the_quota_one_by_one(make_sim):
    sim = make_sim(quota_graph_writes=3)
    token = sim.graph_token()
    ids = [str(uuid.uuid4()) for _ in range(5)]
    sim.register_all([{"deviceId": i, "operatingSystem": "Windows"} for i in ids])
    responses = batch(sim, token, [patch_item(n, i, {"isManaged": True}) for n, i in enumerate(ids)]).json()["responses"]
    refused = [r for r in responses if r["status"] == 429]
    assert sorted(r["status"] for r in responses) == [204, 204, 204, 429, 429]
    assert all(0 < float(r["headers"]["Retry-After"]) <= 150 for r in refused)
    assert "WriteLimitExceeded" in refused[0]["headers"]["x-ms-throttle-information"]
