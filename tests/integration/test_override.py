# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What an operator decides against the MDM's word: a device that is retired, and what is held as Microsoft was told of it."""
import pytest

from harness import eventually, guid
from scene import add_pair, reports, shared_sim, sim, wait_agreed  # noqa: F401

TEND_S = 20


@pytest.fixture
def live(store, sim, daemon):
    store.add_policy("block", "quarantine", name="Block")
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    daemon.since = sim.last_request()
    return daemon


def states(sim, live, number):
    return [report["state"] for report in reports(sim, live.since, guid(number))]


@pytest.mark.parametrize("device, number", [("phone", 1), ("pc", 2)])
def test_retire_one_and_revive_it(store, sim, live, device, number):
    live.ctl("device", "retire", device)
    eventually(lambda: sim.device(guid(number))["isManaged"] is False)
    shown = live.device(device)
    eventually(lambda: live.device(device)["azure_compliance_status"] == "success")
    shown = live.device(device)
    assert shown["azure_state"] == "removed" and shown["removed_until"] and "retired" in shown["reason"]
    again = live.ctl("device", "retire", device, check=False)
    assert again.code != 0 and "is retired already" in again.err
    # the MDM goes on writing; the retirement outlives it, and the process
    store.set_device(device, name="Renamed")
    live.restart()
    other = {"phone": "pc", "pc": "phone"}[device]
    live.ctl("device", "report", other, "--wait")
    assert states(sim, live, number) == ["removed"]
    live.ctl("device", "revive", device)
    eventually(lambda: sim.device(guid(number))["isCompliant"] is True)
    assert live.device(device)["reason"] == "" or live.device(device)["queued"]
    asked = [entry["detail"] for entry in live.ctl("activity", "--kind", "operator", "--device", device, "--json").json]
    assert asked == ["to revive a device", "to retire a device", "to retire a device"]


def test_retire_all_that_match(store, sim, live):
    store.add_devices([{"device_id": f"old{i}", "number": 10 + i, "model": "Museum piece", "platform": "windows",
                        "name": f"Museum {i}"} for i in range(6)])
    wait_agreed(store, sim)
    refused = live.ctl("device", "retire", "--search", "museum", check=False)
    assert refused.code == 64 and "6 devices" in refused.err
    assert live.ctl("device", "retire", "--search", "museum", "--yes", "--json").json == {"retired": 6}
    eventually(lambda: all(sim.device(guid(10 + i))["isManaged"] is False for i in range(6)))
    assert sim.device(guid(1))["isManaged"] and sim.device(guid(2))["isManaged"]
    # one that is held keeps nobody from the others
    live.ctl("hold", "pc", "--until", "1h", "--reason", "the board's")
    some = live.ctl("device", "retire", "--state", "compliant", "--yes", "--json", check=False)
    assert some.code == 75 and some.json == {"retired": 1} and "'pc' is held" in some.err
    eventually(lambda: sim.device(guid(1))["isManaged"] is False)
    both = live.ctl("device", "retire", "phone", "--search", "x", check=False)
    neither = live.ctl("device", "retire", check=False)
    assert both.code == neither.code == 64


def test_a_held_device_stays_until_the_hold_ends(store, sim, live):
    live.ctl("hold", "phone", "--until", "2h", "--reason", "CEO travels")
    (held,) = live.ctl("holds", "--json").json
    assert (held["scope"], held["id"], held["reason"]) == ("device", "phone", "CEO travels") and "uid" in held["actor"]
    store.violate("phone", "block")
    store.violate("pc", "block")
    eventually(lambda: sim.device(guid(2))["isCompliant"] is False)
    assert states(sim, live, 1) == []
    shown = live.device("phone")
    assert shown["azure_state"] == "compliant" and "operator keeps" in shown["reason"]
    live.ctl("unhold", "phone")
    eventually(lambda: sim.device(guid(1))["isCompliant"] is False, timeout=3 * TEND_S)
    assert live.ctl("holds", "--json").json == []
    eventually(lambda: [entry["result"] for entry in live.ctl("activity", "--kind", "hold", "--json").json] == ["ended"])


def test_a_held_policy_ends_by_itself(store, sim, live):
    live.ctl("hold", "--policy", "block", "--until", "1s", "--reason", "rollout went wrong")
    store.violate("phone", "block")
    store.violate("pc", "block")
    eventually(lambda: sim.device(guid(1))["isCompliant"] is False and sim.device(guid(2))["isCompliant"] is False,
               timeout=3 * TEND_S)
    assert live.log_has("the hold of policy block has ended: rollout went wrong")


def test_one_id_of_two_devices_is_the_first_ones(store, sim, live):
    store.add_device("late", number=1, violations=["block"])
    eventually(lambda: live.device("late")["azure_compliance_status"] == "error")
    shown = live.device("late")
    assert "the same Azure device id" in shown["reason"] and "--search" in shown["cure"] and shown["azure_state"] == ""
    assert {device["device_id"] for device in live.ctl("device", "list", "--search", guid(1)).json} == {"late", "phone"}
    refused = live.ctl("device", "report", "late", "--wait", check=False)
    assert refused.code == 65 and "the same Azure device id" in refused.err
    # nothing that is done with the later one touches what Microsoft was told of the first
    live.ctl("device", "retire", "late")
    live.ctl("device", "report", "pc", "--wait")
    live.ctl("device", "revive", "late")
    store.set_device("late", managed=0)
    store.set_device("late", managed=1)
    store.wait_drained()
    assert states(sim, live, 1) == [] and sim.device(guid(1))["isCompliant"] is True
    # the cure: one of the two goes, and the id is the other's, without a removal in between
    store.delete_device("phone")
    eventually(lambda: sim.device(guid(1))["isCompliant"] is False)
    assert states(sim, live, 1) == ["non_compliant"]
    eventually(lambda: live.device("late")["reason"] == "")


@pytest.mark.parametrize("arguments, problem", [
    (["hold", "phone"], "--until and --reason are wanted"),
    (["hold", "--until", "1h", "--reason", "r"], "which?"),
    (["hold", "phone", "--policy", "block", "--until", "1h", "--reason", "r"], "not both"),
    (["hold", "nobody", "--until", "1h", "--reason", "r"], "there is no device 'nobody'"),
    (["hold", "--policy", "none", "--until", "1h", "--reason", "r"], "there is no policy 'none'"),
    (["hold", "phone", "--until", "2001-01-01T00:00:00Z", "--reason", "r"], "a time to come"),
    (["hold", "phone", "--until", "soon", "--reason", "r"], "a time to come"),
    (["hold", "phone", "--until", "1h", "--reason", ""], "a reason is wanted"),
    (["unhold", "phone"], "'phone' is not held"),
    (["device", "revive", "phone"], "'phone' is not retired"),
    (["device", "retire", "nobody"], "there is no device 'nobody'")])
def test_what_is_wrong_is_named(live, arguments, problem):
    failed = live.ctl(*arguments, check=False)
    assert failed.code != 0 and problem in failed.err
