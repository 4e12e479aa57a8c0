# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Classes for tests of whole processes: a store, the daemon, a program whose output is read, and waiting for a condition.

Nothing here sleeps in order to synchronise: what a program says is waited for by reading it, what another process writes by
eventually(), which looks again until the condition holds. Time limits are generous and only bound a test that hangs.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import termios
import threading
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Seconds until a wait is given up. Sanitizers and a busy machine are slow; no test relies on a limit being short.
PATIENCE = float(os.environ.get("COMPLYD_TEST_PATIENCE", "60"))

EX_OK, EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL, EX_CONFIG = 0, 64, 65, 66, 69, 70, 75, 78


def build_directory(kind=None):
    """Where the programs are: of one kind (release, asan), else as COMPLYD_BUILD says (a path), else build/asan."""
    if kind:
        return pathlib.Path(os.environ.get(f"COMPLYD_BUILD_{kind.upper()}", ROOT / "build" / kind))
    return pathlib.Path(os.environ.get("COMPLYD_BUILD", ROOT / "build" / "asan"))


def guid(number, kind=1):
    """The same GUID for the same numbers, in lower case: readable in logs."""
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def eventually(condition, timeout=None, what=None):
    """Calls condition() until it returns something true, and returns that. An exception of sqlite3 or of an assertion counts as
    "not yet"."""
    deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
    pause, last = 0.005, None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (AssertionError, sqlite3.OperationalError) as not_yet:
            last = not_yet
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what or condition}; last: {last!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def allow_files(count):
    """Lets this process hold so many descriptors; skips the test where that is not to be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"no more than {hard} descriptors here")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class Watched:
    """Lines that arrive from elsewhere, and waiting for one of them."""

    def __init__(self):
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()

    def _add(self, line):
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def _end(self):
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def lines(self):
        with self._changed:
            return list(self._lines)

    def mark(self):
        """A position: pass it as `since` to ignore what came before."""
        with self._changed:
            return len(self._lines)

    def find(self, pattern, since=0):
        """All matches of a regular expression so far."""
        return [match for match in (re.search(pattern, line) for line in self.lines[since:]) if match]

    def wait_for(self, pattern, since=0, timeout=None):
        """The first match of a line, waiting for it; fails when the source ends or time runs out."""
        deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
        position = since
        with self._changed:
            while True:
                while position < len(self._lines):
                    match = re.search(pattern, self._lines[position])
                    position += 1
                    if match:
                        return match
                if self._ended:
                    raise AssertionError(f"ended without {pattern!r}; last lines:\n" + "\n".join(self._lines[-30:]))
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise AssertionError(f"no line {pattern!r} in time; last lines:\n" + "\n".join(self._lines[-30:]))


class Process(Watched):
    """A running program; its standard output and error are read line by line and kept in a file."""

    def __init__(self, arguments, log, env=None, pass_fds=()):
        super().__init__()
        self.arguments = [str(argument) for argument in arguments]
        self.log = pathlib.Path(log)
        environment = {**os.environ, **{name: str(value) for name, value in (env or {}).items()}}
        environment.pop("NOTIFY_SOCKET", None)
        if env and "NOTIFY_SOCKET" in env:
            environment["NOTIFY_SOCKET"] = str(env["NOTIFY_SOCKET"])
        self.popen = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=environment, pass_fds=pass_fds)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self.log, "ab") as kept:
            for line in self.popen.stdout:
                kept.write(line)
                kept.flush()
                self._add(line.decode("utf-8", "replace").rstrip("\n"))
        self._end()

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def send_signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=None):
        """Waits for its end and for its last line; the exit code."""
        code = self.popen.wait(PATIENCE if timeout is None else timeout)
        self._reader.join(PATIENCE)
        return code

    def kill9(self):
        self.popen.kill()
        return self.wait()

    def term(self, timeout=None):
        """SIGTERM; the exit code."""
        if self.running():
            self.popen.terminate()
        return self.wait(timeout)

    def sanitizer_report(self):
        """What a sanitizer complained about; empty when all is well."""
        complaint = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer")
        lines = self.lines
        for number, line in enumerate(lines):
            if complaint.search(line):
                return "\n".join(lines[number : number + 60])
        return ""


class NotifySocket(Watched):
    """The service manager's end of sd_notify(3): each assignment a program sends is a line."""

    def __init__(self, path):
        super().__init__()
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(self.path)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            message = self._socket.recv(65536)
            if message == b"END OF TEST":
                break
            for line in message.decode("utf-8", "replace").splitlines():
                self._add(line)
        self._end()

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"END OF TEST", self.path)
        self._reader.join(PATIENCE)
        self._socket.close()
        os.unlink(self.path)


