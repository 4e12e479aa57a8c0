# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's managed identity services and federated tokens: as strict as Azure's."""
import http.client
import json
import time
import urllib.parse

import pytest

from sim_client import CLIENT, TENANT, Answer
from test_credentials import federated
from test_sim_login import ask, assert_refused, claims_of
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

TOKEN = "/metadata/identity/oauth2/token"
USUAL = {"api-version": "2018-02-01"}


@pytest.fixture(scope="module")
def machine_maker(tmp_path_factory):
    from sim_client import SimProcess  # pylint: disable=import-outside-toplevel
    with SimProcess.start(directory=tmp_path_factory.mktemp("imds"), identity_listen="127.0.0.1:0") as started:
        yield started


@pytest.fixture
def machine(machine_maker):
    machine_maker.reset()
    return machine_maker


def get(sim, parameters, path=TOKEN, method="GET", **headers):
    connection = http.client.HTTPConnection(urllib.parse.urlparse(sim.identity_url).netloc, timeout=30)
    query = urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None})
    connection.request(method, f"{path}?{query}", headers={k.replace("_", "-"): v for k, v in headers.items() if v is not None})
    answer = connection.getresponse()
    told = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    connection.close()
    return told


@pytest.mark.parametrize("client_id", [None, CLIENT])
def test_a_token_of_imds(machine, client_id):
    told = get(machine, {**USUAL, "resource": machine.url, "client_id": client_id}, Metadata="true")
    assert told.status == 200
    token = told.json()
    assert token["token_type"] == "Bearer" and token["expires_in"] == "86400"  # a text
    assert claims_of(token["access_token"])["tid"] == TENANT
    assert machine.request("GET", "/v1.0/users/ann@example.org", token=token["access_token"]).status == 200


@pytest.mark.parametrize("parameters, headers, said", [
    ({}, {"Metadata": None}, "metadata header"),
    ({}, {"Metadata": "True"}, "metadata header"),
    ({}, {"X_Forwarded_For": "192.0.2.1"}, "X-Forwarded-For"),
    ({"api-version": None}, {}, "api-version"),
    ({"api-version": "2017-01-01"}, {}, "api-version"),
    ({"resource": None}, {}, "audience"),
    ({"resource": "https://example.org"}, {}, "AADSTS500011"),
    ({"client_id": "99999999-0000-4000-8000-000000000009"}, {}, "Identity not found"),
])
def test_what_imds_refuses(machine, parameters, headers, said):
    told = get(machine, {**USUAL, "resource": machine.url, **parameters}, **{"Metadata": "true", **headers})
    assert told.status == 400 and said in told.json()["error_description"]


def test_other_places_and_methods(machine):
    assert get(machine, USUAL, path="/v1.0/users", Metadata="true").status == 404
    assert get(machine, USUAL, path="/sim/quit", Metadata="true").status == 404
    assert get(machine, {**USUAL, "resource": machine.url}, method="POST", Metadata="true").status == 405


def test_azure_arc_wants_its_key_once(make_sim, scratch):
    key = scratch / "one.key"
    sim = make_sim(identity_listen="127.0.0.1:0", arc_key_file=key)  # noqa: F811
    usual = {"api-version": "2020-06-01", "resource": sim.url}
    challenge = get(sim, usual, Metadata="true")
    assert challenge.status == 401 and challenge.headers["www-authenticate"] == f"Basic realm={key}"
    assert key.stat().st_mode & 0o777 == 0o600
    assert get(sim, usual, Metadata="true", Authorization="Basic wrong").status == 401
    proof = f"Basic {key.read_text()}"
    assert get(sim, usual, Metadata="true", Authorization=proof).status == 200
    assert get(sim, usual, Metadata="true", Authorization=proof).status == 401
    assert get(sim, {**usual, "api-version": "2018-02-01"}, Metadata="true").status == 400
    assert get(sim, {**usual, "client_id": CLIENT}, Metadata="true").status == 400
    assert key.read_text() not in json.dumps(sim.requests(body=True))


def test_a_federated_token_may_come_again(sim):  # noqa: F811
    text = federated(sim)
    assert ask(sim, text).status == 200
    assert ask(sim, text).status == 200


@pytest.mark.parametrize("claims, number", [
    ({"iss": "https://issuer.example/complyd/"}, 700211),
    ({"iss": None}, 700211),
    ({"sub": "system:serviceaccount:mdm:COMPLYD"}, 700213),
    ({"aud": "https://login.microsoftonline.com"}, 700212),
    ({"aud": ["api://AzureADTokenExchange"]}, 700212),
    ({"exp": int(time.time()) - 1}, 700024),
    ({"exp": None}, 700024),
    ({"nbf": int(time.time()) + 3600}, 700024),
])
def test_federated_tokens_that_are_refused(sim, claims, number):  # noqa: F811
    assert_refused(ask(sim, federated(sim, **claims)), 401, "invalid_client", number)


def test_a_federated_token_of_another_key(sim):  # noqa: F811
    assert_refused(ask(sim, federated(sim, key=sim.certs / "client.key")), 401, "invalid_client", 50013)


def test_the_clock_may_be_another(sim):  # noqa: F811
    sim.settings(clock_offset_s=7200)
    answer = sim.token_request(sim.intune_scope)
    assert answer.status == 200
    ahead = time.mktime(time.strptime(answer.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())
    assert 7100 < ahead < 7300
    assert_refused(ask(sim, federated(sim)), 401, "invalid_client", 700024)
