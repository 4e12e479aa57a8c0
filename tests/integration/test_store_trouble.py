# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""All that can be wrong with the store: it is missing, unreadable, locked, corrupt, full, replaced, of another version, or holds rows that no
CHECK has seen. Each time complyd says so once, in status and log, loses nothing, and goes on by itself when the cause is gone.
"""
import contextlib
import os
import shutil
import sqlite3
import subprocess
import types

import pytest

from harness import EX_DATAERR, EX_TEMPFAIL, eventually, guid
from scene import ERROR, add_pair, look, shared_sim, sim, succeeded, told, wait_agreed  # noqa: F401  pylint: disable=unused-import

PHONE, PC = guid(1), guid(2)
NOBODY = 65534


def complaints(daemon, since=0):
    """Lines of the log that complain about the store."""
    return [match.string for match in daemon.process.find(r" error store: ", since)]


def wait_store_trouble(daemon, error, cure, since=0):
    """Status tells the trouble and its cure; the log told it, once."""
    def seen():
        status = daemon.status()
        return status if status["daemon"]["state"] == "store_trouble" else None
    status = eventually(seen, what="store trouble in status")
    assert not status["store"]["healthy"]
    assert error in status["store"]["error"] and cure in status["store"]["cure"], status["store"]
    people = daemon.ctl("status", check=False).out
    assert error in people
    (line,) = complaints(daemon, since)
    assert error in line and "trying again" in line
    return status


def wait_store_well(daemon, since=0):
    eventually(lambda: daemon.status()["daemon"]["state"] == "running", what="store well again")
    status = daemon.status()
    assert status["store"]["healthy"] and status["store"]["error"] == status["store"]["cure"] == ""
    assert len(daemon.process.find(r"notice store: store \S+ (is open|works again)", since)) == 1


def side_files(path):
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]


def put_in_place(source, destination):
    """What docs/store.md asks of somebody who replaces a store."""
    for side in side_files(destination):
        with contextlib.suppress(FileNotFoundError):
            side.unlink()
    os.replace(source, destination)


def checkpoint(store):
    """Everything that was committed stands in the file itself."""
    with store.connect() as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


# ---- missing

def test_missing_at_start_and_made_later(sim, make_store, make_daemon, daemon):
    store = make_store("later.db", init=False)
    late = make_daemon(store, daemon.connections)
    late.start()
    wait_store_trouble(late, "later.db does not exist", "complyctl store init")
    refused = late.ctl("device", "show", "phone", check=False)
    assert refused.code == EX_TEMPFAIL and "does not exist" in refused.err
    store.ctl("init")
    wait_store_well(late)
    add_pair(store)
    wait_agreed(store, sim)


def test_moved_away_and_back(sim, store, daemon, scratch):
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    away = scratch / "away.db"
    store.path.rename(away)
    assert daemon.ctl("device", "report", "phone", check=False).code != 0
    wait_store_trouble(daemon, "complyd.db does not exist", "Put the store back")
    away.rename(store.path)
    wait_store_well(daemon)
    store.set_device("phone", name="Came back")
    wait_agreed(store, sim)


def test_deleted_and_made_anew(sim, store, daemon):
    """Nothing of the old one is applied to the new one: not its log, and not what was in flight."""
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    store.path.unlink()
    assert daemon.ctl("device", "report", "phone", check=False).code != 0
    wait_store_trouble(daemon, "complyd.db does not exist", "Put the store back")
    for side in side_files(store.path):
        side.unlink(missing_ok=True)
    store.ctl("init")
    store.add_device("new", 7)
    eventually(lambda: succeeded(store, "new"))
    wait_store_well(daemon)
    assert store.value("SELECT count(*) FROM report") == 1 and store.problems() == ""


# ---- unreadable

@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody who may not read a file")
@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["unreadable", "read_only"])
def test_without_permission(sim, store, daemon, scratch, mode):
    add_pair(store)
    daemon.connections["default"]["ca_file"] = shutil.copy(sim.ca, scratch / "ca.pem")
    daemon.write_config()
    for path in [scratch, *scratch.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    store.path.chmod(mode)
    daemon.start(ready=False, wrapper=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))
    wait_store_trouble(daemon, str(store.path), "Let the user complyd write the store")
    store.path.chmod(0o600)
    wait_store_well(daemon)
    for path in side_files(store.path):
        os.chown(path, NOBODY, NOBODY)
    wait_agreed(store, sim)


# ---- locked

@contextlib.contextmanager
def locked(store, how="IMMEDIATE"):
    """Another program's write transaction that goes on and on."""
    with store.connect() as connection:
        connection.execute(f"BEGIN {how}")
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")


