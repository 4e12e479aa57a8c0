# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim as a program: its command line, its control endpoint, its files, and that nothing sent to it brings it down."""
import json
import os
import random
import re
import socket
import ssl
import stat
import subprocess
import uuid

import pytest

from sim_client import ROOT, TENANT, SimProcess, message, wait_for
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

DEVICE = "00000000-0000-4000-8000-000000000001"
OTHER = "99999999-0000-4000-8000-000000000009"
STAMP = "2026-02-03T04:05:06.789Z"


def run(sim, *words):
    return subprocess.run([str(sim.program), *map(str, words)], capture_output=True, text=True, timeout=60, check=False)


# The command line

def test_help_names_every_fault_place_setting_and_endpoint(sim):
    told = run(sim, "--help")
    assert told.returncode == 0 and not told.stderr
    assert max(map(len, told.stdout.splitlines())) <= 150
    for word in sim.settings():
        assert word in told.stdout
    for word in ["/oauth2/v2.0/token", "/v1.0/$batch", "DataUploadMessages", "/sim/faults", "curl", "slow_headers", "partner_put"]:
        assert word in told.stdout


def test_the_examples_of_the_help_work(make_sim, tmp_path):
    sim = make_sim()
    examples = run(sim, "--help").stdout.split("\nExamples\n")[1].splitlines()
    assert "complyd-sim --make-certs" in examples[0] and len(examples) > 8
    script = "\n".join(examples[1:]).replace("/tmp/sim/", f"{sim.certs}/").replace("https://127.0.0.1:8443", sim.url)
    script = script.replace("alias c='", "c() { ").replace("ca.pem'", "ca.pem --fail-with-body \"$@\"; }")
    done = subprocess.run(["bash", "-euc", f"TOKEN={sim.graph_token()}\n{script}"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done
    for told in ["access_token", "/$metadata#users(id)", '"count":1', '"number":2', '"verdict_delay":"100ms"', '"body":']:
        assert told in done.stdout


def test_every_fault_of_the_help_can_be_asked_for(sim):
    told = run(sim, "--help").stdout
    names = re.findall(r"^    ([a-z_0-9]+) {2,}", told[told.index('Faults ("fault")'):], re.M)
    places = re.search(r'Places \("at"\):\n(.*)\n', told).group(1).split()
    assert len(names) > 25 and len(places) == 17
    for name in names:
        answers = [sim.request("POST", "/sim/faults", {"at": place, "fault": name, "count": 0}).status for place in places]
        assert 201 in answers, name


def test_the_manual_names_every_option_fault_and_setting(sim):
    manual = (ROOT / "docs" / "simulator.md").read_text()
    told = run(sim, "--help").stdout
    faults = re.findall(r"^    ([a-z_0-9]+) {2,}", told[told.index('Faults ("fault")'):], re.M)
    assert [word for word in faults + list(sim.settings()) if f"`{word}`" not in manual] == []


def test_version(sim):
    assert re.fullmatch(r"complyd-sim \d+\.\d+\.\d+\n", run(sim, "--version").stdout)


@pytest.mark.parametrize("words, why", [
    ([], "--make-certs"), (["--nonsense"], "--help"), (["--make-certs"], "--help"), (["--make-certs", "x", "y"], "'y'"),
    (["--make-certs", "x", "--tenant", "42"], "'42'"), (["--make-certs", "x", "--client-id", "42"], "'42'"),
    (["--make-certs", "x", "--verdict-delay", "2"], "'2'"), (["--make-certs", "x", "--token-lifetime", "-1s"], "'-1s'"),
    (["--make-certs", "x", "--devices-per-message", "0"], "'0'"), (["--make-certs", "x", "--page-size", "1x"], "'1x'"),
    (["--make-certs", "x", "--config-credential", "both"], "secret or certificate"),
    (["--tls-cert", "x", "--tls-key", "y", "--config-out", "z"], "--config-out"),
])
def test_bad_command_lines(sim, words, why):
    ended = run(sim, *words)
    assert ended.returncode == 64 and why in ended.stderr


@pytest.mark.parametrize("option, value, why", [
    ("--listen", "localhost:0", "numeric"), ("--listen", "127.0.0.1", "ADDR:PORT"), ("--listen", "::1:0", "ADDR:PORT"),
    ("--listen", "127.0.0.1:x", "numeric"), ("--listen", "192.0.2.1:0", "cannot listen"),
    ("--client-certificate", "/nonexistent", "cannot be opened"), ("--client-secret-file", "/nonexistent", "/nonexistent"),
    ("--devices", "/nonexistent", "/nonexistent"), ("--users", "/nonexistent", "/nonexistent"),
    ("--script", "/nonexistent", "/nonexistent"), ("--log", "/nonexistent/log", "/nonexistent"),
    ("--tls-cert", "/nonexistent", "/nonexistent"), ("--tls-cert", "/etc/hostname", "certificate"),
    ("--config-out", "/nonexistent/file", "/nonexistent"),
])
def test_starts_that_fail(sim, option, value, why):
    ended = run(sim, "--make-certs", sim.certs, option, value)
    assert ended.returncode in (65, 69) and why in ended.stderr, ended


def test_files_of_make_certs_are_kept_and_private(make_sim):
    sim = make_sim()
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in sim.certs.iterdir()}
    assert sorted(modes) == ["ca.pem", "client.key", "client.pem", "client.secret", "issuer.key", "issuer.pem",
                             "server.key", "server.pem"]
    assert {modes[name] for name in ("client.key", "issuer.key", "server.key", "client.secret")} == {0o600}
    before = {f.name: f.read_bytes() for f in sim.certs.iterdir()}
    sim.stop()
    sim.launch()
    assert before == {f.name: f.read_bytes() for f in sim.certs.iterdir()}


def test_the_certificate_is_good_for_localhost_by_every_name(sim):
    for name in ("127.0.0.1", "localhost", "::1"):
        context = ssl.create_default_context(cafile=sim.ca)
        with socket.create_connection(("127.0.0.1", sim.port)) as plain:
            context.wrap_socket(plain, server_hostname=name).close()


def test_ipv6(make_sim):
    sim = make_sim("--listen", "[::1]:0")
    assert sim.url.startswith("https://[::1]:")
    context = ssl.create_default_context(cafile=sim.ca)
    with socket.create_connection(("::1", sim.port)) as plain:
        with context.wrap_socket(plain, server_hostname="::1") as tls:
            tls.sendall(b"GET /sim/stats HTTP/1.1\r\nHost: x\r\n\r\n")
            assert tls.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("credential", ["secret", "certificate"])
def test_the_configuration_fragment(make_sim, credential):
    sim = make_sim(config_credential=credential)
    text = sim.config.read_text()
    keys = dict(line.split(" = ", 1) for line in text.splitlines()[1:])
    assert text.startswith("[connection default]\n")
    assert keys["tenant_id"] == TENANT and keys["cloud"] == "custom"
    assert keys["authority_url"] == keys["graph_url"] == sim.url
    files = ["ca_file"] + (["client_secret_file"] if credential == "secret" else ["certificate_file", "private_key_file"])
    assert all(os.path.isabs(keys[name]) and os.path.exists(keys[name]) for name in files)
    assert len(keys) == 9 + len(files)


def test_devices_and_users_from_files(make_sim, tmp_path):
    devices = tmp_path / "devices.jsonl"
    devices.write_text("".join(json.dumps({"deviceId": f"00000000-0000-4000-8000-{n:012}", "operatingSystem": "iOS"}) + "\n"
                               for n in range(1000)))
    assert len(make_sim(devices=devices).devices()) == 1000


def test_a_log_file_has_a_line_a_request(make_sim, tmp_path):
    log = tmp_path / "requests.jsonl"
    sim = make_sim(log=log)
    token = sim.graph_token()
    sim.request("GET", "/v1.0/users/ann@example.org", token=token)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["at"], line["status"]) for line in lines] == [("token", 200), ("users", 200)]
    assert token not in log.read_text()


