# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Several connections: added, changed and removed by a reload, devices that move between them or point at none."""
import pytest

import harness
from harness import eventually, guid
from scene import COMPLIANT, differences, look, succeeded
from sim_client import TENANT

SECOND = "5e1ec7ed-0000-4000-8000-000000000002"


@pytest.fixture
def sim(make_sim):
    return make_sim(tenant=[TENANT, SECOND], auto_register=True, verdict_delay="20ms")


@pytest.fixture
def settings(sim, scratch):
    """Keys of a connection to each of the two tenants."""
    return {"first": harness.connection_settings(sim, scratch), "second": harness.connection_settings(sim, scratch, tenant_id=SECOND)}


@pytest.fixture
def daemon(make_daemon, store, settings):
    return make_daemon(store, {"first": settings["first"], "second": settings["second"]})


def believed(sim, number, tenant=None):
    return sim.devices(tenant).get(guid(number), {})


def names(daemon):
    return sorted(connection["name"] for connection in daemon.status()["connections"])


def requests_of(sim, tenant, since):
    """Requests for a token name their tenant in the path, messages in the body."""
    return [entry for entry in sim.requests(since=since, body=True) if tenant in entry["path"] + entry.get("body", "")]


def reconfigure(daemon, connections):
    daemon.connections = {name: dict(keys) for name, keys in connections.items()}
    daemon.write_config()
    daemon.reload()


def test_each_device_goes_to_its_own_tenant(store, sim, daemon):
    store.add_device("one", number=1, connection="first")
    store.add_device("two", number=2, connection="second")
    daemon.start()
    eventually(lambda: believed(sim, 1).get("isCompliant") and believed(sim, 2, SECOND).get("isCompliant"))
    assert guid(2) not in sim.devices() and guid(1) not in sim.devices(SECOND)


def test_a_connection_that_is_added_by_reload(store, sim, daemon, settings):
    """Devices that point at it wait, and say so; nobody else is disturbed."""
    daemon.connections.pop("second")
    daemon.write_config()
    store.add_device("one", number=1, connection="first")
    store.add_device("two", number=2, connection="second")
    daemon.start()
    eventually(lambda: succeeded(store, "one"))
    waiting = daemon.device("two")
    assert waiting["queued"] and "configuration" in waiting["reason"] and "[connection NAME]" in waiting["cure"]
    assert names(daemon) == ["first"]
    answer = daemon.ctl("account", "show", "second", check=False)
    assert answer.code != 0 and "second" in answer.err and "first" in answer.err
    tokens = sim.count("token")
    reconfigure(daemon, settings)
    eventually(lambda: succeeded(store, "two"))
    assert believed(sim, 2, SECOND)["isCompliant"] is True and names(daemon) == ["first", "second"]
    assert sim.count("token") == tokens + 2, "the first connection kept its own"


def test_a_connection_that_is_removed_by_reload(store, sim, daemon, settings):
    store.add_policy("block", "block_email")
    store.add_device("one", number=1, connection="first")
    store.add_device("two", number=2, connection="second")
    daemon.start()
    eventually(lambda: succeeded(store, "one") and succeeded(store, "two"))
    reconfigure(daemon, {"first": settings["first"]})
    eventually(lambda: names(daemon) == ["first"])
    since = sim.last_request()
    store.violate("two", "block")
    store.violate("one", "block")
    eventually(lambda: believed(sim, 1)["isCompliant"] is False)
    assert daemon.device("two")["queued"] and "configuration" in daemon.device("two")["reason"]
    assert believed(sim, 2, SECOND)["isCompliant"] is True and requests_of(sim, SECOND, since) == []
    plan = {entry["device_id"]: entry for entry in daemon.ctl("plan").json}
    assert plan["two"]["held"] == "unknown_connection"
    # It comes back, and what waited is told: nothing was lost.
    reconfigure(daemon, settings)
    eventually(lambda: believed(sim, 2, SECOND)["isCompliant"] is False)


def test_a_connection_that_is_changed_by_reload(store, sim, daemon, settings):
    """A broken credential is mended while the other connection goes on reporting."""
    store.add_device("one", number=1, connection="first")
    store.add_device("two", number=2, connection="second")
    daemon.connections["second"]["client_id"] = guid(9)
    daemon.write_config()
    daemon.start()
    eventually(lambda: succeeded(store, "one"))
    eventually(lambda: daemon.device("two")["reason"] and not daemon.device("one")["reason"])
    assert not succeeded(store, "two")
    reconfigure(daemon, settings)
    eventually(lambda: succeeded(store, "two"))


