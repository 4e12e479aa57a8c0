# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd as administrators and service managers meet it: command line, configuration, reload, signals, sd_notify, logs."""
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness import EX_CONFIG, EX_NOINPUT, EX_OK, EX_UNAVAILABLE, EX_USAGE, PATIENCE, Watched, eventually, guid
from scene import add_pair, connection_of, look, reports, shared_sim, sim, told, wait_agreed  # noqa: F401

PHONE, PC = guid(1), guid(2)


# ---- command line

def run(build, *arguments):
    return subprocess.run([build / "bin" / "complyd", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_version(build):
    done = run(build, "--version")
    assert re.fullmatch(r"complyd \d+\.\d+\.\d+\n", done.stdout) and (done.returncode, done.stderr) == (EX_OK, "")


def test_help_names_every_option_and_exit_code(build):
    done = run(build, "--help")
    assert done.returncode == EX_OK
    for word in ("--config", "--check", "--dry-run", "--foreground", "--version", "--help", "HUP", "TERM", "USR1", "64", "65", "69", "78"):
        assert word in done.stdout, word


@pytest.mark.parametrize("arguments, named", [(["--bogus"], "--bogus"), (["stray"], '"stray"'), (["--config"], "--config"),
                                              (["--check=yes"], "--check"), (["-x"], "x")])
def test_a_wrong_word_is_64_and_named(build, arguments, named):
    done = run(build, *arguments)
    assert done.returncode == EX_USAGE and named in done.stderr and "Try: complyd --help" in done.stderr
    assert len(done.stderr.splitlines()) == 2 and done.stdout == ""


def test_check_of_a_good_configuration(daemon):
    done = daemon.run("--check")
    assert (done.code, done.out, done.err) == (EX_OK, f"{daemon.config}: no problem found\n", "")


BAD = [  # a line of its section, and what is said of it
    ("daemon", "log_level = loud", r'\[daemon\] log_level: "loud" is none of error, warn, notice, info, debug'),
    ("daemon", "colour = red", r"\[daemon\] colour: unknown key"),
    ("reporting", "full_report_interval = 7 days", r'\[reporting\] full_report_interval: "7 days" is not a length of time'),
    ("reporting", "max_in_flight = 0", r"\[reporting\] max_in_flight: 0 is not between 1 and 1000"),
    ("connection other", "tenant_id = 123", r"\[connection other\] tenant_id: must be a GUID"),
    ("nonsense", "x = 1", r"\[nonsense\]: unknown section"),
]


def test_check_names_file_line_key_and_reason_of_every_mistake(daemon):
    lines = [line for section, line, _ in BAD for line in (f"[{section}]", line)]
    daemon.config.write_text("\n".join(lines) + "\n")
    done = daemon.run("--check")
    assert done.code == EX_CONFIG and done.out == ""
    for number, (section, _, reason) in enumerate(BAD):
        line = 2 * number + (1 if section == "nonsense" else 2)
        assert re.search(rf"^{re.escape(str(daemon.config))}:{line}: {reason}", done.err, re.M), (reason, done.err)
    started = daemon.run()
    assert started.code == EX_CONFIG and started.err == done.err


def test_a_missing_configuration_is_named(build, scratch):
    done = run(build, "--config", scratch / "none.conf")
    assert done.returncode == EX_CONFIG and f"{scratch}/none.conf" in done.stderr and "No such file" in done.stderr


def test_dry_run_tells_what_would_be_sent_and_sends_nothing(sim, store, daemon):
    add_pair(store)
    store.add_policy("strict", "quarantine")
    store.add_device("bad", 3, violations=["strict"])
    store.add_device("waits", 4, azure_device_id="")
    store.add_device("lost", 5, connection="nowhere")
    since = sim.last_request()
    done = daemon.run("--dry-run")
    assert done.code == EX_OK
    lines = done.out.splitlines()
    assert f"send  default  bad  {guid(3)}  - -> non_compliant  (worsening)" == lines[0]
    assert f"send  default  phone  {PHONE}  - -> compliant  (change)" in lines
    assert any(re.match(r"keep  default  waits .*no Azure device id", line) for line in lines)
    assert any(re.match(r"keep  nowhere  lost .*not in the configuration", line) for line in lines)
    assert lines[-1] == "3 would be sent, 2 kept; nothing was sent"
    assert sim.last_request() == since and store.queued() == 5


def test_dry_run_without_a_store(daemon, store):
    store.path.unlink()
    done = daemon.run("--dry-run")
    assert done.code == EX_NOINPUT and "does not exist" in done.err and done.out == ""


def test_a_second_daemon_is_refused_by_name_and_pid(store, daemon, make_daemon):
    daemon.start()
    second = make_daemon(store, daemon.connections)
    second.start(ready=False)
    assert second.process.wait() == EX_UNAVAILABLE
    assert second.log_has(rf"error daemon: cannot start: store {re.escape(str(store.path))} is in use by complyd \(pid {daemon.process.pid}\)")
    assert daemon.status()["daemon"]["pid"] == daemon.process.pid


# ---- reload

def test_reload_of_a_broken_file_keeps_the_running_configuration(sim, store, daemon):
    daemon.start()
    daemon.settings["reporting"]["max_in_flight"] = "many"
    daemon.settings["daemon"]["log_level"] = "error"
    daemon.write_config()
    since = daemon.mark()
    daemon.reload()
    daemon.wait_for_log(rf"error config: {re.escape(str(daemon.config))}:\d+: \[reporting\] max_in_flight: .*many", since)
    daemon.wait_for_log(r"error config: .* not taken over; the running configuration stays", since)
    add_pair(store)
    wait_agreed(store, sim)
    assert daemon.log_has("info sender: reported", since)


def test_reload_of_a_missing_file_keeps_the_running_configuration(sim, store, daemon):
    daemon.start()
    daemon.config.unlink()
    daemon.reload()
    daemon.wait_for_log(r"error config: \S+complyd.conf.*No such file")
    add_pair(store)
    wait_agreed(store, sim)


def test_reload_adds_changes_and_removes_connections(sim, store, daemon):
    good = daemon.connections["default"]
    daemon.start()
    add_pair(store)
    wait_agreed(store, sim)
    store.add_device("later", 7, connection="second")
    assert "not in the configuration" in eventually(lambda: daemon.device("later")["reason"])
    daemon.connections["second"] = {**good, "client_id": guid(9, kind=9)}
    daemon.write_config()
    daemon.reload()
    eventually(lambda: connection_of(daemon, "second")["trouble"] == "app_unknown")
    assert connection_of(daemon)["state"] == "ready"
    daemon.connections["second"] = dict(good)
    daemon.write_config()
    daemon.reload()
    eventually(lambda: told(store, "later"))
    del daemon.connections["second"]
    daemon.write_config()
    daemon.reload()
    eventually(lambda: [connection["name"] for connection in daemon.status()["connections"]] == ["default"])
    store.set_device("later", name="Nobody tells")
    store.set_device("phone", name="Told")
    eventually(lambda: (sim.device(PHONE) or {})["displayName"] == "Told")
    assert "not in the configuration" in daemon.device("later")["reason"] and store.queued() == 1


def test_reload_of_the_same_file_disturbs_nothing(sim, store, daemon):
    """A request in flight goes on, and tokens are kept."""
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    tokens = sim.count("token")
    fault = sim.add_fault(at="partner_put", fault="slow_headers", ms=700)
    store.set_device("phone", name="Slow")
    eventually(lambda: sim.stats()["in_flight"] > 1)
    since = sim.last_request()
    daemon.reload()
    wait_agreed(store, sim)
    assert sim.played(fault) == 1 and sim.count("token") == tokens
    assert len(sim.requests(since, at="partner_put")) <= 1


def test_reload_changes_the_log_level_and_names_what_stays(store, daemon, scratch):
    daemon.start()
    daemon.settings["daemon"].update(log_level="error", store=scratch / "elsewhere.db")
    daemon.write_config()
    daemon.reload()
    daemon.settings["daemon"].update(log_level="notice", log_format="json", store=scratch / "elsewhere.db",
                                     control_socket=scratch / "other.sock")
    daemon.write_config()
    since = daemon.mark()
    daemon.reload()
    daemon.wait_for_log(rf"warn config: \[daemon\] store stays {re.escape(str(store.path))} until a restart", since)
    daemon.wait_for_log(r"warn config: \[daemon\] control_socket stays \S+ until a restart", since)
    daemon.wait_for_log(r"warn config: \[daemon\] log_format stays text until a restart", since)
    assert not daemon.log_has(" (info|debug) ", since)


def test_reporting_switched_off_and_on(sim, store, daemon):
    add_pair(store)
    daemon.settings["reporting"]["enabled"] = False
    daemon.write_config()
    daemon.start()
    eventually(lambda: connection_of(daemon)["state"] == "off")
    since = sim.last_request()
    daemon.settings["reporting"]["enabled"] = True
    daemon.write_config()
    assert store.queued() == 2 and sim.last_request() == since
    daemon.reload()
    wait_agreed(store, sim)


# ---- signals

def test_sigterm_waits_for_what_is_in_flight(sim, store, daemon):
    """The answer that comes meanwhile is recorded, and nothing new is begun."""
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    sim.add_fault(at="partner_put", fault="slow_headers", ms=1000)
    since = sim.last_request()
    store.set_device("phone", name="In flight")
    eventually(lambda: sim.stats()["in_flight"] > 1)
    daemon.process.send_signal(signal.SIGTERM)
    daemon.notify.wait_for("^STOPPING=1$")
    store.set_device("pc", name="Too late")
    assert daemon.process.wait() == EX_OK
    assert told(store, "phone") and store.queued() == 1 and look(store, "pc").queued
    assert len(sim.requests(since, at="partner_put")) == 1 and not sim.requests(since, at="graph_batch")
    daemon.wait_for_log("notice daemon: stopped")
    daemon.start()
    wait_agreed(store, sim)
    assert len(sim.requests(since, at="partner_put")) == 1


def test_sigterm_gives_up_in_time_and_loses_nothing(sim, store, daemon):
    """An answer that never comes holds up nobody; the message is sent again with its GUID."""
    store.add_device("phone", 1)
    daemon.start()
    wait_agreed(store, sim)
    sim.add_fault(at="partner_put", fault="slow_headers", ms=3600000)
    since = sim.last_request()
    store.set_device("phone", name="In flight")
    eventually(lambda: sim.stats()["in_flight"] > 1)
    assert daemon.term() == EX_OK
    assert look(store, "phone").queued
    daemon.start()
    wait_agreed(store, sim)
    first, second = sim.requests(since, at="partner_put", body=True)
    assert (first["path"], first["body"]) == (second["path"], second["body"])


def test_a_second_sigterm_means_now(sim, store, daemon):
    store.add_device("phone", 1)
    daemon.start()
    wait_agreed(store, sim)
    sim.add_fault(at="partner_put", fault="slow_headers", ms=3600000)
    store.set_device("phone", name="In flight")
    eventually(lambda: sim.stats()["in_flight"] > 1)
    daemon.process.send_signal(signal.SIGTERM)
    daemon.notify.wait_for("^STOPPING=1$")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait() == EX_OK
    daemon.wait_for_log("warn daemon: second Terminated: stopping at once; what is in flight is sent again at the next start")
    assert not daemon.log_has("notice daemon: stopped")
    daemon.start()
    wait_agreed(store, sim)


def test_sigusr1_tells_the_state_of_everything_at_any_level(sim, store, daemon):
    daemon.settings["daemon"]["log_level"] = "error"
    daemon.write_config()
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    assert not daemon.process.lines
    daemon.process.send_signal(signal.SIGUSR1)
    daemon.wait_for_log(rf"notice daemon: state=running up=\S+ store={re.escape(str(store.path))} jobs=\d+ commits=\d+ ")
    daemon.wait_for_log(r"notice daemon: state=ready trouble=none connection=default")
    daemon.wait_for_log(r"notice daemon: channel=partner in_flight=\d+ staged=0 requests=1 accepted=1 .*rate=100% connection=default")
    daemon.wait_for_log(r"notice daemon: channel=graph .*accepted=1 .*connection=default")


def test_an_operators_resync_survives_a_crash_right_after(sim, store, daemon):
    """What complyd has answered 202 to is in the store."""
    store.add_devices([{"device_id": f"pc{n}", "number": n, "platform": "windows"} for n in range(1, 60)])
    daemon.start()
    wait_agreed(store, sim)
    sim.add_fault(at="graph_batch", fault="reset", count=-1)
    assert daemon.ctl("resync").json["queued"] is True
    daemon.kill9()
    sim.clear_faults()
    since = sim.last_request()
    assert store.value("SELECT started_at_ms FROM full_report WHERE kind = 1") > 0
    daemon.start()
    eventually(lambda: {report["about"] for report in reports(sim, since)} == {guid(n) for n in range(1, 60)})
    eventually(lambda: connection_of(daemon)["resync"]["finished"])


# ---- the service manager

def test_notifications_of_a_life(sim, store, daemon):
    daemon.start(env={"WATCHDOG_USEC": "400000"})
    daemon.wait_for_status("1 connection, 0 broken")
    for _ in range(2):
        since = daemon.notify.mark()
        daemon.notify.wait_for("^WATCHDOG=1$", since)
    since = daemon.notify.mark()
    daemon.reload()
    said = daemon.notify.lines[since:]
    assert "RELOADING=1" in said and any(re.fullmatch(r"MONOTONIC_USEC=\d+", line) for line in said)
    assert said.index("RELOADING=1") < said.index("READY=1")
    sim.settings(secret_expired=True)
    sim.revoke_tokens()
    store.add_device("pc", 2, platform="windows")
    daemon.wait_for_status("1 connection, 1 broken")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.notify.wait_for("^STOPPING=1$")
    assert daemon.process.wait() == EX_OK


def test_status_tells_store_trouble(store, daemon):
    store.path.rename(store.path.with_name("away.db"))
    daemon.start()
    daemon.wait_for_status(r"Store trouble: .* does not exist")


# ---- logs

LEVELS = ("error", "warn", "notice", "info", "debug")


def story(sim, store, daemon):
    """Something of everything that is logged."""
    add_pair(store)
    sim.add_fault(at="token", fault="status", status=503)
    wait_agreed(store, sim)
    sim.add_fault(at="partner_put", fault="lying_200", error_code=400)
    store.set_device("phone", name='A "quoted"\ttab = \\ \u00fc')
    eventually(lambda: look(store, "phone").status == 3)
    daemon.ctl("device", "report", "phone")
    wait_agreed(store, sim)
    daemon.process.send_signal(signal.SIGUSR1)


def test_text_reads_well(sim, store, daemon):
    daemon.start()
    story(sim, store, daemon)
    daemon.wait_for_log("channel=graph")
    daemon.stop()
    for line in daemon.process.lines:
        time, level, rest = line.split(" ", 2)
        assert datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).tzinfo and level in LEVELS, line
        tag, message = rest.split(": ", 1)
        assert re.fullmatch(r"[a-z]+", tag) and re.match(r"\S.*\S$", message), line
        assert not re.search(r"\(null\)|%[sdlu]\b|\bnan\b|0x[0-9a-f]{6}|  |(?<!\S)=|-1\b", message), line
    # A quiet day's log is short: no line but of what happened.
    assert len([line for line in daemon.process.lines if " debug " not in line]) < 40


def test_json(sim, store, daemon):
    daemon.settings["daemon"]["log_format"] = "json"
    daemon.write_config()
    daemon.start(foreground=False)
    story(sim, store, daemon)
    daemon.wait_for_log("channel=graph")
    daemon.stop()
    entries = [json.loads(line) for line in daemon.process.lines]
    assert all({"time", "level", "tag", "message"} <= set(entry) and entry["level"] in LEVELS for entry in entries)
    assert all(set(entry) <= {"time", "level", "tag", "message", "device", "connection", "message_id", "request_id"} for entry in entries)
    (refused,) = [entry for entry in entries if entry["message"].startswith("refused")]
    assert (refused["level"], refused["device"], refused["connection"]) == ("warn", "phone", "default")
    assert re.fullmatch(r"[0-9a-f-]{36}", refused["message_id"]) and re.fullmatch(r"[0-9a-f-]{36}", refused["request_id"])


class Journal(Watched):
    """journald's end of its native protocol: each entry is a dict."""

    def __init__(self, path):
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))
        self._path = str(path)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            entry = self._socket.recv(1 << 20).decode()
            if not entry:
                break
            self._add(json.dumps(dict(line.split("=", 1) for line in entry.splitlines() if "=" in line)))

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", self._path)
        self._reader.join(PATIENCE)
        self._socket.close()


