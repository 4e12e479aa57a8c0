# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The activity log from outside: what is written into it, how it is read, followed and verified."""
import contextlib
import hashlib
import json
import os
import re
import socket
import sqlite3

import pytest

import harness
from control_client import Control
from harness import EX_DATAERR, EX_NOINPUT, EX_USAGE, ROOT, Process, eventually, guid
from scene import shared_sim, sim  # noqa: F401  pylint: disable=unused-import

ME = f"(uid {os.getuid()}, pid "


def activity(daemon, *filters):
    """All entries that match, oldest first."""
    return list(reversed(daemon.ctl("activity", *filters).json))


def story(daemon, device_id):
    """What became of a device: (kind, result, state, what decided)."""
    return [(entry["kind"], entry["result"], entry["azure_state"], entry["cause"])
            for entry in activity(daemon, "--device", device_id)]


def wait_for(daemon, *filters, count=1, **fields):
    """The entries with these fields, as soon as there are `count` of them."""
    def found():
        entries = [entry for entry in activity(daemon, *filters)
                   if all(entry[name] == value for name, value in fields.items())]
        return entries if len(entries) >= count else None
    return eventually(found, what=f"{count} entries {fields}")


def verify(build, store, *arguments, **options):
    return harness.run_ctl(build, "--json", "activity", "verify", "--store", store, *arguments, **options)


def last_anchor(daemon):
    return daemon.process.find(r"anchor=(\d+:[0-9a-f]{64})")[-1][1]


# ---- what is written

def test_the_story_of_a_device(daemon, store):
    store.add_policy("jail", "quarantine")
    store.import_([{"device": {"device_id": "phone", "platform": "ios", "user_principal_name": "a@contoso.example",
                               "azure_device_id": guid(1), "evaluated_at": 1770000000}}])
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    store.violate("phone", "jail")
    wait_for(daemon, "--device", "phone", kind="verdict", count=2)
    store.set_device("phone", managed=0)
    wait_for(daemon, "--device", "phone", kind="verdict", count=3)
    assert story(daemon, "phone") == [
        ("report", "accepted", "compliant", ""), ("verdict", "success", "compliant", ""),
        ("report", "accepted", "non_compliant", "quarantine"), ("verdict", "success", "non_compliant", ""),
        ("retire", "accepted", "removed", "unmanaged"), ("verdict", "success", "removed", ""),
    ]
    entries = activity(daemon, "--device", "phone")
    assert {entry["azure_device_id"] for entry in entries} == {guid(1)}
    assert entries[2]["priority"] == "worsening"
    assert entries[0]["message_id"] == entries[1]["message_id"] != entries[2]["message_id"]
    assert all(entry["request_id"] for entry in entries if entry["kind"] == "verdict")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"]) for entry in entries)


def test_refused_and_parked(daemon, store, sim):  # noqa: F811
    sim.settings(auto_register=False)
    store.add_device("pc", 2, platform="windows")
    store.add_device("odd", azure_device_id="no guid")
    daemon.start()
    refused = wait_for(daemon, "--device", "pc", kind="report", result="refused")[0]
    assert refused["reason"] == "device_unknown"
    assert "404" in refused["detail"] and refused["request_id"]
    parked = wait_for(daemon, "--device", "odd", kind="parked")[0]
    assert parked["reason"] == "bad_azure_device_id" and parked["message_id"] == ""


