# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's faults, as a client sees them on the wire."""
import http.client
import json
import socket
import ssl
import subprocess
import time
import uuid
from email.utils import parsedate_to_datetime

import pytest

from sim_client import TENANT, message, wait_for
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

STAMP = "2026-02-03T04:05:06.789Z"
USER = "/v1.0/users/ann@example.org?$select=id"


@pytest.fixture
def graph(sim):
    return sim.graph_token()


@pytest.fixture
def phone(sim, graph):
    """put() sends a message about a registered device, each later than the one before."""
    class Phone:
        id = str(uuid.uuid4())
        token = sim.intune_token()
        user = sim.user_id("ann@example.org", graph)
        count = 0

        def put(self, message_id=None):
            self.count += 1
            sent = message(self.id, self.user, f"2026-02-03T04:05:06.{self.count:03}Z", message_id=message_id)
            return sent["id"], sim.put_message(self.token, sent)

    sim.register(Phone.id, "iOS")
    return Phone()


def user(sim, token, **options):
    return sim.request("GET", USER, token=token, **options)


# When a rule plays

def test_count_after_every(sim, graph):
    sim.add_fault("users", "status", status=500, count=2, after=1, every=2)
    assert [user(sim, graph).status for _ in range(7)] == [200, 500, 200, 500, 200, 200, 200]


def test_for_ever_and_cleared(sim, graph):
    sim.add_fault("users", "status", count=-1)
    assert [user(sim, graph).status for _ in range(5)] == [503] * 5
    sim.clear_faults()
    assert user(sim, graph).status == 200


def test_the_first_rule_that_fits_plays(sim, graph):
    first = sim.add_fault("graph", "status", status=500, match="ann@")
    second = sim.add_fault("any", "status", status=502, count=2)
    assert [user(sim, graph).status for _ in range(3)] == [500, 502, 502]
    assert (sim.played(first), sim.played(second)) == (1, 2)
    assert sim.stats()["faults_played"] == 3


def test_match_looks_at_path_and_body(sim, graph):
    sim.add_fault("users", "status", match="bob@")
    assert user(sim, graph).status == 200
    assert sim.request("GET", "/v1.0/users/bob@example.org", token=graph).status == 503
    device = str(uuid.uuid4())
    sim.add_fault("graph_batch", "status", match=device)
    item = {"id": "1", "method": "GET", "url": f"/devices(deviceId='{device}')"}
    assert sim.request("POST", "/v1.0/$batch", {"requests": [item]}, token=graph).status == 503


PLACES = ["token", "discovery", "users", "devices", "graph_batch", "partner_put", "partner_get"]


def visit(sim, place, graph, intune):
    """One request at a place; its status."""
    if place == "token":
        return sim.token_request(sim.intune_scope).status
    if place == "discovery":
        return sim.request("GET", "/v1.0/servicePrincipals", token=graph).status
    if place == "users":
        return user(sim, graph).status
    if place == "devices":
        return sim.request("GET", "/v1.0/devices", token=graph).status
    if place == "graph_batch":
        return sim.request("POST", "/v1.0/$batch", {"requests": []}, token=graph).status
    if place == "partner_put":
        return sim.put_message(intune, {"id": str(uuid.uuid4()), "body": "{}"}).status
    return sim.verdict(intune, str(uuid.uuid4())).status


@pytest.mark.parametrize("at, hit", [
    *[(place, {place}) for place in PLACES],
    ("graph", {"discovery", "users", "devices", "graph_batch"}),
    ("partner", {"partner_put", "partner_get"}),
    ("any", set(PLACES)),
])
def test_places(sim, graph, at, hit):
    intune = sim.intune_token()
    sim.add_fault(at, "status", status=502, count=-1)
    assert {place for place in PLACES if visit(sim, place, graph, intune) == 502} == hit


@pytest.mark.parametrize("rule, why", [
    ({}, "at"), ({"at": "users"}, "fault"), ({"at": "nowhere", "fault": "reset"}, "nowhere"),
    ({"at": "users", "fault": "nonsense"}, "nonsense"), ({"at": "users", "fault": "reset", "cuont": 1}, "cuont"),
    ({"at": "users", "fault": "reset", "count": "1"}, "count"), ({"at": "users", "fault": "reset", "count": -2}, "count"),
    ({"at": "users", "fault": "lying_200"}, "cannot happen"), ({"at": "users", "fault": "status", "status": 999}, "status"),
    ({"at": "users", "fault": "slow_headers", "ms": -1}, "ms"), ([], None), ("x", "JSON object"), (7, "JSON object"),
])
def test_bad_rules(sim, rule, why):
    answer = sim.request("POST", "/sim/faults", json.dumps(rule))
    if why:
        assert answer.status == 400 and why in answer.json()["error"]
    assert sim.faults() == []


