# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Two connections, two tenants, one daemon: whatever befalls the one, the other's reports go out as if it were alone."""
import socket
import threading

import pytest

import harness
from harness import eventually, guid
from scene import connection_of, look, shared_sim, sim, told, wait_trouble  # noqa: F401

OTHER = guid(99, kind=7)
EVERY_TIME = -1


class Silence:
    """A host that accepts connections and never says a word."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._held = []
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self._held.append(self._socket.accept())
            except OSError:
                return

    @property
    def called(self):
        return len(self._held)

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for held, _ in self._held:
            held.close()


def add_devices(store, connection, first):
    store.add_devices([{"device_id": f"{connection}-{platform}", "number": first + n, "platform": platform, "connection": connection}
                       for n, platform in enumerate(("ios", "windows"))])


@pytest.fixture
def two(sim, store, make_daemon, scratch):
    """A daemon, not started, with connections good and bad."""
    sim.control("POST", "tenants", {"tenantId": OTHER})
    good = harness.connection_settings(sim, scratch)
    daemon = make_daemon(store, {"good": good, "bad": {**good, "tenant_id": OTHER}})
    add_devices(store, "good", 10)
    add_devices(store, "bad", 20)
    return daemon


def change_and_wait(store, sim, word):
    """Some changes of the good connection, one after the other, each told before the next."""
    for n in range(3):
        for number, platform in ((10, "ios"), (11, "windows")):
            store.set_device(f"good-{platform}", name=f"{word} {n}")
            eventually(lambda i=number, w=f"{word} {n}": (sim.device(guid(i)) or {}).get("displayName") == w)


def untroubled(daemon):
    seen = connection_of(daemon, "good")
    assert (seen["state"], seen["trouble"]) == ("ready", ""), seen
    assert all(channel["quota_percent"] == 100 and channel["retry_at"] == "" for channel in seen["channels"].values()), seen
    assert not daemon.log_has(r"(warn|error) .*connection=good")


def dead_url():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"https://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("fault, trouble", [
    ({"at": "token", "fault": "expired_secret"}, "credential_expired"),
    ({"at": "token", "fault": "aadsts", "code": 65001, "error": "invalid_grant", "status": 400}, "consent_missing"),
    ({"at": "token", "fault": "reset"}, "network"),
    ({"at": "token", "fault": "throttle", "retry_after": 3}, "throttled"),
], ids=["credential", "consent", "reset", "throttled"])
def test_a_refused_token_is_one_connections(sim, store, two, fault, trouble):
    sim.add_fault(match=OTHER, count=EVERY_TIME, **fault)
    two.start()
    wait_trouble(two, trouble, "bad")
    eventually(lambda: told(store, "good-ios") and told(store, "good-windows"))
    change_and_wait(store, sim, trouble)
    untroubled(two)
    assert look(store, "bad-ios").queued and look(store, "bad-windows").queued and not sim.devices(OTHER).get(guid(20), {}).get("isManaged")
    sim.clear_faults()
    two.reload()
    eventually(lambda: told(store, "bad-ios") and told(store, "bad-windows"))


@pytest.mark.parametrize("hanging", [False, True], ids=["dead", "hanging"])
def test_a_host_that_does_not_answer_is_one_connections(sim, store, two, closing, hanging):
    """Dead, or, what is worse, silent: requests to it hang until their time is up, and nobody else waits for them."""
    silence = Silence()
    closing(silence)
    good = {key: two.connections["bad"][key] for key in ("authority_url", "graph_url")}
    two.connections["bad"].update({key: silence.url if hanging else dead_url() for key in good})
    two.write_config()
    two.start()
    if hanging:
        eventually(lambda: silence.called)
    else:
        wait_trouble(two, "network", "bad")
    eventually(lambda: told(store, "good-ios") and told(store, "good-windows"))
    change_and_wait(store, sim, "while it hangs")
    untroubled(two)
    assert look(store, "bad-ios").queued and look(store, "bad-windows").queued
    two.connections["bad"].update(good)
    two.write_config()
    two.reload()
    eventually(lambda: told(store, "bad-ios") and told(store, "bad-windows"))


def test_answers_that_hang_are_one_connections(sim, store, make_sim, make_daemon, scratch):
    """Every place of the bad connection's window is taken by a request that is not answered."""
    slow = make_sim(auto_register=True)
    good, bad = harness.connection_settings(sim, scratch), harness.connection_settings(slow, scratch)
    bad["client_secret_file"] = scratch / "slow-secret"
    bad["client_secret_file"].touch(mode=0o600)
    bad["client_secret_file"].write_text(slow.client_secret)
    good["client_secret_file"].write_text(sim.client_secret)
    daemon = make_daemon(store, {"good": good, "bad": bad}, reporting={"max_in_flight": 4})
    add_devices(store, "good", 10)
    add_devices(store, "bad", 20)
    daemon.start()
    eventually(lambda: all(told(store, device) for device in ("good-ios", "good-windows", "bad-ios", "bad-windows")))
    slow.add_fault(at="partner_put", fault="slow_headers", ms=3600000, count=EVERY_TIME)
    slow.add_fault(at="graph_batch", fault="slow_headers", ms=3600000, count=EVERY_TIME)
    store.add_devices([{"device_id": f"hang{n}", "number": 100 + n, "connection": "bad", "user_principal_name": "bad-ios@contoso.example",
                        "platform": "ios" if n % 2 else "windows"} for n in range(40)])
    eventually(lambda: connection_of(daemon, "bad")["channels"]["partner"]["in_flight"] == 4)
    change_and_wait(store, sim, "while they hang")
    untroubled(daemon)
    slow.kill()
    assert store.queued() == 40


def test_throttling_slows_down_one_connection(sim, store, make_sim, make_daemon, scratch):
    other = make_sim(auto_register=True)
    good, bad = harness.connection_settings(sim, scratch), harness.connection_settings(other, scratch)
    bad["client_secret_file"] = scratch / "other-secret"
    bad["client_secret_file"].touch(mode=0o600)
    bad["client_secret_file"].write_text(other.client_secret)
    good["client_secret_file"].write_text(sim.client_secret)
    daemon = make_daemon(store, {"good": good, "bad": bad})
    for place in ("partner_put", "graph_batch"):
        other.add_fault(at=place, fault="throttle", retry_after=3000, count=EVERY_TIME)
    add_devices(store, "good", 10)
    add_devices(store, "bad", 20)
    daemon.start()
    daemon.wait_for_log("throttled by Microsoft: .* connection=bad")
    eventually(lambda: told(store, "good-ios") and told(store, "good-windows"))
    change_and_wait(store, sim, "throttled")
    untroubled(daemon)
    bad_seen = connection_of(daemon, "bad")
    assert any(channel["quota_percent"] < 100 and channel["retry_at"] for channel in bad_seen["channels"].values())
    assert other.count("graph_batch") == 1, "asked again before its time"


def test_a_backlog_of_one_connection_holds_up_no_change_of_the_other(sim, store, two):
    store.add_devices([{"device_id": f"bulk{n:05}", "number": 1000 + n, "connection": "bad", "platform": "windows"} for n in range(3000)])
    two.connections["bad"]["graph_writes_per_150s"] = 150  # one a second
    two.write_config()
    two.start()
    eventually(lambda: told(store, "good-ios") and told(store, "good-windows"))
    change_and_wait(store, sim, "beside a backlog")
    untroubled(two)
    assert store.value("SELECT count(*) FROM outbox WHERE connection = 'bad'") > 2000
