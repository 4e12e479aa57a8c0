# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Completion of complyctl in real shells, and what they ask."""
import os
import pty
import re
import select
import subprocess
import time

import pytest

from harness import PATIENCE, ROOT, run_ctl

FOLDER = ROOT / "completion"


@pytest.fixture
def complete(build):
    """complete("device", "sh") gives the candidates for the last word."""
    def ask(*words):
        out = run_ctl(build, "complete", *words, timeout=PATIENCE).out
        return [line.split("\t")[0] for line in out.splitlines()]
    return ask


@pytest.fixture
def fleet(daemon, store):
    store.add_device("D-1", name="Ann's phone")
    store.add_device("D-10", name="B")
    store.add_device("D-2", name="bell\a")
    store.add_device("a b:c", name="odd")
    store.add_devices([{"device_id": f"D-0{n:04}"} for n in range(300)])
    daemon.start()
    return daemon


def test_commands_and_options(complete):
    assert {"status", "device", "import", "store", "log-level"} <= set(complete(""))
    assert complete("stat") == ["status"]
    assert {"list", "show", "explain", "report"} <= set(complete("device", ""))
    assert complete("--json", "device", "sh") == ["show"]
    assert complete("device", "list", "--sta") == ["--state", "--status"]
    assert complete("device", "list", "--state", "removed", "--sta") == ["--status"]
    assert complete("device", "list", "--state", "") == ["compliant", "non_compliant", "removed"]
    assert complete("log-level", "") == ["error", "warn", "notice", "info", "debug"]
    assert complete("log-level", "debug", "") == []
    assert complete("import", "") == [":files"] == complete("status", "--socket", "")
    assert complete("nonsense", "") == []
    assert complete("status", "--", "--") == []
    assert complete() == complete("")


def test_every_command_can_be_completed(complete, build):
    """The help and the completion speak of the same commands."""
    listed = re.findall(r"^  ([a-z][a-z-]*(?: [a-z]+)?)(?: \[?[A-Z]+\]?)*  +\S", run_ctl(build, "--help").out, re.M)
    assert len(listed) > 10
    for name in listed:
        words = name.split()
        assert words[-1] in complete(*words[:-1], ""), name


def test_ids_and_connections_come_from_the_daemon(complete, fleet):
    at = ("--socket", str(fleet.socket))
    assert complete(*at, "device", "show", "D-1") == ["D-1", "D-10"]
    assert complete(*at, "device", "show", "a") == ["a b:c"]
    assert len(complete(*at, "device", "show", "")) == 200
    assert complete(*at, "device", "show", "D-9") == []
    assert complete(*at, "device", "show", "D-1", "") == []
    assert complete(*at, "resync", "--connection", "") == ["default"]
    assert complete(*at, "account", "show", "") == ["default"]
    assert "bell\\x07" in run_ctl(fleet.build, "complete", *at, "device", "show", "D-2").out


def test_a_daemon_that_is_down_is_no_news(build, scratch):
    result = run_ctl(build, "complete", "--socket", scratch / "none", "device", "show", "")
    assert (result.code, result.out, result.err) == (0, "", "")
    result = run_ctl(build, "complete", "--config", scratch / "none", "device", "show", "")
    assert (result.code, result.out, result.err) == (0, "", "")


def environment(build):
    return {**os.environ, "PATH": f"{build / 'bin'}:{os.environ['PATH']}", "TERM": "xterm"}


def in_bash(build, *words):
    script = ('source "$1"; shift; COMP_WORDS=(complyctl "$@"); COMP_CWORD=$#; _complyctl; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", str(FOLDER / "complyctl.bash"), *map(str, words)], text=True,
                          capture_output=True, check=True, env=environment(build), timeout=PATIENCE)
    return done.stdout.split("\n")[:-1]


def test_bash(build, fleet):
    assert in_bash(build, "stat") == ["status"]
    assert in_bash(build, "--socket", fleet.socket, "device", "show", "D-1") == ["D-1", "D-10"]
    assert in_bash(build, "--socket", fleet.socket, "device", "show", "a") == ["a\\ b:c"]


def test_fish(build, fleet, scratch):
    def ask(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {FOLDER / 'complyctl.fish'}; complete -C '{line}'"], text=True,
                              capture_output=True, check=True, timeout=PATIENCE,
                              env={**environment(build), "HOME": str(scratch), "XDG_CONFIG_HOME": str(scratch)})
        return [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]
    assert ask("complyctl stat") == ["status"]
    assert ask(f"complyctl --socket {fleet.socket} device show D-1") == ["D-1", "D-10"]


def test_zsh(build, fleet, scratch):
    """What a terminal shows when Tab is pressed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**environment(build), "HOME": str(scratch), "PS1": "$ "})

    def wait_for(text):
        seen, deadline = "", time.monotonic() + PATIENCE
        while text not in seen and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace")
        assert text in seen, seen

    try:
        # The words that are waited for are put together, so that what is typed is not taken for what is answered.
        os.write(terminal, f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D; print rea''dy\n".encode())
        wait_for("ready")
        os.write(terminal, b"complyctl devi\t")
        wait_for("complyctl device")
        os.write(terminal, f"\x15complyctl --socket {fleet.socket} device show D-1\t\t".encode())
        wait_for("Ann's phone")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
