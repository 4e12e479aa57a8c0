# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Fixtures of the tests of whole processes. Everything they start ends with the test; every directory is the test's own, so tests
may run side by side.

Tests use the sanitized programs of build/asan; those marked `release` (many devices, or speed) use build/release.
"""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "release: runs the release programs, for speed")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of each log in its directory."""
    report = (yield).get_result()
    scratch = getattr(item, "funcargs", {}).get("scratch")
    if report.failed and scratch is not None:
        for log in sorted(scratch.rglob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            report.sections.append((f"end of {log.relative_to(scratch)}", "\n".join(lines[-80:])))


@pytest.fixture
def build(request):
    """The build directory whose programs a test runs."""
    return harness.build_directory("release" if request.node.get_closest_marker("release") else None)


@pytest.fixture
def scratch():
    """A directory of the test's own, with a short path."""
    directory = harness.Scratch()
    yield directory.path
    directory.remove()


@pytest.fixture
def closing():
    """Takes objects with close() or stop(); they are closed at the end, last one first, each even if another fails."""
    objects = []
    yield objects.append
    problems = []
    for thing in reversed(objects):
        try:
            (thing.close if hasattr(thing, "close") else thing.stop)()
        except Exception as problem:  # pylint: disable=broad-except
            problems.append(problem)
    if problems:
        raise problems[0]


@pytest.fixture
def make_store(build, scratch):
    """make_store("b.db") makes one more store."""
    return lambda name="complyd.db", **options: harness.Store(build, scratch / name, **options)


@pytest.fixture
def store(make_store):
    return make_store()


@pytest.fixture
def make_sim(build, scratch, closing):
    """make_sim(...) starts one more simulator; arguments as sim_client.SimProcess.start takes them."""
    from sim_client import SimProcess  # pylint: disable=import-outside-toplevel

    def make(*arguments, **options):
        sim = SimProcess.start(*arguments, build=build, directory=scratch, **options)
        closing(sim)
        return sim

    return make


@pytest.fixture
def sim(make_sim):
    return make_sim()


@pytest.fixture
def make_daemon(build, scratch, closing):
    """make_daemon(store, {"default": {...}}, reporting={...}) makes a daemon that is not started yet."""
    made = []

    def make(store, connections, **sections):
        daemon = harness.Daemon(build, scratch / f"d{len(made)}", store, connections, **sections)
        made.append(daemon)
        closing(daemon)
        return daemon

    return make


@pytest.fixture
def daemon(make_daemon, store, sim, scratch):
    """complyd on the store, its connection `default` on the simulator; not started yet: settings may be changed first
    (daemon.settings, then daemon.write_config()), then daemon.start()."""
    return make_daemon(store, {"default": harness.connection_settings(sim, scratch)})
