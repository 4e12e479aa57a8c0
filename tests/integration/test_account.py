# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Connecting and disconnecting an account: every step, what stands in its way, kill -9 at each of them, and the silence after."""
import subprocess

import pytest

import harness
from harness import EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE, eventually, guid
from scene import REMOVED, look, sim, shared_sim, succeeded, wait_agreed  # noqa: F401  pylint: disable=unused-import
from sim_client import TENANT

PAGES = {"enrollment_url": "https://mdm.example/enrol", "remediation_url": "https://mdm.example/mend",
         "assignment_group": "All users"}
CONNECT_STEPS = ["credential", "consent", "discovery", "group", "provision", "policy_ios", "assign_ios", "policy_android",
                 "assign_android", "policy_macos", "assign_macos"]
EX_NOPERM = 77


@pytest.fixture
def daemon(make_daemon, store, sim, scratch):  # noqa: F811
    return make_daemon(store, {"default": harness.connection_settings(sim, scratch, **PAGES)})


def add_fleet(store, count=3):
    store.add_policy("block", "block_email")
    store.add_devices([{"device_id": f"phone{i}", "number": i + 1} for i in range(count)]
                      + [{"device_id": "mac", "number": 100, "platform": "macos"},
                         {"device_id": "pc", "number": 101, "platform": "windows"}])


def account(daemon, **options):
    return daemon.ctl("account", "show", **options).json


def state(daemon):
    answer = daemon.ctl("account", "show", check=False)
    return answer.json["account"] if answer.code == 0 else ""


def steps(shown):
    return {step["step"]: step for step in shown["steps"]}


def failed(shown):
    return next(step for step in shown["steps"] if step["state"] == "failed")


def connect(daemon, check=True):
    return daemon.ctl("account", "connect", check=check)


def disconnect(daemon, *options, check=True):
    return daemon.ctl("account", "disconnect", "--yes", *options, check=check)


def ask(daemon, verb, body):
    """POST to the control socket itself, without waiting for the end; (status, text)."""
    done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "--unix-socket", daemon.socket, "-H",
                           "Content-Type: application/json", "-d", body, f"http://localhost/v1/connections/default/{verb}"],
                          capture_output=True, text=True, check=True)
    text, code = done.stdout.rsplit("\n", 1)
    return int(code), text


def tenant(sim):  # noqa: F811
    return next(entry for entry in sim.control("GET", "tenants")["value"] if entry["tenantId"] == TENANT)


def told_all(store, sim):  # noqa: F811
    wait_agreed(store, sim)


def gone(sim):  # noqa: F811
    """Every device that Microsoft was told of is neither managed nor compliant."""
    return all(not device["isManaged"] and not device["isCompliant"] for device in sim.devices().values())


def assert_silence(daemon, store, sim):  # noqa: F811
    """Whatever happens, not one request: changes, a resync, a reload, a restart."""
    since = sim.last_request()
    store.set_device("phone0", name="Changed")
    store.violate("phone1", "block")
    eventually(lambda: store.queued() > 0)
    daemon.ctl("resync", check=False)
    refused = daemon.ctl("resync", "--connection", "default", check=False)
    assert refused.code != 0 and "disconnected" in refused.err
    daemon.ctl("device", "report", "phone0")
    daemon.reload()
    daemon.restart()
    eventually(lambda: state(daemon) == "disconnected")
    daemon.kill9()
    daemon.start()
    eventually(lambda: state(daemon) == "disconnected")
    daemon.reload()
    assert sim.requests(since=since) == []
    assert "disconnected" in daemon.device("phone0")["reason"]


# Connect

