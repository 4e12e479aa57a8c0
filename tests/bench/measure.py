# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The measurements themselves. Each returns a dict of plain figures; bench.py judges and prints them."""

import json
import os
import subprocess
import sys
import time

import fleet
import subject

BATCH = 20


def run_raw(tools, url, ca_file, mode, count):
    """The yardstick: libcurl alone against the same server."""
    target = url + ("/v1.0/$batch" if mode == "batch" else "/device")
    done = subprocess.run([os.path.join(tools, "raw_curl"), "--mode", mode, "--url", target, "--ca", ca_file,
                           "--count", str(count)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def mean(runs, key):
    return sum(run[key] for run in runs) / len(runs)


class Yardstick:
    """Raw runs around the daemon's, so that both meet the same machine."""

    def __init__(self, tools, url, ca_file, platform, count):
        self.modes = {"ios": ("put", "mix"), "windows": ("batch",)}[platform]
        self.runs = {mode: [] for mode in self.modes}
        self.arguments = tools, url, ca_file
        self.count = count

    def run(self):
        for mode in self.modes:
            requests = self.count // BATCH if mode == "batch" else self.count
            self.runs[mode].append(run_raw(*self.arguments, mode, requests))

    def seconds_for(self, devices, requests):
        """How long raw libcurl takes for what the daemon did: on the partner channel `requests` beyond one a device are
        the questions for verdicts, and each of those goes with one PUT."""
        if "batch" in self.runs:
            return devices / BATCH / mean(self.runs["batch"], "requests_per_s")
        asked = min(devices, max(0, requests - devices))
        alone = (devices - asked) / mean(self.runs["put"], "requests_per_s")
        return alone + 2 * asked / mean(self.runs["mix"], "requests_per_s")

    def cpu_for(self, devices):
        """CPU seconds of raw libcurl for all messages, and on the partner channel one question for each."""
        mode, requests = ("batch", devices / BATCH) if "batch" in self.runs else ("mix", 2 * devices)
        return requests * mean(self.runs[mode], "cpu_us_per_request") / 1e6

    def figures(self):
        return {mode: {key: mean(runs, key) for key in ("requests_per_s", "cpu_us_per_request", "peak_kib")}
                for mode, runs in self.runs.items()}


def drain(daemon, server, yardstick, count):
    """From READY with `count` devices queued until the outbox is empty and every verdict is in."""
    every = 0.005 if count <= 10000 else 0.05
    yardstick.run()
    start_s = daemon.start()
    ready_at, cpu_ready, served_ready = time.monotonic(), daemon.cpu_seconds(), server.requests()
    loop_ready = daemon.loop_cpu_seconds()
    sent_at = daemon.wait_empty("outbox", every)
    cpu_sent, served_sent = daemon.cpu_seconds(), server.requests()
    daemon.wait_empty("message", 0.2)
    cpu_all, served_all = daemon.cpu_seconds(), server.requests()
    loop_all, peak = daemon.loop_cpu_seconds(), daemon.peak_mib()
    daemon.stop()
    yardstick.run()
    seconds = sent_at - ready_at
    return {
        "devices": count, "seconds": seconds, "start_ms": start_s * 1000, "peak_mib": peak,
        "devices_per_s": count / seconds, "requests_per_s": (served_sent - served_ready) / seconds,
        "requests": served_all - served_ready,
        "cpu_s_per_1000": (cpu_all - cpu_ready) / count * 1000,
        "cpu_us_per_request": (cpu_all - cpu_ready) / max(1, served_all - served_ready) * 1e6,
        "loop_cpu_us_per_device": (loop_all - loop_ready) / count * 1e6,
        "store_cpu_us_per_device": (cpu_all - cpu_ready - loop_all + loop_ready) / count * 1e6,
        "cpu_cores": (cpu_sent - cpu_ready) / seconds,
        "rate_ratio": yardstick.seconds_for(count, served_sent - served_ready) / seconds,
        "cpu_ratio": (cpu_all - cpu_ready) / yardstick.cpu_for(count),
        "raw": yardstick.figures(),
    }


def starts(daemon, times):
    """Milliseconds from exec to READY, median and worst; nothing is queued."""
    took = []
    for _ in range(times):
        took.append(daemon.start() * 1000)
        daemon.stop()
    return {"ready_ms": sorted(took)[len(took) // 2], "ready_ms_worst": max(took)}


def read_events(text):
    """{(Azure id, verdict): [ns, ...]} of lines "ns id verdict ..."."""
    events = {}
    for line in text.splitlines():
        words = line.split()
        events.setdefault((words[1], words[2]), []).append(int(words[0]))
    return events


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def match(committed, arrived):
    """Milliseconds from the return of each commit to the first byte of its report; below 0 where that came before: a commit is
    visible a little before it returns, and longer before it where the writer still checkpoints. Reports of one device and verdict come
    in the order of their commits, which are many seconds apart."""
    late, lost = [], 0
    for key, commits in committed.items():
        reports = list(arrived.get(key, []))
        for commit in commits:
            while reports and reports[0] < commit - 1_000_000_000:
                reports.pop(0)
            if reports:
                late.append((commit, (reports.pop(0) - commit) / 1e6))
            else:
                lost += 1
    return [delay for _, delay in sorted(late)], lost


def write_changes(tools, daemon, count, pause_ms, worsen_only=False):
    done = subprocess.run([os.path.join(tools, "writer"), "--store", daemon.store, "--count", str(count), "--devices",
                           str(fleet.WATCHED), "--pause", str(pause_ms)] + (["--worsen-only"] if worsen_only else []),
                          check=True, capture_output=True, text=True)
    return read_events(done.stdout)


def sink_text(sink):
    with open(sink.path, encoding="ascii") as file:
        return file.read()


def disk(folder, times=200):
    """What the disk takes for a durable write of six pages, about a small commit's: no promise about durability can be
    kept faster."""
    took = []
    path = os.path.join(folder, "disk.probe")
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            file.write(bytes(6 * 4096))
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1000)
            time.sleep(0.01)
    os.unlink(path)
    return {"disk_p50_ms": quantile(took, 0.5), "disk_p99_ms": quantile(took, 0.99)}


def latency(tools, daemon, sink, count, pause_ms, warm_up=20):
    """One durable commit at a time on a quiet system; the first few warm the connection up and are not counted."""
    probe = disk(os.path.dirname(daemon.store))
    daemon.start()
    daemon.wait_empty("outbox", 0.05)
    known = len(sink_text(sink))
    committed = write_changes(tools, daemon, count + warm_up, pause_ms)
    daemon.wait_empty("outbox", 0.05)
    time.sleep(0.2)
    delays, lost = match(committed, read_events(sink_text(sink)[known:]))
    daemon.stop()
    return {"commits": count, "lost": lost, **quantiles(delays[warm_up:]), **probe}


def latency_under_abuse(tools, daemon, sink, count, pause_ms):
    """The same while somebody does what he can on the control socket and the web port."""
    mischief = os.path.join(os.path.dirname(os.path.abspath(__file__)), "abuse.py")
    with subprocess.Popen([sys.executable, mischief, daemon.control_socket, str(daemon.web_port)]) as abuser:
        try:
            return latency(tools, daemon, sink, count, pause_ms)
        finally:
            abuser.kill()


def quantiles(delays):
    return {"p50_ms": quantile(delays, 0.5), "p90_ms": quantile(delays, 0.9), "p99_ms": quantile(delays, 0.99),
            "least_ms": min(delays), "worst_ms": max(delays)}


def overtaking(tools, daemon, sink, changes, pause_ms):
    """Worsenings committed while a weekly report of the whole fleet runs flat out. The watched devices come last in the walk,
    so what the sink sees of them meanwhile is what overtook."""
    subject.make_weekly_due(daemon.store)
    daemon.start()
    daemon.wait(lambda: weekly_progress(daemon)[0] >= 2000, 0.05, "the weekly report to run")
    committed = write_changes(tools, daemon, changes, pause_ms, worsen_only=True)
    fed, total = weekly_progress(daemon)
    time.sleep(1)
    daemon.stop()
    text = sink_text(sink)
    delays, lost = match(committed, read_events(text))
    marks = [(int(words[0]), int(words[3])) for words in map(str.split, text.splitlines())
             if (words[1], words[2]) in committed]
    rate = (marks[-1][1] - marks[0][1]) / ((marks[-1][0] - marks[0][0]) / 1e9)
    return {"changes": changes, "lost": lost, "fed": fed, "total": total, "requests_per_s": rate, **quantiles(delays)}


def weekly_progress(daemon):
    return daemon.query("SELECT fed, total FROM full_report WHERE connection = 'default' AND kind = 0") or (0, 0)


def idle(daemon, seconds, settle=20):
    """Wake-ups of a daemon that has nothing to do: context switches of all its threads."""
    daemon.start()
    daemon.wait_empty("outbox", 0.2)
    daemon.wait_empty("message", 0.2)
    time.sleep(settle)
    before, cpu = daemon.context_switches(), daemon.cpu_seconds()
    time.sleep(seconds)
    after = daemon.context_switches()
    cpu = daemon.cpu_seconds() - cpu
    calls = traced_calls(daemon.process.pid, min(seconds, 30))
    daemon.stop()
    return {"seconds": seconds, "voluntary": after[0] - before[0], "involuntary": after[1] - before[1],
            "cpu_ms": cpu * 1000,
            "per_5_s": (after[0] - before[0]) / seconds * 5, "calls_traced": calls}


def traced_calls(pid, seconds):
    """System calls in a further quiet while, by name; empty where strace is absent or not allowed."""
    try:
        done = subprocess.run(["timeout", "-s", "INT", str(seconds), "strace", "-f", "-c", "-p", str(pid)],
                              capture_output=True, text=True, check=False)
    except OSError:
        return {}
    calls = {}
    for line in done.stderr.splitlines():
        words = line.split()
        if len(words) >= 5 and words[0].replace(".", "").isdigit() and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = int(words[3])
    return calls
