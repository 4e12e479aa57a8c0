# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""What a connection signs in with: every kind of credential against the simulator, two side by side, expiry, rotation, clocks."""
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from harness import EX_CONFIG, connection_settings, eventually, guid, run_ctl
from scene import add_pair, connection_of, wait_agreed, wait_trouble
from test_sim_login import Assertion

ISSUER = "https://issuer.example/complyd"
SUBJECT = "system:serviceaccount:mdm:complyd"
AUDIENCE = "api://AzureADTokenExchange"
NEVER = "a secret that never was"


def federated(sim, key=None, **changes):
    """A projected token as Kubernetes makes it; a change of None leaves a claim out."""
    assertion = Assertion(sim)
    now = int(time.time())
    assertion.key = key or sim.certs / "issuer.key"
    assertion.header = {"alg": "RS256", "kid": "one"}
    assertion.padding = []
    assertion.claims = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now - 5, "nbf": now - 5, "exp": now + 3600,
                        **changes}
    return assertion.text()


def write_secret(path, text):
    """As an administrator replaces a file: whole, by renaming."""
    fresh = pathlib.Path(f"{path}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)
    return path


def certificate(directory, name, days=365, not_before=None, key=None):
    """A self-signed pair: (certificate, key)."""
    pem, private = directory / f"{name}.pem", key or directory / f"{name}.key"
    if key is None:
        subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
        private.chmod(0o600)
    start = not_before or datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=400)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    (directory / "index.txt").write_text("")
    (directory / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=a\n[a]\ndatabase={directory}/index.txt\nnew_certs_dir={directory}\ndefault_md=sha256\n"
        "policy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n[req]\ndistinguished_name=d\n[d]\n")
    request = directory / f"{name}.csr"
    subprocess.run(["openssl", "req", "-new", "-key", private, "-subj", f"/CN={name}", "-out", request, "-config",
                    directory / "ca.cnf"], check=True, capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", directory / "ca.cnf", "-keyfile", private, "-in", request,
                    "-out", pem, "-notext", "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"],
                   check=True, capture_output=True)
    return pem, private


def federated_settings(sim, scratch, **claims):
    token = scratch / "projected"
    token.write_text(federated(sim, **claims))
    return connection_settings(sim, scratch, client_secret_file=None, federated_token_file=token)


def certificate_settings(sim, scratch, **more):
    return connection_settings(sim, scratch, client_secret_file=None, certificate_file=sim.certs / "client.pem",
                               private_key_file=sim.certs / "client.key", **more)


def identity_settings(sim, scratch, **more):
    return connection_settings(sim, scratch, **{"client_secret_file": None, "client_id": None, "managed_identity": True, **more})


def report_both(store, sim):
    """A report on each channel arrives: both tokens were obtained."""
    sim.register_all([{"deviceId": guid(1), "operatingSystem": "iOS"}, {"deviceId": guid(2), "operatingSystem": "Windows"}])
    add_pair(store)
    wait_agreed(store, sim)


def no_failed_report(daemon):
    """Nothing was refused or had to be sent again on the way."""
    for channel in connection_of(daemon)["channels"].values():
        assert channel["refused"] == 0 and channel["transient"] == 0


# Each kind

def test_a_certificate(make_daemon, store, sim, scratch):
    daemon = make_daemon(store, {"default": certificate_settings(sim, scratch)}).start()
    report_both(store, sim)
    told = connection_of(daemon)
    assert told["credential"] == "certificate_file"
    expires = datetime.datetime.fromisoformat(told["credential_expires"].replace("Z", "+00:00"))
    assert 360 < (expires - datetime.datetime.now(datetime.timezone.utc)).days <= 365


def test_a_federated_token_is_read_for_each_token(make_daemon, store, sim, scratch):
    sim.settings(token_lifetime="2s")
    daemon = make_daemon(store, {"default": federated_settings(sim, scratch)}).start()
    report_both(store, sim)
    assert connection_of(daemon)["credential"] == "federated_token_file"
    (scratch / "projected").write_text(federated(sim, sub="somebody else"))
    asked = eventually(lambda: [r for r in sim.requests(at="token") if r["status"] == 401])
    assert asked
    (scratch / "projected").write_text(federated(sim))
    store.set_device("phone", name="Renamed")
    wait_agreed(store, sim)