def test_connection_tokens_walks_and_life(daemon, store):
    store.add_device("phone", 1)
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    daemon.ctl("resync")
    wait_for(daemon, kind="full_report", result="finished")
    daemon.process.send_signal(harness.signal.SIGHUP)
    wait_for(daemon, kind="configuration", result="loaded")
    good = daemon.config.read_text()
    daemon.config.write_text(good + "\n[no such section]\n")
    daemon.process.send_signal(harness.signal.SIGHUP)
    refused = wait_for(daemon, kind="configuration", result="refused")[0]
    assert "no such section" in refused["detail"]
    daemon.config.write_text(good)
    entries = activity(daemon)
    kinds = [(entry["kind"], entry["result"]) for entry in entries]
    assert kinds[0] == ("daemon", "started")
    for wanted in (("token", "obtained"), ("connection", "ready"), ("full_report", "started")):
        assert wanted in kinds
    tokens = [entry["detail"] for entry in entries if entry["kind"] == "token"]
    assert any("Microsoft Graph" in detail for detail in tokens) and any("Intune" in detail for detail in tokens)
    assert [entry["id"] for entry in entries] == list(range(1, len(entries) + 1))


def test_a_refused_credential_is_told_once(daemon, sim):  # noqa: F811
    secret = daemon.connections["default"]["client_secret_file"]
    right = secret.read_text()
    secret.write_text("not the secret")
    daemon.start()
    refused = wait_for(daemon, kind="token", result="refused")[0]
    assert refused["reason"] == "credential_wrong"
    broken = wait_for(daemon, kind="connection", result="broken")[0]
    assert broken["connection"] == "default" and broken["reason"] == "credential_wrong"
    secret.write_text(right)
    for _ in range(3):  # probes that fail the same way would each be an entry else
        daemon.process.send_signal(harness.signal.SIGHUP)
    wait_for(daemon, kind="connection", result="ready")
    assert len([entry for entry in activity(daemon, "--kind", "token") if entry["result"] == "refused"]) == 1
    whole = json.dumps(activity(daemon))
    for word in (right, "not the secret", "eyJ", "client_assertion", "Bearer"):
        assert word not in whole


def test_operators_acts_say_who(daemon, store):
    store.add_device("phone", 1)
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    daemon.ctl("device", "report", "phone")
    daemon.ctl("resync")
    store.import_([{"device": {"device_id": "phone", "name": "Other"}}])
    acts = wait_for(daemon, "--kind", "operator", count=3)
    assert [act["detail"] for act in acts] == ["a report", "a resync", "an import of 1 devices, 0 policies and 0 deletions"]
    assert [act["result"] for act in acts] == ["asked", "asked", "done"]
    assert [act["device_id"] for act in acts] == ["phone", "", ""]
    assert all(ME in act["operator"] for act in acts)


# ---- reading

def test_filters(daemon, store):
    store.add_device("a", 1)
    store.add_device("b", 2, platform="windows")
    daemon.start()
    wait_for(daemon, "--device", "a", kind="verdict")
    wait_for(daemon, "--device", "b", result="success")
    assert {entry["device_id"] for entry in activity(daemon, "--device", "a")} == {"a"}
    assert {entry["kind"] for entry in activity(daemon, "--kind", "token")} == {"token"}
    assert activity(daemon, "--connection", "other") == []
    assert activity(daemon, "--since", "2100-01-01T00:00:00Z") == []
    assert activity(daemon, "--since", "1h") == activity(daemon)
    newest = activity(daemon)[-1]
    assert newest in activity(daemon, "--since", newest["time"])
    for arguments, word in ((("--since", "yesterday"), "how long ago"), (("--kind", "reports"), "did you mean")):
        result = daemon.ctl("activity", *arguments, check=False)
        assert result.code == EX_USAGE and word in result.err, result
    table = harness.run_ctl(daemon.build, "--socket", daemon.socket, "activity", "--device", "b").out
    assert table.splitlines()[0].split() == ["ENTRY", "TIME", "KIND", "RESULT", "CONNECTION", "DEVICE", "WHAT"]
    assert table.splitlines()[-1] == "1 entry"


