# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Microsoft's clouds: the hosts of the one that is configured are contacted, and no others. A proxy stands for the internet: every host leads to
the simulator, which bears a certificate for all of their names, and what was asked for is counted."""
import json
import subprocess

import pytest

from connect_proxy import ConnectProxy
from harness import connection_settings, eventually, guid
from scene import add_pair, connection_of, wait_agreed, wait_trouble

CLOUDS = {
    "global": ("login.microsoftonline.com", "graph.microsoft.com", "fef.msub01.manage.microsoft.com",
               "https://api.manage.microsoft.com//.default"),
    "usgov": ("login.microsoftonline.us", "graph.microsoft.us", "fef.msua01.manage.microsoft.us",
              "https://api.manage.microsoft.us//.default"),
    "usdod": ("login.microsoftonline.us", "dod-graph.microsoft.us", "fef.msua01.manage.microsoft.us",
              "https://api.manage.microsoft.us//.default"),
    "china": ("login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn", "fef.manage.microsoftonline.cn",
              "https://api.manage.microsoftonline.cn//.default"),
}
EVERY_HOST = sorted({host for cloud in CLOUDS.values() for host in cloud[:3]})
NO_EXCEPTIONS = {"NO_PROXY": "", "no_proxy": ""}


@pytest.fixture(scope="module")
def server_pair(tmp_path_factory):
    """A certificate for every host of every cloud, its own authority: (certificate, key)."""
    folder = tmp_path_factory.mktemp("clouds")
    names = ",".join(f"DNS:{host}" for host in EVERY_HOST) + ",DNS:localhost,IP:127.0.0.1"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=clouds", "-addext", f"subjectAltName={names}", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def internet(make_sim, make_daemon, store, scratch, server_pair, closing):
    """internet("usgov") gives (daemon, sim, proxy) whose connection is in that cloud; service= names where its Graph says the partner
    service is."""
    def make(cloud, service=None):
        _, graph, fef, scope = CLOUDS[cloud]
        certificate, key = server_pair
        sim = make_sim(tls_cert=certificate, tls_key=key, graph_resource=f"https://{graph}", intune_scope=scope,
                       service_url=service or f"https://{fef}")
        proxy = ConnectProxy(sim.port)
        closing(proxy)
        keys = connection_settings(sim, scratch, cloud=cloud, authority_url=None, graph_url=None,
                                   intune_scope=scope if cloud == "china" else None, ca_file=certificate, proxy=proxy.url)
        return make_daemon(store, {"default": keys}), sim, proxy
    return make


def register(sim):
    body = [{"deviceId": guid(1), "operatingSystem": "iOS"}, {"deviceId": guid(2), "operatingSystem": "Windows"}]
    sim.register_all(body)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_the_hosts_of_the_cloud_are_contacted(internet, store, cloud):
    daemon, sim, proxy = internet(cloud)
    register(sim)
    add_pair(store)
    daemon.start(env=NO_EXCEPTIONS)
    wait_agreed(store, sim)
    assert proxy.hosts() == {f"{host}:443" for host in CLOUDS[cloud][:3]}


@pytest.mark.parametrize("cloud, service", [
    ("global", "https://fef.manage.microsoft.us"),
    ("global", "https://fef.manage.microsoft.com.example.org"),
    ("global", "https://fef.manage.microsoft.com@example.org"),
    ("global", "https://notmicrosoft.com"),
    ("global", "https://127.0.0.1:1"),
    ("usgov", "https://fef.msub01.manage.microsoft.com"),
    ("usdod", "https://fef.manage.microsoftonline.cn"),
    ("china", "https://fef.manage.microsoft.com."),
])
def test_a_service_of_another_cloud_is_not_contacted(internet, store, cloud, service):
    daemon, sim, proxy = internet(cloud, service)
    register(sim)
    add_pair(store)
    daemon.start(env=NO_EXCEPTIONS)
    eventually(lambda: connection_of(daemon)["trouble"] in ("cloud_mismatch", "reply_unintelligible"))
    assert proxy.hosts() <= {f"{host}:443" for host in CLOUDS[cloud][:2]}
    eventually(lambda: sim.device(guid(2))["isCompliant"] is True)  # Graph's channel goes on


def test_a_list_that_goes_on_elsewhere_is_not_followed(internet, store):
    daemon, sim, proxy = internet("global")
    sim.add_fault("discovery", "body", match="/endpoints", status=200, count=-1, body=json.dumps(
        {"value": [], "@odata.nextLink": "https://graph.microsoft.us/v1.0/servicePrincipals/x/endpoints?$skiptoken=1"}))
    register(sim)
    add_pair(store)
    daemon.start(env=NO_EXCEPTIONS)
    wait_trouble(daemon, "reply_unintelligible")
    assert proxy.hosts() <= {f"{host}:443" for host in CLOUDS["global"][:2]}


def test_a_connection_that_moves_to_another_cloud_forgets_where_the_service_was(internet, store, scratch):
    daemon, sim, proxy = internet("global")
    register(sim)
    add_pair(store)
    daemon.start(env=NO_EXCEPTIONS)
    wait_agreed(store, sim)
    daemon.stop()
    before = len(proxy.requests())
    daemon.connections["default"]["cloud"] = "usgov"
    daemon.write_config()
    store.set_device("phone", name="Renamed")
    daemon.start(env=NO_EXCEPTIONS)
    eventually(lambda: connection_of(daemon)["trouble"])  # this play's Graph is the global one
    asked = {target for _, target, _ in proxy.requests()[before:]}
    assert asked and asked <= {f"{host}:443" for host in CLOUDS["usgov"][:2]}


def test_a_custom_cloud_does_not_lead_to_microsofts(make_daemon, make_sim, store, scratch):
    sim = make_sim(service_url="https://fef.msub01.manage.microsoft.com")
    register(sim)
    add_pair(store)
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch)}).start()
    wait_trouble(daemon, "cloud_mismatch")
    assert "which is not of the cloud of" in connection_of(daemon)["detail"]
