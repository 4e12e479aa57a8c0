# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Metrics, /healthz and /readyz; the alert rules and the dashboard that are made of them. promtool judges what Prometheus would."""
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
import yaml

from control_client import Control
from harness import ROOT, eventually, guid
from scene import add_pair, shared_sim, sim, wait_trouble  # noqa: F401  pylint: disable=unused-import

# As scripts/bootstrap brings it.
PROMTOOL = shutil.which("promtool") or str(ROOT / "build" / "tools" / "promtool")

SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
HELP = re.compile(r"^# HELP (\S+) ", re.MULTILINE)


class Metrics:
    """An exposition, taken apart."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                match = SAMPLE.match(line)
                assert match, line
                labels = frozenset(LABEL.findall(match["labels"] or ""))
                assert (match["name"], labels) not in self.samples, f"twice: {line}"
                self.samples[match["name"], labels] = float(match["value"])

    @property
    def families(self):
        return HELP.findall(self.text)

    def get(self, name, **labels):
        """One sample by all of its labels; None when there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def sum(self, name, **labels):
        """Of all samples with these labels among theirs."""
        return sum(value for (found, theirs), value in self.samples.items() if found == name and theirs >= frozenset(labels.items()))


def scrape(daemon):
    answer = Control(daemon.socket).get("/metrics")
    assert answer.status == 200
    assert answer.type == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.body.decode())


def ask(daemon, path):
    answer = Control(daemon.socket).get(path)
    assert answer.type == "text/plain; charset=utf-8"
    return answer.status, answer.body.decode()


def promtool(*arguments, **options):
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60, **options)
    return done.returncode, done.stdout + done.stderr


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# ---- the exposition ----


def test_prometheus_has_nothing_to_complain_of(store, sim, daemon):
    store.add_device("phone", number=1)
    store.add_device("pc", number=2, platform="windows")
    daemon.start()
    store.wait_drained()
    code, says = promtool("check", "metrics", input=scrape(daemon).text)
    assert code == 0 and says == "", says


def test_promtool_is_asked_in_earnest():
    code, says = promtool("check", "metrics", input="# HELP a_total b\n# TYPE a_total gauge\na_total 1\n")
    assert code != 0 and "a_total" in says


def test_counts_agree_with_what_microsoft_saw(store, sim, daemon):
    store.add_policy("passcode", "block_email")
    store.add_device("phone", number=1)
    store.add_device("pc", number=2, platform="windows")
    daemon.start()
    eventually(lambda: scrape(daemon).get("complyd_verdicts_total", connection="default", verdict="completed") == 1)
    store.wait_drained()
    store.violate("phone", "passcode")
    store.violate("pc", "passcode")
    eventually(lambda: scrape(daemon).sum("complyd_verdicts_total", verdict="completed") == 2)
    metrics = scrape(daemon)
    for channel in ("partner", "graph"):
        one = {"connection": "default", "channel": channel}
        assert metrics.get("complyd_reports_total", reason="change", outcome="accepted", **one) == 1
        assert metrics.get("complyd_reports_total", reason="worsening", outcome="accepted", **one) == 1
        assert metrics.sum("complyd_reports_total", **one) == 2
        assert metrics.get("complyd_commit_to_accepted_seconds_count", reason="worsening", **one) == 1
        assert metrics.get("complyd_commit_to_verdict_seconds_count", reason="worsening", **one) == 1
        assert 0 < metrics.get("complyd_commit_to_verdict_seconds_sum", reason="worsening", **one) < 600
        assert metrics.get("complyd_quota_ratio", **one) == 1
    assert metrics.get("complyd_requests_total", connection="default", channel="graph", outcome="accepted") == sim.count("graph_batch")
    assert metrics.get("complyd_token_requests_total", connection="default", resource="graph", result="obtained") == 1
    assert metrics.get("complyd_token_expiry_timestamp_seconds", connection="default", resource="graph") > 1.7e9
    assert metrics.get("complyd_connection_state", connection="default", state="ready") == 1
    assert metrics.sum("complyd_connection_state") == 1
    assert metrics.get("complyd_connection_last_success_timestamp_seconds", connection="default") > 1.7e9
    assert metrics.get("complyd_store_commit_duration_seconds_count") == metrics.get("complyd_store_commit_duration_seconds_bucket", le="+Inf")
    assert metrics.get("complyd_store_size_bytes", file="database") == os.stat(store.path).st_size
    assert metrics.get("complyd_loop_turn_duration_seconds_count") > 0
    assert metrics.get("process_open_fds") > 5
    assert metrics.get("process_resident_memory_bytes") > 1e6
    assert metrics.get("complyd_build_info", version=daemon.run("--version").out.split()[1],
                       libraries=next(dict(labels)["libraries"] for name, labels in metrics.samples if name == "complyd_build_info")) == 1