# Control

def test_the_log_of_requests(sim):
    token, since = sim.graph_token(), sim.last_request()
    mine = str(uuid.uuid4())
    answer = sim.request("POST", "/v1.0/$batch", {"requests": []}, {"client-request-id": mine}, token)
    entry, = sim.requests(since, body=True)
    assert (entry["method"], entry["path"], entry["at"]) == ("POST", "/v1.0/$batch", "graph_batch")
    assert (entry["status"], entry["token"], entry["body"]) == (400, "graph", '{"requests": []}')
    assert entry["client_request_id"] == mine and entry["request_id"] == answer.headers["request-id"]
    assert re.fullmatch(r"20\d\d-.*\.\d{3}Z", entry["time"]) and entry["number"] == since + 1
    assert "body" not in sim.requests(since)[0]
    assert sim.requests(entry["number"]) == []
    assert len(sim.control("GET", "requests?limit=1")["value"]) == 1


def test_the_log_of_requests_is_bounded(sim):
    body = "x" * 1_000_000
    for _ in range(40):
        sim.request("PUT", "/fef/x", body)
    kept = sim.requests()
    assert kept[-1]["number"] - kept[0]["number"] == len(kept) - 1 < 40


def test_devices_are_registered_by_object_array_and_lines(sim):
    other = DEVICE[:-1] + "2"
    assert sim.control("POST", "devices", {"deviceId": DEVICE.upper(), "operatingSystem": "iOS"})["count"] == 1
    assert sim.control("POST", "devices", [{"deviceId": DEVICE, "displayName": "One"}, {"deviceId": other}])["count"] == 2
    assert sim.control("POST", "devices", f'{{"deviceId":"{other}","isManaged":true}}\r\n\n')["count"] == 1
    assert sim.device(DEVICE)["displayName"] == "One" and sim.device(DEVICE)["operatingSystem"] == "iOS"
    assert sim.device(other)["isManaged"] is True and sim.device(other)["isCompliant"] is None
    assert list(sim.devices()) == [DEVICE, other]
    assert sim.control("POST", "devices", "")["count"] == 0