def test_several_rules_are_added_all_or_none(sim):
    good = {"at": "users", "fault": "reset"}
    assert sim.request("POST", "/sim/faults", [good, good]).status == 201
    assert sim.request("POST", "/sim/faults", [good, {"at": "users"}]).status == 400
    assert len(sim.faults()) == 2


def test_a_script(make_sim, tmp_path):
    script = tmp_path / "script.jsonl"
    script.write_text('# a bad start\n\n{"at":"token","fault":"status","status":500}\n{"at":"token","fault":"throttle"}\n')
    sim = make_sim(script=script)
    assert [sim.token_request(sim.intune_scope).status for _ in range(3)] == [500, 429, 200]


def test_a_bad_script_stops_the_start(sim, tmp_path):
    script = tmp_path / "script.jsonl"
    script.write_text('{"at":"token","fault":"reset"}\n{"at":"token","fault":"restet"}\n')
    ended = subprocess.run([str(sim.program), "--make-certs", str(tmp_path / "certs"), "--script", str(script)],
                           capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 65
    assert f"{script}:2" in ended.stderr and "restet" in ended.stderr


# Answers instead

def test_401_on_a_good_token(sim, graph, phone):
    sim.add_fault("any", "unauthorized", count=2)
    answer = user(sim, graph)
    assert (answer.status, answer.json()["error"]["code"]) == (401, "Authentication_MissingOrMalformed")
    assert phone.put()[1].status == 401
    assert user(sim, graph).status == phone.put()[1].status == 200


@pytest.mark.parametrize("given, told", [
    ("7", "7"), (7, "7"), (2.128, "2.128"), ("2.128", "2.128"), ("-3", "-3"), (99999999999, "99999999999"),
    ("soon", "soon"), ("", None), (None, None), ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"),
])
def test_every_form_of_retry_after(sim, graph, given, told):
    sim.add_fault("users", "throttle", **({} if given is None else {"retry_after": given}))
    answer = user(sim, graph)
    assert answer.status == 429 and answer.json()["error"]["code"] == "TooManyRequests"
    assert answer.headers.get("retry-after") == told


def test_retry_after_as_a_date_ahead(sim, graph):
    sim.add_fault("users", "throttle", retry_after_in=90)
    answer = user(sim, graph)
    ahead = parsedate_to_datetime(answer.headers["retry-after"]) - parsedate_to_datetime(answer.headers["date"])
    assert 85 <= ahead.total_seconds() <= 95


def test_throttled_login_and_partner_speak_their_own_shape(sim, phone):
    sim.add_fault("token", "throttle", retry_after=1)
    assert sim.token_request(sim.intune_scope).json()["error"] == "temporarily_unavailable"
    sim.add_fault("partner", "throttle")
    assert phone.put()[1].json()["error"]["code"] == "TooManyRequests"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_bursts_of_html(sim, graph, status):
    sim.add_fault("users", "status", status=status, count=3)
    answers = [user(sim, graph) for _ in range(4)]
    assert [a.status for a in answers] == [status] * 3 + [200]
    assert answers[0].headers["content-type"] == "text/html" and b"<html>" in answers[0].body


def test_a_whole_batch_fails(sim, graph):
    sim.add_fault("graph_batch", "dependency", retry_after="4")
    answer = sim.request("POST", "/v1.0/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users/a@b.c"}]},
                         token=graph)
    assert (answer.status, answer.headers["retry-after"]) == (424, "4")
    assert sim.count("graph_batch_item") == 0


@pytest.mark.parametrize("code", ["404", 404, "", "500"])
def test_a_lying_200(sim, phone, code):
    sim.add_fault("partner_put", "lying_200", error_code=code, error_detail="No such thing")
    message_id, answer = phone.put()
    assert (answer.status, answer.json()) == (200, {"ErrorCode": code, "ErrorDetail": "No such thing"})
    assert sim.verdict(phone.token, message_id).status == 404
    assert sim.stats()["messages_accepted"] == 0