def test_no_device_and_no_user_is_named(store, sim, daemon):
    store.add_device("phone-of-ann", number=1, user_principal_name="ann@contoso.example")
    sim.add_fault("partner_put", "lying_200", error_code=404)
    daemon.start()
    eventually(lambda: scrape(daemon).sum("complyd_reports_total", outcome="refused") == 1)
    text = scrape(daemon).text
    for word in ("phone-of-ann", "ann@", guid(1), sim.tenant_id, sim.client_id):
        assert word not in text
    labels = {label for _, found in Metrics(text).samples for label, _ in found}
    assert labels == {"connection", "channel", "reason", "outcome", "verdict", "resource", "result", "state", "kind", "thread",
                      "file", "version", "libraries", "le"}


def test_a_connection_that_is_started_again_goes_on_counting(store, sim, daemon):
    store.add_device("phone", number=1)
    daemon.start()
    eventually(lambda: scrape(daemon).sum("complyd_reports_total", outcome="accepted") == 1)
    daemon.connections["default"]["partner_requests_per_20s"] = 999
    daemon.write_config()
    daemon.reload()
    store.set_device("phone", name="Another name")
    eventually(lambda: scrape(daemon).sum("complyd_reports_total", outcome="accepted") == 2)


def test_what_waits_is_counted_and_how_old_it_is(store, sim, daemon):
    sim.add_fault("token", "status", status=500, count=-1)
    daemon.connections["lost"] = {**daemon.connections["default"], "enabled": False}
    daemon.write_config()
    store.add_device("phone", number=1)
    store.add_device("off", number=2, connection="lost")
    store.add_device("nowhere", number=3, connection="elsewhere")
    store.execute("UPDATE outbox SET queued_at = queued_at - 3600000 WHERE device_id = 'phone'")
    daemon.start()
    metrics = scrape(daemon)
    assert metrics.get("complyd_queue_reports", connection="default", reason="change") == 1
    assert metrics.sum("complyd_queue_reports", connection="default") == 1
    assert 3600 <= metrics.get("complyd_queue_oldest_age_seconds", connection="default") < 7200
    assert metrics.get("complyd_queue_oldest_age_seconds", connection="lost") < 600
    assert metrics.get("complyd_queue_unassigned_reports") == 1


def test_throttling_shows(store, sim, daemon):
    sim.add_fault("graph_batch", "throttle", retry_after=2000, count=1)
    store.add_device("pc", number=2, platform="windows")
    daemon.start()
    eventually(lambda: scrape(daemon).get("complyd_throttled_total", connection="default", channel="graph") == 1)
    metrics = scrape(daemon)
    assert metrics.get("complyd_quota_ratio", connection="default", channel="graph") == 0.5
    assert metrics.get("complyd_quota_ratio", connection="default", channel="partner") == 1
    assert metrics.get("complyd_throttled_until_timestamp_seconds", connection="default", channel="graph") > 1.7e9
    assert metrics.get("complyd_throttled_until_timestamp_seconds", connection="default", channel="partner") is None
    assert metrics.get("complyd_requests_total", connection="default", channel="graph", outcome="throttled") == 1
    assert metrics.get("complyd_connection_state", connection="default", state="throttled") == 1


