# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyctl and the control API against the running daemon and the simulator."""
import json
import os
import re
import socket
import urllib.parse

import pytest

import harness
from harness import EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL, EX_USAGE, eventually, guid
from sim_client import SimProcess

DEVICE_KEYS = ["device_id", "connection", "platform", "name", "azure_device_id", "azure_compliance_status", "azure_client_status",
               "azure_report_time", "azure_state", "queued", "reason", "cure", "last_error", "removed_until"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def fill(store):
    """Four devices that show what there is: good, bad, waiting, broken."""
    store.add_policy("jail", "send_alert", "quarantine", name="Jailbreak")
    store.add_device("good", 1)
    store.add_device("bad", 2, violations=["jail"], platform="windows", model="Surface")
    store.add_device("waits", azure_device_id="", azure_client_status="Workplace_Join_Required")
    store.add_device("broken", azure_device_id="this is no GUID")
    return store


def settle(daemon):
    """Starts it and waits until Microsoft has said all that there is to say of the four."""
    daemon.start()
    eventually(lambda: daemon.store.queued() == 0, what="outbox empty")
    for name in ("good", "bad"):
        eventually(lambda name=name: daemon.device(name)["azure_compliance_status"] == "success", what=f"{name}: success")
    return daemon


@pytest.fixture
def sim(make_sim):
    return make_sim(auto_register=True, verdict_delay="20ms")


@pytest.fixture
def fleet(store):
    return fill(store)


@pytest.fixture
def running(daemon, fleet):
    """A daemon of the test's own."""
    return settle(daemon)


@pytest.fixture(scope="module")
def settled():
    """One daemon for all tests that change nothing."""
    build, scratch = harness.build_directory(), harness.Scratch()
    with SimProcess.start(build=build, directory=scratch.path, auto_register=True, verdict_delay="20ms") as sim:
        store = fill(harness.Store(build, scratch.path / "complyd.db"))
        daemon = harness.Daemon(build, scratch.path / "d", store, {"default": harness.connection_settings(sim, scratch.path)})
        yield settle(daemon)
        daemon.close()
    scratch.remove()


def text(daemon, *arguments, **options):
    """complyctl for people."""
    return harness.run_ctl(daemon.build, "--socket", daemon.socket, *arguments, **options)


# ---- device show, list, explain

def test_show_has_the_keys_of_the_contract(settled):
    device = settled.device("good")
    assert list(device) == DEVICE_KEYS
    assert TIME.fullmatch(device.pop("azure_report_time"))
    assert device == {
        "device_id": "good", "connection": "default", "platform": "ios", "name": "Phone good", "azure_device_id": guid(1),
        "azure_compliance_status": "success", "azure_client_status": "Success", "azure_state": "compliant", "queued": False,
        "reason": "", "cure": "", "last_error": "", "removed_until": ""}
    assert settled.device("bad")["azure_state"] == "non_compliant"


def test_a_waiting_device_says_for_what(settled):
    device = settled.device("waits")
    assert (device["azure_state"], device["azure_compliance_status"], device["azure_report_time"]) == ("", "", "")
    assert device["reason"] and "Authenticator" in device["cure"]


def test_a_parked_device_says_why(settled):
    device = settled.device("broken")
    assert "GUID" in device["reason"] and device["cure"]
    assert device["azure_report_time"] == ""


def test_show_for_people(settled):
    out = text(settled, "device", "show", "good").out
    assert re.search(r"^Azure Device Identifier +" + guid(1) + "$", out, re.M)
    assert re.search(r"^Azure Device Compliance Status +Success$", out, re.M)
    assert re.search(r"^Azure Client Status Code +Success$", out, re.M)
    assert re.search(r"^Azure Device Compliance Report Time +\d{4}-", out, re.M)


COLOUR = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize("command", [["device", "list"], ["status"]])
def test_colours_are_for_a_terminal_and_who_wants_them(settled, command):
    def draw(**variables):
        env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        code, complaint, drawn = harness.run_on_terminal(
            "stdout", [settled.build / "bin" / "complyctl", "--socket", settled.socket, *command], {**env, **variables})
        assert (code, complaint) == (0, "")
        return drawn

    good = "success" if command == ["device", "list"] else "ready"
    assert f"\x1b[32m{good}" in draw(TERM="xterm")
    assert f"\x1b[32m{good}" in draw(TERM="xterm", NO_COLOR="")
    for variables in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        drawn = draw(**variables)
        assert good in drawn and not COLOUR.search(drawn), variables
    piped = text(settled, *command, env={"TERM": "xterm", "NO_COLOR": ""}).out
    assert good in piped and not COLOUR.search(piped)


def test_an_unknown_device_is_66(settled):
    for command in ("show", "explain", "report"):
        result = text(settled, "device", command, "nobody", check=False)
        assert result.code == EX_NOINPUT and "'nobody'" in result.err
    assert json.loads(settled.ctl("device", "show", "nobody", check=False).err)["status"] == 404


def test_ids_may_hold_anything(running, fleet):
    names = ["a/b", "a?b=c&d", "a b", "100%", "ä/電話", "..", "-x", "#", "a+b"]
    for number, name in enumerate(names, 100):
        fleet.add_device(name, number)
    for name in names:
        assert running.ctl("device", "show", "--", name).json["device_id"] == name
        assert running.ctl("device", "report", "--", name).json == {"device_id": name, "queued": True}


def test_list_is_one_array_in_order(settled):
    devices = settled.ctl("device", "list").json
    assert [device["device_id"] for device in devices] == ["bad", "broken", "good", "waits"]
    assert all(list(device) == DEVICE_KEYS for device in devices)
    assert devices[2] == settled.device("good")


@pytest.mark.parametrize("filters, expected", [
    (["--state", "compliant"], ["good"]), (["--state", "non_compliant"], ["bad"]), (["--state", "removed"], []),
    (["--status", "success"], ["bad", "good"]), (["--connection", "other"], []), (["--search", "SURFACE"], ["bad"]),
    (["--search", "phone g"], ["good"]), (["--search", guid(1)], ["good"]), (["--search", "100%_"], []),
    (["--state", "compliant", "--search", "bad"], []),
])
def test_list_filters(settled, filters, expected):
    assert [device["device_id"] for device in settled.ctl("device", "list", *filters).json] == expected


def test_a_wrong_filter_is_64_and_named(settled):
    result = text(settled, "device", "list", "--state", "good", check=False)
    assert result.code == EX_USAGE and "--state 'good'" in result.err


def test_list_for_people(running, fleet):
    fleet.set_device("good", name="\x1b[31mred\x1b[0m 電話")
    out = text(running, "device", "list").out
    assert "\x1b" not in out and "\\x1b[31mred\\x1b[0m 電話" in out
    lines = out.splitlines()
    assert re.match(r"DEVICE +NAME +PLATFORM +STATE +STATUS +CLIENT CODE +REPORTED +REASON$", lines[0])
    assert lines[-1] == "4 devices"


def test_list_goes_through_all_pages(running, fleet):
    fleet.add_devices([{"device_id": f"N{number:05}", "number": number} for number in range(1000, 2750)])
    devices = running.ctl("device", "list", "--search", "N0").json
    assert [device["device_id"] for device in devices] == [f"N{number:05}" for number in range(1000, 2750)]
    assert len(text(running, "device", "list").out.splitlines()) == 1750 + 4 + 2


def test_explain_tells_the_whole_story(settled):
    story = settled.ctl("device", "explain", "bad").json
    assert [(v["policy_id"], v["actions"], v["decisive"]) for v in story["violations"]] == [
        ("jail", ["send_alert", "quarantine"], True)]
    assert story["decision"]["action"] == "quarantine"
    assert story["last_report"]["azure_state"] == "non_compliant" and TIME.fullmatch(story["last_report"]["accepted"])
    assert story["answer"]["status"] == "success"
    assert TIME.fullmatch(story["next"]["at"])
    out = text(settled, "device", "explain", "bad").out
    for words in ("* jail \"Jailbreak\": send_alert, quarantine", "quarantine, so it is non_compliant", "weekly report"):
        assert words in out
    assert "registers" in text(settled, "device", "explain", "waits").out


# ---- status

def test_status_for_programs(settled):
    status = settled.status()
    assert status["daemon"]["state"] == "running" and status["daemon"]["pid"] == settled.process.pid
    assert status["store"] == {**status["store"], "path": str(settled.store.path), "healthy": True, "error": "", "cure": ""}
    assert status["devices"]["total"] == 4
    assert status["devices"]["by_state"]["compliant"] == 1 and status["devices"]["by_state"]["non_compliant"] == 1
    assert status["queue"]["total"] == 0 and status["queue"]["oldest"] == ""
    (connection,) = status["connections"]
    assert (connection["name"], connection["state"], connection["trouble"]) == ("default", "ready", "")
    assert TIME.fullmatch(connection["last_success"]) and TIME.fullmatch(connection["graph_token_expires"])


def test_status_for_people(settled):
    out = text(settled, "status").out
    assert re.search(r"^complyd +running, version ", out, re.M)
    assert re.search(r"^Connection +default\n  State +ready since ", out, re.M)
    assert re.search(r"^Queue +0 waiting$", out, re.M)


def test_status_tells_a_connections_trouble_and_cure(daemon, fleet, sim):
    sim.add_fault(at="token", fault="expired_secret", count=-1)
    daemon.start()
    eventually(lambda: daemon.status()["connections"][0]["trouble"] == "credential_expired")
    out = text(daemon, "status").out
    assert re.search(r"^  TROUBLE +.+", out, re.M) and re.search(r"^  Cure +.+", out, re.M)
    device = eventually(lambda: daemon.device("good") if daemon.device("good")["reason"] else None)
    assert device["queued"] and "secret" in device["reason"].lower() + device["cure"].lower()


# ---- report, resync, plan

def test_report_waits_for_the_verdict(running, sim):
    before = running.device("good")["azure_report_time"]
    out = text(running, "device", "report", "good", "--wait").out
    assert out == "good: Microsoft has taken the report: compliant.\n"
    after = running.device("good")
    assert after["azure_report_time"] > before and after["azure_compliance_status"] == "success"


def test_report_of_a_device_that_waits_is_75(running):
    result = text(running, "device", "report", "waits", "--wait", check=False)
    assert result.code == EX_TEMPFAIL and "Azure device id" in result.err


def test_report_of_a_refused_device_is_65(running, sim):
    sim.add_fault(at="partner_put", fault="verdict_failed")
    result = text(running, "device", "report", "good", "--wait", check=False)
    assert result.code == EX_DATAERR, result
    assert running.device("good")["azure_compliance_status"] == "error"


def test_report_gives_up_in_time(running, sim):
    sim.add_fault(at="partner_put", fault="verdict_never")
    result = text(running, "device", "report", "good", "--wait", "--timeout", "300ms", check=False)
    assert result.code == EX_TEMPFAIL


def test_resync_tells_everything_again(running, sim):
    before = {name: running.device(name)["azure_report_time"] for name in ("good", "bad")}
    out = text(running, "resync", "--wait").out
    assert re.match(r"Resync finished\. Of all devices 2 are at success", out)
    for name, time in before.items():
        assert running.device(name)["azure_report_time"] > time


def test_resync_of_an_unknown_connection_is_66(settled):
    result = text(settled, "resync", "--connection", "nowhere", check=False)
    assert result.code == EX_NOINPUT and "nowhere" in result.err


def test_who_asked_stands_in_the_log(running):
    since = running.mark()
    running.ctl("device", "report", "good")
    running.wait_for_log(r"operator uid=\d+ pid=\d+ asked a report.*good", since)


def test_reporting_off_is_told_and_nothing_is_waited_for(make_daemon, fleet, sim, scratch):
    daemon = make_daemon(fleet, {"default": harness.connection_settings(sim, scratch)}, reporting={"enabled": False})
    daemon.start()
    device = daemon.device("good")
    assert device["queued"] and device["azure_report_time"] == "" and "switched off" in device["reason"]
    assert "OFF" in text(daemon, "status").out
    assert text(daemon, "device", "report", "good", "--wait", check=False).code == EX_TEMPFAIL
    assert text(daemon, "resync", "--wait", check=False).code == EX_TEMPFAIL
    plan = {entry["device_id"]: entry for entry in daemon.ctl("plan").json}
    assert set(plan) == {"good", "bad"}
    assert plan["bad"]["azure_state"] == "non_compliant" and plan["bad"]["held"] == "reporting_off"
    assert "2 reports would be sent, of which 2 only after" in text(daemon, "plan").out
    assert sim.count("partner_put") == 0


def test_a_device_of_an_unknown_connection_says_so(running, fleet):
    fleet.add_device("lost", 9, connection="nowhere")
    device = running.device("lost")
    assert device["queued"] and "not in the configuration" in device["reason"]


def get(daemon, path):
    """The JSON answer to a plain GET."""
    head, body = ask(daemon, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()).split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200"), head
    return json.loads(body)


@pytest.mark.parametrize("limit", [1, 2, 7, 60])
def test_the_plan_in_pages_is_the_whole_plan(make_daemon, fleet, limit):
    for number in range(100, 140):
        fleet.add_device(f"P/{number}:ä", number, platform=["ios", "windows", "macos"][number % 3],
                         connection=["default", "a:b"][number % 2], violations=["jail"] if number % 5 == 0 else [])
    daemon = make_daemon(fleet, {})
    daemon.start()
    whole = daemon.ctl("plan").json
    assert len(whole) == 42 and len({entry["device_id"] for entry in whole}) == 42
    pages, cursor = [], ""
    while True:
        page = get(daemon, f"/v1/plan?limit={limit}&after={urllib.parse.quote(cursor, safe='')}")
        assert len(page["plan"]) <= limit
        pages += page["plan"]
        cursor = page["next"]
        if not cursor:
            break
    assert pages == whole
    worst = [entry["priority"] for entry in whole]
    assert worst == sorted(worst, key=["worsening", "change", "operator", "weekly"].index)


def test_an_empty_plan(settled):
    assert settled.ctl("plan").json == []
    assert text(settled, "plan").out == "0 reports would be sent.\n"


def test_a_removed_device_shows_until_when(running, fleet):
    fleet.delete_device("good")
    device = eventually(lambda: running.device("good") if running.device("good")["azure_state"] == "removed" else None)
    device = eventually(lambda: running.device("good") if not running.device("good")["queued"] else None)
    assert TIME.fullmatch(device["removed_until"]) and device["reason"] == ""
    assert "removed" in text(running, "device", "explain", "good").out


# ---- the socket itself

def connect(daemon):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(daemon.socket))  # waits while the backlog is full
    client.settimeout(harness.PATIENCE)
    return client