def test_login_refusals(sim):
    sim.add_fault("token", "expired_secret")
    assert sim.token_request(sim.intune_scope).json()["error_codes"] == [7000222]
    sim.add_fault("token", "aadsts", code=53003, error="interaction_required", status=400, text="Blocked.")
    answer = sim.token_request(sim.intune_scope)
    assert (answer.status, answer.json()["error"], answer.json()["error_codes"]) == (400, "interaction_required", [53003])
    assert answer.json()["error_description"].startswith("AADSTS53003: Blocked.")


def test_the_token_endpoint_down_and_back(sim):
    sim.add_fault("token", "status", status=503, count=2)
    assert [sim.token_request(sim.intune_scope).status for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize("value", ["3599", -1, 0, None, [], 1e300])
def test_token_fields(sim, value):
    sim.add_fault("token", "token_fields", expires_in=value)
    told = sim.token_request(sim.intune_scope).json()
    assert told["expires_in"] == value and told["access_token"]


def test_token_fields_dropped_and_renamed(sim):
    sim.add_fault("token", "token_fields", drop="access_token", token_type="MAC")
    told = sim.token_request(sim.intune_scope).json()
    assert "access_token" not in told and told["token_type"] == "MAC"


def test_a_token_that_is_good_for_nothing(sim):
    sim.add_fault("token", "bad_token")
    assert user(sim, sim.graph_token()).status == 401
    assert user(sim, sim.graph_token()).status == 200


def test_any_answer_at_all(sim, graph):
    sim.add_fault("users", "body", status=418, body="short and stout", content_type="text/teapot")
    answer = user(sim, graph)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (418, b"short and stout", "text/teapot")


def test_apply_turns_the_order_round(sim, phone):
    """A gateway's 504 after the work was done."""
    sim.add_fault("partner_put", "status", status=504, apply=True)
    message_id, answer = phone.put()
    assert answer.status == 504
    assert wait_for(lambda: sim.verdict(phone.token, message_id).json()["Status"] == "Completed", "verdict")
    sim.add_fault("partner_put", "reset_body", apply=False)
    with pytest.raises((http.client.HTTPException, OSError)):
        phone.put()
    assert sim.stats()["messages_accepted"] == 1


# On the wire

def raw(sim, request):
    """Sends bytes over TLS; returns what came back and the exception that ended it."""
    context = ssl.create_default_context(cafile=sim.ca)
    received = b""
    with socket.create_connection(("127.0.0.1", sim.port)) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as tls:
            tls.sendall(request)
            try:
                while data := tls.recv(65536):
                    received += data
                    if len(received) > 4_000_000:
                        break
            except OSError as problem:
                return received, problem
    return received, None


def get_request(token):
    return f"GET {USER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize("fault", ["reset", "reset_after_apply", "close"])
def test_no_answer(sim, graph, fault):
    sim.add_fault("users", fault)
    received, _ = raw(sim, get_request(graph))
    assert received == b""
    assert sim.count("users", 0) == 1
    assert sim.requests(at="users")[-1]["answered"] is False
    assert user(sim, graph).status == 200


def curl(sim, token):
    return subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", sim.ca, "-H", f"Authorization: Bearer {token}",
                           sim.url + USER], capture_output=True, text=True, check=False)


def test_a_reset_is_a_reset(sim, graph):
    sim.add_fault("users", "reset")
    ended = curl(sim, graph)
    assert ended.returncode == 56 and "reset by peer" in ended.stderr
    sim.add_fault("users", "close")
    assert curl(sim, graph).returncode == 52


def test_a_reset_after_the_work(sim, phone):
    sim.add_fault("partner_put", "reset_after_apply")
    sim.add_fault("partner_put", "reset")
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    for message_id in ids:
        with pytest.raises((http.client.HTTPException, OSError)):
            phone.put(message_id)
    assert sim.verdict(phone.token, ids[0]).status == 200
    assert sim.verdict(phone.token, ids[1]).status == 404


@pytest.mark.parametrize("fault", ["reset_body", "short_body"])
def test_half_a_body(sim, graph, fault):
    whole, _ = raw(sim, get_request(graph))
    length = len(whole.split(b"\r\n\r\n", 1)[1])
    sim.add_fault("users", fault)
    received, _ = raw(sim, get_request(graph))
    head, body = received.split(b"\r\n\r\n", 1)
    assert f"Content-Length: {length}".encode() in head
    assert 0 < len(body) < length
    assert user(sim, graph).status == 200


