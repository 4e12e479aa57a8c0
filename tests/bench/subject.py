# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd under measurement: its store, its configuration, the running process and what /proc says of it."""

import os
import shutil
import socket
import sqlite3
import subprocess
import time

import fleet

TICKS = os.sysconf("SC_CLK_TCK")

CONFIGURATION = """\
[daemon]
store = {store}
control_socket = {folder}/control.sock
log_format = text

[reporting]
full_report_spread = 0s
max_in_flight = 100

[web]
listen = 127.0.0.1:{web_port}

[breaker]
max_count = 1000000
max_share = 100

[connection default]
tenant_id = 11111111-2222-4333-8444-555555555555
client_id = 66666666-7777-4888-9999-aaaaaaaaaaaa
client_secret_file = {folder}/secret
cloud = custom
authority_url = {url}
graph_url = {url}
intune_scope = {url}/intune/.default
ca_file = {ca_file}
graph_requests_per_10s = 1000000
graph_writes_per_150s = 10000000
partner_requests_per_20s = 1000000
"""

STORE_SUFFIXES = "", "-wal", "-shm"


def copy_store(source, destination):
    for suffix in STORE_SUFFIXES:
        if os.path.exists(destination + suffix):
            os.unlink(destination + suffix)
        if os.path.exists(source + suffix):
            shutil.copyfile(source + suffix, destination + suffix)


def import_fleet(programs, store, platform, count, lines):
    """A new store with `count` devices, all queued; returns the seconds `complyctl import` took."""
    for suffix in STORE_SUFFIXES:
        if os.path.exists(store + suffix):
            os.unlink(store + suffix)
    fleet.write(lines, platform, count)
    complyctl = os.path.join(programs, "complyctl")
    subprocess.run([complyctl, "store", "init", "--store", store], check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    subprocess.run([complyctl, "import", lines, "--store", store], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    os.unlink(lines)
    fleet.preload_users(store, count)
    checkpoint(store)
    return seconds


def checkpoint(store):
    db = sqlite3.connect(store)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()


def make_weekly_due(store):
    """The next start finds that the weekly report should have begun a minute ago."""
    with sqlite3.connect(store) as db:
        db.execute("INSERT INTO full_report (connection, kind, due_at_ms) VALUES ('default', 0, ?) "
                   "ON CONFLICT DO UPDATE SET due_at_ms = excluded.due_at_ms, started_at_ms = -1",
                   (int(time.time() * 1000) - 60000,))
    db.close()


class Daemon:
    """A running complyd; start() returns when it has said READY=1."""

    def __init__(self, programs, folder, url, ca_file, store_folder=None):
        self.program = os.path.join(programs, "complyd")
        self.folder = folder
        # A directory of its own, as /var/lib/complyd is: the daemon watches it.
        self.store = os.path.join(store_folder or os.path.join(folder, "store"), "store.db")
        os.makedirs(os.path.dirname(self.store), exist_ok=True)
        self.conf = os.path.join(folder, "complyd.conf")
        self.control_socket = os.path.join(folder, "control.sock")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.web_port = free.getsockname()[1]
        self.process = None
        self.reader = None
        secret = os.path.join(folder, "secret")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("bench-secret\n")
        os.chmod(secret, 0o600)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(store=self.store, folder=folder, url=url, ca_file=ca_file,
                                            web_port=self.web_port))

    def start(self):
        """Returns the seconds from exec to READY=1."""
        path = os.path.join(self.folder, "notify.sock")
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, \
                open(os.path.join(self.folder, "complyd.log"), "ab") as log:
            notify.bind(path)
            notify.settimeout(60)
            began = time.monotonic()
            self.process = subprocess.Popen([self.program, "--foreground", "--config", self.conf],
                                            stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": path})
            while b"READY=1" not in notify.recv(4096):
                pass
            return time.monotonic() - began

    def stop(self):
        if self.reader:
            self.reader.close()
            self.reader = None
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("complyd did not end within 60 s of SIGTERM") from None
        finally:
            self.process = None

    def query(self, sql):
        """The first row. Only for looks that cost microseconds: they run beside what is measured."""
        if not self.reader:
            self.reader = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, isolation_level=None)
        return self.reader.execute(sql).fetchone()

    def wait(self, reached, every, what, limit=3600):
        """Looks again and again; returns when it was reached."""
        until = time.monotonic() + limit
        while not reached():
            if self.process.poll() is not None:
                raise RuntimeError(f"complyd ended with {self.process.returncode}; see {self.folder}/complyd.log")
            if time.monotonic() > until:
                raise RuntimeError(f"waited {limit} s in vain for {what}; see {self.folder}/complyd.log")
            time.sleep(every)
        return time.monotonic()

    def wait_empty(self, table, every):
        return self.wait(lambda: self.query(f"SELECT NOT EXISTS (SELECT 1 FROM {table})")[0] == 1, every,
                         f"table {table} to be empty")

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def loop_cpu_seconds(self):
        """Of the main thread alone; the rest is the store's threads."""
        return cpu_seconds(f"{self.process.pid}/task/{self.process.pid}")

    def peak_mib(self):
        return status_field(self.process.pid, "VmHWM") / 1024

    def context_switches(self):
        """(voluntary, involuntary) of all threads since they began."""
        totals = [0, 0]
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            pid = f"{self.process.pid}/task/{thread}"
            totals[0] += status_field(pid, "voluntary_ctxt_switches")
            totals[1] += status_field(pid, "nonvoluntary_ctxt_switches")
        return tuple(totals)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def status_field(pid, name):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise KeyError(name)
