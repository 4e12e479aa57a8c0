# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""docs/alerts.yaml: each rule fires when it should, and only then. promtool plays the series."""
import copy
import json
import re

import pytest
import yaml

from harness import ROOT
from test_metrics import alert_rules, promtool

HERE = 'instance="a",connection="c"'
LABELS = {"instance": "a", "connection": "c"}

# Values by the minute: "1x20" is twenty ones, "0+2x20" rises by two, "_" is none (Prometheus' notation).
# (alert, series, minutes until it is looked at, labels that it fires with; None = it must be silent)
CASES = [
    ("ComplydDown", {'up{job="complyd",instance="a"}': "1x5 0x10"}, 12, {"instance": "a", "job": "complyd"}),
    ("ComplydDown", {'up{job="complyd",instance="a"}': "1x5 0x10"}, 9, None),
    ("ComplydConnectionBroken", {f'complyd_connection_state{{{HERE},state="broken"}}': "1x30"}, 11, {**LABELS, "state": "broken"}),
    ("ComplydConnectionBroken", {f'complyd_connection_state{{{HERE},state="broken"}}': "1x8 0x30"}, 11, None),
    ("ComplydReportsWait", {f"complyd_queue_oldest_age_seconds{{{HERE}}}": "1801x60",
                            f'complyd_connection_state{{{HERE},state="ready"}}': "1x60"}, 11, LABELS),
    # A broken connection, or one that is off, has an alert of its own, or none.
    ("ComplydReportsWait", {f"complyd_queue_oldest_age_seconds{{{HERE}}}": "1801x60",
                            f'complyd_connection_state{{{HERE},state="ready"}}': "0x60",
                            f'complyd_connection_state{{{HERE},state="off"}}': "1x60"}, 11, None),
    ("ComplydWorseningSlow", {f'complyd_commit_to_accepted_seconds_bucket{{{HERE},channel="graph",reason="worsening",le="60"}}': "0x60",
                              f'complyd_commit_to_accepted_seconds_bucket{{{HERE},channel="graph",reason="worsening",le="300"}}': "0+9x60",
                              f'complyd_commit_to_accepted_seconds_bucket{{{HERE},channel="graph",reason="worsening",le="+Inf"}}': "0+9x60"},
     30, LABELS),
    # The weekly report may take its time.
    ("ComplydWorseningSlow", {f'complyd_commit_to_accepted_seconds_bucket{{{HERE},channel="graph",reason="weekly",le="60"}}': "0x60",
                              f'complyd_commit_to_accepted_seconds_bucket{{{HERE},channel="graph",reason="weekly",le="+Inf"}}': "0+9x60"},
     30, None),
    ("ComplydBreakerOpen", {f"complyd_breaker_open{{{HERE}}}": "0x5 1x5"}, 8, LABELS),
    ("ComplydBreakerOpen", {f"complyd_breaker_open{{{HERE}}}": "0x9"}, 8, None),
    ("ComplydCredentialExpires", {f"complyd_credential_expiry_timestamp_seconds{{{HERE}}}": "1209600x90"}, 62, LABELS),
    ("ComplydCredentialExpires", {f"complyd_credential_expiry_timestamp_seconds{{{HERE}}}": "1219600x90"}, 62, None),
    ("ComplydTokensFail", {f'complyd_token_requests_total{{{HERE},resource="graph",result="failed"}}': "0+1x60",
                           f'complyd_token_requests_total{{{HERE},resource="graph",result="obtained"}}': "1x60"}, 50,
     {**LABELS, "resource": "graph", "result": "failed"}),
    ("ComplydTokensFail", {f'complyd_token_requests_total{{{HERE},resource="graph",result="failed"}}': "0+1x60",
                           f'complyd_token_requests_total{{{HERE},resource="graph",result="obtained"}}': "1x40 2x20"}, 50, None),
    ("ComplydReportsRefused", {f'complyd_reports_total{{{HERE},channel="graph",reason="change",outcome="refused"}}': "0+1x60",
                               f'complyd_reports_total{{{HERE},channel="partner",reason="change",outcome="refused"}}': "0x60"}, 40, LABELS),
    ("ComplydReportsRefused", {f'complyd_reports_total{{{HERE},channel="graph",reason="change",outcome="accepted"}}': "0+99x60"}, 40, None),
    ("ComplydVerdictsMissing", {f'complyd_verdicts_total{{{HERE},verdict="expired"}}': "0+1x60",
                                f'complyd_verdicts_total{{{HERE},verdict="failed"}}': "0x60"}, 40, LABELS),
    ("ComplydVerdictsMissing", {f'complyd_verdicts_total{{{HERE},verdict="completed"}}': "0+9x60"}, 40, None),
    ("ComplydThrottled", {f'complyd_quota_ratio{{{HERE},channel="graph"}}': "0.25x90"}, 61, {**LABELS, "channel": "graph"}),
    ("ComplydThrottled", {f'complyd_quota_ratio{{{HERE},channel="graph"}}': "0.5x90"}, 61, None),
    ("ComplydFullReportLate", {f'complyd_full_report_due_timestamp_seconds{{{HERE},kind="weekly"}}': "0x3000"}, 2942, {**LABELS, "kind": "weekly"}),
    ("ComplydFullReportLate", {f'complyd_full_report_due_timestamp_seconds{{{HERE},kind="weekly"}}': "0x3000"}, 2870, None),
    ("ComplydUnknownConnection", {'complyd_queue_unassigned_reports{instance="a"}': "1x90"}, 61, {"instance": "a"}),
    ("ComplydUnknownConnection", {'complyd_queue_unassigned_reports{instance="a"}': "0x90"}, 61, None),
    ("ComplydStoreTrouble", {'complyd_store_up{instance="a"}': "1x5 0x10"}, 12, {"instance": "a"}),
    ("ComplydStoreTrouble", {'complyd_store_up{instance="a"}': "1x15"}, 12, None),
    ("ComplydStoreSlow", {'complyd_store_commit_duration_seconds_bucket{instance="a",le="0.5"}': "0x60",
                          'complyd_store_commit_duration_seconds_bucket{instance="a",le="1"}': "0+9x60",
                          'complyd_store_commit_duration_seconds_bucket{instance="a",le="+Inf"}': "0+9x60"}, 30, {"instance": "a"}),
    ("ComplydStoreSlow", {'complyd_store_commit_duration_seconds_bucket{instance="a",le="0.5"}': "0+9x60",
                          'complyd_store_commit_duration_seconds_bucket{instance="a",le="+Inf"}': "0+9x60"}, 30, None),
    ("ComplydStoreLogGrows", {'complyd_store_size_bytes{instance="a",file="wal"}': "2e9x60"}, 31, {"instance": "a", "file": "wal"}),
    ("ComplydStoreLogGrows", {'complyd_store_size_bytes{instance="a",file="database"}': "2e9x60"}, 31, None),
    ("ComplydLoopSlow", {'complyd_loop_turn_duration_seconds_bucket{instance="a",le="0.25"}': "0x60",
                         'complyd_loop_turn_duration_seconds_bucket{instance="a",le="0.5"}': "0+9x60",
                         'complyd_loop_turn_duration_seconds_bucket{instance="a",le="+Inf"}': "0+9x60"}, 30, {"instance": "a"}),
    ("ComplydLoopSlow", {'complyd_loop_turn_duration_seconds_bucket{instance="a",le="0.25"}': "0+9x60",
                         'complyd_loop_turn_duration_seconds_bucket{instance="a",le="+Inf"}': "0+9x60"}, 30, None),
]


