# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The web page in Debian's chromium: each scenario of scenarios.mjs, against a daemon with a fleet and a simulated Microsoft.

Screenshots of every page go to build/screenshots.
"""
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import harness  # noqa: E402
from sim_client import SimProcess  # noqa: E402
from web_client import with_page  # noqa: E402

FLEET = harness.ROOT / "tests" / "data" / "fleet"
SHOTS = harness.ROOT / "build" / "screenshots"

SCENARIOS = subprocess.run(["node", HERE / "run.mjs", "--list"], capture_output=True, text=True, check=True).stdout.split()

# A user whom Microsoft knows.
USER = next(entry["device"]["user_principal_name"] for entry in map(json.loads, filter(str.strip, (FLEET / "fleet.jsonl").open()))
            if entry.get("device", {}).get("user_principal_name"))

# Whose story the pages tell: devices that cannot be reported, each for another reason.
STORY = [
    {"device": {"device_id": "A-wall", "name": "Ada's iPhone", "platform": "ios", "azure_device_id": "",
                "azure_client_status": "Workplace_Join_Required", "user_principal_name": "ada@example.com", "evaluated_at": 1790000000}},
    {"device": {"device_id": "A-signin", "name": "Grace's Pixel", "platform": "android", "azure_device_id": "",
                "azure_client_status": "Interaction_Required", "user_principal_name": "grace@example.com", "evaluated_at": 1790000000}},
    {"device": {"device_id": "A-stranger", "name": "Lent MacBook", "platform": "macos",
                "azure_device_id": "00000009-0000-4000-8000-000000000009", "user_principal_name": "nobody@example.com",
                "evaluated_at": 1790000000}},
    {"device": {"device_id": "A <b>&\"q\"/ü", "name": "<img src=x onerror=alert(1)>", "platform": "windows",
                "azure_device_id": "not a guid", "evaluated_at": 1790000000}},
]


LAB = {"enrollment_url": "https://mdm.example/enrol", "remediation_url": "https://mdm.example/mend", "assignment_group": "All users"}

LAB_DEVICES = [
    {"device": {"device_id": "lab-pc", "connection": "lab", "name": "Lab PC", "platform": "windows", "evaluated_at": 1790000000,
                "azure_device_id": "00000010-0000-4000-8000-000000000010"}},
    {"device": {"device_id": "lab-mac", "connection": "lab", "name": "Lab Mac", "platform": "macos", "evaluated_at": 1790000000,
                "azure_device_id": "00000011-0000-4000-8000-000000000011", "user_principal_name": USER}},
]


@pytest.fixture(scope="module")
def scene():
    """A daemon with a page, a fleet that is reported, a second connection whose secret is wrong, and a third one to connect and disconnect."""
    build = harness.build_directory()
    scratch = harness.Scratch()
    sim = SimProcess.start(build=build, directory=scratch.path, devices=FLEET / "entra.jsonl")
    store = harness.Store(build, scratch.path / "complyd.db")
    good = harness.connection_settings(sim, scratch.path)
    wrong = scratch.path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("wrong")
    daemon = with_page(harness.Daemon(build, scratch.path / "d", store, {
        "default": good, "branch": {**good, "client_secret_file": wrong}, "lab": {**good, **LAB}},
        breaker={"max_count": 200}))
    try:
        # Before all else, so that what the page has counted since the last start is the whole fleet's: a full report of "lab" begins,
        # its first device now and its second in hours.
        daemon.start()
        sim.register("00000010-0000-4000-8000-000000000010", "Windows")
        sim.register("00000011-0000-4000-8000-000000000011", "macOS")
        store.import_(LAB_DEVICES)
        store.wait_drained()
        daemon.stop()
        assert store.execute("UPDATE full_report SET due_at_ms = 1 WHERE kind = 0 AND connection = 'lab'") == 1
        daemon.start()
        store.import_(FLEET / "fleet.jsonl")
        store.import_(STORY)
        store.wait_drained()
        harness.eventually(lambda: store.value("SELECT count(*) FROM message") == 0)
        yield {"daemon": daemon, "store": store, "build": build, "sim": {"url": sim.url, "ca": str(sim.ca)}}
    finally:
        daemon.close()
        sim.stop()
        scratch.remove()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_page(scenario, scene):
    SHOTS.mkdir(parents=True, exist_ok=True)
    told = {"base": f"http://{scene['daemon'].settings['web']['listen']}", "shots": str(SHOTS), "store": str(scene["store"].path),
            "sim": scene["sim"],
            "ctl": [str(scene["build"] / "bin" / "complyctl"), "--socket", str(scene["daemon"].socket), "--json"]}
    done = subprocess.run(["node", HERE / "run.mjs", scenario], capture_output=True, text=True, timeout=240, check=False,
                          env={**os.environ, "COMPLYD_PAGE": json.dumps(told)})
    assert done.returncode == 0, f"{scenario}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
