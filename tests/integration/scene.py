# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What the tests of the whole daemon share: a simulator for a module, looks into complyd's own tables, and whether store and
Microsoft agree.

    from scene import shared_sim, sim  # noqa: F401

A module that imports these two has one simulator a module, reset before each test: its start costs more than most tests do.
"""
import json
import re
import sqlite3
import types

import pytest

import harness
from harness import ROOT, eventually
from sim_client import SimProcess

NONE, COMPLIANT, NON_COMPLIANT, REMOVED = range(4)  # report.state
BLANK, IN_PROGRESS, SUCCESS, ERROR = range(4)  # report.status
WORSENING, CHANGE, OPERATOR, WEEKLY = range(4)  # outbox.priority


@pytest.fixture(scope="module")
def shared_sim(tmp_path_factory):
    with SimProcess.start(directory=tmp_path_factory.mktemp("sim"), auto_register=True, verdict_delay="20ms") as simulator:
        yield simulator


@pytest.fixture
def sim(shared_sim):
    if shared_sim.process is None:
        shared_sim.launch()
    shared_sim.reset()
    return shared_sim


LOOK = """
SELECT o.device_id IS NOT NULL AS queued, o.attempts, o.due_at, o.claim, o.priority, o.seq, o.message_id AS flight,
       r.device_id IS NOT NULL AS known, r.state, r.status, r.reason, r.error, r.accepted_at_ms, r.attempted_at_ms,
       r.last_update_ms, r.azure_device_id, r.user_id, r.message_id, r.expiries, r.removed_at_ms, r.request_id,
       m.message_id IS NOT NULL AS asked, m.polls, m.poll_at_ms, m.deadline_ms
FROM (SELECT ? AS id)
LEFT JOIN outbox AS o ON o.device_id = id
LEFT JOIN report AS r ON r.device_id = id
LEFT JOIN message AS m ON m.message_id = r.message_id
"""


def look(store, device_id):
    """All that complyd keeps of one device, in one consistent look."""
    return types.SimpleNamespace(**store.query(LOOK, (device_id,))[0])


def told(store, device_id):
    """Microsoft has taken the newest report about it, and nothing of it waits."""
    seen = look(store, device_id)
    return not seen.queued and seen.status in (IN_PROGRESS, SUCCESS)


def succeeded(store, device_id):
    seen = look(store, device_id)
    return not seen.queued and seen.status == SUCCESS


def backoff(base_ms, most_ms, attempts):
    """Bounds of the delay after so many failures: full jitter below a doubling ceiling, but never none at all."""
    ceiling = min(base_ms * 2 ** (attempts - 1), most_ms)
    return ceiling // 8, ceiling


UNITS = {"d": 86400000, "h": 3600000, "m": 60000, "s": 1000, "ms": 1}


def milliseconds(text):
    """A duration as complyd writes it: "1m 3s", "613ms"."""
    parts = re.findall(r"(\d+)(ms|[dhms])", text)
    assert parts and "".join(number + unit for number, unit in parts) == text, text
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def _load_comparison():
    """scripts/compare-fleet, which knows the rules by itself."""
    path = ROOT / "scripts" / "compare-fleet"
    module = types.ModuleType("compare_fleet")
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # pylint: disable=exec-used
    return module


COMPARISON = _load_comparison()


def differences(store, sim, tenant=None):
    """What Microsoft believes otherwise than the MDM's tables say it should."""
    devices = COMPARISON.read_store(store.path)
    for device in devices:
        device["azure_device_id"] = device["azure_device_id"] or ""
    wrong, _ = COMPARISON.compare(devices, sim.devices(tenant))
    return [f"{device['device_id']}: {problem}" for device, problem in wrong]


def wait_agreed(store, sim, timeout=None):
    """Waits until nothing is queued and both sides agree about every device; then nothing may ever have been sent twice with
    another content, or with a stamp that did not rise."""
    last = []

    def agreed():
        try:
            last[:] = differences(store, sim) + [f"{store.queued()} queued"] * bool(store.queued())
        except sqlite3.OperationalError as problem:
            last[:] = [str(problem)]
        return not last

    try:
        eventually(agreed, timeout)
    except AssertionError:
        raise AssertionError("store and Microsoft differ: " + "; ".join(last[:10])) from None
    stats = sim.stats()
    assert stats["violations"] == 0, stats


def connection_of(daemon, name="default"):
    """What `complyctl status` tells of a connection."""
    return next(connection for connection in daemon.status()["connections"] if connection["name"] == name)


def wait_trouble(daemon, slug, name="default"):
    return eventually(lambda: connection_of(daemon, name)["trouble"] == slug, what=f"trouble {slug}")


def add_pair(store, phone="phone", pc="pc"):
    """One device on each channel."""
    store.add_devices([{"device_id": phone, "number": 1, "platform": "ios"},
                       {"device_id": pc, "number": 2, "platform": "windows", "os_version": "10.0.22631"}])


def in_the_past(store):
    """Moves every waiting time into the past, as if hours had gone by. Of a store whose daemon is stopped, or that will look."""
    with store.transaction() as connection:
        connection.execute("UPDATE outbox SET due_at = 0 WHERE due_at > 0")
        connection.execute("UPDATE message SET poll_at_ms = 1")


guid = harness.guid


def reports(sim, since=0, about=None):
    """Every report in the simulator's log, in the order sent: [{"about": Azure id, "state", "name", ...}]. `about` picks one device."""
    found = []
    for request in sim.requests(since, body=True):
        if request["at"] == "partner_put":
            content = json.loads(json.loads(request["body"])["Content"])
            for inventory, compliance in zip(content[::2], content[1::2]):
                found.append({"request": request, "about": inventory["DeviceId"], "name": inventory["DeviceName"],
                              "os_version": inventory["OsVersion"], "user": inventory["UserId"], "os": inventory["Os"],
                              "state": _state(inventory["DeviceManagementState"] == "managed",
                                              compliance["complianceStatus"] == "compliant")})
        elif request["at"] == "graph_batch":
            for item in json.loads(request["body"])["requests"]:
                device = re.fullmatch(r"/devices\(deviceId='([0-9a-f-]{36})'\)", item["url"])
                if device:
                    found.append({"request": request, "about": device[1], "name": item["body"].get("displayName"),
                                  "os_version": item["body"].get("operatingSystemVersion"), "os": "Windows",
                                  "state": _state(item["body"]["isManaged"], item["body"]["isCompliant"])})
    return [report for report in found if about in (None, report["about"])]


def _state(managed, compliant):
    assert managed or not compliant
    return "compliant" if compliant else "non_compliant" if managed else "removed"