def test_how_far_the_weekly_report_is(store, sim, daemon):
    def figures(kind="weekly"):
        metrics = scrape(daemon)
        return {figure: metrics.get(f"complyd_full_report_{figure}", connection="default", kind=kind)
                for figure in ("running", "devices", "fed_devices", "waiting_devices", "due_timestamp_seconds", "finished_timestamp_seconds")}

    def dates():
        return store.query("SELECT due_at_ms, finished_at_ms FROM full_report WHERE connection = 'default' AND kind = 0")[0]

    store.add_devices([{"device_id": f"d{n}", "number": n} for n in range(1, 7)])
    daemon.start()
    store.wait_drained()
    before = figures()
    assert (before["running"], before["devices"], before["finished_timestamp_seconds"]) == (0, 0, None)
    assert before["due_timestamp_seconds"] == dates()["due_at_ms"] / 1000
    daemon.stop()

    # Over six hours, and Microsoft takes none: the first of the six waits.
    daemon.settings["reporting"]["full_report_spread"] = "6h"
    daemon.write_config()
    store.execute("UPDATE full_report SET due_at_ms = 1000 * unixepoch() - 1000 WHERE kind = 0")
    sim.add_fault("partner_put", "status", status=500, count=-1)
    daemon.start()
    expected = {"running": 1, "devices": 6, "fed_devices": 1, "waiting_devices": 1,
                "due_timestamp_seconds": dates()["due_at_ms"] / 1000, "finished_timestamp_seconds": None}
    eventually(lambda: figures() == expected, what=expected)
    assert figures("resync") == {**expected, "running": 0, "devices": 0, "fed_devices": 0, "waiting_devices": 0,
                                 "due_timestamp_seconds": None}
    daemon.stop()

    sim.clear_faults()
    daemon.settings["reporting"]["full_report_spread"] = "0s"
    daemon.write_config()
    daemon.start()
    daemon.wait_for_log("notice weekly: full report done: 6 devices; next on ")
    expected = {"running": 0, "devices": 6, "fed_devices": 6, "waiting_devices": 0,
                "due_timestamp_seconds": dates()["due_at_ms"] / 1000, "finished_timestamp_seconds": dates()["finished_at_ms"] / 1000}
    eventually(lambda: figures() == expected, what=expected)
    assert dates()["finished_at_ms"] > 1.7e12


def test_when_the_credential_expires(store, sim, daemon):
    store.add_device("phone", number=1)
    daemon.start()
    eventually(lambda: scrape(daemon).get("complyd_connection_state", connection="default", state="ready") == 1)
    assert scrape(daemon).get("complyd_credential_expiry_timestamp_seconds", connection="default") is None
    daemon.connections["default"]["client_secret_expires"] = "2099-03-31T12:34:56Z"
    daemon.write_config()
    daemon.reload()
    eventually(lambda: scrape(daemon).get("complyd_credential_expiry_timestamp_seconds", connection="default") == 4078643696)


def test_metrics_without_a_store(store, sim, daemon):
    daemon.start()
    store.path.rename(store.path.with_suffix(".away"))
    eventually(lambda: scrape(daemon).get("complyd_store_up") == 0)
    eventually(lambda: scrape(daemon).get("complyd_queue_counted_timestamp_seconds") is None)
    assert promtool("check", "metrics", input=scrape(daemon).text) == (0, "")
    store.path.with_suffix(".away").rename(store.path)


# ---- probes ----


def test_alive_and_ready(store, sim, daemon):
    daemon.start()
    assert ask(daemon, "/healthz") == (200, "ok\n")
    eventually(lambda: ask(daemon, "/readyz") == (200, "ready\n"))


def test_not_ready_when_the_credential_is_dead(store, sim, daemon):
    sim.add_fault("token", "expired_secret", count=-1)
    daemon.start()
    eventually(lambda: ask(daemon, "/readyz")[0] == 503)
    assert re.fullmatch(r"connection default: credential_expired: [^\n]+\n", ask(daemon, "/readyz")[1])
    assert ask(daemon, "/healthz") == (200, "ok\n")
    sim.clear_faults()
    daemon.reload()
    eventually(lambda: ask(daemon, "/readyz") == (200, "ready\n"))


def test_what_an_operator_must_mend_hides_behind_nothing_that_passes(store, sim, daemon):
    """Graph cannot be reached, then Intune's consent is taken back: of the two that is the one to be told of."""
    store.add_policy("passcode", "block_email")
    add_pair(store)
    daemon.start()
    eventually(lambda: all(daemon.device(device)["azure_compliance_status"] == "success" for device in ("phone", "pc")))
    daemon.stop()
    sim.add_fault("graph_batch", "reset", count=-1)
    sim.add_fault("token", "aadsts", code=65001, error="invalid_grant", status=400, match="api.manage", count=-1)
    store.violate("pc", "passcode")
    daemon.start()
    wait_trouble(daemon, "network")
    assert ask(daemon, "/readyz")[0] == 200  # it heals by itself
    store.violate("phone", "passcode")
    wait_trouble(daemon, "consent_missing")
    assert re.fullmatch(r"connection default: consent_missing: [^\n]+\n", ask(daemon, "/readyz")[1])
    assert scrape(daemon).get("complyd_connection_trouble", connection="default", trouble="consent_missing") == 1
    daemon.wait_for_log(r"error connection: broken otherwise now: .*AADSTS65001")