@pytest.mark.parametrize("claims, trouble", [
    ({"iss": "https://issuer.example/other"}, "assertion_refused"),
    ({"sub": "system:serviceaccount:mdm:Complyd"}, "assertion_refused"),
    ({"aud": "api://other"}, "assertion_refused"),
    ({"exp": 1700000000, "nbf": 1699990000, "iat": 1699990000}, "credential_expired"),
])
def test_a_federated_token_that_is_refused(make_daemon, store, sim, scratch, claims, trouble):
    daemon = make_daemon(store, {"default": federated_settings(sim, scratch, **claims)}).start()
    wait_trouble(daemon, trouble)


def test_a_federated_token_of_another_key(make_daemon, store, sim, scratch):
    token = scratch / "projected"
    token.write_text(federated(sim, key=sim.certs / "client.key"))
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, client_secret_file=None,
                                                                federated_token_file=token)}).start()
    wait_trouble(daemon, "assertion_refused")


def imds_environment(sim):
    return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": sim.identity_url}


@pytest.mark.parametrize("assigned", ["system", "user"])
def test_a_managed_identity_of_imds(make_daemon, make_sim, store, scratch, assigned):
    sim = make_sim(identity_listen="127.0.0.1:0")
    more = {"client_id": sim.client_id} if assigned == "user" else {}
    # The way to the metadata service is never through a proxy.
    daemon = make_daemon(store, {"default": identity_settings(sim, scratch, proxy="http://127.0.0.1:1", **more)})
    daemon.start(env={**imds_environment(sim), "NO_PROXY": "127.0.0.1"})
    report_both(store, sim)
    assert connection_of(daemon)["credential"] == "managed_identity"
    asked = sim.requests(at="imds")
    assert asked and all(r["method"] == "GET" and r["status"] == 200 for r in asked)
    assert all(("client_id=" in r["path"]) == (assigned == "user") for r in asked)
    assert not sim.requests(at="token")


def test_a_machine_without_an_identity(make_daemon, make_sim, store, scratch):
    sim = make_sim(identity_listen="127.0.0.1:0")
    sim.settings(machine_identity=False)
    daemon = make_daemon(store, {"default": identity_settings(sim, scratch)}).start(env=imds_environment(sim))
    wait_trouble(daemon, "managed_identity_refused")
    assert "Identity not found" in connection_of(daemon)["detail"]


@pytest.mark.parametrize("host", ["http://192.0.2.1", "https://login.example", "http://127.0.0.1.example.org", "nonsense"])
def test_the_metadata_service_is_on_this_machine(make_daemon, sim, store, scratch, host):
    daemon = make_daemon(store, {"default": identity_settings(sim, scratch)})
    daemon.start(env={"AZURE_POD_IDENTITY_AUTHORITY_HOST": host})
    wait_trouble(daemon, "managed_identity_refused")
    assert "loopback or 169.254.169.254" in connection_of(daemon)["detail"]


ARC_FOLDER = "/var/opt/azcmagent/tokens"


def arc_wrapper(folder):
    """In a mount namespace of its own, where the agent's folder is the test's."""
    script = (f"mount -t tmpfs none /var/opt && mkdir -p {ARC_FOLDER} && mount --bind {folder} {ARC_FOLDER} && exec \"$@\"")
    return ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c", script, "sh"]


