# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's token endpoint: as strict as Entra, and refusing in Entra's words."""
import base64
import hashlib
import json
import re
import subprocess
import time
import uuid

import pytest

from sim_client import CLIENT, TENANT, wait_for
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

UNKNOWN = "99999999-0000-4000-8000-000000000009"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def assert_refused(answer, status, error, number):
    told = answer.json()
    assert (answer.status, told["error"], told["error_codes"]) == (status, error, [number])
    assert re.fullmatch(rf"AADSTS{number}: .+ Trace ID: {told['trace_id']} Correlation ID: {told['correlation_id']} "
                        rf"Timestamp: {told['timestamp']}", told["error_description"], re.S)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", told["timestamp"])
    uuid.UUID(told["trace_id"])
    assert told["error_uri"].endswith(f"code={number}")
    assert "access_token" not in told


# Tokens

@pytest.mark.parametrize("kind", ["graph", "intune"])
def test_token_by_secret(sim, kind):
    scope = f"{sim.url}/.default" if kind == "graph" else sim.intune_scope
    answer = sim.token_request(scope)
    told = answer.json()
    assert answer.status == 200
    assert told["token_type"] == "Bearer"
    assert 3599 <= told["expires_in"] <= 5399
    assert 1400 <= len(told["access_token"]) <= 1700
    claims = claims_of(told["access_token"])
    assert claims["aud"] == scope[:-len("/.default")]
    assert claims["tid"] == TENANT and claims["appid"] == CLIENT
    assert claims["exp"] - claims["iat"] == told["expires_in"]
    assert claims["roles"]


def test_lifetimes_are_random_unless_set(sim):
    lifetimes = {sim.token_request(sim.intune_scope).json()["expires_in"] for _ in range(12)}
    assert len(lifetimes) > 1
    sim.settings(token_lifetime="10m")
    assert sim.token_request(sim.intune_scope).json()["expires_in"] == 600


def test_localhost_is_a_graph_resource_too(sim):
    assert sim.token_request(f"https://localhost:{sim.port}/.default").status == 200


def test_token_expires(sim):
    sim.settings(token_lifetime="1s")
    token = sim.graph_token()
    path = "/v1.0/users/ann@example.org"
    told = wait_for(lambda: (a := sim.request("GET", path, token=token)).status == 401 and a.json(), "expiry")
    assert told["error"]["code"] == "InvalidAuthenticationToken"
    assert "expired" in told["error"]["message"]


def test_revoked_tokens_are_refused_and_new_ones_are_not(sim):
    old = sim.graph_token()
    sim.revoke_tokens()
    assert sim.request("GET", "/v1.0/users/ann@example.org", token=old).status == 401
    assert sim.request("GET", "/v1.0/users/ann@example.org", token=sim.graph_token()).status == 200


def test_tokens_do_not_cross_apis(sim):
    graph, intune = sim.graph_token(), sim.intune_token()
    assert "audience" in sim.request("GET", "/v1.0/users/ann@example.org", token=intune).json()["error"]["message"]
    assert sim.verdict(graph, str(uuid.uuid4())).status == 401
    assert sim.verdict(intune, str(uuid.uuid4())).status == 404


@pytest.mark.parametrize("change", [
    lambda t: t[:-2] + ("AA" if t[-2:] != "AA" else "BB"),
    lambda t: t.split(".")[0] + "." + b64(json.dumps({**claims_of(t), "exp": 9999999999}).encode()) + "." + t.split(".")[2],
    lambda t: b64(b'{"alg":"none"}') + "." + t.split(".")[1] + ".",
    lambda t: t.split(".")[1],
    lambda t: "",
    lambda t: "x" * 20000,
], ids=["signature", "claims", "alg none", "one part", "empty", "long"])
def test_forged_tokens_are_refused(sim, change):
    good = sim.graph_token()
    answer = sim.request("GET", "/v1.0/users/ann@example.org", token=change(good))
    assert answer.status in (401, 431)
    assert sim.request("GET", "/v1.0/users/ann@example.org", token=good).status == 200


def test_tokens_belong_to_a_tenant(make_sim):
    other = str(uuid.uuid4())
    sim = make_sim(tenant=[TENANT, other])
    sim.register_all([{"deviceId": other, "operatingSystem": "Windows"}], tenant=other)
    path = f"/v1.0/devices(deviceId='{other}')"
    assert sim.request("GET", path, token=sim.graph_token(other)).status == 200
    assert sim.request("GET", path, token=sim.graph_token(TENANT)).status == 404


