# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The log as somebody reads it who was called at night: what it says at the start, that a trouble is told once and its end too, that
many lines of a kind become few."""
import json
import re

import pytest

import harness
from control_client import Control
from harness import ROOT, eventually
from scene import shared_sim, sim  # noqa: F401  pylint: disable=unused-import

TEXT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|notice|info|debug) ([a-z]+): \S.*$")


@pytest.fixture
def daemon(make_daemon, store, sim, scratch):
    """As an administrator runs it: at level info."""
    return make_daemon(store, {"default": harness.connection_settings(sim, scratch)}, daemon={"log_level": "info"})


def phones(store, count, **columns):
    store.add_devices([{"device_id": f"phone-{number}", "number": number, **columns} for number in range(1, count + 1)])


def rename(store, count, name):
    with store.transaction() as connection:
        connection.executemany("UPDATE device SET name = ? WHERE device_id = ?", [(name, f"phone-{n}") for n in range(1, count + 1)])


def test_the_start_says_what_runs_and_where_it_leads(store, sim, daemon):
    daemon.connections["spare"] = {**daemon.connections["default"], "enabled": False}
    daemon.write_config()
    daemon.start()
    daemon.wait_for_log("info connection: ready connection=default")
    start = daemon.process.lines
    assert all(TEXT.match(line) for line in start), start
    assert len(start) < 10, "few lines"
    version = daemon.run("--version").out.split()[1]
    assert re.search(rf"notice daemon: complyd {version} starting: configuration {daemon.config}, store {store.path}, 2 connections, "
                     r"log level info$", start[0])
    assert re.search(r"info daemon: with libcurl/\S+ OpenSSL/\S+ nghttp2/\S+ SQLite/\S+ libuv/\S+$", start[1])
    assert daemon.log_has(rf"notice connection: starting: tenant {sim.tenant_id}, app {sim.client_id}, {sim.url} connection=default$")
    assert daemon.log_has(r"notice connection: switched off \(enabled = no\): its changes queue, nothing is sent connection=spare$")
    daemon.stop()
    assert re.search("notice daemon: stopped$", daemon.process.lines[-1])


def test_many_lines_of_a_kind_become_few(store, sim, daemon):
    daemon.start()
    phones(store, 60)
    eventually(lambda: store.queued() == 0 and store.value("SELECT count(*) FROM report WHERE status > 0") == 60)
    daemon.stop()
    assert len(daemon.process.find("info sender: reported compliant device=")) == 20
    told = daemon.process.find(r"info sender: (\d+) more reports taken \(partner, since 20\S+Z\) connection=default$")
    assert sum(int(match[1]) for match in told) == 40


def test_failed_verdicts_are_told_though_many_reports_were_refused(store, sim, daemon):
    phones(store, 30)
    sim.add_fault("partner_put", "lying_200", error_code=404, count=30)
    daemon.start()
    eventually(lambda: store.value("SELECT count(*) FROM report WHERE status = 3") == 30)
    sim.add_fault("partner_put", "verdict_failed", error_detail="No licence.", count=30)
    rename(store, 30, "Other")
    eventually(lambda: store.value("SELECT count(*) FROM report WHERE reason = 'message_failed'") == 30)
    daemon.stop()
    for pattern in (r"warn sender: refused compliant; parked .*: .*404.* device=phone-\d+", "warn results: verdict Failed; parked .*No licence"):
        assert len(daemon.process.find(pattern)) == 20, pattern
    for pattern in ("warn sender: 10 more reports refused: ", "warn results: 10 more verdicts Failed or missing: "):
        assert len(daemon.process.find(pattern)) == 1, pattern


def test_a_trouble_that_lasts_is_told_once_and_so_is_its_end(store, sim, daemon):
    daemon.start()
    daemon.wait_for_log("info connection: ready")
    since = daemon.mark()
    sim.stop()
    phones(store, 60)
    daemon.wait_for_log(r"warn connection: broken: Microsoft cannot be reached\. \(.*\); next try in \S+, nothing is lost\. Cure: ")
    sim.launch()
    daemon.wait_for_log(r"notice connection: ready again after \S+", since)
    store.wait_drained()
    assert len(daemon.process.find("connection: broken", since)) == 1
    assert len(daemon.process.find("ready again", since)) == 1
    assert len(daemon.process.find("not taken", since)) <= 2 * 10 + 2, "ten a channel, and how many more there were"


def test_what_an_administrator_must_mend_is_an_error_with_its_cure(store, sim, daemon):
    sim.add_fault("token", "expired_secret", count=-1)
    daemon.start()
    line = daemon.wait_for_log(r"error connection: broken: (.*)$")[1]
    assert "AADSTS7000222" in line and "nothing is lost. Cure: " in line
    assert sim.client_secret not in "\n".join(daemon.process.lines)


def test_throttled_while_it_was_broken(store, sim, daemon):
    """That it works again is told although it does not at the full rate yet."""
    phones(store, 1)
    sim.add_fault("partner_put", "throttle", retry_after=1)
    daemon.start()
    daemon.wait_for_log(r"notice connection: throttled by Microsoft: the partner channel goes on in [0-9ms]+, slower until it eases connection=default$")
    store.wait_drained()
    sim.add_fault("partner_put", "status", status=503, count=4)
    phones_named = (f"Name {number}" for number in range(100))
    eventually(lambda: store.set_device("phone-1", name=next(phones_named)) or daemon.log_has("connection: broken"))
    daemon.wait_for_log(r"notice connection: ready again after \S+; still throttled by Microsoft, so sending slower until that eases")


def test_the_level_changes_while_it_runs(store, sim, daemon):
    daemon.start()
    control = Control(daemon.socket)
    phones(store, 1)
    store.wait_drained()
    assert control.put("/v1/log-level", {"level": "debug"}).status == 200
    daemon.wait_for_log("notice admin: operator uid=.* asked for a log level of debug")
    rename(store, 1, "Now it is told")
    daemon.wait_for_log("debug results: verdict Completed device=phone-1")
    assert control.put("/v1/log-level", {"level": "error"}).status == 200
    since = daemon.mark()
    rename(store, 1, "Now it is not")
    store.wait_drained()
    daemon.reload()
    rename(store, 1, "Now again")
    daemon.wait_for_log("info sender: reported compliant", since)
    assert len(daemon.process.find("reported compliant", since)) == 1, "the configuration's level holds again, and not before"


def test_json_says_the_same(store, sim, daemon):
    daemon.settings["daemon"]["log_format"] = "json"
    daemon.write_config()
    phones(store, 1)
    daemon.start(foreground=False)
    store.wait_drained()
    daemon.stop()
    lines = [json.loads(line) for line in daemon.process.lines]
    assert all({"time", "level", "tag", "message"} <= set(line) for line in lines)
    taken = next(line for line in lines if line["message"].startswith("reported"))
    assert set(taken) == {"time", "level", "tag", "message", "device", "connection", "message_id", "request_id"}
    assert (taken["level"], taken["tag"], taken["device"], taken["connection"]) == ("info", "sender", "phone-1", "default")


def test_fields_and_tags_are_documented():
    page = (ROOT / "docs" / "logging.md").read_text()
    fields = re.findall(r'"(COMPLYD_[A-Z_]+|MESSAGE|PRIORITY)"', (ROOT / "src" / "daemon" / "notify.c").read_text())
    assert len(fields) >= 7
    for field in fields:
        assert f"| `{field}` |" in page, field
    tags = re.findall(r'#define TAG_\w+\s+"(\w+)"', (ROOT / "include" / "base" / "log.h").read_text())
    documented = re.search(r"the part that speaks: `([a-z ]+)`", page)[1].split()
    assert sorted(documented) == sorted(set(tags) - {"sim"})
