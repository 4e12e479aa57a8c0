# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The plan is what the next pass sends, no more and no less: on stores of every kind of device, held against the simulator's log."""
import random
import re

import pytest

from harness import eventually, guid
from scene import reports, shared_sim, sim  # noqa: F401

FLEET = 60
POLICIES = {"alert": ["send_alert"], "block": ["block_email"], "away": ["retire"], "off": []}


def invent(chance, number):
    """One device of a fleet in which everything that can be the case is."""
    device = {"device_id": f"d{number:02}", "number": number, "platform": chance.choice(["ios", "android", "macos", "windows"]),
              "managed": int(chance.random() < 0.9), "evaluated_at": chance.choice([None, 1770000000, 1770000000, 1770000000]),
              "violations": chance.sample([*POLICIES, "not in the store"], chance.choice([0, 0, 0, 1, 1, 2]))}
    odd = chance.random()
    if odd < 0.08:
        device["azure_device_id"] = ""
    elif odd < 0.12:
        device["azure_device_id"] = "no guid"
    elif odd < 0.16:
        device["user_principal_name"] = ""
    return device


def change(chance, store, numbers):
    """What an MDM does in a night without complyd."""
    for number in chance.sample(numbers, FLEET // 2):
        device = f"d{number:02}"
        kind = chance.randrange(7)
        if kind == 0:
            store.delete_device(device)
        elif kind == 1:
            store.set_device(device, managed=0)
        elif kind == 2:
            store.set_device(device, name=f"Renamed {number}")
        elif kind == 3:
            store.set_device(device, azure_device_id=guid(500 + number))
        elif kind == 4:
            store.set_device(device, last_check_in=1771000000)
        else:
            store.execute("INSERT OR IGNORE INTO violation VALUES (?, ?, 1)", (device, chance.choice(list(POLICIES))))


def planned(daemon):
    """{(Azure id, state)} that --dry-run says would be sent."""
    lines = [line for line in daemon.run("--dry-run").out.splitlines() if line.startswith("send ")]
    matches = [re.fullmatch(r"send  \S+  (\S+)  (\S+)  (\S+) -> (\w+)  \((\w+)\)", line) for line in lines]
    assert all(matches), lines
    return {(match[2].lower(), match[4]) for match in matches}


def sent(sim, since):
    return {(report["about"], report["state"]) for report in reports(sim, since)}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("breaker", [{"max_count": 1000000, "max_share": 100}, {"max_count": 3, "max_share": 100}], ids=["open", "tight"])
def test_the_plan_is_what_is_sent(store, sim, daemon, seed, breaker):
    chance = random.Random(seed)
    for policy, actions in POLICIES.items():
        store.add_policy(policy, *actions)
    store.add_devices([invent(chance, number) for number in range(1, FLEET + 1)])
    daemon.start()
    store.wait_drained()
    daemon.stop()

    change(chance, store, list(range(1, FLEET + 1)))
    daemon.settings["breaker"] = breaker
    daemon.write_config()
    plan = planned(daemon)
    assert plan and planned(daemon) == plan  # looking changes nothing
    since = sim.last_request()
    daemon.start()
    # a new id is told after the old one is retired: what the plan says first comes first
    eventually(lambda: plan <= sent(sim, since))
    eventually(lambda: store.value("SELECT count(*) FROM outbox WHERE due_at < 9000000000000000000") == 0)
    surplus = sent(sim, since) - plan
    followers = {(guid(500 + number), state) for number in range(1, FLEET + 1) for state in ("compliant", "non_compliant", "removed")}
    assert surplus <= followers, surplus
