# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What Microsoft believes, read back and compared: every cause of a difference, what is told of it, and that nothing is sent again
unless somebody asks."""
import json

import pytest

from harness import connection_settings, eventually, guid

PERMISSION = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}}


def settle(store):
    """What was told, was told an hour ago: Microsoft has had its time."""
    store.execute("UPDATE report SET accepted_at_ms = accepted_at_ms - 3600000, attempted_at_ms = attempted_at_ms - 3600000 "
                  "WHERE max(accepted_at_ms, attempted_at_ms) > unixepoch() * 1000 - 1800000")


def told(store):
    """Nothing waits, and every verdict is in."""
    store.wait_drained()
    eventually(lambda: store.value("SELECT count(*) FROM message") == 0, what="verdicts in")
    settle(store)


def writes(sim):
    """Requests that tell Microsoft something."""
    return sim.count("partner_put") + sim.count("graph_batch")


def other_writer(sim, number, **values):
    sim.control("PATCH", f"devices/{guid(number)}", values)


def causes(drift):
    return {device: entry["cause"] for device, entry in drift.items()}


def check(daemon, connection="default"):
    """How the comparison of a connection stands."""
    return next(one["drift"] for one in daemon.status()["connections"] if one["name"] == connection)


@pytest.fixture
def fleet(store, sim, daemon):
    """Two phones and two PCs, one of each not compliant; all told."""
    store.add_policy("passcode", "block_email")
    for number, (name, platform, system) in enumerate((("phone1", "ios", "iOS"), ("phone2", "android", "Android"),
                                                       ("pc1", "windows", "Windows"), ("pc2", "windows", "Windows")), 1):
        sim.register(guid(number), system)
        store.add_device(name, number=number, platform=platform, violations=["passcode"] if name.endswith("2") else [])
    daemon.start()
    told(store)
    return store


def test_nothing_differs(fleet, sim, daemon):
    assert daemon.check_drift() == {}
    drift = check(daemon)
    assert (drift["compared"], drift["differences"], drift["read"], drift["problem"]) == (4, 0, 4, "")
    assert daemon.ctl("drift").code == 0
    assert daemon.ctl("activity", "--kind", "drift").json[0]["detail"] == "4 devices compared, 0 differ"


def test_another_writer_is_told_and_not_fought_with(fleet, sim, daemon):
    daemon.check_drift()
    other_writer(sim, 1, isCompliant=False)
    other_writer(sim, 4, isManaged=False)
    before, mark = writes(sim), daemon.mark()
    drift = daemon.check_drift()
    assert causes(drift) == {"phone1": "other_writer", "pc2": "other_writer"}
    assert drift["phone1"]["azure_state"] == "compliant"
    assert drift["phone1"]["microsoft"] == {"managed": True, "compliant": False}
    assert drift["pc2"]["microsoft"] == {"managed": False, "compliant": False}
    assert not drift["phone1"]["queued"]
    daemon.wait_for_log(r"4 devices compared, 2 differ: 2 other_writer", mark)
    assert check(daemon)["by_cause"]["other_writer"] == 2
    assert "nother writer" in daemon.device("phone1")["reason"] and "--repair" in daemon.device("phone1")["cure"]
    assert daemon.device("phone2")["reason"] == ""
    entries = [entry for entry in daemon.ctl("activity", "--kind", "drift").json if entry["result"] == "other_writer"]
    assert {entry["device_id"] for entry in entries} == {"phone1", "pc2"}
    daemon.check_drift()
    assert causes(daemon.check_drift()) == {"phone1": "other_writer", "pc2": "other_writer"}
    assert writes(sim) == before  # compared three times, and nothing was sent
    assert len([e for e in daemon.ctl("activity", "--kind", "drift").json if e["result"] == "other_writer"]) == 2


def test_another_writer_that_takes_it_back(fleet, sim, daemon):
    daemon.check_drift()
    other_writer(sim, 1, isCompliant=False)
    assert causes(daemon.check_drift()) == {"phone1": "other_writer"}
    other_writer(sim, 1, isCompliant=True)
    assert daemon.check_drift() == {} and daemon.device("phone1")["reason"] == ""


def test_repair_reports_the_differing_ones_again(fleet, sim, daemon):
    daemon.check_drift()
    other_writer(sim, 1, isCompliant=False)
    other_writer(sim, 3, isCompliant=False, isManaged=False)
    updates = {number: sim.device(guid(number))["updates"] for number in range(1, 5)}
    assert daemon.ctl("drift", "--repair").code == 0
    told(fleet)
    assert sim.device(guid(1))["isCompliant"] is True
    assert (sim.device(guid(3))["isCompliant"], sim.device(guid(3))["isManaged"]) == (True, True)
    assert {number: sim.device(guid(number))["updates"] - before for number, before in updates.items()} == {1: 1, 2: 0, 3: 1, 4: 0}
    assert daemon.check_drift() == {}
    assert check(daemon)["repaired"] == 2
    assert any(entry["result"] == "repaired" for entry in daemon.ctl("activity", "--kind", "drift").json)


def test_another_value_than_what_was_accepted(fleet, sim, daemon):
    """Never seen right: it need not have been another writer."""
    other_writer(sim, 1, isCompliant=False)
    assert causes(daemon.check_drift()) == {"phone1": "other_value"}
    assert "otherwise" in daemon.device("phone1")["reason"]


def test_what_was_told_a_moment_ago_is_not_compared(fleet, sim, daemon):
    daemon.check_drift()
    fleet.violate("phone1", "passcode")
    fleet.wait_drained()
    eventually(lambda: fleet.value("SELECT count(*) FROM message") == 0)
    other_writer(sim, 1, isCompliant=True)
    assert daemon.check_drift() == {} and check(daemon)["compared"] == 3
    settle(fleet)
    assert causes(daemon.check_drift()) == {"phone1": "other_value"}


def test_what_is_on_its_way_is_not_compared(fleet, sim, daemon):
    sim.add_fault("partner_put", "status", status=503, count=-1)
    daemon.check_drift()
    other_writer(sim, 1, isCompliant=False)
    daemon.ctl("device", "report", "phone1")
    eventually(lambda: fleet.value("SELECT attempts FROM outbox WHERE device_id = 'phone1'"))
    assert daemon.check_drift() == {}


def test_a_device_that_microsoft_does_not_have(store, sim, daemon):
    sim.settings(auto_register=True)
    store.add_device("phone", number=1)
    daemon.start()
    told(store)
    sim.control("DELETE", f"devices/{guid(1)}")  # before it was ever read
    drift = daemon.check_drift()
    assert causes(drift) == {"phone": "unknown_at_microsoft"} and drift["phone"]["microsoft"] is None


def test_an_id_that_microsoft_has_given_up(fleet, sim, daemon):
    daemon.check_drift()
    sim.control("DELETE", f"devices/{guid(2)}")
    assert causes(daemon.check_drift()) == {"phone2": "stale_id"}
    sim.register(guid(2), "Android", isManaged=True, isCompliant=False)
    assert daemon.check_drift() == {}


def test_an_id_that_the_store_has_given_up(fleet, sim, daemon):
    daemon.check_drift()
    fleet.delete_device("phone1")
    told(fleet)
    assert daemon.check_drift() == {}
    other_writer(sim, 1, isManaged=True)
    drift = daemon.check_drift()
    assert causes(drift) == {"phone1": "other_writer"}  # it was seen to be gone
    assert daemon.ctl("drift", "--repair").code == 0
    told(fleet)
    assert sim.device(guid(1))["isManaged"] is False
    assert daemon.check_drift() == {}
    fleet.delete_device("pc1")
    told(fleet)
    other_writer(sim, 3, isManaged=True, isCompliant=True)
    assert causes(daemon.check_drift()) == {"pc1": "stale_id"}  # never seen to be gone
    assert daemon.ctl("drift", "--repair").code == 0
    told(fleet)
    assert (sim.device(guid(3))["isManaged"], sim.device(guid(3))["isCompliant"]) == (False, False)


def test_a_device_that_the_store_does_not_know_is_no_difference(fleet, sim, daemon):
    sim.register(guid(99), "iOS", isManaged=True, isCompliant=True)  # of another MDM
    assert daemon.check_drift() == {}


def test_links_that_are_forgotten_mean_reading_everything_again(fleet, sim, daemon):
    daemon.check_drift()
    sim.control("DELETE", f"devices/{guid(2)}")
    other_writer(sim, 1, isCompliant=False)
    sim.control("POST", "resync")
    assert causes(daemon.check_drift()) == {"phone1": "other_writer", "phone2": "stale_id"}
    assert check(daemon)["read"] == 3
    assert daemon.check_drift().keys() == {"phone1", "phone2"} and check(daemon)["read"] == 0


def test_links_forgotten_in_the_middle(fleet, sim, daemon):
    sim.settings(page_size=1)
    sim.add_fault("devices", "body", after=2, status=410, content_type="application/json", match="delta",
                  body=json.dumps({"error": {"code": "syncStateNotFound", "message": "x"}}))
    assert daemon.check_drift() == {} and check(daemon)["compared"] == 4


def test_only_changes_are_read(fleet, sim, daemon):
    daemon.check_drift()
    asked = sim.count("devices")
    daemon.check_drift()
    assert sim.count("devices") == asked + 1 and check(daemon)["read"] == 0 and check(daemon)["compared"] == 4


@pytest.mark.parametrize("fault", [
    {"fault": "throttle", "retry_after": 0.2}, {"fault": "status", "status": 503}, {"fault": "reset"},
    {"fault": "truncated_json"}, {"fault": "wrong_json", "kind": "types"}, {"fault": "unauthorized"}, {"fault": "empty_body"},
    {"fault": "invalid_utf8"}, {"fault": "short_body"},
], ids=lambda fault: fault["fault"])
def test_troubles_that_pass(fleet, sim, daemon, fault):
    sim.add_fault("devices", count=2, match="delta", **fault)
    assert daemon.check_drift() == {} and check(daemon)["compared"] == 4
    assert daemon.status()["connections"][0]["trouble"] == ""


def test_retry_after_is_obeyed_whoever_asks(fleet, sim, daemon):
    sim.add_fault("devices", "throttle", retry_after=3600, match="delta")
    result = daemon.ctl("drift", "--timeout", "1ms", check=False)
    assert result.code == 75
    eventually(lambda: check(daemon)["next_try"])
    drift = check(daemon)
    assert drift["problem"] == "throttled" and drift["state"] == "reading"
    daemon.ctl("drift", "--timeout", "1ms", check=False)
    daemon.reload()
    assert check(daemon)["next_try"] == drift["next_try"] or check(daemon)["state"] == "reading"
    assert sim.count("devices") == 1
    fleet.violate("phone1", "passcode")  # reporting goes on meanwhile
    eventually(lambda: sim.device(guid(1))["isCompliant"] is False)


def test_without_the_permission_only_the_comparison_suffers(fleet, sim, daemon):
    number = sim.add_fault("devices", "body", count=-1, match="delta", status=403, content_type="application/json",
                           body=json.dumps(PERMISSION))
    result = daemon.ctl("drift", check=False)
    assert result.code == 69 and "Device.Read.All" in result.err
    drift = check(daemon)
    assert drift["problem"] == "no_read_permission" and drift["state"] == "idle"
    assert "Device.Read.All" in drift["cure"]
    connection = daemon.status()["connections"][0]
    assert connection["state"] == "ready" and connection["trouble"] == ""
    assert sim.played(number) == 1  # it does not try on and on
    assert daemon.log_has(r"not compared with Microsoft: .*Device\.Read\.All")
    fleet.violate("phone1", "passcode")
    eventually(lambda: sim.device(guid(1))["isCompliant"] is False)
    sim.clear_faults()
    told(fleet)
    assert daemon.check_drift() == {} and check(daemon)["problem"] == ""


def test_the_permission_granted_later_counts_at_once(fleet, sim, daemon):
    consented = sim.settings()["permissions"]
    sim.settings(permissions="User.Read.All Application.Read.All")
    sim.revoke_tokens()
    assert daemon.ctl("drift", check=False).code == 69
    sim.settings(permissions=consented)
    assert daemon.check_drift() == {} and check(daemon)["problem"] == ""


def test_a_link_that_leads_elsewhere_is_not_followed(fleet, sim, daemon):
    page = {"value": [], "@odata.nextLink": "https://localhost:1/v1.0/devices/delta?$skiptoken=x"}
    sim.add_fault("devices", "body", match="delta", content_type="application/json", body=json.dumps(page))
    assert daemon.check_drift() == {}
    assert check(daemon)["compared"] == 4


def test_the_date_of_the_timed_check_is_kept(fleet, sim, daemon):
    eventually(lambda: check(daemon)["next"])
    due = check(daemon)["next"]
    daemon.restart()
    eventually(lambda: check(daemon)["next"])
    assert check(daemon)["next"] == due
    daemon.stop()
    other_writer(sim, 1, isCompliant=False)
    fleet.execute("UPDATE drift_check SET due_at_ms = 1000")
    daemon.start()
    eventually(lambda: check(daemon)["finished"])
    assert check(daemon)["differences"] == 1 and check(daemon)["next"] > due[:4]


def test_a_disconnected_account_is_not_read(fleet, sim, daemon):
    daemon.ctl("account", "disconnect", "--yes", "--this-server-only")
    eventually(lambda: daemon.status()["connections"][0]["state"] == "disconnected")
    result = daemon.ctl("drift", check=False)
    assert result.code != 0 and "disconnected" in result.err
    assert sim.count("devices") == 0


def test_bad_questions(fleet, daemon):
    assert daemon.ctl("drift", "--connection", "nowhere", check=False).code == 66


def many(store, sim, count):
    sim.register_all([{"deviceId": guid(n), "operatingSystem": "iOS", "isManaged": True, "isCompliant": True} for n in range(count)])
    store.add_devices([{"device_id": f"d{n:05}", "number": n} for n in range(count)])
    # As if all of them had been told and accepted: this is about reading.
    with store.transaction() as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute("INSERT INTO report (device_id, state, connection, platform, azure_device_id, accepted_at_ms, "
                           "attempted_at_ms, status, user_id, inventory_digest) SELECT device_id, 1, 'default', 'ios', azure_device_id, "
                           "1770000000000, 1770000000000, 2, 'x', 1 FROM device")


@pytest.mark.release
def test_pages_over_thousands(store, sim, daemon):
    many(store, sim, 5000)
    sim.settings(page_size=500)
    daemon.start()
    for number in range(0, 5000, 10):
        other_writer(sim, number, isCompliant=False)
    drift = daemon.check_drift()
    assert len(drift) == 500 and set(causes(drift).values()) == {"other_value"}
    assert check(daemon)["compared"] == 5000 and check(daemon)["read"] == 5000


@pytest.mark.release
def test_killed_in_the_middle_it_goes_on(store, sim, daemon):
    many(store, sim, 2000)
    sim.settings(page_size=20)
    daemon.start()
    eventually(lambda: check(daemon)["next"])  # loaded
    sim.add_fault("devices", "throttle", retry_after=3600, after=50, match="delta")
    assert daemon.ctl("drift", "--timeout", "1ms", check=False).code == 75
    eventually(lambda: check(daemon)["next_try"])
    assert store.value("SELECT read FROM drift_check") == 1000
    daemon.kill9()
    sim.clear_faults()
    asked = sim.count("devices")
    other_writer(sim, 1999, isManaged=False)
    daemon.start()
    eventually(lambda: check(daemon)["state"] == "idle" and check(daemon)["finished"])
    assert sim.count("devices") - asked <= 51  # the second half, not all of it
    assert check(daemon)["compared"] == 2000 and check(daemon)["by_cause"]["other_value"] == 1
    assert store.problems() == ""


@pytest.mark.release
def test_killed_anywhere_it_ends_right(store, sim, daemon):
    """Many kills while it reads, compares and repairs: at the end Microsoft is as it was told, and nothing was told backwards."""
    many(store, sim, 600)
    sim.settings(page_size=50)
    for number in range(0, 600, 3):
        other_writer(sim, number, isCompliant=False)
    for kill in range(12):
        daemon.start()
        eventually(lambda: check(daemon)["next"])
        daemon.ctl("drift", "--repair", "--timeout", f"{1 + 15 * kill}ms", check=False)
        daemon.kill9()
    daemon.start()
    store.wait_drained()
    eventually(lambda: check(daemon)["state"] == "idle")
    store.execute("UPDATE report SET accepted_at_ms = 1770000000000, attempted_at_ms = 1770000000000")
    if daemon.check_drift("--repair"):
        told(store)
    assert daemon.check_drift() == {}
    assert all(device["isCompliant"] for device in sim.devices().values())
    assert sim.stats()["violations"] == 0 and store.problems() == ""


def test_the_breaker_applies_to_a_repair(store, sim, make_daemon, scratch):
    """Another writer has let a fleet in that must not be in: taking that back is held like any other worsening of so many."""
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch)}, breaker={"max_count": 5})
    count = 12
    store.add_policy("passcode", "block_email")
    sim.register_all([{"deviceId": guid(n), "operatingSystem": "Windows"} for n in range(count)])
    store.add_devices([{"device_id": f"d{n}", "number": n, "platform": "windows", "violations": ["passcode"]} for n in range(count)])
    daemon.start()
    told(store)
    assert daemon.check_drift() == {}
    for number in range(count):
        other_writer(sim, number, isCompliant=True)
    assert set(causes(daemon.check_drift()).values()) == {"other_writer"}
    before = writes(sim)
    assert daemon.ctl("drift", "--repair").code == 0
    eventually(lambda: daemon.status()["connections"][0]["breaker"]["held"] == count, what="the breaker holds the repair")
    assert writes(sim) == before and all(device["isCompliant"] for device in sim.devices().values())
    daemon.ctl("breaker", "release")
    told(store)
    assert not any(device["isCompliant"] for device in sim.devices().values())
    assert daemon.check_drift() == {}