# Requests that are refused

@pytest.mark.parametrize("changes, status, error, number", [
    ({"grant_type": None}, 400, "invalid_request", 900144),
    ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ({"client_id": None}, 400, "invalid_request", 900144),
    ({"client_id": UNKNOWN}, 400, "unauthorized_client", 700016),
    ({"scope": None}, 400, "invalid_request", 900144),
    ({"scope": "https://example.org/.default"}, 400, "invalid_resource", 500011),
    ({"scope": "https://api.manage.microsoft.com//User.Read"}, 400, "invalid_scope", 1002012),
    ({"scope": "https://api.manage.microsoft.com//.default openid"}, 400, "invalid_scope", 70011),
    ({"scope": "https://api.manage.microsoft.com/.default"}, 400, "invalid_resource", 500011),
    ({"client_secret": None}, 401, "invalid_client", 7000218),
    ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
    ({"client_secret": ""}, 401, "invalid_client", 7000215),
    ({"client_assertion": "x"}, 400, "invalid_request", 90100),
    ({"tenant": UNKNOWN}, 400, "invalid_request", 90002),
    ({"tenant": "common"}, 400, "invalid_request", 90002),
    ({"content_type": "application/json"}, 400, "invalid_request", 900144),
    ({"content_type": "text/plain"}, 400, "invalid_request", 900144),
])
def test_bad_requests(sim, changes, status, error, number):
    assert_refused(sim.token_request(**{"scope": sim.intune_scope, **changes}), status, error, number)


def test_a_parameter_twice(sim):
    body = f"grant_type=client_credentials&scope={sim.intune_scope}&client_id={CLIENT}&scope={sim.intune_scope}"
    answer = sim.request("POST", f"/{TENANT}/oauth2/v2.0/token", body,
                         {"Content-Type": "application/x-www-form-urlencoded"})
    assert_refused(answer, 400, "invalid_request", 9000411)


def test_only_post(sim):
    assert sim.request("GET", f"/{TENANT}/oauth2/v2.0/token").status == 405


def test_an_expired_secret(sim):
    sim.settings(secret_expired=True)
    assert_refused(sim.token_request(sim.intune_scope), 401, "invalid_client", 7000222)
    sim.settings(secret_expired=False)
    assert sim.token_request(sim.intune_scope).status == 200


def test_secrets_and_tokens_are_not_in_the_log_of_requests(sim):
    token = sim.graph_token()
    sim.request("GET", "/v1.0/users/ann@example.org", token=token)
    told = json.dumps(sim.requests(body=True))
    assert sim.client_secret not in told and token not in told and "users/ann" in told


# Permissions

def test_tokens_carry_what_is_consented_to_when_they_are_issued(sim):
    def roles(token):
        return set(claims_of(token)["roles"])

    old = sim.graph_token()
    assert roles(old) == {"Application.Read.All", "User.Read.All", "Group.Read.All", "Device.ReadWrite.All"}
    assert roles(sim.intune_token()) == {"manage_partner_compliance_policy", "update_device_attributes"}
    sim.settings(permissions="update_device_attributes Device.Read.All")
    assert roles(sim.graph_token()) == {"Device.Read.All"} and roles(sim.intune_token()) == {"update_device_attributes"}
    assert sim.request("GET", "/v1.0/users/ann@example.org", token=old).status == 200
    assert sim.request("PUT", "/sim/settings", {"permissions": "Device.Read.All Everything"}).status == 400
    assert sim.settings()["permissions"] == "Device.Read.All update_device_attributes"


# Assertions

class Assertion:
    """A client assertion for the simulator's app; every part can be changed."""

    def __init__(self, sim, folder=None):
        self.key = (folder or sim.certs) / "client.key"
        der = subprocess.run(["openssl", "x509", "-in", str((folder or sim.certs) / "client.pem"), "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.sha256, self.sha1 = b64(hashlib.sha256(der).digest()), b64(hashlib.sha1(der).digest())
        now = int(time.time())
        self.header = {"alg": "PS256", "typ": "JWT", "x5t#S256": self.sha256}
        self.claims = {"aud": f"{sim.url}/{TENANT}/oauth2/v2.0/token", "iss": CLIENT, "sub": CLIENT, "jti": str(uuid.uuid4()),
                       "nbf": now - 5, "iat": now - 5, "exp": now + 600}
        self.padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]

    def text(self):
        header = {k: v for k, v in self.header.items() if v is not None}
        claims = {k: v for k, v in self.claims.items() if v is not None}
        signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", *self.padding, "-sign", str(self.key)], check=True,
                                   input=signed.encode(), capture_output=True).stdout
        return signed + "." + b64(signature)


