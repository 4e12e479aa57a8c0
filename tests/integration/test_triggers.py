# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What makes complyd send a report, what does not, and in which order: from a commit of the MDM's to the request on the wire.

That nothing is sent is told by what comes after: a later change of another device of the same channel has been reported, and the
simulator's log holds nothing about the first.
"""
import time

import pytest

from harness import EX_OK, eventually, guid
from scene import (CHANGE, COMPLIANT, NON_COMPLIANT, REMOVED, WORSENING, add_pair, look, reports, shared_sim, sim,  # noqa: F401
                   wait_agreed)

PHONE, PC = guid(1), guid(2)
AZURE = {"phone": PHONE, "pc": PC}
WEEK = 7 * 24 * 3600 * 1000
BOTH = pytest.mark.parametrize("device", ["phone", "pc"])


@pytest.fixture
def live(store, sim, daemon):
    """A daemon that has reported a phone and a PC, each with a neighbour for the sentinel, and knows a policy for every action."""
    for action in ("monitor", "send_alert", "block_email", "block_appconnect", "quarantine", "retire"):
        store.add_policy(action, action)
    add_pair(store)
    store.add_devices([{"device_id": "phone2", "number": 101}, {"device_id": "pc2", "number": 102, "platform": "windows"}])
    daemon.start()
    wait_agreed(store, sim)
    daemon.since = sim.last_request()
    return daemon


def settle(store, sim, since=0):
    """Reports of two neighbours went out after all that was queued before."""
    names = {"phone2": f"Sentinel {time.monotonic_ns()}", "pc2": f"Sentinel {time.monotonic_ns()}"}
    for device, name in names.items():
        store.set_device(device, name=name)
    for number, device in ((101, "phone2"), (102, "pc2")):
        eventually(lambda n=number, d=device: any(r["name"] == names[d] for r in reports(sim, since, guid(n))))
    wait_agreed(store, sim)


def states(sim, since, device):
    return [report["state"] for report in reports(sim, since, AZURE[device])]


# ---- compliance

@BOTH
@pytest.mark.parametrize("actions, expected", [
    (["monitor"], None), (["send_alert"], None), (["block_email"], "non_compliant"), (["block_appconnect"], "non_compliant"),
    (["quarantine"], "non_compliant"), (["retire"], "removed"), (["send_alert", "quarantine"], "non_compliant"),
    (["quarantine", "retire"], "removed")])
def test_a_change_of_compliance_is_told_at_once_and_back(store, sim, live, device, actions, expected):
    with store.transaction() as connection:
        connection.executemany("INSERT INTO violation (device_id, policy_id) VALUES (?, ?)", [(device, action) for action in actions])
    settle(store, sim, live.since)
    assert states(sim, live.since, device) == ([expected] if expected else [])
    since = sim.last_request()
    store.execute("DELETE FROM violation WHERE device_id = ?", (device,))
    settle(store, sim, since)
    assert states(sim, since, device)[-1:] == (["compliant"] if expected else [])


def test_policies_are_changed_under_their_violators(store, sim, live):
    """Switched off and on, another action, one more: each is a change of every device that violates it, and of no other."""
    store.violate("phone", "quarantine")
    store.violate("pc", "quarantine")
    expected = []
    for statement, state in [
            (None, "non_compliant"),
            ("UPDATE policy SET enabled = 0 WHERE policy_id = 'quarantine'", "compliant"),
            ("UPDATE policy SET enabled = 1 WHERE policy_id = 'quarantine'", "non_compliant"),
            ("UPDATE policy_action SET action = 'monitor' WHERE policy_id = 'quarantine'", "compliant"),
            ("INSERT INTO policy_action (policy_id, action) VALUES ('quarantine', 'retire')", "removed"),
            ("DELETE FROM policy_action WHERE policy_id = 'quarantine' AND action = 'retire'", "compliant")]:
        if statement:
            store.execute(statement)
        wait_agreed(store, sim)
        expected.append(state)
        assert states(sim, live.since, "phone") == states(sim, live.since, "pc") == expected
    assert not reports(sim, live.since, guid(101)) and not reports(sim, live.since, guid(102))


@BOTH
def test_an_unknown_policy_waits_and_keeps_what_was_told(store, sim, live, device):
    store.violate(device, "quarantine")
    wait_agreed(store, sim)
    since = sim.last_request()
    store.violate(device, "not in the store")
    store.heal(device, "quarantine")
    settle(store, sim, since)
    assert states(sim, since, device) == [] and look(store, device).state == NON_COMPLIANT
    assert live.device(device)["reason"] == "The device violates a policy that the store does not know."
    store.add_policy("not in the store", "monitor")
    settle(store, sim, since)
    assert states(sim, since, device) == ["compliant"]
    store.execute("DELETE FROM policy WHERE policy_id = 'not in the store'")
    settle(store, sim, since)
    assert states(sim, since, device) == ["compliant"] and "does not know" in live.device(device)["reason"]


@pytest.mark.parametrize("platform", ["ios", "windows"])
@pytest.mark.parametrize("missing, given, slug", [
    ({"evaluated_at": None}, {"evaluated_at": 1770000000}, "evaluated"),
    ({"azure_device_id": ""}, {"azure_device_id": guid(7)}, "Azure device id"),
    ({"azure_device_id": None}, {"azure_device_id": guid(7).upper()}, "Azure device id")])
def test_a_device_without_data_waits_for_it(store, sim, live, platform, missing, given, slug):
    store.add_device("new", 7, platform=platform, **missing)
    settle(store, sim, live.since)
    assert reports(sim, live.since, guid(7)) == [] and look(store, "new").queued == 0
    shown = live.device("new")
    assert slug in shown["reason"] and shown["cure"] and shown["azure_compliance_status"] == shown["azure_state"] == ""
    store.set_device("new", **given)
    wait_agreed(store, sim)
    assert [report["state"] for report in reports(sim, live.since, guid(7))] == ["compliant"]


# ---- inventory

COLUMNS = {"name": "Another", "manufacturer": "Other Inc.", "model": "iPhone 99", "serial_number": "SN-2", "os_version": "99.1",
           "user_principal_name": "someone.else@contoso.example"}


@BOTH
@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_each_column_is_one_report(store, sim, live, device, column):
    store.set_device(device, **{column: COLUMNS[column]})
    settle(store, sim, live.since)
    (report,) = reports(sim, live.since, AZURE[device])
    row = store.query("SELECT name, os_version FROM device WHERE device_id = ?", (device,))[0]
    assert (report["name"], report["os_version"], report["state"]) == (row["name"], row["os_version"], "compliant")


def test_another_user_is_looked_up_and_named(store, sim, live):
    before = reports(sim, 0, PHONE)[-1]["user"]
    store.set_device("phone", user_principal_name="someone.else@contoso.example")
    wait_agreed(store, sim)
    after = reports(sim, live.since, PHONE)[-1]["user"]
    assert after == sim.user_id("someone.else@contoso.example", sim.graph_token()) != before


def test_another_platform_goes_its_own_way(store, sim, live):
    """It is the same device to Microsoft, which goes by the id alone; the simulator would notice a phone that became a Mac."""
    store.add_device("tablet", 30, platform="android")
    wait_agreed(store, sim)
    sim.remove_device(guid(30))
    store.set_device("tablet", platform="macos")
    wait_agreed(store, sim)
    assert [report["os"] for report in reports(sim, live.since, guid(30))] == ["Android", "macOS"]
    sim.remove_device(guid(30))
    store.set_device("tablet", platform="windows")
    wait_agreed(store, sim)
    assert reports(sim, live.since, guid(30))[-1]["os"] == "Windows" and look(store, "tablet").state == COMPLIANT


# ---- what is no change

def as_it_is(connection, table, verb, key):
    """The row written anew with equal values."""
    row = dict(connection.execute(f"SELECT * FROM {table} WHERE {key}").fetchone())
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    keys = [r["name"] for r in connection.execute(f"SELECT name FROM pragma_table_info('{table}') WHERE pk > 0")]
    if verb == "UPDATE":
        connection.execute(f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in row)} WHERE {key}", tuple(row.values()))
    elif verb == "UPSERT":
        rest = ", ".join(f"{name} = excluded.{name}" for name in row if name not in keys) or f"{keys[0]} = excluded.{keys[0]}"
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {rest}",
                           tuple(row.values()))
    else:
        connection.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


@pytest.mark.parametrize("recursive", [False, True], ids=["plain", "recursive_triggers"])
@pytest.mark.parametrize("verb", ["UPDATE", "INSERT OR REPLACE", "INSERT OR IGNORE", "UPSERT"])
def test_equal_values_are_no_change(store, sim, live, verb, recursive):
    store.violate("phone", "monitor")
    store.violate("pc", "monitor")
    settle(store, sim, live.since)
    since = sim.last_request()
    with store.connect() as connection:
        connection.execute(f"PRAGMA recursive_triggers = {int(recursive)}")
        for table, key in [("device", "device_id = 'phone'"), ("device", "device_id = 'pc'"), ("policy", "policy_id = 'monitor'"),
                           ("policy_action", "policy_id = 'monitor'"), ("violation", "device_id = 'phone'"),
                           ("violation", "device_id = 'pc'")]:
            as_it_is(connection, table, verb, key)
            assert connection.execute("SELECT count(*) FROM outbox").fetchone()[0] == 0, (table, key)
    settle(store, sim, since)
    assert reports(sim, since, PHONE) == reports(sim, since, PC) == []


@pytest.mark.parametrize("statement", [
    "UPDATE device SET last_check_in = last_check_in + 3600", "UPDATE device SET evaluated_at = evaluated_at + 3600",
    "UPDATE device SET azure_client_status = 'Interaction_Required'", "UPDATE policy SET name = 'Other words'",
    "UPDATE violation SET since = since + 1", "INSERT INTO policy (policy_id) VALUES ('violated by nobody')"])
def test_what_microsoft_need_not_know_is_no_change(store, sim, live, statement):
    store.violate("phone", "monitor")
    settle(store, sim, live.since)
    since = sim.last_request()
    store.execute(statement)
    assert store.queued() == 0
    settle(store, sim, since)
    assert reports(sim, since, PHONE) == reports(sim, since, PC) == []


def test_a_check_in_rides_on_the_next_report(store, sim, live):
    store.set_device("phone", last_check_in=1790000000)
    settle(store, sim, live.since)
    store.set_device("phone", name="Another")
    wait_agreed(store, sim)
    assert sim.device(PHONE)["lastCheckInTime"] == "2026-09-21T14:13:20.000Z"


@BOTH
def test_there_and_back_again_before_it_is_sent_is_no_traffic(store, sim, live, device):
    with store.transaction() as connection:
        connection.execute("INSERT INTO violation (device_id, policy_id) VALUES (?, 'quarantine')", (device,))
        connection.execute("UPDATE device SET name = name || '!' WHERE device_id = ?", (device,))
        connection.execute("UPDATE device SET name = rtrim(name, '!') WHERE device_id = ?", (device,))
        connection.execute("DELETE FROM violation WHERE device_id = ?", (device,))
        assert connection.execute("SELECT count(*) FROM outbox").fetchone()[0] == 1
    settle(store, sim, live.since)
    assert states(sim, live.since, device) == []


# ---- many changes, one report; and their order

@BOTH
def test_several_changes_become_one_report_of_the_newest(store, sim, live, device):
    live.stop()
    for number in range(5):
        store.set_device(device, name=f"Name {number}")
    store.violate(device, "quarantine")
    live.start()
    wait_agreed(store, sim)
    (report,) = reports(sim, live.since, AZURE[device])
    assert (report["name"], report["state"]) == ("Name 4", "non_compliant")


@pytest.mark.parametrize("device, at", [("phone", "partner_put"), ("pc", "graph_batch")])
def test_changes_during_a_flight_become_one_more(store, sim, live, device, at):
    rule = sim.add_fault(at=at, fault="slow_headers", ms=1500)
    store.set_device(device, name="In flight")
    eventually(lambda: sim.played(rule))
    for number in range(3):
        store.set_device(device, name=f"Meanwhile {number}")
    wait_agreed(store, sim)
    assert [report["name"] for report in reports(sim, live.since, AZURE[device])] == ["In flight", "Meanwhile 2"]


@pytest.mark.parametrize("platform", ["ios", "windows"])
@pytest.mark.parametrize("kind", ["quarantine", "retire", "unmanaged", "deleted"])
def test_a_worsening_overtakes_all_other_changes(store, sim, live, platform, kind):
    fleet = [{"device_id": f"a{number:02}", "number": number, "platform": platform} for number in range(200, 260)]
    store.add_devices(fleet)
    wait_agreed(store, sim)
    live.stop()
    live.settings["reporting"]["max_in_flight"] = 1
    live.write_config()
    since = sim.last_request()
    store.execute("UPDATE device SET name = 'Another' WHERE device_id LIKE 'a%'")
    if kind == "unmanaged":
        store.set_device("a259", managed=0)
    elif kind == "deleted":
        store.delete_device("a259")
    else:
        store.violate("a259", kind)
    assert look(store, "a259").priority == WORSENING and look(store, "a200").priority == CHANGE
    live.start()
    wait_agreed(store, sim)
    order = [report["about"] for report in reports(sim, since)]
    assert order[0] == guid(259) and len(order) == len(set(order)) == 60


# ---- gone, come back, another id

@BOTH
@pytest.mark.parametrize("how", ["deleted", "unmanaged"])
def test_a_device_that_goes_is_told_gone_once_and_comes_back(store, sim, live, device, how):
    row = store.query("SELECT * FROM device WHERE device_id = ?", (device,))[0]
    if how == "deleted":
        store.delete_device(device)
    else:
        store.set_device(device, managed=0)
    settle(store, sim, live.since)
    assert states(sim, live.since, device) == ["removed"] and look(store, device).state == REMOVED
    shown = live.device(device)
    assert shown["azure_state"] == "removed" and shown["removed_until"]
    since = sim.last_request()
    if how == "deleted":
        store.add_device(device, **{name: row[name] for name in store.COLUMNS if name != "device_id"})
    else:
        store.set_device(device, managed=1)
    settle(store, sim, since)
    assert states(sim, since, device) == ["compliant"] and live.device(device)["removed_until"] == ""


@BOTH
def test_a_changed_azure_id_retires_the_old_one_first(store, sim, live, device):
    store.set_device(device, azure_device_id=guid(77))
    settle(store, sim, live.since)
    told_of = [(report["about"], report["state"]) for report in reports(sim, live.since) if report["about"] in (AZURE[device], guid(77))]
    assert told_of == [(AZURE[device], "removed"), (guid(77), "compliant")]


@BOTH
def test_an_azure_id_that_is_cleared_retires_the_old_one(store, sim, live, device):
    store.set_device(device, azure_device_id="")
    settle(store, sim, live.since)
    assert states(sim, live.since, device) == ["removed"]


def test_a_device_that_microsoft_never_heard_of_goes_quietly(store, sim, live):
    store.add_device("ghost", 66, azure_device_id="")
    store.delete_device("ghost")
    settle(store, sim, live.since)
    assert reports(sim, live.since, guid(66)) == [] and not look(store, "ghost").queued


# ---- the weekly report

def weekly(store, connection="default"):
    return store.query("SELECT * FROM full_report WHERE connection = ? AND kind = 0", (connection,))[0]


def make_due(store, ago_ms=1000):
    """The date of the weekly report has come, while complyd was down."""
    due = int(time.time() * 1000) - ago_ms
    eventually(lambda: store.execute("UPDATE full_report SET due_at_ms = ? WHERE kind = 0", (due,)) == 1)
    return due


@pytest.fixture
def fleet(store, sim, live):
    """Twelve phones and twelve PCs more, all reported, and the daemon stopped; its next full report is not spread."""
    store.add_devices([{"device_id": f"f{number}", "number": number, "platform": "windows" if number % 2 else "ios"}
                       for number in range(300, 324)])
    store.add_device("left", 330)
    store.add_device("waiting", 331, azure_device_id="")
    wait_agreed(store, sim)
    store.delete_device("left")
    store.violate("f300", "quarantine")
    store.violate("f301", "retire")
    wait_agreed(store, sim)
    live.stop()
    live.settings["reporting"]["full_report_spread"] = "0s"
    live.write_config()
    return live


ALL_OF_THEM = {PHONE, PC, guid(101), guid(102)} | {guid(number) for number in range(300, 324)} - {guid(301)}


def test_the_weekly_report_tells_all_and_sets_the_next_date(store, sim, fleet):
    since = sim.last_request()
    due = make_due(store, ago_ms=3 * WEEK + 5000)
    fleet.start()
    fleet.wait_for_log(r"notice weekly: full report begins: \d+ devices, 0 done before connection=default")
    fleet.wait_for_log(r"notice weekly: full report done: \d+ devices; next on \S+ connection=default")
    wait_agreed(store, sim)
    sent = reports(sim, since)
    assert {report["about"] for report in sent} == ALL_OF_THEM and len(sent) == len(ALL_OF_THEM)
    assert all(report["name"] for report in sent), "the weekly report carries the inventory"
    state = weekly(store)
    assert state["started_at_ms"] == -1 and state["due_at_ms"] == due + 4 * WEEK


def test_the_first_start_sets_a_date_and_reports_nothing_twice(store, sim, live):
    state = eventually(lambda: weekly(store))
    assert state["started_at_ms"] == -1 and WEEK - 120000 < state["due_at_ms"] - time.time() * 1000 <= WEEK
    assert len(reports(sim)) == 4


def test_the_weekly_report_is_spread(store, sim, fleet):
    """Over six hours, 28 devices: one at once, the next after a quarter of an hour."""
    fleet.settings["reporting"]["full_report_spread"] = "6h"
    fleet.write_config()
    since = sim.last_request()
    make_due(store)
    fleet.start()
    eventually(lambda: len(reports(sim, since)) == 1)
    settle(store, sim, since)
    assert len([r for r in reports(sim, since) if not (r["name"] or "").startswith("Sentinel")]) == 1
    status = fleet.status()["connections"][0]["weekly"]
    assert status["running"] and (status["fed"], status["total"]) == (1, 29)
    eventually(lambda: fleet.status()["connections"][0]["weekly"]["waiting"] == 0, what="what is done is shown before the next one's turn")


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_the_weekly_report_goes_on_where_it_was(store, sim, fleet, kill):
    fleet.settings["reporting"]["max_in_flight"] = 1
    fleet.write_config()
    since = sim.last_request()
    make_due(store)
    sim.add_fault(at="partner_put", fault="slow_headers", ms=60000, after=4)
    fleet.start()
    eventually(lambda: len(reports(sim, since)) >= 5, what="some reported, one hangs")
    began = weekly(store)["started_at_ms"]
    assert began > 0
    sim.clear_faults()
    if kill:
        fleet.kill9()
    else:
        fleet.stop()
    assert weekly(store)["started_at_ms"] == began
    fleet.start()
    fleet.wait_for_log("full report done")
    wait_agreed(store, sim)
    sent = [report["about"] for report in reports(sim, since)]
    twice = [about for about in set(sent) if sent.count(about) > 1]
    assert set(sent) == ALL_OF_THEM and len(twice) <= 21, twice  # what was in flight: a phone, or one batch too


def test_the_weekly_report_yields_to_a_change(store, sim, fleet):
    fleet.settings["reporting"]["max_in_flight"] = 1
    fleet.write_config()
    since = sim.last_request()
    make_due(store)
    rule = sim.add_fault(at="partner_put", fault="slow_headers", ms=1500)
    fleet.start()
    eventually(lambda: sim.played(rule))
    store.violate("f322", "quarantine")
    wait_agreed(store, sim)
    phones = [report["about"] for report in reports(sim, since) if report["os"] == "iOS"]
    assert phones.index(guid(322)) == 1 and phones.count(guid(322)) == 1, "next after the one in flight, and in full"


# ---- operators

@BOTH
def test_an_operator_has_a_device_told_again(store, sim, live, device):
    result = live.ctl("device", "report", device)
    assert result.code == EX_OK and result.json == {"device_id": device, "queued": True}
    settle(store, sim, live.since)
    (report,) = reports(sim, live.since, AZURE[device])
    assert report["state"] == "compliant" and report["name"]


def test_resync_tells_everything_again(store, sim, fleet):
    fleet.start()
    since = sim.last_request()
    before = weekly(store)["due_at_ms"]
    fleet.ctl("resync", "--wait")
    wait_agreed(store, sim)
    sent = [report["about"] for report in reports(sim, since)]
    assert set(sent) == ALL_OF_THEM and len(sent) == len(ALL_OF_THEM)
    fleet.wait_for_log("notice weekly: resync done: ")
    assert weekly(store)["due_at_ms"] == before


# ---- reporting switched off

@pytest.mark.parametrize("where", ["server", "connection"])
def test_switched_off_nothing_is_sent_and_changes_queue(store, sim, live, where):
    live.stop()
    (live.settings["reporting"] if where == "server" else live.connections["default"])["enabled"] = False
    live.write_config()
    live.start()
    for device in ("phone", "pc"):
        store.violate(device, "quarantine")
        store.set_device(device, name="Another")
        shown = live.device(device)
        assert shown["queued"] and shown["azure_report_time"] == "" and "switched off" in shown["reason"], shown
        assert shown["azure_state"] == "compliant"
    assert store.queued() == 2
    assert live.status()["connections"][0]["state"] == "off"
    assert sim.requests(live.since) == []
    (live.settings["reporting"] if where == "server" else live.connections["default"])["enabled"] = True
    live.write_config()
    live.reload()
    wait_agreed(store, sim)
    sent = reports(sim, live.since)
    assert sorted((report["about"], report["state"], report["name"]) for report in sent) == [
        (PHONE, "non_compliant", "Another"), (PC, "non_compliant", "Another")]
    assert eventually(lambda: live.device("phone")["azure_report_time"])


def test_a_pc_that_comes_back_tells_its_inventory(store, sim, daemon):  # noqa: F811
    """Its removal was the first that Microsoft heard of the id, and removals carry no inventory."""
    store.add_device("pc", number=2, platform="windows", os_version="10.0.22631", managed=0)
    daemon.start()
    wait_agreed(store, sim)
    store.set_device("pc", managed=1)
    wait_agreed(store, sim)
    assert sim.device(guid(2))["displayName"] == "Phone pc"