def arc_works(folder):
    done = subprocess.run([*arc_wrapper(folder), "test", "-d", ARC_FOLDER], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def arc(make_daemon, make_sim, store, scratch):
    """arc(realm=...) starts daemon and simulator as on an Azure Arc machine."""
    folder = scratch / "tokens"
    folder.mkdir()
    if not shutil.which("unshare") or not arc_works(folder):
        pytest.skip("no mount namespaces here")

    def start(realm=f"{ARC_FOLDER}/one.key", file="one.key", **more):
        sim = make_sim(identity_listen="127.0.0.1:0", arc_key_file=folder / file, arc_realm=realm)
        daemon = make_daemon(store, {"default": identity_settings(sim, scratch, **more)})
        daemon.start(wrapper=arc_wrapper(folder), env={"IDENTITY_ENDPOINT": f"{sim.identity_url}/metadata/identity/oauth2/token",
                                                       "IMDS_ENDPOINT": sim.identity_url})
        return daemon, sim, folder

    return start


def test_azure_arc(arc, store):
    _, sim, _ = arc()
    report_both(store, sim)
    statuses = [r["status"] for r in sim.requests(at="imds")]
    assert statuses == [401, 200] * (len(statuses) // 2) and len(statuses) >= 4


@pytest.mark.parametrize("realm, said", [
    ("/etc/shadow", "not one of Azure Arc's agent"),
    (f"{ARC_FOLDER}/../../../../etc/hostname.key", "not one of Azure Arc's agent"),
    (f"{ARC_FOLDER}/one.txt", "not one of Azure Arc's agent"),
    (f"{ARC_FOLDER}/link.key", "link.key: cannot be opened"),
    (f"{ARC_FOLDER}/big.key", "larger than 4096"),
    (f"{ARC_FOLDER}/none.key", "none.key: cannot be opened"),
    (f"{ARC_FOLDER}/folder.key", "folder.key: is not a file"),
])
def test_azure_arcs_challenge_is_confined_to_its_folder(arc, scratch, realm, said):
    (scratch / "tokens" / "link.key").symlink_to("/etc/hostname")
    (scratch / "tokens" / "big.key").write_text("x" * 4097)
    (scratch / "tokens" / "folder.key").mkdir()
    daemon, sim, _ = arc(realm=realm)
    wait_trouble(daemon, "managed_identity_refused")
    assert said in connection_of(daemon)["detail"]
    assert all(r["status"] == 401 for r in sim.requests(at="imds"))


def test_azure_arc_has_no_identity_but_its_own(arc):
    daemon, _, _ = arc(client_id=guid(7))
    wait_trouble(daemon, "managed_identity_refused")
    assert "leave client_id out" in connection_of(daemon)["detail"]


# Two side by side

def test_the_second_takes_over_when_the_first_is_refused(make_daemon, make_sim, store, sim, scratch):
    other = make_sim()  # its certificate is not registered here
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, certificate_file=other.certs / "client.pem",
                                                                private_key_file=other.certs / "client.key")}).start()
    report_both(store, sim)
    assert connection_of(daemon)["credential"] == "client_secret_file"
    assert connection_of(daemon)["trouble"] == ""
    daemon.wait_for_log(r"client_secret_file has taken over.*certificate_file: 401 invalid_client: AADSTS700027")
    assert not daemon.log_has("broken")
    tokens = [entry["detail"] for entry in daemon.ctl("activity").json if entry["kind"] == "token"]
    assert tokens and all(" by client_secret_file, good until " in detail for detail in tokens)
    no_failed_report(daemon)


def test_the_second_takes_over_when_the_first_expires_meanwhile(make_daemon, make_sim, store, sim, scratch):
    # Secret, then certificate: what is first in order is the certificate, so let the secret be in use because of a bad one.
    certs = scratch / "pair"
    certs.mkdir()
    for name in ("client.pem", "client.key"):
        shutil.copy(make_sim().certs / name, certs / name)
    shutil.copy(sim.certs / "client.pem", certs / "good.pem")
    shutil.copy(sim.certs / "client.key", certs / "good.key")
    daemon = make_daemon(store, {"default": connection_settings(
        sim, scratch, certificate_file=certs / "good.pem", private_key_file=certs / "good.key")}).start()
    report_both(store, sim)
    assert connection_of(daemon)["credential"] == "certificate_file"
    (certs / "good.key").unlink()
    sim.revoke_tokens()  # every token in use is refused: new ones are fetched in the middle of the work
    store.set_device("phone", name="Renamed")
    store.set_device("pc", name="Renamed as well")
    wait_agreed(store, sim)
    eventually(lambda: connection_of(daemon)["credential"] == "client_secret_file")
    daemon.wait_for_log("client_secret_file has taken over.*good.key: cannot be opened")
    shutil.copy(sim.certs / "client.key", certs / "good.key")
    sim.revoke_tokens()
    store.set_device("phone", name="Renamed again")
    store.set_device("pc", name="Renamed again")
    wait_agreed(store, sim)
    eventually(lambda: connection_of(daemon)["credential"] == "certificate_file")


def test_when_both_are_refused_the_first_is_told(make_daemon, make_sim, store, sim, scratch):
    other = make_sim()
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, certificate_file=other.certs / "client.pem",
                                                                private_key_file=other.certs / "client.key")})
    write_secret(daemon.connections["default"]["client_secret_file"], NEVER)
    daemon.start()
    wait_trouble(daemon, "assertion_refused")
    assert connection_of(daemon)["detail"].startswith("certificate_file: 401 invalid_client")
    assert NEVER not in "\n".join(daemon.process.lines)


# Rotation