def test_a_reload_in_the_midst_loses_nothing(store, sim, daemon, settings):
    store.add_devices([{"device_id": f"d{i:02}", "number": i, "connection": ("first", "second")[i % 2]} for i in range(1, 61)])
    sim.add_fault("partner_put", "slow_headers", ms=20, count=-1)
    daemon.start()
    for share in range(5):
        seen = sim.count("partner_put")
        eventually(lambda seen=seen: sim.count("partner_put") > seen or store.queued() == 0)
        changed = {name: dict(keys) for name, keys in settings.items()}
        changed["second"]["partner_requests_per_20s"] = 900000 + share
        reconfigure(daemon, changed)
    eventually(lambda: all(succeeded(store, f"d{i:02}") for i in range(1, 61)))
    for i in range(1, 61):
        assert believed(sim, i, (TENANT, SECOND)[i % 2])["isCompliant"] is True
    assert sim.stats()["violations"] == 0


def test_a_device_moves(store, sim, daemon):
    """Retired where it was, then reported where it is."""
    store.add_device("one", number=1, connection="first")
    daemon.start()
    eventually(lambda: succeeded(store, "one"))
    store.set_device("one", connection="second")
    eventually(lambda: believed(sim, 1, SECOND).get("isCompliant") is True and not look(store, "one").queued)
    assert (believed(sim, 1)["isManaged"], believed(sim, 1)["isCompliant"]) == (False, False)
    assert look(store, "one").state == COMPLIANT
    # ... and back.
    store.set_device("one", connection="first")
    eventually(lambda: believed(sim, 1)["isCompliant"] is True and believed(sim, 1, SECOND)["isManaged"] is False)
    assert sim.stats()["violations"] == 0


def test_a_device_moves_to_and_from_what_is_not_configured(store, sim, daemon):
    store.add_device("one", number=1, connection="first")
    daemon.start()
    eventually(lambda: succeeded(store, "one"))
    store.set_device("one", connection="elsewhere")
    eventually(lambda: daemon.device("one")["queued"])
    assert "configuration" in daemon.device("one")["reason"]
    assert believed(sim, 1)["isCompliant"] is True, "nobody is locked out by a slip"
    store.set_device("one", connection="second")
    eventually(lambda: believed(sim, 1, SECOND).get("isCompliant") is True)
    assert believed(sim, 1)["isManaged"] is False


def test_a_device_leaves_a_connection_that_is_gone(store, sim, daemon, settings):
    """It cannot be taken back there, so it is not reported elsewhere yet, and says why."""
    store.add_device("one", number=1, connection="first")
    daemon.start()
    eventually(lambda: succeeded(store, "one"))
    reconfigure(daemon, {"second": settings["second"]})
    store.set_device("one", connection="second")
    eventually(lambda: daemon.device("one")["queued"] and "configuration" in daemon.device("one")["reason"])
    assert believed(sim, 1)["isCompliant"] is True and guid(1) not in sim.devices(SECOND)
    reconfigure(daemon, settings)
    eventually(lambda: believed(sim, 1, SECOND).get("isCompliant") is True)
    assert believed(sim, 1)["isManaged"] is False


def test_one_is_disconnected_while_the_other_reports(store, sim, daemon, settings):
    pages = {"enrollment_url": "https://mdm.example/e", "remediation_url": "https://mdm.example/r", "assignment_group": "All users"}
    daemon.connections = {name: {**keys, **pages} for name, keys in settings.items()}
    daemon.write_config()
    store.add_policy("block", "block_email")
    store.add_devices([{"device_id": f"d{i}", "number": i, "connection": ("first", "second")[i % 2]} for i in range(1, 7)])
    daemon.start()
    eventually(lambda: all(succeeded(store, f"d{i}") for i in range(1, 7)))
    answer = daemon.ctl("account", "disconnect", "--yes", check=False)
    assert answer.code != 0 and "first" in answer.err and "second" in answer.err, "which?"
    daemon.ctl("account", "disconnect", "--yes", "second")
    since = sim.last_request()
    assert all(not device["isManaged"] for device in sim.devices(SECOND).values())
    store.violate("d2", "block")
    store.violate("d3", "block")
    eventually(lambda: believed(sim, 2)["isCompliant"] is False)
    assert requests_of(sim, SECOND, since) == []
    states = {entry["name"]: entry["state"] for entry in daemon.status()["connections"]}
    assert states["second"] == "disconnected" and states["first"] == "ready"
    # A device that moves away from the disconnected one is reported where it is now.
    store.set_device("d5", connection="first")
    eventually(lambda: believed(sim, 5).get("isCompliant") is True)
    assert differences(store, sim) == [] or all("d1" in entry or "d3" in entry for entry in differences(store, sim))


def test_another_tenant_under_the_old_name(store, sim, daemon):
    """What was told to the old tenant counts for nothing with the new one."""
    store.add_device("one", number=1, connection="first")
    daemon.start()
    eventually(lambda: succeeded(store, "one"))
    daemon.connections["first"]["tenant_id"] = SECOND
    daemon.connections.pop("second")
    daemon.write_config()
    daemon.reload()
    eventually(lambda: believed(sim, 1, SECOND).get("isCompliant") is True)
