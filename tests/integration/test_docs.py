# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The documents name what exists: commands and options of complyctl, alerts, each other's sections."""
import re

import pytest
import yaml

from harness import ROOT
from test_man import commands_of

DOCS = sorted((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"]
# What shells ask; no help speaks of it.
HIDDEN = {"complete": {}}
OF_EVERY_COMMAND = {"--config", "--socket", "--json", "--help", "--version"}


def quoted(text):
    """Command lines of complyctl in code: after a prompt or another program in a block, or between backticks."""
    text = re.sub(r"\\\n\s*", " ", text)
    blocks = re.findall(r"^ {4,}.*$", text, re.M) + sum((body.splitlines() for body in re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)), [])
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for code in blocks + spans:
        for line in re.findall(r"(?:^|[$|'] *|sudo |-- |&& )complyctl ([^|;&']+)", code.strip()):
            yield re.split(r"  |#|>|`|\(", line)[0].split()


def match(words, commands):
    """The command that words begin with, if its other words are its own options; else what is wrong."""
    plain = [word.strip('".,:') for word in words if not word.startswith("-")]
    for length in (2, 1):
        command = " ".join(plain[:length])
        if command in commands:
            unknown = {word for word in words if word.startswith("--")} - set(commands[command]) - OF_EVERY_COMMAND
            return f"{command}: no such option {unknown}" if unknown else None
    return f"no such command: {' '.join(words)}"


@pytest.fixture
def commands(build):
    return {**HIDDEN, **{re.sub(r" \[?[A-Z]+\]?$", "", form): options for form, options in commands_of(build)}}


def test_quoted_commands_exist(commands):
    wrong, found = [], 0
    for page in DOCS:
        for words in quoted(page.read_text()):
            # "complyctl --help", and groups of commands such as "complyctl store init|check|backup|migrate"
            forms = [[words[0], word, *words[2:]] for word in words[1].split("|")] if len(words) > 1 and "|" in words[1] else [words]
            for form in forms:
                if set(form) - OF_EVERY_COMMAND:
                    found += 1
                    problem = match(form, commands)
                    wrong += [f"{page.name}: {problem}"] if problem else []
    assert wrong == []
    assert found > 60


def anchors(page):
    return {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", page.read_text(), re.M)}


def test_every_alert_has_a_section():
    rules = [rule["alert"] for group in yaml.safe_load((ROOT / "docs" / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    sections = re.findall(r"^### (Complyd\w+)$", (ROOT / "docs" / "operations.md").read_text(), re.M)
    assert sections == rules


def test_links_lead_somewhere():
    wrong = []
    for page in DOCS:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if re.match(r"https?:", target):
                continue
            name, _, anchor = target.partition("#")
            there = page.parent / name if name else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                wrong.append(f"{page.name}: {target}")
    assert wrong == []