def test_a_mended_file_is_noticed_without_a_reload(daemon, store, sim):
    path = daemon.connections["default"]["client_secret_file"]
    write_secret(path, NEVER)
    refusal = json.dumps({"error": "invalid_client", "error_codes": [7000215], "error_description": "AADSTS7000215: wrong"})
    sim.add_fault("token", "body", status=401, body=refusal, retry_after="3600")  # by itself it would wait for an hour
    daemon.start()
    wait_trouble(daemon, "credential_wrong")
    write_secret(path, sim.client_secret)
    daemon.wait_for_log("a credential's file has changed: asking for a token with it")
    eventually(lambda: connection_of(daemon)["trouble"] == "")
    report_both(store, sim)


def test_a_replaced_file_is_tried_while_the_old_token_serves(daemon, store, sim):
    daemon.start()
    report_both(store, sim)
    write_secret(daemon.connections["default"]["client_secret_file"], NEVER)
    daemon.wait_for_log("a credential's file has changed: asking for a token with it")
    eventually(lambda: sim.count("token", 401))
    store.set_device("phone", name="Renamed")
    wait_agreed(store, sim)
    assert connection_of(daemon)["trouble"] == ""


# What is wrong with a certificate

def test_a_certificate_whose_key_does_not_match(make_daemon, make_sim, store, sim, scratch):
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, client_secret_file=None,
                                                                certificate_file=sim.certs / "client.pem",
                                                                private_key_file=make_sim().certs / "client.key")})
    checked = daemon.run("--check")
    assert checked.code == EX_CONFIG
    assert "[connection default] certificate_file: " in checked.err and "does not belong to the private key" in checked.err
    daemon.start()
    wait_trouble(daemon, "key_mismatch")
    assert "one pair" in connection_of(daemon)["cure"]


@pytest.mark.parametrize("days, start_in, trouble, said", [
    (-1, None, "credential_expired", "the certificate expired 20"),
    (300, 10, "certificate_not_yet_valid", "the certificate is not valid before 20"),
])
def test_a_certificate_out_of_its_dates(make_daemon, store, sim, scratch, days, start_in, trouble, said):
    start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=start_in) if start_in else None
    pem, key = certificate(scratch, "dated", days, start)
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, client_secret_file=None, certificate_file=pem,
                                                                private_key_file=key)})
    checked = daemon.run("--check")
    assert checked.code == EX_CONFIG and said in checked.err
    daemon.start()
    wait_trouble(daemon, trouble)
    assert said in connection_of(daemon)["detail"]
    assert not sim.requests(at="token")


# Expiry known in advance

@pytest.mark.parametrize("days, told", [(31, False), (29, True), (13, True), (2, True)])
def test_a_secrets_end_is_told_ahead(make_daemon, store, sim, scratch, days, told):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=1)
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch,
                                                                client_secret_expires=f"{end:%Y-%m-%dT%H:%M:%SZ}")}).start()
    report_both(store, sim)
    assert daemon.log_has(r"client_secret_file expires in .*Cure: ") == told
    assert connection_of(daemon)["credential_expires"] == f"{end:%Y-%m-%dT%H:%M:%S.000Z}"
    assert len(daemon.process.find("client_secret_file expires in")) == int(told)


def test_a_certificates_end_is_told_ahead(make_daemon, make_sim, store, scratch):
    pem, key = certificate(scratch, "soon", 10)
    sim = make_sim(client_certificate=pem)
    daemon = make_daemon(store, {"default": connection_settings(sim, scratch, client_secret_file=None, certificate_file=pem,
                                                                private_key_file=key)}).start()
    report_both(store, sim)
    daemon.wait_for_log("certificate_file expires in (9|10)d")
    shown = run_ctl(daemon.build, "--socket", daemon.socket, "status").out
    assert re.search(r"Credential in use +certificate_file", shown) and "Credential valid until" in shown


# Clocks

@pytest.mark.parametrize("offset, word", [(3 * 3600, "behind"), (-3 * 3600, "ahead")])
def test_a_clock_off_by_hours_is_named(make_daemon, store, sim, scratch, offset, word):
    sim.settings(clock_offset_s=offset)
    daemon = make_daemon(store, {"default": certificate_settings(sim, scratch)}).start()
    wait_trouble(daemon, "clock_skew")
    assert re.match(rf"this clock is (3h|2h59m\d+s) ?\w* {word}: ", connection_of(daemon)["detail"])
    assert "NTP" in connection_of(daemon)["cure"]


def test_a_clock_off_is_told_where_it_stops_nothing(daemon, store, sim):
    sim.settings(clock_offset_s=7200)
    daemon.start()
    daemon.wait_for_log(r"this machine's clock is .* behind Microsoft's: dates in reports are wrong")
    report_both(store, sim)