@pytest.mark.parametrize("path, body, why", [
    ("devices", '{"deviceId":"42"}', "GUID"), ("devices", '{"deviceid":"42"}', "deviceid"), ("devices", "{", "line 1"),
    ("devices", f'{{"deviceId":"{DEVICE}"}}\nx', "line 2"), ("devices", f'[{{"deviceId":"{DEVICE}"}},7]', "entry 2"),
    ("devices", f'{{"deviceId":"{DEVICE}","tenantId":"{OTHER}"}}', "tenantId"),
    ("users", '{"userPrincipalName":"x"}', "invalid"), ("users", '{"userPrincipalName":"a@b","id":"x"}', "invalid"),
    ("tenants", "{}", "GUID"), ("tenants", '{"tenantId":"x"}', "GUID"),
])
def test_bad_registrations(sim, path, body, why):
    answer = sim.request("POST", f"/sim/{path}", body)
    assert answer.status == 400 and why in answer.json()["error"]


def test_a_user_twice(sim):
    sim.add_users([{"userPrincipalName": "kim@example.org"}])
    answer = sim.request("POST", "/sim/users", {"userPrincipalName": "KIM@example.org"})
    assert answer.status == 400 and "exists" in answer.json()["error"]


def test_settings(sim):
    before = sim.settings()
    assert sim.settings(verdict_delay="1m30s", page_size=3, auto_register=True, token_lifetime="1h") == {
        **before, "verdict_delay": "1m30s", "page_size": 3, "auto_register": True, "token_lifetime": "1h"}
    for bad in ({"verdict_delay": 5}, {"verdict_delay": "5"}, {"nonsense": 1}, {"auto_register": 1}, {"page_size": -1},
                {"devices_per_message": 0}, {"page_size": 9, "auto_users": "x"}, []):
        assert sim.request("PUT", "/sim/settings", json.dumps(bad)).status == 400
    assert sim.settings()["page_size"] == 3
    sim.reset()
    assert sim.settings() == before


def test_reset_forgets(sim):
    sim.register(DEVICE, "iOS")
    sim.add_fault("any", "reset", count=-1)
    sim.reset()
    sim.graph_token()
    assert sim.devices() == {} and sim.faults() == []
    assert [r["at"] for r in sim.requests()] == ["token"]
    assert sim.stats()["requests"]["token"] == {"200": 1}


def test_tenants_are_apart(make_sim):
    sim = make_sim()
    sim.control("POST", "tenants", {"tenantId": OTHER})
    sim.register_all([{"deviceId": DEVICE, "operatingSystem": "iOS"}], tenant=OTHER)
    assert sim.devices() == {} and list(sim.devices(OTHER)) == [DEVICE]
    assert [t["tenantId"] for t in sim.control("GET", "tenants")["value"]] == [TENANT, OTHER]
    user = sim.user_id("ann@example.org", sim.graph_token(OTHER))
    sent = message(DEVICE, user, STAMP, tenant=OTHER)
    assert str(sim.put_message(sim.intune_token(OTHER), sent).json()["ErrorCode"]) == "202"
    assert sim.verdict(sim.intune_token(), sent["id"]).status == 404
    assert sim.request("GET", f"/sim/devices?tenant={DEVICE}").status == 404


def test_what_is_not_there(sim):
    assert sim.request("GET", "/sim/nonsense").status == sim.request("GET", "/sim/").status == 404
    assert sim.request("DELETE", "/sim/stats").status == 405
    assert sim.request("DELETE", f"/sim/devices/{DEVICE}").status == 404
    assert sim.request("GET", "/").status == sim.request("GET", "/x/y/z").status == 404


