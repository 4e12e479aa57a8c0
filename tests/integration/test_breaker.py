# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The circuit breaker: what would take access away from too many devices at once waits for an operator."""
import json

import pytest

from harness import EX_NOINPUT, EX_TEMPFAIL, eventually, guid, run_ctl
from scene import COMPLIANT, NON_COMPLIANT, REMOVED, connection_of, look, reports, shared_sim, sim, wait_agreed  # noqa: F401

FLEET = 40  # 20 percent are 8


@pytest.fixture
def live(store, sim, daemon):
    """A fleet of phones and PCs, all compliant at Microsoft, each violating a policy that only sends alerts."""
    store.add_policy("passcode", "send_alert", name="Passcode")
    store.add_policy("block", "quarantine", name="Block")
    store.add_devices([{"device_id": f"d{number:02}", "number": number, "platform": "windows" if number % 2 else "ios",
                        "violations": ["passcode"]} for number in range(1, FLEET + 1)])
    daemon.settings["breaker"] = {"max_count": 500, "max_share": 20, "window": "1h"}
    daemon.write_config()
    daemon.start()
    wait_agreed(store, sim)
    daemon.since = sim.last_request()
    return daemon


def edit_policy(store, action):
    """What was an alert becomes a block, for everybody."""
    store.execute("INSERT INTO policy_action VALUES ('passcode', ?)", (action,))


def breaker(daemon):
    return connection_of(daemon)["breaker"]


def wait_open(daemon, held):
    eventually(lambda: (breaker(daemon)["state"], breaker(daemon)["held"]) == ("open", held))


def worse(sim, since):
    return [report for report in reports(sim, since) if report["state"] != "compliant"]


def test_an_edit_that_would_block_everybody_stops(store, sim, live):
    edit_policy(store, "quarantine")
    wait_open(live, FLEET)
    assert worse(sim, live.since) == []
    shown = live.ctl("breaker", "show", "--json").json
    assert (shown["state"], shown["held"], shown["limit"]) == ("open", FLEET, 8)
    assert shown["cause"]["policy_id"] == "passcode" and shown["cause"]["devices"] == FLEET
    assert live.log_has(r"breaker open: .*policy 'passcode' \(Passcode\) blocks 40")
    assert "breaker" in live.device("d01")["reason"].lower() and live.device("d01")["azure_state"] == "compliant"
    assert all(entry["held"] == "breaker_holds" for entry in live.ctl("plan", "--json").json)

    # who waits for a report of everything is told what it waits for
    waiting = run_ctl(live.build, "--socket", live.socket, "resync", "--wait", "--timeout", "2s", check=False)
    assert waiting.code == EX_TEMPFAIL and "circuit breaker of connection default holds reports back" in waiting.err

    # improvements, and what an operator asks of one device, go on
    store.set_device("d02", name="Renamed")
    live.ctl("device", "report", "d03")
    eventually(lambda: sim.device(guid(3))["isCompliant"] is False)
    assert [report["about"] for report in worse(sim, live.since)] == [guid(3)]

    # nor is the retirement of one held; those of many are
    live.ctl("device", "retire", "d04")
    eventually(lambda: sim.device(guid(4))["isManaged"] is False)
    assert breaker(live)["state"] == "open" and breaker(live)["held"] == FLEET - 2

    # it outlives the process
    live.restart()
    wait_open(live, FLEET - 2)

    # the slip is mended: what was held is as it was told
    store.execute("DELETE FROM policy_action WHERE policy_id = 'passcode' AND action = 'quarantine'")
    eventually(lambda: breaker(live)["held"] == 0 and sim.device(guid(3))["isCompliant"] is True)
    assert [report["about"] for report in worse(sim, live.since)] == [guid(3), guid(4)]
    assert breaker(live)["held"] == 0 and breaker(live)["state"] == "open"
    live.ctl("breaker", "release")
    assert breaker(live)["state"] == "closed"


def test_one_by_one_up_to_the_share(store, sim, live):
    for number in range(1, 9):
        store.violate(f"d{number:02}", "block")
    eventually(lambda: len(worse(sim, live.since)) == 8)
    store.violate("d09", "block")
    wait_open(live, 1)
    store.delete_device("d10")
    wait_open(live, 2)
    assert look(store, "d09").state == COMPLIANT and len(worse(sim, live.since)) == 8
    # good news is not held
    store.heal("d01", "block")
    eventually(lambda: sim.device(guid(1))["isCompliant"] is True)


def test_release_sends_all_that_was_held(store, sim, live):
    edit_policy(store, "retire")
    wait_open(live, FLEET)
    answer = live.ctl("breaker", "release", "default", "--json").json
    assert answer == {"released": FLEET}
    wait_agreed(store, sim)
    assert all(look(store, f"d{number:02}").state == REMOVED for number in range(1, FLEET + 1))
    assert breaker(live)["state"] == "closed" and breaker(live)["held"] == 0
    kinds = [(entry["result"], entry["detail"]) for entry in live.ctl("activity", "--kind", "breaker", "--json").json]
    assert [kind[0] for kind in kinds] == ["released", "open"]


def test_discard_leaves_what_was_told(store, sim, live):
    edit_policy(store, "quarantine")
    wait_open(live, FLEET)
    assert live.ctl("breaker", "discard", "--json").json == {"discarded": FLEET}
    assert store.queued() == 0 and breaker(live)["state"] == "closed"
    assert worse(sim, live.since) == []
    # a change of one device tells what it is now
    store.set_device("d05", name="Renamed")
    eventually(lambda: look(store, "d05").state == NON_COMPLIANT)
    assert [report["about"] for report in worse(sim, live.since)] == [guid(5)]


def test_unknown_connections_are_named(live):
    for verb in ("show", "release", "discard"):
        failed = live.ctl("breaker", verb, "nowhere", check=False)
        assert failed.code == EX_NOINPUT and "there is no connection 'nowhere' in the configuration (it has: default)" in failed.err


def test_several_connections_are_a_line_each(daemon):
    daemon.connections["north"] = {**daemon.connections["default"]}
    daemon.write_config()
    daemon.start()
    lines = [json.loads(line) for line in daemon.ctl("breaker", "show").out.splitlines()]
    assert [(shown["connection"], shown["state"]) for shown in lines] == [("default", "closed"), ("north", "closed")]
    assert daemon.ctl("breaker", "show", "north").json == lines[1]


@pytest.mark.parametrize("command", [
    ("account", "show", "dfeault"), ("account", "connect", "dfeault"), ("account", "disconnect", "dfeault", "--yes"),
    ("breaker", "show", "dfeault"), ("breaker", "release", "dfeault"), ("breaker", "discard", "dfeault"),
    ("resync", "--connection", "dfeault"), ("drift", "--connection", "dfeault"), ("doctor", "--connection", "dfeault")])
def test_a_mistyped_connection_is_guessed(daemon, command):
    daemon.start()
    failed = run_ctl(daemon.build, "--socket", daemon.socket, "--config", daemon.config, *command, check=False)
    assert failed.code == EX_NOINPUT
    assert "there is no connection 'dfeault' in the configuration: did you mean 'default'?" in failed.err