def ask(daemon, request):
    """Sends bytes and reads to the end."""
    with connect(daemon) as client:
        client.sendall(request)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    return answer


def test_the_socket_is_for_owner_and_group(settled):
    assert settled.socket.stat().st_mode & 0o777 == 0o660


def test_errors_are_problem_details(settled):
    answer = ask(settled, b"BREW /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 405") and b"Allow: GET" in head and b"application/problem+json" in head
    assert json.loads(body)["status"] == 405


def test_a_thousand_connections_keep_nobody_out(settled):
    crowd = []
    try:
        for number in range(1000):
            client = connect(settled)
            client.setblocking(False)
            if number % 3 == 0:
                client.send(b"GET /v1/sta")
            crowd.append(client)
        assert settled.status()["daemon"]["state"] == "running"
    finally:
        for client in crowd:
            client.close()
    assert settled.status()["daemon"]["state"] == "running"


def test_clients_that_go_away_do_no_harm(settled):
    requests = [b"GET /v1/devices?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST /v1/devices/good/report HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"]
    for _ in range(30):
        for request in requests:
            client = connect(settled)
            client.sendall(request)
            client.close()
    assert settled.status()["daemon"]["state"] == "running"


def test_an_endless_body_is_cut_off(settled):
    with connect(settled) as client:
        client.sendall(b"POST /v1/resync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):
            while True:
                client.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
    assert settled.status()["daemon"]["state"] == "running"


def test_a_killed_daemons_socket_is_taken_over(running):
    running.kill9()
    assert running.socket.exists()
    running.start()
    assert running.status()["daemon"]["state"] == "running"


def test_the_socket_goes_with_the_daemon(running):
    running.stop()
    assert not running.socket.exists()


# ---- log-level

def test_log_level_is_shown_and_set(daemon):
    daemon.settings["daemon"]["log_level"] = "warn"
    daemon.write_config()
    daemon.start()
    assert text(daemon, "log-level").out == "warn\n"
    assert daemon.ctl("log-level").json == {"level": "warn"}
    assert text(daemon, "log-level", "debug").out == "debug, until the configuration is read again\n"
    assert daemon.ctl("log-level").json == {"level": "debug"}
    daemon.wait_for_log(r"admin: operator uid=\d+ pid=\d+ asked for a log level of debug")
    assert daemon.ctl("log-level", "error").json == {"level": "error"}
    daemon.reload()
    assert text(daemon, "log-level").out == "warn\n"


def test_a_level_that_is_none_is_refused(daemon):
    daemon.start()
    for typed, words in (("debuh", "log-level 'debuh': did you mean 'debug'?"), ("loud", "error, warn, notice, info or debug is wanted")):
        result = text(daemon, "log-level", typed, check=False)
        assert (result.code, result.out) == (EX_USAGE, "") and words in result.err
