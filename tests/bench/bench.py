# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""scripts/bench: runs the measurements, prints each beside its target, writes everything to a JSON file."""

import argparse
import datetime
import json
import os
import platform as machine_platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import far_side
import measure
import subject

PLATFORMS = {"ios": "partner", "windows": "graph"}
QUICK = {"sizes": [10000], "repeat": 1, "raw": 20000, "commits": 400, "pause": 10, "idle": 6, "settle": 3, "starts": 3,
         "overtakes": 0}
FULL = {"sizes": [10000, 100000, 1000000], "repeat": 3, "raw": 100000, "commits": 1000, "pause": 30, "idle": 60,
        "settle": 20, "starts": 5, "overtakes": 200}
MEMORY_FOLDER = "/dev/shm"  # the same latency without a disk: what the programs take
OVERTAKE_AT_LEAST = 100000  # a smaller fleet is reported before a change could overtake it


class Bench:
    def __init__(self, options, plan):
        self.plan = plan
        self.programs = os.path.abspath(options.programs)
        self.tools = os.path.abspath(options.tools)
        self.folder = os.path.abspath(options.folder)
        os.makedirs(self.folder, exist_ok=True)
        self.ca_file = far_side.make_certificates(self.folder)
        # The daemon remembers the service's address in the store, so both far sides use the same one.
        self.port = far_side.free_port()
        self.result = {"machine": describe_machine(self.programs), "plan": plan, "runs": []}

    def note(self, platform, size, kind, figures):
        self.result["runs"].append({"channel": PLATFORMS[platform], "devices": size, "kind": kind, **figures})
        shown = ", ".join(f"{key} {value:.4g}" for key, value in figures.items() if isinstance(value, (int, float)))
        print(f"  {PLATFORMS[platform]:<8}{size:>8}  {kind:<10} {shown}", flush=True)

    def figures(self, kind, key, **where):
        return [run[key] for run in self.result["runs"]
                if run["kind"] == kind and all(run[name] == value for name, value in where.items())]

    def daemon(self, url, store_folder=None):
        return subject.Daemon(self.programs, self.folder, url, self.ca_file, store_folder)

    def nginx(self):
        return far_side.Nginx(self.folder, self.port)

    def sink(self):
        return far_side.Sink(self.folder, os.path.join(self.tools, "sink"), self.port)

    def template(self, name):
        return os.path.join(self.folder, name)

    def drains(self, platform, size):
        imported = self.template("imported.db")
        seconds = subject.import_fleet(self.programs, imported, platform, size, self.template("fleet.jsonl"))
        self.note(platform, size, "import", {"seconds": seconds, "devices_per_s": size / seconds,
                                             "store_mib": os.path.getsize(imported) / 2**20})
        # One of a million takes minutes, and its length makes it as sure as three of the others.
        for _ in range(self.plan["repeat"] if size < 1000000 else 1):
            self.with_far_side(self.nginx, lambda daemon, server: self.one_drain(daemon, server, platform, size),
                               imported)
        shutil.move(imported, self.template("scratch.db"))
        os.unlink(self.template("scratch.db"))

    def one_drain(self, daemon, server, platform, size):
        yardstick = measure.Yardstick(self.tools, server.url, self.ca_file, platform, self.plan["raw"])
        self.note(platform, size, "drain", measure.drain(daemon, server, yardstick, size))
        subject.checkpoint(daemon.store)
        subject.copy_store(daemon.store, self.template(f"drained-{platform}-{size}.db"))

    def with_far_side(self, far_side_of, work, store, store_folder=None):
        server = far_side_of()
        daemon = self.daemon(server.url, store_folder)
        subject.copy_store(store, daemon.store)
        try:
            work(daemon, server)
        finally:
            daemon.stop()
            server.stop()

    def quiet_times(self, platform, size):
        """What is measured on a store that has been told already."""
        drained = self.template(f"drained-{platform}-{size}.db")
        plan = self.plan
        self.with_far_side(self.nginx, lambda daemon, _: self.note(
            platform, size, "start", measure.starts(daemon, plan["starts"])), drained)

        def latency(kind):
            return lambda daemon, sink: self.note(
                platform, size, kind, measure.latency(self.tools, daemon, sink, plan["commits"], plan["pause"]))

        self.with_far_side(self.sink, latency("latency"), drained)
        self.with_far_side(self.sink, lambda daemon, sink: self.note(
            platform, size, "latency-abuse", measure.latency_under_abuse(self.tools, daemon, sink, plan["commits"], plan["pause"])),
            drained)
        if os.path.isdir(MEMORY_FOLDER):
            with tempfile.TemporaryDirectory(dir=MEMORY_FOLDER) as folder:
                self.with_far_side(self.sink, latency("latency-ram"), drained, folder)
        if plan["overtakes"] and size >= OVERTAKE_AT_LEAST:
            self.with_far_side(self.sink, lambda daemon, sink: self.note(
                platform, size, "overtaking", measure.overtaking(self.tools, daemon, sink, plan["overtakes"], 100)),
                drained)
        self.with_far_side(self.nginx, lambda daemon, _: self.note(
            platform, size, "idle", measure.idle(daemon, plan["idle"], plan["settle"])), drained)

    def run(self):
        for platform in PLATFORMS:
            for size in self.plan["sizes"]:
                self.drains(platform, size)
            self.quiet_times(platform, self.plan["sizes"][-1])
            for size in self.plan["sizes"]:
                os.unlink(self.template(f"drained-{platform}-{size}.db"))