def test_slow_headers_hold_up_nobody_else(sim, graph):
    sim.add_fault("users", "slow_headers", ms=3600_000)
    waiting = sim.connect()
    waiting.request("GET", USER, headers={"Authorization": f"Bearer {graph}"})
    wait_for(lambda: sim.stats()["in_flight"] == 2, "the slow request is there")
    assert user(sim, graph).status == 200
    waiting.close()


def test_slow_headers_come(sim, graph):
    sim.add_fault("users", "slow_headers", ms=300)
    began = time.monotonic()
    assert user(sim, graph).status == 200
    assert time.monotonic() - began >= 0.3


def test_a_slow_body_comes_whole(sim, graph):
    sim.add_fault("users", "slow_body", bytes=10, ms=5)
    answer = user(sim, graph)
    assert answer.status == 200 and answer.json()["id"]


def test_a_slow_body_holds_up_nobody_else(sim, graph):
    sim.add_fault("users", "slow_body", bytes=1, ms=3600_000)
    waiting = sim.connect()
    waiting.request("GET", USER, headers={"Authorization": f"Bearer {graph}"})
    answer = waiting.getresponse()
    assert answer.read(1) == b"{"
    assert user(sim, graph).status == 200
    waiting.close()


def test_a_client_that_goes_away_during_a_wait(sim, graph):
    sim.add_fault("users", "slow_headers", ms=300, count=20)
    connections = [sim.connect() for _ in range(20)]
    for connection in connections:
        connection.request("GET", USER, headers={"Authorization": f"Bearer {graph}"})
    for connection in connections:
        connection.close()
    wait_for(lambda: sim.stats()["in_flight"] == 1, "the waits are over")
    assert user(sim, graph).status == 200


def test_it_ends_in_good_order_with_answers_waiting(make_sim):
    sim = make_sim()
    token = sim.graph_token()
    sim.add_fault("users", "slow_headers", ms=3600_000)
    waiting = sim.connect()
    waiting.request("GET", USER, headers={"Authorization": f"Bearer {token}"})
    wait_for(lambda: sim.stats()["in_flight"] == 2, "the slow request is there")
    sim.stop()
    assert waiting.getresponse().status == 200


@pytest.mark.parametrize("limit", [{}, {"bytes": 0}, {"bytes": 5}])
def test_truncated_json(sim, graph, limit):
    sim.add_fault("users", "truncated_json", **limit)
    answer = user(sim, graph)
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body) == limit.get("bytes", len(answer.body))
    with pytest.raises(ValueError):
        answer.json()


def test_endless_json(sim, graph):
    sim.add_fault("users", "huge_json")
    received, _ = raw(sim, get_request(graph))
    assert len(received) > 4_000_000
    wait_for(lambda: sim.stats()["in_flight"] == 1, "the endless answer ended")


def test_huge_json(sim, graph):
    sim.add_fault("users", "huge_json", bytes=2_000_000)
    answer = user(sim, graph)
    assert len(answer.body) >= 2_000_000 and len(answer.json()["value"]) > 10000


@pytest.mark.parametrize("kind, check", [
    ("array", lambda v: isinstance(v, list)), ("null", lambda v: v is None), ("text", lambda v: isinstance(v, str)),
    ("number", lambda v: isinstance(v, float)), ("types", lambda v: isinstance(v, dict) and not isinstance(v["id"], str)),
])
def test_wrong_json(sim, graph, kind, check):
    sim.add_fault("users", "wrong_json", kind=kind)
    assert check(user(sim, graph).json())


def test_deep_json(sim, graph):
    sim.add_fault("users", "wrong_json", kind="deep")
    assert user(sim, graph).body == b"[" * 100000


def test_invalid_utf8(sim, graph):
    sim.add_fault("users", "invalid_utf8")
    with pytest.raises(UnicodeDecodeError):
        user(sim, graph).body.decode()


def test_empty_body(sim, graph, phone):
    sim.add_fault("any", "empty_body", count=2)
    assert (user(sim, graph).status, user(sim, graph).body) == (200, b"")


# Verdicts

def verdict(sim, phone, message_id):
    return wait_for(lambda: (told := sim.verdict(phone.token, message_id).json())["Status"] in ("Completed", "Failed") and told,
                    "verdict")


