# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Refusals that one answer alone does not explain: a PC that is denied, an old id that Microsoft will not have retired."""
import pytest

from harness import eventually, guid
from scene import ERROR, connection_of, in_the_past, look, reports, shared_sim, sim, told, wait_agreed, wait_trouble  # noqa: F401

DENIED = {"fault": "status", "status": 403, "code": "Authorization_RequestDenied", "count": -1}


def pc(number, **columns):
    return {"device_id": f"pc{number}", "number": number, "platform": "windows", **columns}


def test_one_odd_pc_is_parked_and_stops_nobody(sim, store, daemon):
    """However often it is denied: it is always the same one."""
    store.add_devices([pc(1)])
    sim.add_fault(at="graph_batch_item", match=guid(1), **DENIED)
    daemon.start()
    for name in ("first", "second", "third"):
        eventually(lambda: look(store, "pc1").status == ERROR and not look(store, "pc1").queued)
        store.set_device("pc1", name=name)
    eventually(lambda: look(store, "pc1").status == ERROR and not look(store, "pc1").queued)
    assert connection_of(daemon)["state"] == "ready" and not daemon.log_has("broken")
    store.add_devices([pc(2)])
    eventually(lambda: told(store, "pc2"))


def test_a_lost_permission_shows_though_devices_come_one_by_one(sim, store, daemon):
    """The second PC that is denied tells that it is the app; the first one is queued again, and told when consent is back."""
    store.add_devices([pc(1), pc(2), pc(3)])
    daemon.start()
    wait_agreed(store, sim)
    sim.add_fault(at="graph_batch_item", **DENIED)
    store.set_device("pc1", name="Denied first")
    eventually(lambda: look(store, "pc1").status == ERROR and not look(store, "pc1").queued)
    assert connection_of(daemon)["state"] == "ready"
    store.set_device("pc2", name="Denied next")
    wait_trouble(daemon, "permission_missing")
    daemon.wait_for_log(r"(?:warn|error) connection: broken: .*403 Authorization_RequestDenied")
    eventually(lambda: look(store, "pc1").queued and look(store, "pc2").queued)
    sim.clear_faults()
    daemon.reload()
    wait_agreed(store, sim)
    assert sim.device(guid(1))["displayName"] == "Denied first" and daemon.device("pc1")["reason"] == ""
    eventually(lambda: connection_of(daemon)["state"] == "ready")


def test_a_good_answer_in_between_clears_the_app(sim, store, daemon):
    store.add_devices([pc(1), pc(2), pc(3)])
    daemon.start()
    wait_agreed(store, sim)
    for number in (1, 2):
        sim.add_fault(at="graph_batch_item", match=guid(number), **DENIED)
    store.set_device("pc1", name="Denied")
    eventually(lambda: look(store, "pc1").status == ERROR)
    store.set_device("pc3", name="Good")
    eventually(lambda: (sim.device(guid(3)) or {})["displayName"] == "Good")
    store.set_device("pc2", name="Denied")
    eventually(lambda: look(store, "pc2").status == ERROR)
    assert connection_of(daemon)["state"] == "ready" and not daemon.log_has("broken")


OLD, NEW = guid(1), guid(21)


@pytest.mark.parametrize("platform, at, match", [("ios", "partner_put", ""), ("windows", "graph_batch_item", OLD)])
@pytest.mark.parametrize("status, code, tries", [(404, "Request_ResourceNotFound", 1), (400, "Request_BadRequest", 3)])
def test_an_old_id_that_cannot_be_retired_does_not_hide_the_new_one(sim, store, daemon, platform, at, match, status, code, tries):
    """404: it is gone already. Else it is tried a few times, then given up, and said so; the new id is told in any case."""
    store.add_device("device", 1, platform=platform)
    daemon.start()
    wait_agreed(store, sim)
    since = sim.last_request()
    fault = {"fault": "lying_200", "error_code": status} if platform == "ios" else {"fault": "status", "status": status, "code": code}
    number = sim.add_fault(at=at, match=match, count=tries, **fault)
    store.set_device("device", azure_device_id=NEW)
    for played in range(1, tries):
        eventually(lambda n=played: look(store, "device").attempts == n and look(store, "device").claim is None)
        in_the_past(store)
        store.execute("PRAGMA user_version")
    eventually(lambda: told(store, "device") and look(store, "device").azure_device_id == NEW)
    eventually(lambda: (sim.device(NEW) or {}).get("isCompliant") is True)
    assert sim.played(number) == tries
    assert [report["about"] for report in reports(sim, since)] == [OLD] * tries + [NEW]
    assert daemon.log_has(rf"refused removed; given up: .*delete its old one .{OLD}. in Entra") == (tries > 1)
    assert daemon.log_has("Microsoft does not know the device any more") == (tries == 1)
    assert daemon.device("device")["azure_device_id"] == NEW and daemon.device("device")["reason"] == ""
