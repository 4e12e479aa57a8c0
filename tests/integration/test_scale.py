# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Fleets of some size, in the release build: a weekly report of thousands of devices that yields to a worsening, memory that does not grow
with the fleet, and a count of all devices that is not taken again and again. What takes how long is scripts/bench's business."""
import pathlib
import re

import pytest

import harness
from harness import eventually, guid
from scene import connection_of, reports

pytestmark = pytest.mark.release

DAY = 24 * 3600 * 1000


def add_fleet(store, count, told=False):
    """Windows PCs. With `told`: as if complyd had reported all of them, so that nothing but a full report has anything to tell."""
    with store.transaction() as connection:
        connection.executemany(
            "INSERT INTO device (device_id, platform, name, os_version, azure_device_id, evaluated_at) VALUES (?, 'windows', ?, '10.0.22631', "
            "?, 1770000000)", ((f"pc{n:06}", f"PC {n}", guid(n)) for n in range(count)))
        if told:
            connection.execute("INSERT INTO report (device_id, state, connection, platform, azure_device_id, inventory_digest, accepted_at_ms, "
                               "last_update_ms, status) SELECT device_id, 1, 'default', platform, azure_device_id, 1, 1, 1, 2 FROM device")
            connection.execute("DELETE FROM outbox")


def due_now(store):
    """The date of the weekly report has passed."""
    store.execute("INSERT INTO full_report (connection, kind, due_at_ms) VALUES ('default', 0, unixepoch() * 1000 - 1)")


@pytest.fixture
def sim(make_sim):
    return make_sim(auto_register=True)


@pytest.fixture
def daemon(make_daemon, store, sim, scratch):
    return make_daemon(store, {"default": harness.connection_settings(sim, scratch)}, daemon={"log_level": "info"},
                       reporting={"full_report_spread": "0s"})


def test_a_worsening_overtakes_the_weekly_report(sim, store, daemon):
    """It waits for no more than the requests that are in flight and the few that are ready."""
    count = 12000
    add_fleet(store, count, told=True)
    store.add_policy("strict", "quarantine")
    due_now(store)
    sim.add_fault(at="graph_batch", fault="slow_headers", ms=40, count=-1)
    daemon.start()
    daemon.wait_for_log(rf"notice weekly: full report begins: {count} devices, 0 done before")
    eventually(lambda: sim.count("graph_batch") > 20)
    worse = f"pc{count - 1:06}"  # the last in the order of the report
    since = sim.last_request()
    store.violate(worse, "strict")
    eventually(lambda: (sim.device(guid(count - 1)) or {}).get("isCompliant") is False)
    sim.clear_faults()
    told_before = [report["about"] for report in reports(sim, since)].index(guid(count - 1))
    in_flight_and_ready = (50 + 50) * 20
    assert told_before < in_flight_and_ready, f"{told_before} devices of the weekly report went before the worsening"
    assert connection_of(daemon)["weekly"]["running"]
    daemon.wait_for_log(rf"notice weekly: full report done: {count} devices; next on ")
    state = connection_of(daemon)["weekly"]
    assert (state["running"], state["fed"], state["total"]) == (False, count, count)
    devices = sim.devices()
    assert len(devices) == count and sum(not device["isCompliant"] for device in devices.values()) == 1
    assert store.queued() == 0 and sim.stats()["violations"] == 0
    due, finished = store.query("SELECT due_at_ms, finished_at_ms FROM full_report")[0].values()
    assert 6 * DAY < due - finished <= 7 * DAY


def peak_memory(daemon):
    """Kilobytes that the process has needed at most."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1])


def report_all(sim, make_store, make_daemon, scratch, count):
    """Peak memory after everything was told; the count of all devices is asked for as well."""
    store = make_store(f"{count}.db")
    add_fleet(store, count)
    daemon = make_daemon(store, {"default": harness.connection_settings(sim, scratch)}, daemon={"log_level": "notice"})
    daemon.start()
    store.wait_drained()
    assert daemon.status()["devices"]["by_status"]["success"] == count
    peak = peak_memory(daemon)
    daemon.stop()
    assert len(sim.devices()) == count
    sim.reset()
    return peak


def test_memory_does_not_grow_with_the_fleet(sim, make_store, make_daemon, scratch):
    small, large = (report_all(sim, make_store, make_daemon, scratch, count) for count in (2000, 40000))
    assert large < small + 2048 and large < 24 * 1024, f"{small} kB for 2,000 devices, {large} kB for 40,000"


def test_thousands_of_new_users_hide_nobody_behind_them(sim, store, daemon):
    """Look-ups of users are throttled for an hour; whose user is known already is told all the same, though it was queued last."""
    sim.add_fault(at="graph_batch", match="/users/", fault="throttle", retry_after=3000, count=-1)
    store.execute("INSERT INTO user VALUES ('default', 'known@contoso.example', ?, unixepoch() * 1000)", (guid(1, kind=3),))
    store.add_devices([{"device_id": f"phone{n:05}", "number": 10 + n} for n in range(5000)])
    store.execute("UPDATE outbox SET minute = minute - 1")
    daemon.start()
    eventually(lambda: sim.count("graph_batch"))
    sim.add_users([{"userPrincipalName": "known@contoso.example", "id": guid(1, kind=3)}])
    store.add_device("zzz", 2, user_principal_name="known@contoso.example")
    eventually(lambda: (sim.device(guid(2)) or {}).get("isCompliant") is True)
    assert store.queued() >= 5000


def test_a_long_count_serves_again(store, daemon):
    """Whoever asks for the status again and again does not keep the store busy; what waits is always counted anew."""
    add_fleet(store, 200000, told=True)
    daemon.start()
    first = daemon.status()
    store.set_device("pc000001", connection="nowhere")
    store.add_device("one-more", connection="nowhere")
    second = daemon.status()
    assert first["devices"]["total"] == 200000 and second["devices"] == first["devices"]
    assert second["queue"]["total"] == first["queue"]["total"] + 2