def test_a_failed_verdict(sim, phone):
    sim.add_fault("partner_put", "verdict_failed", error_code="DeviceNotFound", error_detail="Not enrolled")
    message_id, answer = phone.put()
    assert str(answer.json()["ErrorCode"]) == "202"
    told = verdict(sim, phone, message_id)
    assert (told["Status"], told["ErrorCode"], told["ErrorDetail"]) == ("Failed", "DeviceNotFound", "Not enrolled")
    assert sim.device(phone.id)["isCompliant"] is None and sim.stats()["messages_failed"] == 1
    verdict(sim, phone, phone.put()[0])
    assert sim.device(phone.id)["isCompliant"] is True


def test_a_verdict_that_never_comes(sim, phone):
    sim.settings(verdict_delay="0s")
    sim.add_fault("partner_put", "verdict_never", word="Pondering")
    never, _ = phone.put()
    after, _ = phone.put()
    assert verdict(sim, phone, after)["Status"] == "Completed"
    assert sim.verdict(phone.token, never).json()["Status"] == "Pondering"


def test_a_lost_message(sim, phone):
    sim.add_fault("partner_put", "lost_message")
    message_id, answer = phone.put()
    assert str(answer.json()["ErrorCode"]) == "202"
    assert sim.verdict(phone.token, message_id).status == 404
    known, _ = phone.put()
    sim.add_fault("partner_get", "lost_message")
    assert [sim.verdict(phone.token, known).status for _ in range(2)] == [404, 200]
    assert sim.stats()["violations"] == 0


# Items of a batch

def batch(sim, token, count=3):
    ids = [f"00000000-0000-4000-8000-{n:012}" for n in range(count)]
    sim.register_all([{"deviceId": i, "operatingSystem": "Windows"} for i in ids])
    items = [{"id": str(n), "method": "PATCH", "url": f"/devices(deviceId='{i}')",
              "headers": {"Content-Type": "application/json"}, "body": {"isManaged": True}} for n, i in enumerate(ids)]
    answer = sim.request("POST", "/v1.0/$batch", {"requests": items}, token=token)
    assert answer.status == 200
    return answer.json()["responses"], ids


def test_a_throttled_item(sim, graph):
    sim.add_fault("graph_batch_item", "throttle", retry_after=2.128, match="000000000001")
    responses, ids = batch(sim, graph)
    by_id = {r["id"]: r for r in responses}
    assert {n: r["status"] for n, r in by_id.items()} == {"0": 204, "1": 429, "2": 204}
    assert by_id["1"]["headers"]["Retry-After"] == "2.128"
    assert by_id["1"]["body"]["error"]["code"] == "TooManyRequests"
    assert [sim.device(i)["isManaged"] for i in ids] == [True, None, True]


@pytest.mark.parametrize("status, code", [(404, "Request_ResourceNotFound"), (403, "Authorization_RequestDenied"), (500, None)])
def test_a_refused_item(sim, graph, status, code):
    sim.add_fault("graph_batch_item", "status", status=status, after=1, **({"code": code} if code else {}))
    responses, _ = batch(sim, graph)
    refused = [r for r in responses if r["status"] == status]
    assert len(refused) == 1 and refused[0]["id"] == "1"
    assert refused[0]["body"]["error"]["code"] == (code or "UnknownError")


def test_a_missing_item_and_one_twice(sim, graph):
    sim.add_fault("graph_batch_item", "missing_item")
    sim.add_fault("graph_batch_item", "duplicate_item")
    responses, ids = batch(sim, graph)
    assert sorted(r["id"] for r in responses) == ["1", "1", "2"]
    assert all(sim.device(i)["isManaged"] for i in ids)


def test_an_unauthorized_item(sim, graph):
    sim.add_fault("graph_batch_item", "unauthorized")
    responses, _ = batch(sim, graph)
    assert sorted(r["status"] for r in responses) == [204, 204, 401]


# Out of the ordinary

def test_refused_connections_and_the_same_server_come_back(make_sim):
    sim = make_sim()
    token, port, ca = sim.graph_token(), sim.port, open(sim.ca, encoding="ascii").read()
    sim.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
    sim.launch()
    assert (sim.port, open(sim.ca, encoding="ascii").read()) == (port, ca)
    assert user(sim, token).status == 401
    assert user(sim, sim.graph_token()).status == 200
    assert sim.tenant_id == TENANT