class CtlResult:
    """What a run of complyctl gave."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        """The answer of a command that prints one JSON value."""
        return json.loads(self.out)

    @property
    def json_lines(self):
        """The answer of a command that prints one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __repr__(self):
        return f"exit {self.code}\nout: {self.out[-2000:]}\nerr: {self.err[-2000:]}"


def run_ctl(build, *arguments, check=True, stdin=None, timeout=None, env=None):
    """Runs complyctl to its end. With check, anything but exit code 0 fails the test."""
    done = subprocess.run([str(build / "bin" / "complyctl"), *map(str, arguments)], input=stdin if stdin is not None else "",
                          capture_output=True, text=True, timeout=PATIENCE if timeout is None else timeout, check=False,
                          env={**os.environ, **(env or {})})
    result = CtlResult(done)
    assert "Sanitizer" not in result.err, result.err
    if check:
        assert result.code == 0, f"complyctl {' '.join(map(str, arguments))}: {result!r}"
    return result


def run_on_terminal(stream, arguments, env=None):
    """Runs a program with its "stdout" or "stderr" on a terminal of 80 columns; (exit code, what came by the other, what was drawn)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, env=env, **streams) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                readable, _, _ = select.select([ours], [], [], PATIENCE)
                chunk = os.read(ours, 65536) if readable else b""
            except OSError:  # nobody has the terminal any more
                break
            if not chunk:
                break
            drawn += chunk
        other = (process.stdout or process.stderr).read()
        code = process.wait(PATIENCE)
    os.close(ours)
    return code, other.decode(), drawn.decode()


class Store:
    """A store file as an MDM sees it: made by complyctl, written and read by plain SQL."""

    COLUMNS = ("device_id", "connection", "platform", "name", "manufacturer", "model", "serial_number", "os_version",
               "user_principal_name", "managed", "azure_device_id", "azure_client_status", "last_check_in", "evaluated_at")

    def __init__(self, build, path, init=True):
        self.build = build
        self.path = pathlib.Path(path)
        if init:
            self.ctl("init")

    def ctl(self, verb, *arguments, **options):
        """complyctl --store: `store VERB`, on this file."""
        return run_ctl(self.build, "store", "--store", self.path, verb, *arguments, **options)

    def import_(self, source, **options):
        """complyctl import of a file, or of a list of objects (written as JSON Lines)."""
        if isinstance(source, (list, tuple)):
            text = "".join(json.dumps(entry) + "\n" for entry in source)
            return run_ctl(self.build, "import", "--store", self.path, "-", stdin=text, **options)
        return run_ctl(self.build, "import", "--store", self.path, source, **options)

    @contextlib.contextmanager
    def connect(self):
        """A connection like an MDM's own: autocommit, waits for locks, durable commits."""
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def transaction(self):
        """Everything inside is one commit."""
        with self.connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def execute(self, sql, parameters=()):
        """One statement, committed; the number of rows changed."""
        with self.connect() as connection:
            return connection.execute(sql, parameters).rowcount

    def query(self, sql, parameters=()):
        with self.connect() as connection:
            return [dict(row) for row in connection.execute(sql, parameters)]

    def value(self, sql, parameters=()):
        """The first column of the first row; None when there is no row."""
        with self.connect() as connection:
            row = connection.execute(sql, parameters).fetchone()
            return None if row is None else row[0]

    def add_policy(self, policy_id, *actions, enabled=True, name=""):
        with self.transaction() as connection:
            connection.execute("INSERT INTO policy (policy_id, name, enabled) VALUES (?, ?, ?)",
                               (policy_id, name or policy_id, int(enabled)))
            connection.executemany("INSERT INTO policy_action (policy_id, action) VALUES (?, ?)",
                                   [(policy_id, action) for action in actions])

    def add_device(self, device_id, number=None, violations=(), **columns):
        """A registered, evaluated device, unless `columns` say otherwise. The number makes its Azure id and user."""
        self.add_devices([dict(device_id=device_id, number=number, violations=violations, **columns)])

    def add_devices(self, devices):
        """Many in one commit; each a dict of add_device's arguments."""
        with self.transaction() as connection:
            for device in devices:
                device = dict(device)
                number, violations = device.pop("number", None), device.pop("violations", ())
                azure_id = guid(number) if number is not None else str(uuid.uuid5(uuid.NAMESPACE_OID, device["device_id"]))
                row = {
                    "platform": "ios", "name": f"Phone {device['device_id']}", "manufacturer": "Apple", "model": "iPhone 14",
                    "serial_number": f"SN{device['device_id']}", "os_version": "17.5.1",
                    "user_principal_name": f"{device['device_id']}@contoso.example".lower(), "azure_device_id": azure_id,
                    "azure_client_status": "Success", "last_check_in": 1770000000, "evaluated_at": 1770000000, **device,
                }
                names = ", ".join(row)
                connection.execute(f"INSERT INTO device ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
                for policy_id in violations:
                    connection.execute("INSERT INTO violation (device_id, policy_id, since) VALUES (?, ?, ?)",
                                       (device["device_id"], policy_id, 1770000000))

    def set_device(self, device_id, **columns):
        """Changes columns of one device."""
        assignments = ", ".join(f"{name} = ?" for name in columns)
        changed = self.execute(f"UPDATE device SET {assignments} WHERE device_id = ?", (*columns.values(), device_id))
        assert changed == 1, f"no device {device_id}"

    def delete_device(self, device_id):
        self.execute("DELETE FROM device WHERE device_id = ?", (device_id,))

    def violate(self, device_id, policy_id, since=1770000000):
        self.execute("INSERT INTO violation (device_id, policy_id, since) VALUES (?, ?, ?)", (device_id, policy_id, since))

    def heal(self, device_id, policy_id):
        self.execute("DELETE FROM violation WHERE device_id = ? AND policy_id = ?", (device_id, policy_id))

    def queued(self):
        """How many devices wait in the outbox."""
        return self.value("SELECT count(*) FROM outbox")

    def wait_drained(self, timeout=None):
        """Waits until nothing is queued any more."""
        eventually(lambda: self.queued() == 0, timeout, "outbox empty")

    def problems(self):
        """What `store check` finds; empty when healthy."""
        return self.ctl("check", check=False).out if self.ctl("check", check=False).code else ""


def connection_settings(sim, directory, **more):
    """Keys of a [connection] that talks to a simulator, with its secret in a file of mode 0600 below `directory`."""
    secret = pathlib.Path(directory) / f"secret-{sim.client_id[:8]}"
    secret.touch(mode=0o600)
    secret.write_text(sim.client_secret)
    keys = {
        "tenant_id": sim.tenant_id, "client_id": sim.client_id, "client_secret_file": secret, "cloud": "custom",
        "authority_url": sim.url, "graph_url": sim.url, "intune_scope": sim.intune_scope, "ca_file": sim.ca,
        # Quotas are Microsoft's; a simulator on loopback has none unless a test sets them.
        "graph_requests_per_10s": 1000000, "graph_writes_per_150s": 10000000, "partner_requests_per_20s": 1000000,
    }
    keys.update(more)
    return {name: value for name, value in keys.items() if value is not None}


class Daemon:
    """complyd on a store, as a service manager would run it: config file, sd_notify socket, log, control socket."""

    def __init__(self, build, directory, store, connections, **sections):
        """`connections`: {name: {key: value}}. `sections`: daemon=, reporting=, breaker=, web= as dicts that are added to or replace
        what is set here."""
        self.build = build
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.store = store
        self.config = self.directory / "complyd.conf"
        self.socket = self.directory / "control.sock"
        self.log = self.directory / "complyd.log"
        self.settings = {
            "daemon": {"store": store.path, "control_socket": self.socket, "log_level": "debug", "log_format": "text"},
            "reporting": {}, "breaker": {"max_count": 1000000, "max_share": 100}, "web": {},
        }
        for name, keys in sections.items():
            self.settings.setdefault(name, {}).update(keys)
        self.connections = {name: dict(keys) for name, keys in connections.items()}
        self.process = None
        self.notify = None
        self._starts = 0
        self._reports = []
        self.write_config()

    def write_config(self):
        """Writes self.settings and self.connections; None leaves a key out, True and False read yes and no."""
        lines = []
        sections = {**self.settings, **{f"connection {name}": keys for name, keys in self.connections.items()}}
        for section, keys in sections.items():
            lines.append(f"[{section}]")
            for key, value in keys.items():
                if value is not None:
                    lines.append(f"{key} = {({True: 'yes', False: 'no'}[value] if isinstance(value, bool) else value)}")
            lines.append("")
        fresh = self.config.with_suffix(".new")
        fresh.write_text("\n".join(lines))
        fresh.replace(self.config)

    def command(self, *arguments):
        return [self.build / "bin" / "complyd", "--config", self.config, *arguments]

    def start(self, *arguments, ready=True, env=None, wrapper=(), foreground=True):
        """Starts it; with `ready`, waits until it says READY=1. `wrapper` goes before the command. `foreground`: the log is text with
        times, whatever the configuration says."""
        assert self.process is None or not self.process.running(), "still running"
        self._collect()
        self._starts += 1
        self.notify = NotifySocket(self.directory / f"notify-{self._starts}")
        self.process = Process([*wrapper, *self.command(*["--foreground"] * foreground, *arguments)], self.log,
                               env={"NOTIFY_SOCKET": self.notify.path, **(env or {})})
        if ready:
            self.wait_ready()
        return self

    def run(self, *arguments, timeout=None):
        """Runs it to its end (--check, --dry-run, --version, a start that must fail); its CtlResult."""
        done = subprocess.run(list(map(str, self.command(*arguments))), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE if timeout is None else timeout, check=False)
        assert "Sanitizer" not in done.stderr, done.stderr
        return CtlResult(done)

    def wait_ready(self, since=0, timeout=None):
        eventually(lambda: self.notify.find(r"^READY=1$", since) or not self.process.running(), timeout, "READY=1")
        assert self.notify.find(r"^READY=1$", since), "ended before READY=1:\n" + "\n".join(self.process.lines[-30:])

    def wait_for_status(self, pattern, since=0, timeout=None):
        """Waits for STATUS= text that matches."""
        return self.notify.wait_for(r"^STATUS=.*(?:" + pattern + ")", since, timeout)

    def wait_for_log(self, pattern, since=0, timeout=None):
        """Waits for a log line of this run; `since` from mark()."""
        return self.process.wait_for(pattern, since, timeout)

    def log_has(self, pattern, since=0):
        return bool(self.process.find(pattern, since))

    def mark(self):
        return self.process.mark()

    def ctl(self, *arguments, **options):
        """complyctl --json over the control socket; the CtlResult."""
        return run_ctl(self.build, "--socket", self.socket, "--json", *arguments, **options)

    def device(self, device_id):
        """`device show` as a dict."""
        return self.ctl("device", "show", device_id).json

    def status(self):
        return self.ctl("status").json

    def check_drift(self, *arguments):
        """`drift` until it has ended: the differences by device id."""
        result = self.ctl("drift", *arguments, check=False)
        assert result.code in (0, 65), result
        return {entry["device_id"]: entry for entry in result.json}

    def reload(self, wait=True):
        """SIGHUP; with `wait`, until it says READY=1 again."""
        since = self.notify.mark()
        self.process.send_signal(signal.SIGHUP)
        if wait:
            self.wait_ready(since)

    def kill9(self):
        return self.process.kill9()

    def term(self, timeout=None):
        """SIGTERM; the exit code."""
        return self.process.term(timeout)

    def stop(self):
        """Ends it in good order: exit code 0, nothing for a sanitizer to say."""
        code = self.term()
        assert code == 0, f"exit code {code}:\n" + "\n".join(self.process.lines[-40:])

    def restart(self, *arguments, **options):
        self.stop()
        return self.start(*arguments, **options)

    def _collect(self):
        if self.process is not None:
            complaint = self.process.sanitizer_report()
            if complaint:
                self._reports.append(complaint)
        if self.notify is not None:
            self.notify.close()
            self.notify = None

    def close(self):
        """End of a test: nothing is left running. Fails if a run ended badly and no test had asked for that."""
        problem = None
        if self.process is not None and self.process.running():
            try:
                code = self.process.term()
                if code != 0:
                    problem = f"exit code {code} at the end of the test"
            except subprocess.TimeoutExpired:
                self.process.kill9()
                problem = "did not stop on SIGTERM"
        self._collect()
        if self._reports:
            problem = self._reports[0]
        assert problem is None, problem + "\n" + "\n".join(self.process.lines[-40:])


class Scratch:
    """A directory for one test. Its name is short: the path of a Unix socket has 107 bytes."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="complyd-"))

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
