# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyctl on the store's file, no daemon: store init, check, backup, migrate, import; exit codes, errors for people and programs."""
import json
import os
import re
import sqlite3
import stat
import subprocess

import pytest

import harness
from harness import EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL, EX_USAGE

EX_CANTCREAT, EX_IOERR, EX_NOPERM, EX_CONFIG = 73, 74, 77, 78

LINES = [
    {"policy": {"policy_id": "jail", "name": "Jailbreak", "enabled": True, "actions": ["quarantine", "send_alert"]}},
    {"device": {"device_id": "D1", "platform": "ios", "name": "Jörg's 電話", "user_principal_name": "j@contoso.example",
                "evaluated_at": 1770000000, "violations": ["jail"]}},
    {"device": {"device_id": "D2", "platform": "windows"}},
]


@pytest.fixture
def ctl(build):
    def run(*arguments, **options):
        options.setdefault("check", False)
        return harness.run_ctl(build, *arguments, **options)

    return run


def problem(result):
    """The one JSON object on standard error."""
    assert result.out == ""
    return json.loads(result.err)


# ---- store init

def test_init_makes_a_store_for_owner_and_group(ctl, scratch):
    path = scratch / "s.db"
    result = ctl("store", "init", "--store", path)
    assert (result.code, result.out, result.err) == (0, f"Created the store {path} (schema version 1).\n", "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_init_for_programs(ctl, scratch):
    assert ctl("--json", "store", "init", "--store", scratch / "s.db").json == {"store": str(scratch / "s.db"), "version": 1}


def test_init_never_overwrites(ctl, store):
    store.add_device("D1", 1)
    result = ctl("store", "init", "--store", store.path)
    assert result.code == EX_CANTCREAT and "exists" in result.err
    assert store.value("SELECT count(*) FROM device") == 1


@pytest.mark.parametrize("path, words", [("none/s.db", "No such file or directory"), ("file/s.db", "not a directory")])
def test_init_says_what_is_wrong_with_the_directory(ctl, scratch, path, words):
    (scratch / "file").touch()
    result = ctl("store", "init", "--store", scratch / path)
    assert result.code == EX_CANTCREAT
    assert words in result.err and str(scratch / path) in result.err


def test_the_store_comes_from_the_configuration(ctl, scratch):
    config = scratch / "c.conf"
    config.write_text(f"[daemon]\nstore = {scratch}/from-config.db\n[connection x]\nbroken line\n")
    assert ctl("--config", config, "store", "init").code == 0
    assert (scratch / "from-config.db").exists()
    assert ctl("store", "init", "--config", config, "--store", scratch / "given.db").code == 0
    assert (scratch / "given.db").exists()


def test_a_wrong_configuration_is_78_with_its_line(ctl, scratch):
    config = scratch / "c.conf"
    config.write_text("[daemon]\nstorre = /x\n")
    result = ctl("--config", config, "store", "check")
    assert result.code == EX_CONFIG
    assert result.err.startswith(f"complyctl: {config}:2: ") and "storre" in result.err


# ---- store check, backup, migrate

@pytest.mark.parametrize("command", [["store", "check"], ["store", "backup", "/tmp/never"], ["store", "migrate"], ["import", "-"]])
def test_a_store_that_is_not_there_is_66_and_says_how_to_make_it(ctl, scratch, command):
    result = ctl(*command, "--store", scratch / "none.db")
    assert result.code == EX_NOINPUT
    assert "complyctl store init" in result.err
    assert not (scratch / "none.db").exists()


def test_a_file_that_is_no_store_is_65(ctl, scratch):
    (scratch / "s.db").write_text("this is no database, whatever its name says\n" * 100)
    assert ctl("store", "check", "--store", scratch / "s.db").code == EX_DATAERR


def test_check_of_a_healthy_store(ctl, store):
    assert ctl("store", "check", "--store", store.path).out == f"{store.path}: healthy\n"
    assert ctl("--json", "store", "check", "--store", store.path).json == {
        "store": str(store.path), "healthy": True, "findings": []}


def test_check_finds_damage(ctl, store):
    store.add_devices([{"device_id": f"D{i}", "number": i} for i in range(2000)])
    with store.connect() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(store.path, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for page in range(size // 4096 // 2, size // 4096):
            file.seek(page * 4096 + 8)
            file.write(b"\xff" * 64)
    result = ctl("store", "check", "--store", store.path)
    assert result.code == EX_DATAERR
    assert "damaged" in result.out or "malformed" in result.err
    found = ctl("--json", "store", "check", "--store", store.path)
    assert found.code == EX_DATAERR
    if found.out:
        assert found.json["healthy"] is False and found.json["findings"]


def test_backup_is_a_store_with_everything_in_it(ctl, store, scratch):
    store.add_device("D1", 1)
    result = ctl("store", "backup", scratch / "b.db", "--store", store.path)
    assert (result.code, result.out) == (0, f"Copied the store {store.path} to {scratch}/b.db.\n")
    copy = harness.Store(store.build, scratch / "b.db", init=False)
    assert copy.value("SELECT name FROM device") == "Phone D1"
    assert ctl("store", "check", "--store", copy.path).code == 0
    assert [path.name for path in scratch.iterdir() if "b.db" in path.name] == ["b.db"]


def test_backup_never_overwrites(ctl, store, scratch):
    (scratch / "b.db").write_text("precious")
    assert ctl("store", "backup", scratch / "b.db", "--store", store.path).code == EX_CANTCREAT
    assert (scratch / "b.db").read_text() == "precious"
    assert ctl("store", "backup", scratch / "none" / "b.db", "--store", store.path).code == EX_CANTCREAT


def test_migrate_of_the_newest_does_nothing(ctl, store):
    assert ctl("--json", "store", "migrate", "--store", store.path).json == {"store": str(store.path), "from": 1, "to": 1}


def test_a_store_from_the_future_is_78(ctl, store):
    store.execute("PRAGMA user_version = 999")
    for command in (["store", "migrate"], ["import", "-"]):
        result = ctl(*command, "--store", store.path)
        assert result.code == EX_CONFIG and "999" in result.err


def test_migrate_leaves_a_store_in_use_alone(ctl, store):
    with open(f"{store.path}.lock", "a+b") as lock:
        import fcntl  # pylint: disable=import-outside-toplevel

        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        result = ctl("store", "migrate", "--store", store.path)
    if result.code == 0:
        pytest.skip("the lock is not an fcntl lock")
    assert result.code == EX_TEMPFAIL and "systemctl stop complyd" in result.err


# ---- import

def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_import_of_json_lines(ctl, store, scratch):
    result = ctl("import", write_lines(scratch / "fleet.jsonl", LINES), "--store", store.path)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"Imported 2 devices, 1 policy and 0 deletions from {scratch}/fleet.jsonl.\n"
    assert store.value("SELECT name FROM device WHERE device_id = 'D1'") == "Jörg's 電話"
    assert store.value("SELECT count(*) FROM policy_action") == 2
    again = ctl("--json", "import", "-", "--store", store.path, stdin=json.dumps({"delete_device": "D2"}))
    assert again.json == {"lines": 1, "devices": 0, "policies": 0, "deletions": 1}
    assert store.value("SELECT count(*) FROM device") == 1


def test_import_of_csv(ctl, store, scratch):
    (scratch / "fleet.csv").write_text('device_id,platform,name,violations\nD1,ios,"a ""quoted"", name",jail;root\nD2,android,,\n')
    assert ctl("import", scratch / "fleet.csv", "--store", store.path).code == 0
    assert store.value("SELECT name FROM device WHERE device_id = 'D1'") == 'a "quoted", name'
    assert store.value("SELECT count(*) FROM violation") == 2


def test_a_bad_line_is_named_and_nothing_is_applied(ctl, store, scratch):
    path = write_lines(scratch / "fleet.jsonl", LINES + [{"device": {"device_id": "D3", "platform": "palm"}}])
    result = ctl("import", path, "--store", store.path)
    assert result.code == EX_DATAERR and result.out == ""
    assert re.fullmatch(rf"complyctl: {path}:4: platform: .*palm.*\n", result.err)
    assert store.value("SELECT count(*) FROM device") == 0
    assert store.value("SELECT count(*) FROM policy") == 0
    assert store.queued() == 0
    told = problem(ctl("--json", "import", path, "--store", store.path))
    assert (told["file"], told["line"], told["column"], told["exit_code"]) == (str(path), 4, "platform", EX_DATAERR)


def test_control_characters_of_a_file_do_not_reach_the_terminal(ctl, store):
    line = json.dumps({"device": {"device_id": "D1", "platform": "\x1b[2J\x07"}})
    result = ctl("import", "-", "--store", store.path, stdin=line)
    assert result.code == EX_DATAERR
    assert "\x1b" not in result.err and "\x07" not in result.err


@pytest.mark.parametrize("what, words", [("none.jsonl", "No such file or directory"), (".", "is a directory")])
def test_input_that_cannot_be_read_is_66(ctl, store, scratch, what, words):
    result = ctl("import", scratch / what, "--store", store.path)
    assert result.code == EX_NOINPUT and words in result.err


def test_a_full_standard_output_is_74(build, store):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([build / "bin" / "complyctl", "store", "check", "--store", store.path], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == EX_IOERR and "standard output" in done.stderr


def test_a_bar_on_a_terminal_and_only_there(build, store, scratch):
    path = write_lines(scratch / "fleet.jsonl",
                       [{"device": {"device_id": f"D{i:06}", "platform": "ios", "name": "x" * 100}} for i in range(10000)])
    code, out, drawn = harness.run_on_terminal("stderr", [build / "bin" / "complyctl", "import", path, "--store", store.path])
    assert code == 0 and "10,000 devices" in out
    assert re.search(r"import \[#*\.*\] +\d+ %  [\d,]+ of [\d,]+ bytes", drawn)
    assert drawn.endswith("\r\x1b[K"), "the bar wipes itself"
    for line in drawn.split("\r"):
        assert len(line.replace("\x1b[K", "")) < 80
    code, out, drawn = harness.run_on_terminal("stderr", [build / "bin" / "complyctl", "--json", "import", path, "--store", store.path])
    assert code == 0 and drawn == ""


# ---- usage

@pytest.mark.parametrize("arguments, words", [
    ([], "no command"), (["stauts"], "'status'"), (["store", "chekc"], "'check'"), (["store"], "second word"),
    (["status", "--wait"], "no option --wait"), (["device", "show"], "usage: complyctl device show ID"),
    (["--frobnicate"], "--frobnicate"), (["import", "a", "b"], "one argument too many"),
])
def test_wrong_usage_is_64_and_helps(ctl, arguments, words):
    result = ctl(*arguments)
    assert result.code == EX_USAGE and result.out == ""
    assert words in result.err


def test_usage_errors_for_programs(ctl):
    assert problem(ctl("--json", "stauts"))["exit_code"] == EX_USAGE


def test_help_and_version(ctl):
    assert re.fullmatch(r"complyctl \d+\.\d+\.\d+\n", ctl("--version").out)
    text = ctl("--help").out
    for word in ("device list", "store backup DEST", "--config FILE", "Exit codes", "sysexits"):
        assert word in text
    assert "--search TEXT" in ctl("device", "list", "--help").out
    assert ctl("help", "import").code == 0


# ---- without a daemon

def test_no_daemon_is_69_and_says_what_to_do(ctl, scratch):
    result = ctl("--socket", scratch / "none.sock", "status")
    assert result.code == 69
    assert result.err.startswith(f"complyctl: complyd is not running (no socket at {scratch}/none.sock): start it with systemctl start complyd;")
    assert problem(ctl("--socket", scratch / "none.sock", "--json", "device", "list"))["exit_code"] == 69


def test_a_path_too_long_for_a_socket_is_64(ctl):
    assert ctl("--socket", "/" + "x" * 200, "status").code == EX_USAGE