def test_locked_while_a_report_is_in_flight(sim, store, daemon):
    """The answer is not lost: it is recorded once the lock is gone, and the message is not sent again."""
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    since = sim.last_request()
    fault = sim.add_fault(at="partner_put", fault="slow_headers", ms=1000)
    store.set_device("phone", name="Slow")
    eventually(lambda: look(store, "phone").claim is not None)
    with locked(store, "EXCLUSIVE"):
        eventually(lambda: sim.played(fault) == 1)
        wait_store_trouble(daemon, "database is locked", "fuser")
        busy = daemon.ctl("device", "report", "pc", check=False)
        assert busy.code != 0 and "locked" in busy.err
    wait_store_well(daemon)
    wait_agreed(store, sim)
    assert len(sim.requests(since, at="partner_put")) == 1


def test_locked_at_start(sim, store, daemon):
    add_pair(store)
    with locked(store):
        daemon.start()
        wait_store_trouble(daemon, "database is locked", "fuser")
    wait_store_well(daemon)
    wait_agreed(store, sim)


def test_a_short_lock_is_nobodys_trouble(sim, store, daemon):
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    with locked(store):
        busy = daemon.ctl("device", "report", "pc", check=False)
        assert busy.code != 0 and "locked" in busy.err
        assert daemon.status()["daemon"]["state"] == "running"
    assert not complaints(daemon)
    store.set_device("phone", name="After the lock")
    wait_agreed(store, sim)


# ---- corrupt

def spoil_header(path):
    with open(path, "r+b") as file:
        file.write(b"This was a database once" * 4)