def test_journal_fields(sim, store, daemon, scratch, closing):
    place = pathlib.Path("/run/systemd/journal")
    own = ("unshare", "-m", "sh", "-c", f'mkdir -p {place} && mount --bind {scratch} {place} && exec "$@"', "sh")
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    journal = Journal(scratch / "socket")
    closing(journal)
    daemon.settings["daemon"]["log_format"] = "journal"
    daemon.write_config()
    daemon.start(foreground=False, wrapper=own)
    story(sim, store, daemon)
    journal.wait_for("channel=graph")
    entries = [json.loads(line) for line in journal.lines]
    assert all(entry["SYSLOG_IDENTIFIER"] == "complyd" and entry["PRIORITY"] in "34567" and entry["COMPLYD_TAG"] for entry in entries)
    (refused,) = [entry for entry in entries if entry["MESSAGE"].startswith("refused")]
    assert (refused["PRIORITY"], refused["COMPLYD_TAG"], refused["COMPLYD_DEVICE"], refused["COMPLYD_CONNECTION"]) == \
        ("4", "sender", "phone", "default")
    assert re.fullmatch(r"[0-9a-f-]{36}", refused["COMPLYD_MESSAGE_ID"]) and refused["COMPLYD_REQUEST_ID"]
    assert not daemon.process.lines  # nothing twice