def test_quit(make_sim):
    sim = make_sim()
    sim.control("POST", "quit")
    assert sim.process.wait(60) == 0


# Load and abuse

def test_many_connections_at_once(sim):
    connections = [sim.connect() for _ in range(200)]
    token = sim.graph_token()
    for connection in connections:
        connection.request("GET", "/v1.0/users/ann@example.org", headers={"Authorization": f"Bearer {token}"})
    assert {connection.getresponse().status for connection in connections} == {200}
    for connection in connections:
        connection.close()


def test_a_connection_serves_many_requests(sim):
    token = sim.graph_token()
    before = sim.stats()["connections"]
    connection = sim.connect()
    for _ in range(100):
        assert sim.request("GET", "/v1.0/users/ann@example.org", token=token, connection=connection).status == 200
    connection.close()
    assert sim.stats()["connections"] - before == 2


def test_a_body_too_large(sim):
    answer = sim.request("PUT", "/fef/x", b"x" * (4 * 1024 * 1024 + 1))
    assert answer.status == 413


def send_raw(sim, data, tls=True):
    """Sends bytes and reads until the other side is done, whatever that is."""
    plain = socket.create_connection(("127.0.0.1", sim.port), timeout=30)
    try:
        peer = plain
        if tls:
            peer = ssl.create_default_context(cafile=sim.ca).wrap_socket(plain, server_hostname="localhost")
        peer.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass
    except OSError:
        pass
    finally:
        plain.close()


def test_any_bytes_at_all(sim):
    dice = random.Random(20260203)
    token = sim.graph_token()
    good = (f"PATCH /v1.0/devices(deviceId='{DEVICE}')?$select=id HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"isCompliant":true}').encode()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        send_raw(sim, bytes(data))
    for _ in range(30):
        send_raw(sim, dice.randbytes(dice.randrange(2000)), tls=dice.random() < 0.5)
    assert sim.request("GET", "/v1.0/users/ann@example.org", token=token).status == 200
    wait_for(lambda: sim.stats()["in_flight"] == 1, "every odd request ended")


def test_any_body_at_all(sim):
    dice = random.Random(20260204)
    graph, intune = sim.graph_token(), sim.intune_token()
    sim.register(DEVICE, "iOS")
    put = message(DEVICE, sim.user_id("ann@example.org", graph), STAMP)["body"].encode()
    batch = json.dumps({"requests": [{"id": "1", "method": "PATCH", "url": f"/devices(deviceId='{DEVICE}')", "body": {"a": 1},
                                      "headers": {"Content-Type": "application/json"}, "dependsOn": []}]}).encode()
    form = f"grant_type=client_credentials&client_id={OTHER}&scope=x%2F.default&client_secret=%41+b".encode()
    ways = [("PUT", f"/fef/PartnerDeviceDataSyncService/DataUploadMessages(guid'{OTHER}')?api-version=1.2", put, intune),
            ("POST", "/v1.0/$batch", batch, graph), ("POST", f"/{TENANT}/oauth2/v2.0/token", form, None),
            ("POST", "/sim/faults", b'{"at":"users","fault":"status","count":0}', None),
            ("POST", "/sim/devices", put, None), ("PUT", "/sim/settings", b'{"page_size":0}', None)]
    connection = sim.connect()
    for n in range(600):
        method, path, body, token = ways[n % len(ways)]
        data = bytearray(body)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(data))
            data[at:at + dice.randrange(3)] = dice.choice([b"", b"\xff", b"\\u0000", b"[[", b'"', b"{}", b"1e999", b"%", b"&="])
        kind = "application/x-www-form-urlencoded" if "oauth2" in path else "application/json"
        answer = sim.request(method, path, bytes(data), {"Content-Type": kind}, token, connection)
        assert 200 <= answer.status < 500
    connection.close()


@pytest.mark.release
def test_memory_does_not_grow_with_requests(make_sim):
    sim = make_sim(auto_register=True)
    token, connection = sim.graph_token(), sim.connect()

    def resident():
        with open(f"/proc/{sim.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def ask(times):
        for _ in range(times):
            sim.request("GET", "/v1.0/users/ann@example.org", token=token, connection=connection)
    ask(200)
    sim.reset()
    before = resident()
    for _ in range(5):
        ask(400)
        sim.reset()
    assert resident() - before < 16 * 1024 * 1024


def test_start_of_another_with_the_port_taken(sim, tmp_path):
    with pytest.raises(RuntimeError, match="cannot listen"):
        SimProcess.start(directory=tmp_path, port=sim.port)