def ask(sim, text, **changes):
    return sim.token_request(**{"scope": sim.intune_scope, "client_secret": None, "client_assertion": text,
                                "client_assertion_type": ASSERTION_TYPE, **changes})


def test_token_by_assertion(sim):
    assert ask(sim, Assertion(sim).text()).status == 200


def test_token_by_historic_assertion(sim):
    assertion = Assertion(sim)
    assertion.header = {"alg": "RS256", "typ": "JWT", "x5t": assertion.sha1}
    assertion.padding = []
    assert ask(sim, assertion.text()).status == 200


def test_an_assertion_works_once(sim):
    text = Assertion(sim).text()
    assert ask(sim, text).status == 200
    assert_refused(ask(sim, text), 401, "invalid_client", 50012)


@pytest.mark.parametrize("part, changes, number", [
    ("header", {"alg": "RS256"}, 700027),
    ("header", {"alg": "none"}, 5002738),
    ("header", {"alg": "HS256"}, 5002738),
    ("header", {"alg": None}, 5002738),
    ("header", {"typ": None}, 5002738),
    ("header", {"x5t#S256": None}, 5002738),
    ("header", {"x5t#S256": "AAAA"}, 700027),
    ("claims", {"aud": "https://login.microsoftonline.com/common"}, 700023),
    ("claims", {"aud": None}, 700023),
    ("claims", {"iss": UNKNOWN}, 700021),
    ("claims", {"sub": UNKNOWN}, 700021),
    ("claims", {"jti": "not-a-guid"}, 50012),
    ("claims", {"jti": None}, 50012),
    ("claims", {"exp": 1000000000}, 500133),
    ("claims", {"exp": None}, 500133),
    ("claims", {"nbf": 9999999999}, 500133),
    ("claims", {"iat": 9999999999}, 500133),
    ("claims", {"nbf": "soon"}, 500133),
])
def test_bad_assertions(sim, part, changes, number):
    assertion = Assertion(sim)
    getattr(assertion, part).update(changes)
    assert_refused(ask(sim, assertion.text()), 401, "invalid_client", number)


def test_an_assertion_of_an_unknown_certificate(sim, make_sim):
    assert_refused(ask(sim, Assertion(sim, make_sim().certs).text()), 401, "invalid_client", 700027)


@pytest.mark.parametrize("clock_offset_s", [-7200, 20 * 365 * 24 * 3600])
def test_an_assertion_of_a_certificate_out_of_its_time(sim, clock_offset_s):
    assertion = Assertion(sim)
    sim.settings(clock_offset_s=clock_offset_s)
    refused = ask(sim, assertion.text())
    assert_refused(refused, 401, "invalid_client", 700027)
    assert "expired" in refused.json()["error_description"]


def test_an_assertion_may_last_long(sim):
    assertion = Assertion(sim)
    assertion.claims["exp"] += 7 * 24 * 3600
    assert ask(sim, assertion.text()).status == 200


def test_an_assertion_signed_with_another_key(sim, make_sim):
    assertion = Assertion(sim)
    assertion.key = make_sim().certs / "client.key"
    assert_refused(ask(sim, assertion.text()), 401, "invalid_client", 700027)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "....", "e30.e30.", "e30.e30.e30"])
def test_what_is_no_assertion(sim, text):
    assert ask(sim, text).status == 401


def test_the_assertion_type_is_needed(sim):
    assert_refused(ask(sim, Assertion(sim).text(), client_assertion_type=None), 400, "invalid_request", 900144)
    assert_refused(ask(sim, Assertion(sim).text(), client_assertion_type="jwt"), 400, "invalid_request", 900144)


def test_two_certificates_side_by_side(make_sim):
    old = make_sim()
    new = make_sim(client_certificate=old.certs / "client.pem")
    assert ask(new, Assertion(new).text()).status == 200
    assertion = Assertion(new, old.certs)
    assert ask(new, assertion.text()).status == 200