def as_test(alert, series, minutes, labels, rules):
    severity = next(rule["labels"]["severity"] for rule in rules if rule["alert"] == alert)
    fired = [] if labels is None else [{"exp_labels": {**labels, "severity": severity}}]
    return {"name": f"{alert} {'fires' if labels else 'is silent'}", "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": alert, "exp_alerts": fired}]}


def play(directory, cases, rules=None):
    """What promtool says of the cases. Texts are left out: it compares them too."""
    rules = copy.deepcopy(rules or alert_rules())
    for rule in rules:
        del rule["annotations"]
    (directory / "alerts.yaml").write_text(yaml.safe_dump({"groups": [{"name": "complyd", "rules": rules}]}))
    (directory / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["alerts.yaml"], "evaluation_interval": "1m",
                                                         "tests": [as_test(*case, rules) for case in cases]}))
    return promtool("test", "rules", directory / "test.yaml")


def test_rules_fire_when_they_should_and_only_then(tmp_path):
    code, says = play(tmp_path, CASES)
    assert code == 0, says


def test_every_rule_is_tried_both_ways():
    names = {rule["alert"] for rule in alert_rules()}
    assert {alert for alert, *_, labels in CASES if labels} == names
    assert {alert for alert, *_, labels in CASES if labels is None} == names


@pytest.mark.parametrize("change", [("== 0", "== 2"), ("> 0", "> 99"), ("< 0.5", "<= 0.5")])
def test_a_spoilt_rule_is_found(tmp_path, change):
    rules = [{**rule, "expr": rule["expr"].replace(*change)} for rule in alert_rules()]
    assert rules != alert_rules()
    assert play(tmp_path, CASES, rules)[0] != 0


def test_cures_name_commands_and_settings_that_there_are():
    told = json.dumps([rule["annotations"] for rule in alert_rules()])
    settings = (ROOT / "conf" / "complyd.conf").read_text()
    for key in re.findall(r"\b(?:graph|partner)_[a-z_]+_per_\w+", told):
        assert re.search(rf"^#?\s*{key}\s*=", settings, re.MULTILINE), key
    for command in re.findall(r"complyctl ([a-z]+(?: [a-z]+)?)", told):
        assert command in ("status", "plan", "activity", "breaker show", "breaker release", "breaker discard", "device list",
                           "device explain", "store check"), command
