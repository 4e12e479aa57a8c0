# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""docs/integration.md: every example is run, in order, and Microsoft believes afterwards what the comment behind it says."""
import os
import re
import subprocess
import sys

from harness import PATIENCE, ROOT, eventually
from scene import shared_sim, sim  # noqa: F401

PAGE = ROOT / "docs" / "integration.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:<!-- then: (.*?) -->)?", re.S | re.M)
BELIEVED = {"compliant": (True, True), "non_compliant": (True, False), "removed": (False, False)}
# Each ends at the first statement that fails.
RUN = {"sql": ["sqlite3", "-bail"], "python": [sys.executable, "-"], "sh": ["bash", "-euo", "pipefail", "-s"]}


def agrees(daemon, sim, device_id, state):  # noqa: F811
    shown = daemon.device(device_id)
    if state == "untold":
        return shown["azure_state"] == "" and shown["reason"] != ""
    believed = sim.device(shown["azure_device_id"])
    return shown["azure_state"] == state and (believed["isManaged"], believed["isCompliant"]) == BELIEVED[state]


def test_examples(daemon, store, sim, build, scratch):  # noqa: F811
    daemon.start()
    # What an installed system has in its places.
    places = {"/var/lib/complyd/complyd.db": str(store.path), "/run/complyd/control.sock": str(daemon.socket),
              "complyctl ": f"complyctl --config {daemon.config} "}
    path = {**os.environ, "PATH": f"{build / 'bin'}:{os.environ['PATH']}"}
    blocks, looked_at = BLOCK.findall(PAGE.read_text()), 0
    for language, text, then in blocks:
        for place, here in places.items():
            text = text.replace(place, here)
        words = RUN[language] + ([str(store.path)] if language == "sql" else [])
        done = subprocess.run(words, input=text, cwd=scratch, env=path, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0 and "Sanitizer" not in done.stderr, f"{text}\n{done.stdout}{done.stderr}"
        for device_id, state in re.findall(r"([\w-]+) (\w+)", then):
            eventually(lambda: agrees(daemon, sim, device_id, state), what=f"{device_id} {state} after\n{text}")
            looked_at += 1
    assert {language for language, _, _ in blocks} == set(RUN) and looked_at > 10