def spoil_middle(path):
    """The leaves of table device: every page that holds a part of a device's name and is not the root."""
    data = bytearray(path.read_bytes())
    spoiled = 0
    for page in range(1, len(data) // 4096):
        at = page * 4096
        if b"A spoiled phone" in data[at:at + 4096]:
            data[at:at + 64] = b"\xff" * 64
            spoiled += 1
    assert spoiled
    path.write_bytes(data)


@pytest.mark.parametrize("spoil, error", [(spoil_header, "file is not a database"), (spoil_middle, "malformed")])
def test_corrupt_and_put_back(sim, store, daemon, scratch, spoil, error):
    store.add_devices([{"device_id": f"phone{n:03}", "number": n, "name": "A spoiled phone"} for n in range(1, 120)])
    checkpoint(store)
    for side in side_files(store.path):
        side.unlink(missing_ok=True)
    backup = scratch / "backup.db"
    shutil.copy(store.path, backup)
    spoil(store.path)
    daemon.start()
    wait_store_trouble(daemon, error, "store check")
    assert sim.devices() == {}
    put_in_place(backup, store.path)
    wait_store_well(daemon)
    wait_agreed(store, sim)


# ---- full

@pytest.fixture
def small_disk(scratch):
    """A file system that can be filled and emptied."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    place = scratch / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", place], check=False).returncode != 0:
        pytest.skip("cannot mount here")
    filler = place / "filler"

    def fill():
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    yield types.SimpleNamespace(path=place, fill=fill, empty=filler.unlink)
    subprocess.run(["umount", "-l", place], check=True)


def test_on_a_full_disk(sim, make_store, make_daemon, daemon, small_disk):
    """The MDM cannot write either; what it had committed before is reported when there is room again."""
    store = make_store(small_disk.path / "complyd.db")
    daemon = make_daemon(store, daemon.connections)
    add_pair(store)
    sim.add_fault(at="partner_put", fault="reset", count=-1)
    daemon.start()
    eventually(lambda: told(store, "pc") and look(store, "phone").attempts)
    with store.connect() as reader:  # as long as it reads, the log can only grow
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM device").fetchone()
        small_disk.fill()
        with pytest.raises(sqlite3.OperationalError):
            while True:
                store.set_device("pc", name=os.urandom(200).hex())
        wait_store_trouble(daemon, "disk is full", "Free space")
        sim.clear_faults()
        assert daemon.process.running()
    small_disk.empty()
    wait_store_well(daemon)
    wait_agreed(store, sim)
    assert store.problems() == ""


# ---- replaced, another version

def test_replaced_by_another_store(sim, store, make_store, daemon):
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    other = make_store("other.db")
    other.add_device("other", 7)
    checkpoint(other)
    put_in_place(other.path, store.path)
    eventually(lambda: succeeded(store, "other"))
    assert daemon.ctl("device", "show", "phone", check=False).code != 0 and daemon.device("other")["azure_state"] == "compliant"


def spoil_version(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("spoil, error, cure", [(spoil_version, "schema version 99", "Install the version"),
                                                (spoil_header, "file is not a database", "store check")])
def test_replaced_by_what_is_no_store_of_ours(sim, store, make_store, daemon, spoil, error, cure):
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    checkpoint(store)
    good, bad = store.path.with_name("good.db"), make_store("bad.db").path
    shutil.copy(store.path, good)
    for side in side_files(bad):
        side.unlink(missing_ok=True)
    spoil(bad)
    put_in_place(bad, store.path)
    assert daemon.ctl("device", "report", "phone", check=False).code != 0
    wait_store_trouble(daemon, error, cure)
    put_in_place(good, store.path)
    wait_store_well(daemon)
    store.set_device("phone", name="On the old store again")
    wait_agreed(store, sim)


def test_a_newer_store_is_refused_at_start(store, daemon):
    spoil_version(store.path)
    daemon.start(ready=False)
    assert daemon.process.wait() == EX_DATAERR
    (line,) = daemon.process.find("error daemon: cannot start: .* schema version 99, this program knows [0-9]+: install the newer complyd")
    assert str(store.path) in line.string


def test_a_store_of_nothing_is_migrated_at_start(sim, store, daemon):
    """The oldest version of all: a database without a table."""
    store.path.unlink()
    for side in side_files(store.path):
        side.unlink(missing_ok=True)
    store.path.touch()
    daemon.start()
    daemon.wait_for_log(r"notice store: store \S+ migrated from version 0 to \d+")
    add_pair(store)
    wait_agreed(store, sim)


# ---- rows that no CHECK has seen

BAD_DATA = "A column of the device is unreadable"
BAD_ROWS = {  # columns, what `device show` says of it; None = it is reported all the same
    "platform": ({"platform": "symbian"}, BAD_DATA),
    "platform_number": ({"platform": 7}, BAD_DATA),
    "no_utf8_name": ({"name": b"M\xfcller"}, BAD_DATA),
    "no_utf8_user": ({"user_principal_name": b"\xff\xfe@contoso.example"}, BAD_DATA),
    "no_utf8_version": ({"os_version": b"17\xc0\x80"}, BAD_DATA),
    "nul_in_name": ({"name": "Phone\0of Eve"}, BAD_DATA),
    "control_in_name": ({"name": "Phone\nof Eve"}, BAD_DATA),
    "endless_name": ({"name": "x" * 100000}, BAD_DATA),
    "no_user": ({"user_principal_name": ""}, "The device has no user"),
    "null_user": ({"user_principal_name": None}, "The device has no user"),
    "no_guid": ({"azure_device_id": "not a GUID"}, "The Azure device id in the store is not a GUID"),
    "short_guid": ({"azure_device_id": PHONE[:-1]}, "The Azure device id in the store is not a GUID"),
    "blob_guid": ({"azure_device_id": b"\0\1\2"}, "not a GUID|unreadable"),
    "absurd_times": ({"last_check_in": 2**62, "evaluated_at": -2**62}, None),
    "text_times": ({"last_check_in": "yesterday", "evaluated_at": 1e300}, None),
    "managed_seven": ({"managed": 7}, None),
    "client_status": ({"azure_client_status": "Sunspots"}, None),
}


def insert_unchecked(store, devices):
    """As an MDM of long ago might have written them."""
    with store.connect() as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("BEGIN IMMEDIATE")
        for number, (device_id, columns) in enumerate(devices.items(), 100):
            row = {"device_id": device_id, "platform": "ios", "name": "A phone", "os_version": "17.5.1",
                   "user_principal_name": f"u{number}@contoso.example", "azure_device_id": guid(number), "evaluated_at": 1770000000,
                   "last_check_in": 1770000000, **columns}
            places = ", ".join(f"CAST(:{name} AS TEXT)" if isinstance(value, bytes) else f":{name}" for name, value in row.items())
            connection.execute(f"INSERT INTO device ({', '.join(row)}) VALUES ({places})", row)
        connection.execute("COMMIT")


@pytest.mark.parametrize("platform", ["ios", "windows"])
def test_rows_older_than_a_check(sim, store, daemon, platform):
    """Each is parked with its reason, or told as well as may be; all others flow, those behind it too."""
    rows = {name: {"platform": platform, **columns} for name, (columns, _) in BAD_ROWS.items()}
    store.add_device("aaa", 1, platform=platform)
    insert_unchecked(store, rows)
    store.add_device("zzz", 2, platform=platform)
    daemon.start()
    eventually(lambda: told(store, "aaa") and told(store, "zzz"), what="good devices told")
    store.wait_drained()
    for name, (_, reason) in BAD_ROWS.items():
        if platform == "windows" and "user" in name and "utf8" not in name:
            reason = None  # a PC is reported without its user
        seen, shown = look(store, name), daemon.device(name)
        assert (seen.status == ERROR) == bool(reason), (name, seen)
        assert bool(shown["reason"]) == bool(reason) and bool(shown["cure"]) >= bool(reason), (name, shown)
        assert any(part in shown["reason"] for part in (reason or "").split("|")), (name, shown)
    parked = sum(1 for name in BAD_ROWS if look(store, name).status == ERROR)
    assert daemon.status()["devices"]["parked"] == parked
    told_of = daemon.process.find(r'warn sender: (\d+) devices? cannot be reported, see "complyctl device list --status error": (.*) connection=')
    assert sum(int(line[1]) for line in told_of) == parked
    known = [daemon.device(name) for name in BAD_ROWS if look(store, name).status == ERROR]
    assert {line[2] for line in told_of} == {f"{shown['reason']} Cure: {shown['cure']}" for shown in known}
    store.set_device("no_guid", azure_device_id=guid(50))
    eventually(lambda: told(store, "no_guid"))
    assert sim.stats()["violations"] == 0


def test_ids_that_nobody_can_name(sim, store, daemon):
    """No text, a NUL in it, or longer than 255 bytes: parked or left out, and no harm to others."""
    store.add_device("aaa", 1)
    odd = {"x" * 256: {}, "y" * 100000: {}, "e" + "é" * 127: {}, "bad \udcff".encode("utf-8", "surrogateescape"): {}, "nul\0inside": {}}
    insert_unchecked(store, odd)
    store.add_device("zzz", 2)
    longest = "é" * 127 + "e"
    store.add_device(longest, 3)
    daemon.start()
    eventually(lambda: told(store, "aaa") and told(store, "zzz") and told(store, longest))
    store.wait_drained()
    assert daemon.device(longest)["azure_state"] == "compliant"
    assert BAD_DATA in daemon.device("x" * 256)["reason"]
    long = daemon.ctl("device", "report", "x" * 256, check=False)
    assert long.code != 0 and "255" in long.err
    assert set(sim.devices()) == {guid(1), guid(2), guid(3)} | ({guid(102)} if told(store, "e" + "é" * 127) else set())
    assert sim.stats()["violations"] == 0


# ---- one job that fails for good, among many that do not

def test_an_outcome_that_cannot_be_written(sim, store, daemon):
    """It is neither forgotten nor tried in silence: status and log tell, the report is not sent again, and it is written in the end."""
    add_pair(store)
    store.execute("CREATE TRIGGER sabotage BEFORE INSERT ON report WHEN NEW.device_id = 'pc' BEGIN SELECT raise(ABORT, 'no room for PCs'); END")
    daemon.start()
    wait_store_trouble(daemon, "no room for PCs", "Look at the disk")
    eventually(lambda: told(store, "phone"), what="the other channel goes on")
    assert not look(store, "pc").known and sim.count("graph_batch") == 2  # the PC, and the phone's user
    store.execute("DROP TRIGGER sabotage")
    wait_store_well(daemon)
    wait_agreed(store, sim)
    assert sim.count("graph_batch") == 2
