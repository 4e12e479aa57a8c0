# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""kill -9 at every step of a flight: nothing is lost, nothing goes backwards, nothing is applied twice.

Each test kills the daemon many times while another process changes the fleet and Microsoft misbehaves. At the end store and
Microsoft agree about every device, and the simulator, which refuses a stamp that does not rise and a GUID with another
content, has counted no violation.
"""
import multiprocessing
import os
import random
import signal
import sqlite3
import time

import pytest

import harness
from harness import eventually
from scene import differences, look, sim, shared_sim, wait_agreed  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.release

KILLS = 35  # a case of the table; six of them are 210
PHONES, PCS = 60, 60

STATEMENTS = (
    "INSERT OR IGNORE INTO violation VALUES ({d}, {p}, 0)",
    "INSERT OR REPLACE INTO violation VALUES ({d}, {p}, 1)",
    "DELETE FROM violation WHERE device_id = {d}",
    "DELETE FROM violation WHERE device_id = {d} AND policy_id = {p}",
    "UPDATE device SET os_version = '{n}' WHERE device_id = {d}",
    "UPDATE device SET name = 'Device {n}', user_principal_name = 'u{s}@contoso.example' WHERE device_id = {d}",
    "UPDATE device SET managed = 1 - managed WHERE device_id = {d}",
    "UPDATE device SET managed = 1",
    "UPDATE device SET azure_device_id = '{g}' WHERE device_id = {d}",
    "UPDATE device SET evaluated_at = nullif(evaluated_at, 1770000000) WHERE device_id = {d}",
    "UPDATE device SET evaluated_at = 1770000000",
    "UPDATE policy SET enabled = 1 - enabled WHERE policy_id = {p}",
    "DELETE FROM device WHERE device_id = {d}",
)


def change_fleet(path, seed, pace_s):
    """The MDM: a process of its own that commits one random change after the other, until it is killed."""
    chance = random.Random(seed)
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    ids = [row[0] for row in connection.execute("SELECT device_id FROM device")]
    rows = {row[0]: row for row in connection.execute("SELECT * FROM device")}
    while True:
        device = chance.choice(ids)
        words = {"d": f"'{device}'", "p": f"'{chance.choice(('block', 'retire', 'watch'))}'", "n": chance.randrange(10**6),
                 "s": chance.randrange(40), "g": harness.guid(chance.randrange(10**6), kind=7)}
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(chance.choice((1, 1, 1, 5, 30))):
            connection.execute(chance.choice(STATEMENTS).format(**words))
        if connection.execute("SELECT count(*) FROM device").fetchone()[0] < len(ids):
            missing = [i for i in ids if not connection.execute("SELECT 1 FROM device WHERE device_id = ?", (i,)).fetchone()]
            back = rows[chance.choice(missing)]
            connection.execute(f"INSERT INTO device VALUES ({', '.join('?' * len(back))})", back)
        connection.execute("COMMIT")
        time.sleep(chance.random() * pace_s)  # the pace of the load; nothing waits for it


@pytest.fixture
def writer(store):
    """Starts and kills the MDM."""
    running = []

    def start(seed, pace_s=0.01):
        process = multiprocessing.get_context("fork").Process(target=change_fleet, args=(store.path, seed, pace_s), daemon=True)
        process.start()
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.join()


def add_fleet(store):
    store.add_policy("block", "block_email")
    store.add_policy("retire", "retire", "monitor")
    store.add_policy("watch", "monitor", "send_alert")
    platforms = ["ios", "android", "macos"]
    store.add_devices([{"device_id": f"phone{i}", "number": i + 1, "platform": platforms[i % 3]} for i in range(PHONES)]
                      + [{"device_id": f"pc{i}", "number": 1000 + i, "platform": "windows"} for i in range(PCS)])


FAULTS = {
    "calm": [],
    "answers lost": [("partner_put", "reset_after_apply", {"every": 3, "count": -1}),
                     ("graph_batch", "reset_after_apply", {"every": 3, "count": -1})],
    "requests lost": [("partner_put", "reset", {"every": 3, "count": -1}), ("graph_batch", "close", {"every": 3, "count": -1})],
    "slow answers": [("partner", "slow_headers", {"ms": 40, "every": 2, "count": -1}),
                     ("graph_batch", "slow_headers", {"ms": 40, "every": 2, "count": -1})],
    "throttled": [("partner_put", "throttle", {"retry_after": "0.05", "every": 5, "count": -1}),
                  ("graph_batch_item", "status", {"status": 503, "every": 4, "count": -1})],
    "verdicts lost": [("partner_get", "reset", {"every": 2, "count": -1}),
                      ("partner_get", "status", {"status": 500, "every": 5, "count": -1})],
}


def requests_seen(sim):  # noqa: F811
    return sum(sim.count(place) for place in ("partner_put", "partner_get", "graph_batch"))


@pytest.mark.parametrize("weather", sorted(FAULTS))
def test_kills_at_any_instant(store, sim, daemon, writer, weather):  # noqa: F811
    seed = int(os.environ.get("COMPLYD_SEED", "0")) or sum(map(ord, weather))
    chance = random.Random(seed)
    print(f"COMPLYD_SEED={seed}")
    add_fleet(store)
    for place, fault, parameters in FAULTS[weather]:
        sim.add_fault(place, fault, **parameters)
    mdm = writer(seed)
    for kill in range(KILLS):
        daemon.start(ready=False)
        if kill % 10 == 9:  # the MDM dies too, in the midst of a transaction as like as not
            mdm.kill()
            mdm = writer(seed + kill)
        if kill % 4:
            daemon.wait_ready()
            wanted = requests_seen(sim) + chance.randrange(1, 12)
            eventually(lambda wanted=wanted: requests_seen(sim) >= wanted, what="more requests")
        else:
            time.sleep(chance.random() * 0.12)  # anywhere in start and first requests: where it is makes no difference to the test
        daemon.kill9()
    mdm.kill()
    sim.clear_faults()
    store.execute("UPDATE device SET evaluated_at = 1770000000, managed = 1")
    daemon.start()
    wait_agreed(store, sim)
    assert store.problems() == ""
    print(sim.stats())


def kill_when(daemon, condition, what):
    eventually(condition, what=what)
    daemon.kill9()


STEPS = {
    "claimed, not answered": ("slow_headers", {"ms": 1500}, lambda seen, sim: sim.stats()["in_flight"] > 1),  # beside the question itself
    "applied, answer lost": ("reset_after_apply", {"count": -1}, lambda seen, sim: seen.queued and sim.count("partner_put") > 0),
    "refused once, waiting": ("status", {"status": 500, "count": -1}, lambda seen, sim: seen.queued and seen.attempts > 0),
    "accepted, no verdict": ("verdict_never", {"count": -1}, lambda seen, sim: not seen.queued and seen.status == 1),
}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_kill_at_one_step(store, sim, daemon, step):  # noqa: F811
    fault, parameters, reached = STEPS[step]
    store.add_policy("block", "block_email")
    store.add_device("phone", number=1)
    sim.add_fault("partner_put", fault, **parameters)
    daemon.start()
    kill_when(daemon, lambda: reached(look(store, "phone"), sim), step)
    first = sim.requests(at="partner_put", body=True)
    sim.clear_faults()
    daemon.start()
    if step == "accepted, no verdict":
        store.violate("phone", "block")  # the newer state overtakes the verdict that never comes
    wait_agreed(store, sim)
    again = sim.requests(at="partner_put", body=True)
    if step != "accepted, no verdict" and first:  # one that was still on its way when it was cut off left no trace
        assert again[-1]["path"] == first[0]["path"], "the same message has the same GUID"
        assert again[-1]["body"] == first[0]["body"], "... and is the same byte for byte"


def test_change_while_dead_gets_a_new_guid_and_a_later_stamp(store, sim, daemon):  # noqa: F811
    store.add_policy("block", "block_email")
    store.add_device("phone", number=1)
    sim.add_fault("partner_put", "reset_after_apply", count=-1)
    daemon.start()
    kill_when(daemon, lambda: sim.count("partner_put") > 0, "a message applied")
    first = sim.requests(at="partner_put")[0]["path"]
    store.violate("phone", "block")
    sim.clear_faults()
    daemon.start()
    wait_agreed(store, sim)
    assert sim.requests(at="partner_put")[-1]["path"] != first


def test_back_to_the_old_state_while_the_outcome_is_unknown(store, sim, daemon):  # noqa: F811
    """Compliant was accepted; non-compliant may have arrived; compliant again is no "nothing changed"."""
    store.add_policy("block", "block_email")
    store.add_device("phone", number=1)
    daemon.start()
    wait_agreed(store, sim)
    sim.add_fault("partner_put", "reset_after_apply", count=-1)
    seen = sim.count("partner_put")
    store.violate("phone", "block")
    kill_when(daemon, lambda: sim.count("partner_put") > seen, "non-compliant applied")
    store.heal("phone", "block")
    sim.clear_faults()
    assert eventually(lambda: differences(store, sim), what="Microsoft to believe the report in doubt")
    daemon.start()
    wait_agreed(store, sim)


def test_kills_within_a_full_report(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.start()
    wait_agreed(store, sim)
    done = sum(device["updates"] for device in sim.devices().values())
    sim.add_fault("partner_put", "slow_headers", ms=20, count=-1)
    daemon.ctl("resync")
    for wanted in range(10, PHONES + PCS, 20):
        eventually(lambda wanted=wanted: sum(d["updates"] for d in sim.devices().values()) >= done + wanted, what=f"{wanted} told again")
        daemon.kill9()
        daemon.start()
    eventually(lambda: sum(device["updates"] > 1 for device in sim.devices().values()) == PHONES + PCS, what="everything told again")
    wait_agreed(store, sim)


def test_second_sigterm_is_as_harmless(store, sim, daemon):  # noqa: F811
    store.add_device("phone", number=1)
    sim.add_fault("partner_put", "slow_headers", ms=1000)
    daemon.start()
    eventually(lambda: look(store, "phone").claim is not None, what="a flight")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait_for_log("stopping")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait() == 0
    daemon.start()
    wait_agreed(store, sim)