def test_pages_hold_still_while_entries_come(daemon, store):
    store.add_devices([{"device_id": f"d{i}", "number": i + 1} for i in range(20)])
    daemon.start()
    wait_for(daemon, kind="verdict", count=20)
    seen, after = [], ""
    while True:
        page = Control(daemon.socket).get(f"/v1/activity?limit=7&after={after}").json()
        seen += [entry["id"] for entry in page["activity"]]
        daemon.ctl("device", "report", "d1")
        after = page["next"]
        if not after:
            break
    assert seen == list(range(seen[0], 0, -1))


def test_follow(daemon, store):
    store.add_device("phone", 1)
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    follower = Process([daemon.build / "bin" / "complyctl", "--socket", daemon.socket, "--json", "activity", "--follow",
                        "--device", "phone"], daemon.directory / "follow.log")
    follower.wait_for('"verdict"')
    mark = follower.mark()
    store.set_device("phone", name="Other")
    follower.wait_for('"report","result":"accepted"', since=mark)
    follower.wait_for('"verdict","result":"success"', since=mark)
    ids = [json.loads(line)["id"] for line in follower.lines]
    assert ids == sorted(set(ids))
    follower.term()


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_following_outlives_the_daemon_without_gaps_or_repeats(daemon, store, end):
    store.add_device("phone", 1)
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    ctl = [daemon.build / "bin" / "complyctl", "--socket", daemon.socket]
    with contextlib.ExitStack() as stack:
        programs = Process([*ctl, "--json", "activity", "--follow", "--since", "1h"], daemon.directory / "programs.log")
        people = Process([*ctl, "activity", "--follow", "--since", "1h"], daemon.directory / "people.log")
        for follower in (programs, people):
            stack.callback(follower.term)
            follower.wait_for("verdict")
        for name in ("One", "Two"):
            shown = people.mark()
            getattr(daemon, end)()
            people.wait_for("complyd does not answer: waiting for it", since=shown)
            store.set_device("phone", name=name)
            mark = programs.mark()
            daemon.start()
            programs.wait_for('"verdict","result":"success"', since=mark)
            people.wait_for("complyd answers again: going on where it was", since=shown)
        newest = activity(daemon)[-1]["id"]
        eventually(lambda: any(json.loads(line)["id"] >= newest for line in programs.lines))
        ids = [json.loads(line)["id"] for line in programs.lines]
        assert ids == [entry["id"] for entry in activity(daemon) if entry["id"] <= ids[-1]]
        told = [line for line in people.lines if line.startswith("complyctl:")]
        assert len(told) == 4, told


def test_following_says_when_another_store_was_put_in_place(daemon, store, scratch):
    store.add_device("phone", 1)
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    daemon.stop()
    backup = scratch / "backup.db"
    harness.run_ctl(daemon.build, "store", "backup", backup, "--store", store.path)
    daemon.start()
    store.set_device("phone", name="Other")
    wait_for(daemon, "--device", "phone", kind="verdict", count=2)
    follower = Process([daemon.build / "bin" / "complyctl", "--socket", daemon.socket, "activity", "--follow"], daemon.directory / "follow.log")
    try:
        for number in range(20):
            store.set_device("phone", name=f"Name {number}")
            wait_for(daemon, "--device", "phone", kind="report", count=3 + number)
        follower.wait_for("verdict")
        daemon.stop()
        follower.wait_for("waiting for it")
        for suffix in ("-wal", "-shm"):
            (store.path.parent / (store.path.name + suffix)).unlink(missing_ok=True)
        os.replace(backup, store.path)
        daemon.start()
        follower.wait_for("before what was shown: another store was put in place")
        mark = follower.mark()
        store.add_device("other", 2)
        follower.wait_for("other", since=mark)
    finally:
        follower.term()


def test_following_what_never_answered_fails(daemon):
    done = harness.run_ctl(daemon.build, "--socket", daemon.socket, "activity", "--follow", check=False)
    assert done.code == harness.EX_UNAVAILABLE and "complyd is not running" in done.err


