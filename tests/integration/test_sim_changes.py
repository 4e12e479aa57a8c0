# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's list of changed devices: pages, links, what they tell, and what is refused."""
import uuid

import pytest

from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

SELECT = "/v1.0/devices/delta?$select=id,deviceId,isCompliant,isManaged"


def guid(number):
    return str(uuid.UUID(int=0x7d0f1c1e5f394d3c9f9e000000000000 + number))


@pytest.fixture
def token(sim):
    return sim.graph_token()


def read(sim, token, path=SELECT):
    """All pages: entries and the deltaLink."""
    entries = []
    while True:
        answer = sim.request("GET", path, token=token)
        assert answer.status == 200, answer
        page = answer.json()
        entries += page["value"]
        assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page)
        if "@odata.deltaLink" in page:
            return entries, page["@odata.deltaLink"]
        path = page["@odata.nextLink"]


def code(answer):
    return answer.status, answer.json()["error"]["code"]


def test_everything_then_only_what_changed(sim, token):
    sim.settings(page_size=3)
    for number in range(10):
        sim.register(guid(number), "Windows", isManaged=True)
    entries, link = read(sim, token)
    assert sorted(entry["deviceId"] for entry in entries) == sorted(guid(number) for number in range(10))
    assert all("isCompliant" not in entry and entry["isManaged"] is True for entry in entries)  # never set, left out
    assert read(sim, token, link)[0] == []

    sim.control("PATCH", f"devices/{guid(1)}", {"isCompliant": True})
    sim.control("PATCH", f"devices/{guid(2)}", {"isManaged": True})  # as it was
    gone = sim.device(guid(3))["id"]
    sim.control("DELETE", f"devices/{guid(3)}")
    sim.register(guid(50), "iOS")
    entries, link = read(sim, token, link)
    assert {"id": sim.device(guid(1))["id"], "isCompliant": True} in entries  # and no more than that
    assert {"id": sim.device(guid(50))["id"], "deviceId": guid(50)} in entries
    assert {"id": gone, "@removed": {"reason": "deleted"}} in entries
    assert len(entries) == 3
    assert read(sim, token, link)[0] == []


def test_a_change_between_two_pages_is_told_in_the_next_list(sim, token):
    sim.settings(page_size=1)
    sim.register(guid(1), "Windows", isManaged=True)
    sim.register(guid(2), "Windows", isManaged=True)
    first = sim.request("GET", SELECT, token=token).json()
    sim.control("PATCH", f"devices/{first['value'][0]['deviceId']}", {"isManaged": False})
    _, link = read(sim, token, first["@odata.nextLink"])
    assert read(sim, token, link)[0] == [{"id": first["value"][0]["id"], "isManaged": False}]


@pytest.mark.parametrize("query", ["$filter=isManaged%20eq%20true", "$top=5", "$orderby=id", "$expand=x", "$count=true"])
def test_other_query_options_are_refused(sim, token, query):
    assert code(sim.request("GET", f"{SELECT}&{query}", token=token)) == (400, "Request_UnsupportedQuery")


def test_what_is_refused(sim, token):
    _, link = read(sim, token)
    assert code(sim.request("GET", "/v1.0/devices/delta?$select=nonsense", token=token)) == (400, "BadRequest")
    assert code(sim.request("GET", "/v1.0/devices/delta?$deltatoken=latest", token=token)) == (400, "BadRequest")
    assert code(sim.request("GET", link + "0", token=token)) == (400, "BadRequest")
    assert code(sim.request("GET", link.replace("$deltatoken", "$skiptoken"), token=token)) == (400, "BadRequest")
    assert code(sim.request("GET", link + "&$select=id", token=token)) == (400, "Request_BadRequest")
    assert sim.request("POST", SELECT, {}, token=token).status == 405
    assert sim.request("GET", SELECT).status == 401


def test_a_link_of_another_tenant_is_refused(sim, token):
    other = guid(77)
    sim.control("POST", "tenants", {"tenantId": other})
    _, link = read(sim, sim.graph_token(tenant=other))
    assert code(sim.request("GET", link, token=token)) == (400, "BadRequest")


def test_links_that_are_forgotten(sim, token):
    _, link = read(sim, token)
    sim.control("POST", "resync")
    answer = sim.request("GET", link, token=token)
    assert code(answer) == (410, "syncStateNotFound")
    assert answer.headers["location"].endswith("/v1.0/devices/delta?$deltatoken=")
    read(sim, token)


def test_another_writer_names_what_exists(sim):
    for path, body in (("devices/" + guid(9), {"isManaged": True}), ("devices", {"isManaged": True})):
        assert sim.request("PATCH", f"/sim/{path}", body).status == 404
    sim.register(guid(9), "iOS")
    assert sim.request("PATCH", f"/sim/devices/{guid(9)}", {"isManaged": "yes"}).status == 400
    assert sim.request("PATCH", f"/sim/devices/{guid(9)}", {"displayName": "x"}).status == 400