def test_not_ready_while_the_store_is_in_trouble(store, sim, daemon):
    daemon.start()
    store.path.rename(store.path.with_suffix(".away"))
    eventually(lambda: ask(daemon, "/readyz")[0] == 503)
    assert ask(daemon, "/readyz")[1].startswith("store: ")
    assert ask(daemon, "/healthz") == (200, "ok\n")
    store.path.with_suffix(".away").rename(store.path)
    eventually(lambda: ask(daemon, "/readyz")[0] == 200)


def test_holds_are_counted(store, daemon):
    store.add_policy("passcode", "block_email")
    daemon.start()
    assert scrape(daemon).get("complyd_holds") == 0
    daemon.ctl("hold", "--policy", "passcode", "--until", "1h", "--reason", "rollout went wrong")
    eventually(lambda: scrape(daemon).get("complyd_holds") == 1)


def test_not_ready_while_the_breaker_is_open(store, sim, daemon):
    daemon.settings["breaker"] = {"max_count": 5, "max_share": 1}
    daemon.write_config()
    store.add_policy("passcode", "block_email")
    store.add_devices([{"device_id": f"d{n}", "number": n} for n in range(1, 21)])
    daemon.start()
    eventually(lambda: scrape(daemon).sum("complyd_verdicts_total", verdict="completed") == 20)
    with store.transaction() as connection:
        connection.executemany("INSERT INTO violation VALUES (?, 'passcode', NULL)", [(f"d{n}",) for n in range(1, 21)])
    eventually(lambda: ask(daemon, "/readyz")[0] == 503)
    assert re.fullmatch(r"connection default: the circuit breaker is open and holds 20 reports\n", ask(daemon, "/readyz")[1])
    metrics = scrape(daemon)
    assert metrics.get("complyd_breaker_open", connection="default") == 1
    assert metrics.get("complyd_breaker_held_reports", connection="default") == 20
    assert metrics.get("complyd_queue_oldest_age_seconds", connection="default") == 0, "held is not forgotten"


def test_without_sign_in_on_the_web_port(store, sim, daemon):
    port = free_port()
    daemon.settings["web"]["listen"] = f"127.0.0.1:{port}"
    daemon.write_config()
    daemon.start()
    for path, beginning in (("/metrics", "# HELP"), ("/healthz", "ok"), ("/readyz", "")):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert answer.read().decode().startswith(beginning)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/status", timeout=60)
    assert refused.value.code == 401
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Host": "complyd.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 403


def test_parameters_are_mistakes(store, sim, daemon):
    daemon.start()
    for path in ("/metrics", "/healthz", "/readyz"):
        assert Control(daemon.socket).get(f"{path}?x=1").status == 400
        assert Control(daemon.socket).post(path).status == 405


# ---- what is made of them ----


@pytest.fixture
def families(store, sim, daemon):
    daemon.start()
    return scrape(daemon).families


def exists(name, families):
    return name in families or any(name == family + end for family in families for end in ("_bucket", "_sum", "_count"))


def names_in(text):
    return set(re.findall(r"\b(?:complyd|process)_[a-z_]+\b", text))


def expressions(node):
    """Every PromQL expression of the dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "definition"):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


def alert_rules():
    rules = yaml.safe_load((ROOT / "docs" / "alerts.yaml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def test_rules_are_in_order(families):
    code, says = promtool("check", "rules", ROOT / "docs" / "alerts.yaml")
    assert code == 0, says
    for rule in alert_rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert {"summary", "description", "runbook"} <= set(rule["annotations"]), rule
        for name in names_in(rule["expr"] + json.dumps(rule["annotations"])):
            assert exists(name, families), f"{rule['alert']}: there is no {name}"


def test_the_dashboard_shows_what_there_is(families):
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    found = list(expressions(dashboard))
    assert len(found) > 15
    for expression in found:
        for name in names_in(expression):
            assert exists(name, families), f"there is no {name} ({expression})"
    rules = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval|\$__interval", "5m", expression).replace("$connection", ".*")}
        for number, expression in enumerate(found) if not expression.startswith("label_values(")]}]}
    code, says = promtool("check", "rules", "/dev/stdin", input=yaml.safe_dump(rules))
    assert code == 0, says


def test_every_metric_is_documented(families):
    documented = re.findall(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    assert sorted(name for name, _ in documented) == sorted(families)