def test_followers_are_bounded_and_may_leave(daemon):
    daemon.start()
    control, waiting = Control(daemon.socket), []
    try:
        for _ in range(16):
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].connect(str(daemon.socket))
            waiting[-1].sendall(b"GET /v1/activity?follow=1&device=nobody&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: control.get("/v1/activity?follow=1&device=nobody&wait=1").status == 503)
        waiting.pop().close()
        eventually(lambda: control.get("/v1/activity?limit=1").json()["newest"] > 0)
        daemon.stop()  # answers those that wait
        assert b"200 OK" in waiting[0].recv(4096)
    finally:
        for client in waiting:
            client.close()


def test_what_microsoft_believed(daemon, store):
    store.add_policy("jail", "quarantine")
    store.add_device("phone", 1)
    store.add_device("waits", azure_device_id="")
    daemon.start()
    wait_for(daemon, "--device", "phone", kind="verdict")
    store.violate("phone", "jail")
    entries = [entry for entry in wait_for(daemon, "--device", "phone", count=4) if entry["kind"] == "report"]
    first, second = (entry["time"] for entry in entries)

    def at(time, device="phone"):
        return daemon.ctl("device", "show", device, "--at", time).json

    assert at("2020-01-01T00:00:00Z")["azure_state"] == ""
    assert at(first)["azure_state"] == "compliant" and at(first)["azure_compliance_status"] == "in_progress"
    assert at(second)["azure_state"] == "non_compliant" and at(second)["entry"] == entries[1]["id"]
    now = at("0s")
    assert now == {"device_id": "phone", "at": now["at"], "azure_state": "non_compliant", "azure_device_id": guid(1),
                   "azure_compliance_status": "success", "azure_report_time": second, "entry": entries[1]["id"],
                   "log_begins": ""}
    assert at("0s", "waits")["azure_state"] == ""
    assert daemon.ctl("device", "show", "nobody", "--at", "1h", check=False).code == EX_NOINPUT


def test_every_kind_is_described(build):
    words = re.findall(r'X\(ACTIVITY_\w+, "(\w+)"', (ROOT / "include/store/activity.h").read_text())
    assert len(words) > 10
    help_text = harness.run_ctl(build, "activity", "--help").out
    document = (ROOT / "docs/openapi.yaml").read_text()
    kinds = re.search(r"ActivityKind:\s+enum: \[([^]]*)\]", document)[1]
    tables = (ROOT / "docs/store.md").read_text()
    for word in words:
        assert re.search(rf"\b{word}\b", help_text), word
        assert word in re.split(r",\s*", kinds), word
        assert f"`{word}`" in tables, word


# ---- verifying

@pytest.fixture
def told(daemon, store):
    """A daemon that has run and ended: its store, and its last anchor."""
    store.add_policy("jail", "quarantine")
    store.add_devices([{"device_id": f"d{i}", "number": i + 1} for i in range(5)])
    daemon.start()
    wait_for(daemon, kind="verdict", count=5)
    daemon.stop()
    return daemon


def tampered(told, sql):
    """A copy of the store, changed by somebody who knows SQL."""
    copy = told.directory / "copy.db"
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    told.store.ctl("backup", copy)
    with sqlite3.connect(copy, isolation_level=None) as connection:
        connection.executescript("DROP TRIGGER activity_update; DROP TRIGGER activity_delete;" + sql)
    connection.close()
    return copy


def test_verify(told, build):
    sound = verify(build, told.store.path, "--anchor", last_anchor(told)).json
    assert sound["sound"] and sound["findings"] == [] and sound["anchors_met"] == 1
    assert sound["first"] == 1 and sound["entries"] == sound["last"]
    assert sound["anchor"] == last_anchor(told)
    assert verify(build, told.store.path, "--anchors", told.log).json["anchors_met"] == 2  # at start, at stop


@pytest.mark.parametrize("sql, wanted", [
    ("UPDATE activity SET result = 'refused' WHERE id = 3", "entry 3 was changed"),
    ("UPDATE activity SET device_id = 'd9' WHERE id = 4", "entry 4 was changed"),
    ("DELETE FROM activity WHERE id = 5", "entry 5 is missing"),
    ("UPDATE activity SET id = -1 WHERE id = 3; UPDATE activity SET id = 3 WHERE id = 4; "
     "UPDATE activity SET id = 4 WHERE id = -1", "entry 3 was changed"),
    ("INSERT INTO activity SELECT max(id) + 1, at_ms, kind, result, connection, device_id, priority, cause, reason, azure_state, "
     "azure_device_id, message_id, request_id, actor, 'made up', hash FROM activity", "was changed"),
])
def test_tampering_shows(told, build, sql, wanted):
    result = verify(build, tampered(told, sql), check=False)
    assert result.code == EX_DATAERR
    assert any(wanted in finding for finding in result.json["findings"]), result


def encoded(value):
    if value is None:
        return b"n" + bytes(8)
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    letter, data = (b"t", value.encode()) if isinstance(value, str) else (b"b", value)
    return letter + len(data).to_bytes(8, "big") + data


def test_the_chain_is_as_documented(told):
    """docs/store.md says enough to check the log without complyd."""
    before = told.store.value("SELECT hash FROM activity_base")
    rows = told.store.query("SELECT * FROM activity ORDER BY id")
    assert len(rows) > 10
    for row in rows:
        stored = row.pop("hash")
        digest = hashlib.sha256(b"".join(map(encoded, [before, *row.values()]))).digest()
        assert digest == stored, row
        before = stored


def test_a_cut_shows_with_an_anchor_only(told, build):
    copy = tampered(told, "DELETE FROM activity WHERE id > 6")
    assert verify(build, copy).json["sound"]
    result = verify(build, copy, "--anchor", last_anchor(told), check=False)
    assert result.code == EX_DATAERR and "cut off" in result.json["findings"][0]
    people = harness.run_ctl(build, "activity", "verify", "--store", copy, "--anchors", "-", stdin=told.log.read_text(), check=False)
    assert people.code == EX_DATAERR and "TAMPERED" in people.out


def test_verify_says_what_is_wrong_with_its_input(told, build):
    assert verify(build, told.store.path, "--anchor", "12", check=False).code == EX_USAGE
    assert verify(build, told.store.path, "--anchors", "/nowhere", check=False).code == EX_NOINPUT
    assert verify(build, told.store.path, "--anchors", "-", check=False).code == EX_DATAERR
    assert verify(build, "/nowhere/store.db", check=False).code == EX_NOINPUT


def test_verify_while_the_daemon_runs_and_after_kill9(daemon, store, build):
    store.add_devices([{"device_id": f"d{i}", "number": i + 1} for i in range(200)])
    daemon.start()
    for _ in range(5):
        wait_for(daemon, kind="report", count=1)
        assert verify(build, store.path).json["sound"]
        daemon.process.kill9()
        assert verify(build, store.path).json["sound"]
        store.execute("UPDATE device SET name = name || 'x'")
        daemon.start()
    wait_for(daemon, kind="daemon", result="started", count=6)
    store.wait_drained()
    daemon.stop()
    assert verify(build, store.path, "--anchors", daemon.log).json["sound"]


def test_old_entries_are_purged(daemon, store, build):
    daemon.settings["reporting"]["activity_retention"] = "1d"
    daemon.write_config()
    with store.transaction() as connection:  # as if they had been written long ago, by another clock
        connection.execute("INSERT INTO activity SELECT 1, 1000, 'daemon', 'started', '', '', '', '', '', '', '', NULL, '', '', "
                           "'', zeroblob(32)")
    daemon.start()
    purged = wait_for(daemon, kind="retention")[0]
    assert purged["detail"].startswith("1 entries from before ")
    daemon.stop()
    assert verify(build, store.path).json["purged"] == 1
