# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""An HTTP proxy between complyd and Microsoft: signing in, NO_PROXY, refusals; and a private CA."""
import pathlib
import re

import pytest

from connect_proxy import ConnectProxy
from harness import connection_settings, eventually, guid
from scene import add_pair, connection_of, wait_agreed, wait_trouble

PASSWORD = "h:ush & sécret%20"


@pytest.fixture
def proxy(sim, closing):
    made = ConnectProxy(sim.port, "complyd", PASSWORD)
    closing(made)
    return made


def credentials(scratch, text):
    path = pathlib.Path(scratch) / "proxy-credentials"
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)
    return path


@pytest.fixture
def proxied(make_daemon, store, sim, scratch, proxy):
    """A daemon whose way to Microsoft is the proxy; not started."""
    file = credentials(scratch, f"complyd:{PASSWORD}\n")
    return make_daemon(store, {"default": connection_settings(sim, scratch, proxy=proxy.url, proxy_credentials_file=file)})


def report_both(store, sim):
    sim.register_all([{"deviceId": guid(1), "operatingSystem": "iOS"}, {"deviceId": guid(2), "operatingSystem": "Windows"}])
    add_pair(store)
    wait_agreed(store, sim)


def secrets_stay_inside(daemon, store):
    """Not in the log, in what lookers see, nor in the store."""
    with store.connect() as connection:
        kept = "\n".join(connection.iterdump())
    for place in ["\n".join(daemon.process.lines), daemon.ctl("status").out, kept,
                  pathlib.Path(f"/proc/{daemon.process.pid}/cmdline").read_text()]:
        assert "ush & s" not in place and "%20" not in place
        assert not re.search(r"Y29tcGx5ZD", place)  # "complyd:..." in base64


def test_everything_goes_by_the_proxy_that_is_signed_in_at(proxied, store, sim, proxy):
    proxied.start(env={"NO_PROXY": "", "no_proxy": ""})
    report_both(store, sim)
    assert proxy.hosts() == {f"127.0.0.1:{sim.port}"}
    assert {method for method, _, _ in proxy.requests()} == {"CONNECT"}
    assert all(headers["proxy-authorization"] == proxy.wanted for _, _, headers in proxy.requests())
    secrets_stay_inside(proxied, store)


def test_no_proxy_is_honoured(proxied, store, sim, proxy):
    proxied.start(env={"NO_PROXY": "example.com,127.0.0.1", "no_proxy": "example.com,127.0.0.1"})
    report_both(store, sim)
    assert not proxy.requests()


def test_the_environments_other_variables_are_not_read(daemon, store, sim):
    daemon.start(env={name: "http://127.0.0.1:1" for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")})
    report_both(store, sim)


def test_a_wrong_password_is_named_and_its_mending_noticed(proxied, store, sim, scratch, proxy):
    credentials(scratch, "complyd:never-that")
    proxied.start(env={"NO_PROXY": "", "no_proxy": ""})
    wait_trouble(proxied, "proxy_refused")
    told = connection_of(proxied)
    assert "407" in told["detail"] and "proxy_credentials_file" in told["cure"]
    assert not sim.requests()
    assert "never-that" not in "\n".join(proxied.process.lines) + proxied.ctl("status").out
    credentials(scratch, f"complyd:{PASSWORD}")
    eventually(lambda: connection_of(proxied)["trouble"] == "")
    report_both(store, sim)
    secrets_stay_inside(proxied, store)


def test_a_proxy_that_lets_nothing_through(proxied, store, sim, proxy):
    proxied.start(env={"NO_PROXY": "", "no_proxy": ""})
    report_both(store, sim)
    before = sim.last_request()
    proxy.refuses = "403 Forbidden"
    sim.control("POST", "revoke")
    sim.add_fault("any", "close", count=-1)  # what is connected must come again, by the proxy
    store.set_device("phone", name="Renamed")
    wait_trouble(proxied, "proxy_refused")
    assert "403" in connection_of(proxied)["detail"]
    sim.clear_faults()
    proxy.refuses = None
    wait_agreed(store, sim)
    assert sim.last_request() > before


def test_a_proxy_that_is_not_there(make_daemon, store, sim, scratch):
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, proxy="http://127.0.0.1:1")})
    daemon.start(env={"NO_PROXY": "", "no_proxy": ""})
    wait_trouble(daemon, "network")
    assert "proxy" in connection_of(daemon)["cure"]


@pytest.mark.parametrize("content, mode, said", [
    ("complyd:x", 0o644, "can be read or written by others"),
    ("", 0o600, "is empty"),
])
def test_the_credentials_file_is_checked(proxied, scratch, content, mode, said):
    path = credentials(scratch, content)
    path.chmod(mode)
    checked = proxied.run("--check")
    assert checked.code == 78 and "proxy_credentials_file" in checked.err and said in checked.err


# A private CA

def test_a_server_of_another_ca_is_not_trusted(make_daemon, make_sim, store, sim, scratch):
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, ca_file=make_sim().ca)}).start()
    wait_trouble(daemon, "tls")
    assert "ca_file" in connection_of(daemon)["cure"]
    assert not sim.requests()


def test_without_ca_file_the_systems_store_is_used(make_daemon, store, sim, scratch):
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, ca_file=None)}).start()
    wait_trouble(daemon, "tls")
    assert not sim.requests()