def judge(bench):
    """(what, figure, target, met) for everything that has a target."""
    sizes = bench.plan["sizes"]
    largest = sizes[-1]

    def drain(key, channel, size):
        return statistics.median(bench.figures("drain", key, channel=channel, devices=size))

    for size in sizes:
        ratio = drain("rate_ratio", "partner", size)
        yield f"partner {size}: speed / raw libcurl", ratio, ">= 0.85", ratio >= 0.85
        ratio = drain("cpu_ratio", "partner", size)
        yield f"partner {size}: CPU / raw libcurl", ratio, "<= 1.2", ratio <= 1.2
        ratio = drain("rate_ratio", "graph", size)
        yield f"graph {size}: devices/s / raw batches", ratio, ">= 0.2", ratio >= 0.2
    for channel in PLATFORMS.values():
        peaks = [max(bench.figures("drain", "peak_mib", channel=channel, devices=size)) for size in sizes]
        yield f"{channel}: peak memory, MiB", max(peaks), "< 24", max(peaks) < 24
        if len(sizes) > 1:
            grown = peaks[-1] - peaks[0]
            yield f"{channel}: memory {largest} less {sizes[0]}, MiB", grown, "<= 2", abs(grown) <= 2
            flat = drain("cpu_s_per_1000", channel, largest) / drain("cpu_s_per_1000", channel, sizes[0])
            yield f"{channel}: cost {largest} / {sizes[0]}", flat, "0.8 .. 1.2", 0.8 <= flat <= 1.2
        for ready in bench.figures("start", "ready_ms", channel=channel):
            yield f"{channel} {largest}: start to READY, ms", ready, "< 200", ready < 200
        for run in (run for run in bench.result["runs"] if run["channel"] == channel):
            if run["kind"] == "latency":
                yield f"{channel}: commit to first byte p50, ms", run["p50_ms"], "< 1.5", run["p50_ms"] < 1.5
                yield f"{channel}: commit to first byte p99, ms", run["p99_ms"], "< 3", run["p99_ms"] < 3
            if run["kind"] == "latency-abuse":
                quiet, = bench.figures("latency", "p99_ms", channel=channel)
                ratio = run["p99_ms"] / quiet
                yield f"{channel}: p99 under abuse / quiet", ratio, "<= 2", ratio <= 2 and run["lost"] == 0
            if run["kind"] == "overtaking":
                # Little's law: what 100 requests in flight take, and then the way of a quiet change.
                limit = 100 / run["requests_per_s"] * 1000 + 3
                yield (f"{channel} {run['devices']}: worsening in a weekly report p99, ms", run["p99_ms"],
                       f"<= {limit:.1f}", run["p99_ms"] <= limit and run["lost"] == 0)
            if run["kind"] == "idle":
                yield f"{channel}: idle wake-ups in 5 s", run["per_5_s"], "<= 1", run["per_5_s"] <= 1
            if run["kind"] == "import" and run["devices"] == 1000000:
                yield f"{channel}: import of 1000000, s", run["seconds"], "< 60", run["seconds"] < 60


def describe_machine(programs):
    def first(path, key):
        with open(path, encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(key)), "unknown")

    def output(*words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip().splitlines()[0]

    return {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "cpu": first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory": first("/proc/meminfo", "MemTotal"),
            "kernel": machine_platform.release(), "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
            "nginx": output("nginx", "-v"), "curl": output("curl", "--version"),
            "complyd": output(os.path.join(programs, "complyd"), "--version")}


def stolen_share(before):
    """Part of the time that the host gave to other machines since `before`: above a few percent it spoils the rest."""
    now = read_cpu_line()
    total = sum(now) - sum(before)
    return (now[7] - before[7]) / total if total else 0


def read_cpu_line():
    with open("/proc/stat", encoding="ascii") as file:
        return [int(word) for word in file.readline().split()[1:9]]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures complyd beside raw libcurl.")
    parser.add_argument("verb", nargs="?", choices=("quick", "full"), default="full",
                        help="quick: 10,000 devices, under a minute; full: 10,000, 100,000 and 1,000,000")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tools", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--sizes", help="fleet sizes instead of the verb's own, e.g. 10000,100000")
    options = parser.parse_args()
    plan = dict(QUICK if options.verb == "quick" else FULL)
    if options.sizes:
        plan["sizes"] = [int(size) for size in options.sizes.split(",")]

    cpu_line = read_cpu_line()
    bench = Bench(options, plan)
    for key, value in bench.result["machine"].items():
        print(f"{key:<9}{value}")
    bench.run()
    bench.result["stolen"] = stolen_share(cpu_line)
    verdicts = list(judge(bench))
    bench.result["verdicts"] = [{"what": what, "figure": figure, "target": target, "met": met}
                                for what, figure, target, met in verdicts]
    path = os.path.join(bench.folder, f"result-{options.verb}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(bench.result, file, indent=1)
    print(f"\n{'':<58}{'measured':>10}  target")
    for what, figure, target, met in verdicts:
        print(f"{what:<58}{figure:>10.3g}  {target:<12}{'PASS' if met else 'MISS'}")
    print(f"\nCPU time taken by other guests meanwhile: {bench.result['stolen']:.1%}\nAll figures: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