def test_a_fault_that_repeats_does_not_flood_the_log(sim, store, daemon):
    store.add_devices([{"device_id": f"pc{n:03}", "number": n, "platform": "windows"} for n in range(1, 300)])
    sim.add_fault(at="graph_batch_item", fault="status", status=404, code="Request_ResourceNotFound", count=-1)
    daemon.start()
    store.wait_drained()
    refused = daemon.process.find("warn sender: refused compliant")
    assert 10 <= len(refused) < 100
    sim.clear_faults()
    assert daemon.ctl("status").json["devices"]["by_status"]["error"] == 299


def test_secrets_are_nowhere(sim, store, daemon):
    """Neither in the log at its most talkative, nor in the process's arguments and environment, nor in the store or an answer."""
    daemon.start()
    story(sim, store, daemon)
    sim.revoke_tokens()
    store.set_device("phone", name="Once more")
    wait_agreed(store, sim)
    status = daemon.ctl("status").out + daemon.ctl("device", "explain", "phone").out + daemon.ctl("activity", check=False).out
    process = pathlib.Path(f"/proc/{daemon.process.pid}")
    places = {"log": "\n".join(daemon.process.lines), "argv": (process / "cmdline").read_text(), "answers": status,
              "environ": (process / "environ").read_text(errors="replace") if os.geteuid() == 0 else "",
              "notify": "\n".join(daemon.notify.lines)}
    daemon.stop()
    for path in store.path.parent.glob(store.path.name + "*"):
        places[path.name] = path.read_bytes().decode("latin-1")
    for name, text in places.items():
        assert sim.client_secret not in text, name
        assert not re.search(r"eyJ[\w-]{10,}\.", text), f"a token in {name}"
        assert not re.search(r"(?i)bearer |client_secret=|client_assertion=", text), name


def test_the_figures_of_a_connection_that_is_off(daemon, store):
    daemon.settings["reporting"]["enabled"] = False
    daemon.write_config()
    store.add_device("phone", number=1)
    daemon.start()
    (connection,) = daemon.status()["connections"]
    assert connection["state"] == "off"
    for channel in connection["channels"].values():
        assert (channel["quota_percent"], channel["retry_at"]) == (100, "")
    assert connection["weekly"]["running"] is False and connection["resync"]["started"] == ""
    assert "1970-" not in daemon.ctl("status").out