def test_connect_ensures_everything(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.start()
    shown = connect(daemon).json
    assert shown["account"] == "connected" and shown["connected_at"] != ""
    done = steps(shown)
    assert list(done) == CONNECT_STEPS
    assert {name for name, step in done.items() if step["state"] == "skipped"} == {"policy_android", "assign_android"}
    assert all(step["state"] in ("done", "skipped") and step["problem"] == "" for step in done.values())
    there = tenant(sim)
    assert (there["provisioned"], there["enrollmentUrl"]) == (1, PAGES["enrollment_url"])
    group = there["groups"][0]["id"]
    assert {policy["platform"]: policy["assignments"] for policy in there["policies"]} == {"iOS": [group], "macOS": [group]}
    told_all(store, sim)
    # Once more changes nothing.
    assert connect(daemon).json["account"] == "connected"
    assert tenant(sim) == there
    kinds = {entry["kind"] for entry in daemon.ctl("activity").json}
    assert "connect" in kinds


def test_what_was_never_connected_reports_all_the_same(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.start()
    told_all(store, sim)
    assert state(daemon) == "new" and account(daemon)["steps"] == []
    assert tenant(sim)["provisioned"] == 0


def test_a_policy_that_is_there_is_found_among_several(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.start()
    connect(daemon)
    before = tenant(sim)["policies"]
    store.execute("DELETE FROM account")
    store.execute("DELETE FROM account_step")
    sim.settings(page_size=1)
    daemon.restart()
    assert connect(daemon).json["account"] == "connected"
    assert tenant(sim)["policies"] == before
    assert sim.count("policies", 409) == 2


def step_of(daemon, name):
    return steps(account(daemon))[name]


def test_a_platform_that_comes_later_gets_its_policy_by_itself(store, sim, daemon):  # noqa: F811
    store.add_device("pc", number=101, platform="windows")
    daemon.start()
    assert connect(daemon).json["account"] == "connected"
    assert tenant(sim)["provisioned"] == 0
    sim.settings(partner_android=False)
    store.add_devices([{"device_id": "phone", "number": 1}, {"device_id": "droid", "number": 2, "platform": "android"}])
    told_all(store, sim)  # reports do not wait for it
    failed_step = eventually(lambda: step_of(daemon, "policy_android")["state"] == "failed" and step_of(daemon, "policy_android"))
    assert failed_step["problem"] == "partner_not_registered" and "Tenant administration" in failed_step["cure"]
    shown = account(daemon)
    assert shown["account"] == "connected" and shown["platforms_without_policy"] == ["android"]
    assert step_of(daemon, "assign_ios")["state"] == "done" and tenant(sim)["provisioned"] == 1
    assert daemon.status()["connections"][0]["state"] == "ready"
    found = {finding["check"]: finding["problem"] for finding in daemon.ctl("doctor", check=False).json["findings"]}
    assert found["policy"] == "policy_missing"
    told = [entry["reason"] for entry in daemon.ctl("activity", "--kind", "connect").json if entry["result"] == "policy_android"]
    assert "partner_not_registered" in told
    # Mended at Microsoft: the process after a kill tries at once.
    sim.settings(partner_android=True)
    daemon.kill9()
    daemon.start()
    eventually(lambda: step_of(daemon, "assign_android")["state"] == "done")
    assert account(daemon)["platforms_without_policy"] == []
    assert {policy["platform"] for policy in tenant(sim)["policies"]} == {"iOS", "Android"}
    assert all(policy["assignments"] for policy in tenant(sim)["policies"])


def test_a_platform_that_comes_later_is_tried_again_at_a_reload(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.start()
    connect(daemon)
    group = tenant(sim)["groups"][0]["id"]
    sim.control("DELETE", f"groups/{group}")
    store.add_device("droid", number=200, platform="android")
    eventually(lambda: step_of(daemon, "group")["state"] == "failed")
    assert step_of(daemon, "group")["problem"] == "group_unknown"
    told_all(store, sim)
    again = sim.control("POST", "groups", {"displayName": "All users"})["id"]
    daemon.reload()
    eventually(lambda: step_of(daemon, "assign_android")["state"] == "done")
    # The new group is everybody's.
    assert all(again in policy["assignments"] for policy in tenant(sim)["policies"])


def test_only_windows_needs_nothing_of_intune(store, sim, daemon):  # noqa: F811
    store.add_device("pc", number=1, platform="windows")
    daemon.start()
    shown = connect(daemon).json
    assert shown["account"] == "connected"
    assert [name for name, step in steps(shown).items() if step["state"] == "done"] == ["credential"]
    assert tenant(sim)["provisioned"] == 0
    assert disconnect(daemon).json["account"] == "disconnected"
    assert sim.count("tenant_put") == 0 and gone(sim)


def test_the_partner_is_not_registered(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    sim.settings(partner_macos=False)
    daemon.start()
    answer = connect(daemon, check=False)
    assert answer.code == EX_UNAVAILABLE and "Partner compliance management" in answer.err
    shown = account(daemon)
    assert shown["account"] == "new"
    step = failed(shown)
    assert (step["step"], step["problem"]) == ("policy_macos", "partner_not_registered")
    assert "Tenant administration" in step["cure"]
    done = steps(shown)
    assert done["assign_ios"]["state"] == "done" and done["assign_macos"]["state"] == "waiting"
    # Mended, the next connect goes on: what was done stays done.
    sim.settings(partner_macos=True)
    seen = sim.count("assign")
    assert connect(daemon).json["account"] == "connected"
    assert sim.count("assign") == seen + 1
    told_all(store, sim)


@pytest.mark.parametrize("group, problem", [(None, "group_not_set"), ("Nobody", "group_unknown"), (guid(7), "group_unknown"),
                                            ("Twice", "group_ambiguous")])
def test_groups_that_do_not_do(store, sim, daemon, group, problem):  # noqa: F811
    ids = [sim.control("POST", "groups", {"displayName": "Twice"})["id"] for _ in range(2)]
    add_fleet(store)
    daemon.connections["default"]["assignment_group"] = group
    daemon.write_config()
    daemon.start()
    assert connect(daemon, check=False).code == EX_UNAVAILABLE
    step = failed(account(daemon))
    assert (step["step"], step["problem"]) == ("group", problem) and step["cure"]
    if problem == "group_ambiguous":
        assert all(one in step["detail"] for one in ids)
    assert tenant(sim)["provisioned"] == 0, "nothing was begun"
    daemon.connections["default"]["assignment_group"] = ids[1]
    daemon.write_config()
    daemon.reload()
    eventually(lambda: connect(daemon, check=False).code == 0)
    assert all(policy["assignments"] == [ids[1]] for policy in tenant(sim)["policies"])


def test_the_group_vanished_after_it_was_found(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    sim.add_fault("assign", "status", status=400)
    daemon.start()
    assert connect(daemon, check=False).code == EX_UNAVAILABLE
    assert failed(account(daemon))["step"] == "assign_ios"
    sim.control("DELETE", f"groups/{tenant(sim)['groups'][0]['id']}")
    assert connect(daemon, check=False).code == EX_UNAVAILABLE
    assert failed(account(daemon))["problem"] == "group_unknown"
    again = sim.control("POST", "groups", {"displayName": "All users"})["id"]
    assert connect(daemon).json["account"] == "connected"
    assert all(policy["assignments"] == [again] for policy in tenant(sim)["policies"])


def test_pages_are_needed(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.connections["default"]["remediation_url"] = None
    daemon.write_config()
    daemon.start()
    assert connect(daemon, check=False).code == EX_UNAVAILABLE
    assert failed(account(daemon))["problem"] == "pages_not_set"
    assert sim.count("tenant_put") == 0


@pytest.mark.parametrize("place, fault, more, step, problem", [
    ("token", "aadsts", {"code": 7000215, "error": "invalid_client", "status": 401}, "credential", "credential_wrong"),
    ("token", "aadsts", {"code": 65001, "error": "invalid_grant", "status": 400, "match": "manage.microsoft.com"}, "consent",
     "consent_missing"),
    ("token", "aadsts", {"code": 90002, "error": "invalid_request", "status": 400}, "credential", "tenant_unknown"),
    ("groups", "status", {"status": 403}, "group", "permission_missing"),
    ("tenant_put", "status", {"status": 403}, "provision", "permission_missing"),
    ("tenant_put", "body", {"body": '{"ContextId":"' + guid(5) + '","Provisioned":1}'}, "provision", "tenant_unknown"),
    ("tenant_put", "body", {"body": '{"HttpStatusCode":403,"ErrorDetail":"no"}'}, "provision", "permission_missing"),
    ("policies", "status", {"status": 400}, "policy_ios", "request_malformed"),
    ("assign", "status", {"status": 404}, "assign_ios", "endpoints_missing"),
])
def test_what_only_an_administrator_can_mend(store, sim, daemon, place, fault, more, step, problem):  # noqa: F811
    add_fleet(store)
    daemon.start()
    told_all(store, sim)
    sim.add_fault(place, fault, count=-1, **more)
    assert connect(daemon, check=False).code == EX_UNAVAILABLE
    shown = account(daemon)
    assert shown["account"] == "new"
    assert (failed(shown)["step"], failed(shown)["problem"]) == (step, problem)
    assert failed(shown)["cure"] and failed(shown)["text"]
    sim.clear_faults()
    assert connect(daemon).json["account"] == "connected"
    told_all(store, sim)


@pytest.mark.parametrize("place", ["groups", "tenant_put", "policies", "assign"])
@pytest.mark.parametrize("fault, more", [
    ("status", {"status": 503}), ("throttle", {"retry_after": "0.1"}), ("unauthorized", {}), ("reset", {}),
    ("reset_after_apply", {}), ("truncated_json", {}), ("wrong_json", {"kind": "array"}), ("status", {"status": 409})])
def test_what_passes_by_itself(store, sim, daemon, place, fault, more):  # noqa: F811
    if place == "policies" and more == {"status": 409}:
        pytest.skip("409 says that the policy is there")
    add_fleet(store)
    sim.add_fault(place, fault, **more)
    daemon.start()
    assert connect(daemon).json["account"] == "connected"
    assert {policy["platform"] for policy in tenant(sim)["policies"]} == {"iOS", "macOS"}
    assert all(policy["assignments"] for policy in tenant(sim)["policies"])


PLACES = {"groups": "group", "tenant_put": "provision", "policies": "policy_ios", "assign": "assign_ios"}


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("applied", [True, False])
def test_killed_at_a_step_of_connecting(store, sim, daemon, place, applied):  # noqa: F811
    """Whether or not Microsoft has done it, the next start goes on there by itself."""
    add_fleet(store)
    rule = sim.add_fault(place, "slow_headers", ms=60000, apply=applied)
    daemon.start()
    eventually(lambda: ask(daemon, "connect", "{}")[0] == 202, what="the connection is started")
    eventually(lambda: sim.played(rule) == 1, what=place)
    daemon.kill9()
    assert store.value("SELECT state FROM account_step WHERE step = ?", (PLACES[place],)) == "running"
    daemon.start()
    eventually(lambda: state(daemon) == "connected")
    assert {policy["platform"] for policy in tenant(sim)["policies"]} == {"iOS", "macOS"}
    assert len(tenant(sim)["policies"]) == 2 and all(policy["assignments"] for policy in tenant(sim)["policies"])
    told_all(store, sim)


# Disconnect

@pytest.fixture
def connected(store, sim, daemon):  # noqa: F811
    add_fleet(store)
    daemon.start()
    connect(daemon)
    told_all(store, sim)
    return daemon


def test_disconnect_removes_everything_and_falls_silent(store, sim, connected):  # noqa: F811
    shown = account(connected)
    assert {entry["what"] for entry in shown["obstacles"]} == {"conditional_access", "devices"}
    assert shown["devices"]["managed"] == 5 and shown["devices"]["compliant"] == 5
    shown = disconnect(connected).json
    assert shown["account"] == "disconnected" and shown["state"] == "disconnected"
    assert {name: step["state"] for name, step in steps(shown).items()} == {
        "retire": "done", "verdicts": "done", "deprovision": "done"}
    assert gone(sim) and len(sim.devices()) == 5
    assert tenant(sim)["provisioned"] == 2
    # Deprovisioning comes last: after the last report and verdict.
    requests = sim.requests()
    last = max(entry["number"] for entry in requests)
    put = [entry["number"] for entry in requests if entry["at"] == "tenant_put"][-1]
    assert put == last
    assert_silence(connected, store, sim)
    assert disconnect(connected).json["account"] == "disconnected", "again is no error"
    assert any(entry["kind"] == "disconnect" for entry in connected.ctl("activity").json)


def test_connected_again_everything_is_told_anew(store, sim, connected):  # noqa: F811
    disconnect(connected)
    store.violate("phone1", "block")
    assert connect(connected).json["account"] == "connected"
    assert tenant(sim)["provisioned"] == 1
    told_all(store, sim)
    assert sim.device(guid(2))["isCompliant"] is False and sim.device(guid(1))["isCompliant"] is True
    assert connected.status()["connections"][0]["state"] in ("ready", "connecting")


def test_a_failed_reconnect_stays_silent(store, sim, connected):  # noqa: F811
    disconnect(connected)
    sim.add_fault("tenant_put", "status", status=403)
    assert connect(connected, check=False).code == EX_UNAVAILABLE
    eventually(lambda: state(connected) == "disconnected")
    assert failed(account(connected))["step"] == "provision"
    assert gone(sim)
    assert_silence(connected, store, sim)


def test_confirmation(store, sim, connected):  # noqa: F811
    assert ask(connected, "disconnect", "{}")[0] == 409
    assert ask(connected, "disconnect", '{"confirm":"other"}')[0] == 409
    assert ask(connected, "disconnect", '{"confirm":true}')[0] == 400
    assert ask(connected, "disconnect", '{"confirm":"default","force":1}')[0] == 400
    assert ask(connected, "disconnect", '{"confirm":"default","wipe":true}')[0] == 400
    assert ask(connected, "connect", "[]")[0] == 400
    refused = harness.run_ctl(connected.build, "--socket", connected.socket, "account", "disconnect", check=False, stdin="no\n")
    assert refused.code == EX_NOPERM and "Conditional Access" in refused.err and "nothing was done" in refused.err
    assert connected.ctl("account", "disconnect", check=False).code == EX_USAGE
    assert state(connected) == "connected"
    typed = harness.run_ctl(connected.build, "--socket", connected.socket, "account", "disconnect", stdin="default\n")
    assert "disconnected" in typed.out and gone(sim)


def test_unknown_names(store, sim, connected):  # noqa: F811
    for verb in (("show",), ("connect",), ("disconnect", "--yes")):
        answer = connected.ctl("account", *verb, "nowhere", check=False)
        assert answer.code != 0 and "nowhere" in answer.err and "default" in answer.err
    assert state(connected) == "connected"


def test_this_server_only_tells_nothing(store, sim, connected):  # noqa: F811
    since = sim.last_request()
    shown = disconnect(connected, "--this-server-only").json
    assert shown["account"] == "disconnected"
    assert all(step["state"] == "skipped" for step in shown["steps"])
    assert sim.requests(since=since) == []
    assert tenant(sim)["provisioned"] == 1 and not gone(sim)
    assert_silence(connected, store, sim)
    connect(connected)
    told_all(store, sim)


def test_another_server_that_deprovisions_the_tenant_is_noticed_and_connect_mends_it(connected, store, sim):  # noqa: F811
    """It cuts off every server of the partner; what happens meanwhile waits."""
    body = {"Provisioned": 2, "PartnerEnrollmentUrl": "https://other.example/e", "PartnerRemediationUrl": "https://other.example/r"}
    path = f"/fef/PartnerTenantDataSyncService/PartnerTenants(guid'{TENANT}')?api-version=1.6"
    assert sim.request("PUT", path, body, token=sim.intune_token()).status == 200
    store.set_device("phone0", name="Waits")
    connected.wait_for_log(r"connection: broken: .*deprovisioned")
    store.set_device("pc", name="Goes")
    eventually(lambda: sim.device(guid(101))["displayName"] == "Goes")
    eventually(lambda: store.queued() == 1)
    connect(connected)
    told_all(store, sim)
    assert sim.device(guid(1))["displayName"] == "Waits" and tenant(sim)["provisioned"] == 1


def refuse(sim, number, **more):  # noqa: F811
    return sim.add_fault("partner_put", "lying_200", count=-1, match=guid(number), error_code="400", error_detail="not this one", **more)


def test_a_refused_device_holds_it_up(store, sim, connected):  # noqa: F811
    refuse(sim, 2)
    answer = disconnect(connected, check=False)
    assert answer.code == EX_UNAVAILABLE and "phone1" in answer.err and "--force" in answer.err
    shown = account(connected)
    assert shown["account"] == "disconnecting" and failed(shown)["problem"] == "devices_refused"
    assert [device["device_id"] for device in shown["devices"]["left_behind"]] == ["phone1"]
    assert sim.device(guid(2))["isManaged"] is True and tenant(sim)["provisioned"] == 1
    # Mended and asked again it goes through.
    sim.clear_faults()
    assert disconnect(connected).json["account"] == "disconnected"
    assert gone(sim)


def test_forced_it_stays_behind(store, sim, connected):  # noqa: F811
    refuse(sim, 2)
    shown = disconnect(connected, "--force").json
    assert shown["account"] == "disconnected"
    assert [device["device_id"] for device in shown["devices"]["left_behind"]] == ["phone1"]
    assert "phone1" in steps(shown)["retire"]["detail"]
    assert tenant(sim)["provisioned"] == 2 and sim.device(guid(2))["isManaged"] is True
    assert_silence(connected, store, sim)


def test_a_failed_verdict_counts_as_refused(store, sim, connected):  # noqa: F811
    sim.add_fault("partner_put", "verdict_failed", match=guid(3), error_code="500", error_detail="no")
    assert disconnect(connected, check=False).code == EX_UNAVAILABLE
    assert [device["device_id"] for device in account(connected)["devices"]["left_behind"]] == ["phone2"]
    assert disconnect(connected).json["account"] == "disconnected"
    assert gone(sim)


def test_connect_turns_a_disconnect_back(store, sim, connected):  # noqa: F811
    refuse(sim, 2)
    disconnect(connected, check=False)
    assert sim.device(guid(1))["isManaged"] is False
    sim.clear_faults()
    assert connect(connected).json["account"] == "connected"
    told_all(store, sim)
    assert sim.device(guid(1))["isCompliant"] is True
    assert 2 not in [entry["provisioned"] for entry in sim.control("GET", "tenants")["value"]]


def test_too_late_to_turn_back(store, sim, connected):  # noqa: F811
    sim.add_fault("tenant_put", "status", status=503, count=-1)
    assert ask(connected, "disconnect", '{"confirm":"default"}')[0] == 202
    eventually(lambda: sim.count("tenant_put", 503) > 0)
    code, text = eventually(lambda: (answer := ask(connected, "connect", "{}"))[0] != 503 and answer)
    assert code == 409 and "deprovisioned" in text
    assert connected.ctl("account", "disconnect", "--yes", "--timeout", "1s", check=False).code == EX_TEMPFAIL
    connected.kill9()
    sim.clear_faults()
    connected.start()
    eventually(lambda: state(connected) == "disconnected")
    assert tenant(sim)["provisioned"] == 2 and gone(sim)
    assert_silence(connected, store, sim)


def test_consent_revoked_in_the_midst(store, sim, connected):  # noqa: F811
    """Disconnecting does not give up, and says what is in the way; by force it leaves the tenant as it is."""
    sim.add_fault("tenant_put", "status", status=403, count=-1)
    assert ask(connected, "disconnect", '{"confirm":"default"}')[0] == 202
    eventually(lambda: any(step["state"] == "failed" for step in account(connected)["steps"]))
    step = failed(account(connected))
    assert (step["step"], step["problem"]) == ("deprovision", "permission_missing") and step["cure"]
    assert gone(sim)
    eventually(lambda: ask(connected, "disconnect", '{"confirm":"default","force":true}')[0] == 202)
    eventually(lambda: state(connected) == "disconnected")
    assert tenant(sim)["provisioned"] == 1
    assert_silence(connected, store, sim)


@pytest.mark.parametrize("place", ["partner_put", "partner_get", "graph_batch", "tenant_put"])
@pytest.mark.parametrize("applied", [True, False])
def test_killed_at_a_step_of_disconnecting(store, sim, connected, place, applied):  # noqa: F811
    rule = sim.add_fault(place, "slow_headers", ms=60000, apply=applied)
    assert ask(connected, "disconnect", '{"confirm":"default"}')[0] == 202
    eventually(lambda: sim.played(rule) == 1, what=place)
    connected.kill9()
    connected.start()
    eventually(lambda: state(connected) == "disconnected")
    assert gone(sim) and tenant(sim)["provisioned"] == 2
    assert sim.stats()["violations"] == 0
    assert_silence(connected, store, sim)


def test_killed_again_and_again(store, sim, connected):  # noqa: F811
    """At every commit that disconnecting makes, one after the other."""
    sim.add_fault("partner_put", "slow_headers", ms=30, count=-1)
    assert ask(connected, "disconnect", '{"confirm":"default"}')[0] == 202
    for _ in range(12):
        connected.kill9()
        seen = sim.last_request()
        connected.start()
        eventually(lambda seen=seen: sim.last_request() > seen or state(connected) == "disconnected")
    sim.clear_faults()
    eventually(lambda: state(connected) == "disconnected")
    assert gone(sim) and tenant(sim)["provisioned"] == 2 and sim.stats()["violations"] == 0
    assert_silence(connected, store, sim)


def test_devices_that_were_deleted_or_refused_before_are_removed_too(store, sim, connected):  # noqa: F811
    refuse(sim, 1)
    store.delete_device("phone0")
    eventually(lambda: look(store, "phone0").reason == "device_refused")
    sim.clear_faults()
    assert disconnect(connected).json["account"] == "disconnected"
    assert gone(sim)
    assert look(store, "phone0").state == REMOVED and succeeded(store, "phone0")


def test_changes_while_it_is_under_way(store, sim, connected):  # noqa: F811
    """The MDM goes on writing: nothing comes back to life."""
    sim.add_fault("partner_put", "slow_headers", ms=200, count=-1)
    assert ask(connected, "disconnect", '{"confirm":"default"}')[0] == 202
    for number in range(5):
        store.set_device(f"phone{number % 3}", name=f"Name {number}", os_version=f"18.{number}")
        store.execute("DELETE FROM violation")
        store.violate("mac", "block")
    store.add_device("late", number=50)
    eventually(lambda: state(connected) == "disconnected")
    assert gone(sim) and sim.stats()["violations"] == 0
