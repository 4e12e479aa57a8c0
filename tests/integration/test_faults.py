# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Everything that can go wrong on Microsoft's side, at every place where it can: what the store then says, how long complyd waits,
what the log tells, and that all comes right once the fault is over.

Each case starts the daemon on a store with one phone (partner messages) and one PC (Graph batches), both yet to be reported, while the
simulator plays the fault on every request that fits. Where the fault concerns one of them, the other must not notice.
"""
import dataclasses
import datetime
import re

import pytest

import harness
from harness import eventually, guid
from scene import (ERROR, IN_PROGRESS, SUCCESS, add_pair, backoff, connection_of, in_the_past, look,  # noqa: F401
                   milliseconds, shared_sim, sim, succeeded, told, wait_agreed, wait_trouble)

PHONE, PC = guid(1), guid(2)
EVERY_TIME = -1
FIRST_TRY_PASSING = backoff(1000, 60000, 1)  # a connection whose trouble passes by itself
FIRST_TRY_ADMIN = backoff(5000, 300000, 1)  # ... and one that somebody must mend
HOUR = 3600 * 1000
SLACK = 500  # ms that may pass on a busy machine before a remaining time is written down
MINUTE = 60 * 1000  # from then on it is written down in whole seconds


# ---- what is expected of a device while the fault lasts

@dataclasses.dataclass
class Retrying:
    """Tried in vain; the row waits for its time, which grows with each try and is never earlier than Microsoft asked."""
    error: str
    transport: bool = False
    retry_after: tuple = (0, 0)

    def check(self, store, daemon, device):
        def tried():
            seen = look(store, device)
            return seen if seen.queued and seen.attempts > 0 and seen.claim is None else None
        seen = eventually(tried, what=f"{device} tried in vain")
        assert (seen.state, seen.status, seen.reason) == (0, 0, "retrying"), seen
        assert re.search(self.error, seen.error), seen.error
        low, high = backoff(200, 1000, seen.attempts) if self.transport else backoff(1000, 60000, seen.attempts)
        delay = seen.due_at - seen.attempted_at_ms
        assert max(low, self.retry_after[0]) <= delay <= max(high, self.retry_after[1]), (delay, seen)
        line = daemon.wait_for_log(rf"info sender: not taken: compliant; retrying in (\S+): (.*) device={device} ")
        assert milliseconds(line[1]) >= self.retry_after[0] and re.search(self.error, line[2]), line[0]


@dataclasses.dataclass
class Waiting:
    """Not tried at all, or certainly not taken: the row is as the trigger made it."""

    def check(self, store, daemon, device):
        def untouched():
            seen = look(store, device)
            return seen if seen.queued and seen.claim is None else None
        seen = eventually(untouched, what=f"{device} queued")
        assert (seen.attempts, seen.due_at, seen.known) == (0, 0, 0), seen


@dataclasses.dataclass
class Parked:
    """Microsoft says that this device is wrong: shown as an error, and no further try."""
    reason: str
    error: str = "."
    log: str = "warn sender: refused compliant; parked until its data changes or an operator asks: "

    def check(self, store, daemon, device):
        seen = eventually(lambda: look(store, device) if look(store, device).status == ERROR else None, what=f"{device} parked")
        assert not seen.queued and not seen.asked, seen
        assert (seen.state in (0, 1), seen.reason) == (True, self.reason), seen
        assert re.search(self.error, seen.error), seen.error
        if self.log:
            shown = daemon.device(device)
            line = daemon.wait_for_log(rf"{self.log}{re.escape(shown['reason'])} \((.*)\) Cure: {re.escape(shown['cure'])} device={device} ")
            assert re.search(self.error, line[1]), line[0]


@dataclasses.dataclass
class Told:
    """Reported all the same."""

    def check(self, store, daemon, device):
        eventually(lambda: told(store, device), what=f"{device} reported")


@dataclasses.dataclass
class Asked:
    """Reported, but the question for the verdict gets no answer: it is asked again later, no sooner than Microsoft likes."""
    retry_after: int = 0

    def check(self, store, daemon, device):
        def asked():
            seen = look(store, device)
            return seen if seen.asked and seen.polls == 1 else None
        seen = eventually(asked, what=f"{device} asked for its verdict")
        assert (seen.queued, seen.status, seen.reason) == (0, IN_PROGRESS, ""), seen
        # First asked 1.5 to 2 s after it was accepted, then 3 to 4 s later.
        assert seen.poll_at_ms >= seen.accepted_at_ms + 1500 + max(3000, self.retry_after), seen


# ---- ... and of its connection

@dataclasses.dataclass
class Trouble:
    slug: str
    detail: str
    bounds: tuple = FIRST_TRY_PASSING

    def check(self, daemon):
        line = daemon.wait_for_log(r"(?:warn|error) connection: broken: .* \((.*)\); next try in (\S+), nothing is lost\. Cure: \S.* "
                                   r"connection=default")
        assert re.search(self.detail, line[1]), line[0]
        low, high = self.bounds
        assert low - SLACK - (1000 if low >= MINUTE else 0) <= milliseconds(line[2]) <= high, line[0]
        wait_trouble(daemon, self.slug)


def admin(slug, detail):
    """Somebody must mend it: gentler probes, and an order to try again is what mending ends with."""
    return Trouble(slug, detail, FIRST_TRY_ADMIN)


@dataclasses.dataclass
class Case:
    name: str
    at: str
    fault: dict
    phone: object
    pc: object
    trouble: Trouble = None
    log: str = ""  # a line besides those that each expectation has
    heal: str = "time"


CASES = []


def case(name, at, fault, phone, pc, trouble=None, **more):
    fault = {"fault": fault} if isinstance(fault, str) else dict(fault)
    CASES.append(Case(f"{at}-{name}", at, {"count": EVERY_TIME, **fault}, phone, pc, trouble, **more))


RETRY_AFTER = {  # what Microsoft may send, and the delay it asks for in ms
    "integer": ({"retry_after": 2}, (2000, 2000)),
    "decimal": ({"retry_after": "1.25"}, (1250, 1250)),
    "date": ({"retry_after_in": 4}, (3000, 4000)),
    "absurd": ({"retry_after": 99999999999}, (HOUR, HOUR)),
    "absurd_date": ({"retry_after": "Fri, 31 Dec 2199 23:59:59 GMT"}, (HOUR, HOUR)),
    "negative": ({"retry_after": "-7"}, (0, 0)),
    "past": ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, (0, 0)),
    "garbage": ({"retry_after": "soon"}, (0, 0)),
    "hexadecimal": ({"retry_after": "0x10"}, (0, 0)),
    "missing": ({}, (0, 0)),
}
BROKEN_WIRE = {  # the request is lost on the way or on the way back
    "reset": {"fault": "reset"},
    "reset_after_apply": {"fault": "reset_after_apply"},
    "close": {"fault": "close"},
    "reset_body": {"fault": "reset_body"},
    "short_body": {"fault": "short_body"},
}
LATE = {  # slow, but it comes
    "slow_headers": {"fault": "slow_headers", "ms": 700, "count": 2},
    "slow_body": {"fault": "slow_body", "ms": 10, "bytes": 40, "count": 2},
}
NONSENSE = {  # no answer that anybody could read
    "truncated": {"fault": "truncated_json"},
    "huge": {"fault": "huge_json"},
    "big": {"fault": "huge_json", "bytes": 5_000_000},
    "array": {"fault": "wrong_json", "kind": "array"},
    "null": {"fault": "wrong_json", "kind": "null"},
    "text": {"fault": "wrong_json", "kind": "text"},
    "number": {"fault": "wrong_json", "kind": "number"},
    "deep": {"fault": "wrong_json", "kind": "deep"},
    "types": {"fault": "wrong_json", "kind": "types"},
    "html": {"fault": "body", "body": "<html><h1>Sign in to the guest network</h1></html>", "content_type": "text/html"},
}
OWN_ANSWER = {"empty": {"fault": "empty_body"}, "utf8": {"fault": "invalid_utf8"}}  # read otherwise by each place
BURST = (500, 502, 503, 504)


def delay(asked, bounds=FIRST_TRY_PASSING):
    """How long a connection then waits."""
    return max(bounds[0], asked[0]), max(bounds[1], asked[1])


# ---- the token endpoint: nothing can be sent

def token(name, fault, trouble, **more):
    case(name, "token", fault, Waiting(), Waiting(), trouble, **more)


for _status in BURST:
    token(f"status_{_status}", {"fault": "status", "status": _status}, Trouble("service_unavailable", f"^{_status}"))
for _name, (_fault, _asked) in RETRY_AFTER.items():
    token(f"throttle_{_name}", {"fault": "throttle", **_fault}, Trouble("throttled", "^429", delay(_asked)))
for _name, _fault in BROKEN_WIRE.items():
    token(_name, _fault, Trouble("network", "."))
for _name, _fault in {**NONSENSE, **OWN_ANSWER}.items():
    token(_name, _fault, Trouble("reply_unintelligible", "."))
for _name, _fault in LATE.items():
    case(_name, "token", _fault, Told(), Told())
for _name, _value in {"negative": -1, "zero": 0, "null": None, "list": [], "word": "soon"}.items():
    token(f"expires_in_{_name}", {"fault": "token_fields", "expires_in": _value}, Trouble("reply_unintelligible", "expires_in"))
for _name, _value in {"text": "3599", "huge": 1e300}.items():
    case(f"expires_in_{_name}", "token", {"fault": "token_fields", "expires_in": _value}, Told(), Told())
token("no_access_token", {"fault": "token_fields", "drop": "access_token"}, Trouble("reply_unintelligible", "access_token"))
token("other_type", {"fault": "token_fields", "token_type": "MAC"}, Trouble("reply_unintelligible", "token_type"))
token("expired_secret", "expired_secret", admin("credential_expired", "AADSTS7000222"), heal="reload")
token("unauthorized", "unauthorized", admin("credential_wrong", "AADSTS7000215"), heal="reload")
for _code, _error, _status, _slug in [
        (7000215, "invalid_client", 401, "credential_wrong"), (7000222, "invalid_client", 401, "credential_expired"),
        (700027, "invalid_client", 401, "assertion_refused"), (700024, "invalid_client", 401, "clock_skew"),
        (700016, "unauthorized_client", 400, "app_unknown"), (90002, "invalid_request", 400, "tenant_unknown"),
        (900432, "invalid_request", 400, "cloud_mismatch"), (65001, "invalid_grant", 400, "consent_missing"),
        (500011, "invalid_resource", 400, "resource_missing"), (53003, "access_denied", 400, "blocked_by_policy"),
        (900144, "invalid_request", 400, "request_malformed"), (123456, "invalid_client", 401, "credential_wrong")]:
    token(f"aadsts_{_code}", {"fault": "aadsts", "code": _code, "error": _error, "status": _status},
          admin(_slug, f"^{_status} {_error}: AADSTS{_code}"), heal="reload")
token("aadsts_90033", {"fault": "aadsts", "code": 90033, "error": "temporarily_unavailable", "status": 400},
      Trouble("service_unavailable", "AADSTS90033"))
token("aadsts_of_the_future", {"fault": "aadsts", "code": 8000001, "error": "moon_phase", "status": 400},
      Trouble("reply_unintelligible", "moon_phase"))
token("aadsts_50196", {"fault": "aadsts", "code": 50196, "error": "invalid_grant", "status": 400},
      Trouble("token_loop", "AADSTS50196", (10 * 60000, 10 * 60000)), heal="reload")
case("bad_token", "token", {"fault": "bad_token", "count": 2}, Told(), Told())

# ---- discovery of the partner service: phones wait, PCs do not


def discovery(name, fault, trouble, **more):
    case(name, "discovery", fault, Waiting(), Told(), trouble, **more)


case("unauthorized_once", "discovery", {"fault": "unauthorized", "count": 1}, Told(), Told())
discovery("unauthorized", "unauthorized", Trouble("token_refused", "^401 Authentication_MissingOrMalformed"))
for _status in BURST:
    discovery(f"status_{_status}", {"fault": "status", "status": _status}, Trouble("service_unavailable", f"^{_status}"))
for _name in ("integer", "date", "absurd", "missing"):
    _fault, _asked = RETRY_AFTER[_name]
    discovery(f"throttle_{_name}", {"fault": "throttle", **_fault}, Trouble("throttled", "^429", delay(_asked)))
for _name, _fault in BROKEN_WIRE.items():
    discovery(_name, _fault, Trouble("network", "."))
for _name, _fault in {**NONSENSE, "empty": OWN_ANSWER["empty"]}.items():
    discovery(_name, _fault, Trouble("reply_unintelligible", "."))
for _name, _fault in LATE.items():
    case(_name, "discovery", _fault, Told(), Told())
discovery("forbidden", {"fault": "status", "status": 403, "code": "Authorization_RequestDenied"},
          admin("permission_missing", "^403 Authorization_RequestDenied"), heal="reload")
discovery("no_principal", {"fault": "body", "body": '{"value":[]}'}, admin("endpoints_missing", "no service principal"), heal="reload")
discovery("no_endpoints", {"fault": "body", "body": '{"value":[]}', "match": "/endpoints"},
          admin("endpoints_missing", "no PartnerDeviceDataSyncService"), heal="reload")
discovery("other_endpoints", {"fault": "body", "match": "/endpoints", "body": '{"value":[{"providerName":"IWService",'
                              '"uri":"https://iw.example"}]}'}, admin("endpoints_missing", "no PartnerDeviceDataSyncService"), heal="reload")
discovery("elsewhere", {"fault": "body", "match": "/endpoints",
                        "body": '{"value":[],"@odata.nextLink":"https://evil.example/v1.0/x"}'},
          Trouble("reply_unintelligible", "another host"))
discovery("plain_http", {"fault": "body", "match": "/endpoints", "body":
                         '{"value":[{"providerName":"PartnerDeviceDataSyncService","uri":"http://plain.example/fef"}]}'},
          Trouble("reply_unintelligible", "."))

# ---- looking up users: a batch as a whole, and its items


def users(name, fault, trouble, phone=None, at="graph_batch", **more):
    fault = {"fault": fault} if isinstance(fault, str) else fault
    case(f"users_{name}", at, {"match": "/users/", **fault}, phone or Waiting(), Told(), trouble, **more)


users("unauthorized_once", {"fault": "unauthorized", "count": 1}, None, Told())
users("unauthorized", "unauthorized", Trouble("token_refused", "^401"))
for _status in BURST:
    users(f"status_{_status}", {"fault": "status", "status": _status}, Trouble("service_unavailable", f"^{_status}"))
users("dependency", "dependency", Trouble("service_unavailable", "^424 FailedDependency"))
users("reset", BROKEN_WIRE["reset"], Trouble("network", "."))
users("short_body", BROKEN_WIRE["short_body"], Trouble("network", "."))
users("truncated", NONSENSE["truncated"], Trouble("reply_unintelligible", "."))
users("huge", NONSENSE["huge"], Trouble("reply_unintelligible", "."))
users("types", NONSENSE["types"], Trouble("reply_unintelligible", "."))
users("empty", OWN_ANSWER["empty"], Trouble("reply_unintelligible", "."))
users("late", LATE["slow_headers"], None, Told())
users("forbidden", {"fault": "status", "status": 403, "code": "Authorization_RequestDenied"},
      admin("permission_missing", "^403"), heal="reload")
users("throttle", {"fault": "throttle", "retry_after": 2}, None)
users("item_throttle", {"fault": "throttle", "retry_after": "2.128"}, None, at="graph_batch_item")
users("item_404", {"fault": "status", "status": 404, "code": "Request_ResourceNotFound"}, None,
      Parked("user_unknown", "", log=""), at="graph_batch_item", heal="operator")
users("item_400", {"fault": "status", "status": 400, "code": "Request_BadRequest"}, None,
      Parked("user_unknown", "", log=""), at="graph_batch_item", heal="operator")
users("item_403", {"fault": "status", "status": 403, "code": "Authorization_RequestDenied"},
      admin("permission_missing", "^403"), at="graph_batch_item", heal="reload")
users("item_500", {"fault": "status", "status": 500}, Trouble("service_unavailable", "^500"), at="graph_batch_item")
users("item_missing", "missing_item", Trouble("reply_unintelligible", "no answer for this item"), at="graph_batch_item")
users("item_duplicate", "duplicate_item", Trouble("reply_unintelligible", "two answers"), at="graph_batch_item")

# ---- partner messages


def put(name, fault, phone, trouble=None, **more):
    case(name, "partner_put", fault, phone, Told(), trouble, **more)


put("unauthorized_once", {"fault": "unauthorized", "count": 1}, Told())
put("unauthorized", "unauthorized", Waiting(), Trouble("token_refused", "^401 Authentication_MissingOrMalformed"))
for _status in BURST:
    put(f"status_{_status}", {"fault": "status", "status": _status}, Retrying(f"^{_status}"),
        Trouble("service_unavailable", f"^{_status}"))
put("status_504_applied", {"fault": "status", "status": 504, "apply": True}, Retrying("^504"), Trouble("service_unavailable", "^504"))
put("status_408", {"fault": "status", "status": 408}, Retrying("^408"), Trouble("service_unavailable", "^408"))
put("status_503_retry_after", {"fault": "status", "status": 503, "retry_after": 2}, Retrying("^503", retry_after=(2000, 2000)),
    Trouble("service_unavailable", "^503", delay((2000, 2000))))
for _name, (_fault, _asked) in RETRY_AFTER.items():
    put(f"throttle_{_name}", {"fault": "throttle", **_fault}, Retrying("^429 TooManyRequests: Too many requests", retry_after=_asked),
        log=r"notice connection: throttled by Microsoft" if _asked[0] > 2000 else "")
for _name, _fault in BROKEN_WIRE.items():
    put(_name, _fault, Retrying(".", transport=True), Trouble("network", "."))
for _name, _fault in NONSENSE.items():
    put(_name, _fault, Retrying("."), Trouble("reply_unintelligible", "."))
for _name, _fault in {**LATE, "empty": OWN_ANSWER["empty"]}.items():
    put(_name, _fault, Told())
put("utf8", OWN_ANSWER["utf8"], Retrying("^200 unreadable ErrorCode"), Trouble("reply_unintelligible", "unreadable ErrorCode"))
put("lying_404", {"fault": "lying_200", "error_code": "404"}, Parked("device_unknown", "^200 ErrorCode 404: The device was not found"),
    heal="operator")
put("lying_404_number", {"fault": "lying_200", "error_code": 404}, Parked("device_unknown", "^200 ErrorCode 404"), heal="data")
put("lying_403", {"fault": "lying_200", "error_code": 403}, Parked("device_refused", "^200 ErrorCode 403"), heal="operator")
put("lying_400", {"fault": "lying_200", "error_code": "400"}, Parked("device_refused", "^200 ErrorCode 400"), heal="operator")
put("lying_4711", {"fault": "lying_200", "error_code": 4711}, Parked("device_refused", "^200 ErrorCode 4711"), heal="operator")
put("lying_word", {"fault": "lying_200", "error_code": "NoLicense"}, Parked("device_refused", "^200 ErrorCode NoLicense"), heal="operator")
put("lying_500", {"fault": "lying_200", "error_code": "500"}, Retrying("^200 ErrorCode 500"), Trouble("service_unavailable", "500"))
put("lying_401", {"fault": "lying_200", "error_code": 401}, Retrying("^200 ErrorCode 401"), Trouble("token_refused", "401"))
put("lying_429", {"fault": "lying_200", "error_code": 429}, Retrying("^200 ErrorCode 429"))
put("lying_200", {"fault": "lying_200", "error_code": 200}, Retrying("^200 ErrorCode 200"), Trouble("reply_unintelligible", "200"))
put("status_400", {"fault": "status", "status": 400, "code": "BadRequest"}, Parked("device_refused", "^400 BadRequest"), heal="operator")
put("status_403", {"fault": "status", "status": 403, "code": "Forbidden"}, Waiting(), admin("permission_missing", "^403 Forbidden"),
    heal="reload")
put("status_404_of_a_proxy", {"fault": "status", "status": 404}, Retrying("^404"), Trouble("endpoints_missing", "^404", FIRST_TRY_ADMIN),
    heal="reload")
put("verdict_failed", {"fault": "verdict_failed", "error_code": "404", "error_detail": "No Intune licence."},
    Parked("message_failed", "ErrorCode 404: No Intune licence.", "warn results: verdict Failed; parked until its data changes: "),
    heal="operator")

# ---- verdicts


def get(name, fault, phone, trouble=None, **more):
    case(name, "partner_get", fault, phone, Told(), trouble, heal="restart", **more)


get("unauthorized", "unauthorized", Asked(), Trouble("token_refused", "^401"))
get("status_503", {"fault": "status", "status": 503}, Asked())
get("status_400", {"fault": "status", "status": 400, "code": "BadRequest"}, Asked())
get("status_403", {"fault": "status", "status": 403, "code": "Forbidden"}, Asked(), admin("permission_missing", "^403 Forbidden"))
get("throttle", {"fault": "throttle", "retry_after": 20}, Asked(20000), log="notice connection: throttled by Microsoft")
get("throttle_absurd", {"fault": "throttle", "retry_after": "1e9"}, Asked())
get("reset", BROKEN_WIRE["reset"], Asked())
get("short_body", BROKEN_WIRE["short_body"], Asked())
get("huge", NONSENSE["huge"], Asked())
get("array", NONSENSE["array"], Asked())
get("types", NONSENSE["types"], Asked())
get("empty", OWN_ANSWER["empty"], Asked())
get("utf8", OWN_ANSWER["utf8"], Asked())
get("lost", "lost_message", Asked())
get("unknown_word", {"fault": "body", "body": '{"Status":"Sleeping","ErrorCode":0}'}, Asked())

# ---- Graph: a batch of devices as a whole, and its items


def batch(name, fault, pc, trouble=None, at="graph_batch", phone=Told(), **more):
    fault = {"fault": fault} if isinstance(fault, str) else fault
    case(f"pcs_{name}", at, {"match": "/devices(", **fault}, phone, pc, trouble, **more)


batch("unauthorized_once", {"fault": "unauthorized", "count": 1}, Told())
batch("unauthorized", "unauthorized", Waiting(), Trouble("token_refused", "^401"))
for _status in BURST:
    batch(f"status_{_status}", {"fault": "status", "status": _status}, Retrying(f"^{_status}"),
          Trouble("service_unavailable", f"^{_status}"))
for _name in ("integer", "date", "absurd", "missing"):
    _fault, _asked = RETRY_AFTER[_name]
    # The phone's user is looked up through Graph too, and that must wait as long.
    batch(f"throttle_{_name}", {"fault": "throttle", **_fault}, Retrying("^429 TooManyRequests", retry_after=_asked),
          phone=Waiting() if _name == "absurd" else Told())
batch("dependency", {"fault": "dependency", "retry_after": "1.5"}, Retrying("^424 FailedDependency", retry_after=(1500, 1500)),
      Trouble("service_unavailable", "^424", delay((1500, 1500))))
batch("forbidden", {"fault": "status", "status": 403, "code": "Authorization_RequestDenied"}, Waiting(),
      admin("permission_missing", "^403 Authorization_RequestDenied"), heal="reload")
batch("not_found", {"fault": "status", "status": 404}, Waiting(), admin("endpoints_missing", "^404"), heal="reload")
batch("bad_request", {"fault": "status", "status": 400, "code": "BadRequest"}, Waiting(), admin("request_malformed", "^400"), heal="reload")
for _name, _fault in BROKEN_WIRE.items():
    batch(_name, _fault, Retrying(".", transport=True), Trouble("network", "."))
for _name, _fault in {**NONSENSE, **OWN_ANSWER}.items():
    batch(_name, _fault, Retrying("."), Trouble("reply_unintelligible", "."))
for _name, _fault in LATE.items():
    batch(_name, _fault, Told())
for _status, _expected, _trouble in [
        (400, Parked("device_refused", "^400 UnknownError"), None), (403, Parked("device_refused", "^403"), None),
        (404, Parked("device_unknown", "^404"), None), (409, Retrying("^409"), Trouble("service_unavailable", "^409")),
        (500, Retrying("^500"), Trouble("service_unavailable", "^500")),
        (503, Retrying("^503"), Trouble("service_unavailable", "^503"))]:
    batch(f"item_{_status}", {"fault": "status", "status": _status}, _expected, _trouble, at="graph_batch_item",
          heal="operator" if isinstance(_expected, Parked) else "time")
batch("item_401", "unauthorized", Waiting(), Trouble("token_refused", "^401"), at="graph_batch_item")
batch("item_424", "dependency", Retrying("^424"), Trouble("service_unavailable", "^424"), at="graph_batch_item")
batch("item_throttle", {"fault": "throttle", "retry_after": "2.128"}, Retrying("^429", retry_after=(2128, 2128)), at="graph_batch_item")
batch("item_missing", "missing_item", Retrying("no answer for this item"), Trouble("reply_unintelligible", "."), at="graph_batch_item")
batch("item_duplicate", "duplicate_item", Retrying("two answers for this item"), Trouble("reply_unintelligible", "."),
      at="graph_batch_item")


# ---- how a fault ends

# These recover without anybody's doing; the others are hurried, for the sake of time.
BY_THEMSELVES = {"token-status_503", "token-throttle_integer", "token-reset", "token-null", "discovery-status_503", "discovery-close",
                 "graph_batch-users_status_503", "graph_batch-users_throttle", "graph_batch_item-users_item_throttle",
                 "partner_put-status_503", "partner_put-throttle_decimal", "partner_put-reset_after_apply", "partner_put-truncated",
                 "partner_put-unauthorized", "graph_batch-pcs_status_503", "graph_batch-pcs_reset", "graph_batch_item-pcs_item_throttle",
                 "graph_batch_item-pcs_item_missing", "graph_batch-pcs_unauthorized"}


def asked_to_wait_long(fault):
    waits = [fault.trouble.bounds[0]] if fault.trouble else []
    waits += [one.retry_after[0] for one in (fault.phone, fault.pc) if isinstance(one, Retrying)]
    return max(waits, default=0) > 2500


def restart_later(store, daemon):
    """A restart, after hours as far as the store can tell."""
    daemon.stop()
    in_the_past(store)
    daemon.start()


def heal(fault, sim, store, daemon):
    """What the cure says; for what passes by itself, time."""
    sim.clear_faults()
    if fault.heal == "data":
        store.set_device("phone", name="Another name")
    elif fault.heal == "operator":
        for device in ("phone", "pc"):
            if look(store, device).status == ERROR:
                daemon.ctl("device", "report", device)
    elif fault.heal == "restart" or (asked_to_wait_long(fault) and fault.heal == "time"):
        restart_later(store, daemon)
    elif fault.name not in BY_THEMSELVES:
        daemon.reload()
        in_the_past(store)


def test_all_that_recover_by_themselves_are_cases():
    assert BY_THEMSELVES <= {fault.name for fault in CASES} and len({fault.name for fault in CASES}) == len(CASES)


@pytest.mark.parametrize("fault", CASES, ids=lambda fault: fault.name)
def test_fault(fault, sim, store, daemon):
    add_pair(store)
    sim.add_fault(at=fault.at, **fault.fault)
    daemon.start()
    fault.phone.check(store, daemon, "phone")
    fault.pc.check(store, daemon, "pc")
    if fault.trouble:
        fault.trouble.check(daemon)
    if fault.log:
        daemon.wait_for_log(fault.log)
    assert daemon.process.running()
    heal(fault, sim, store, daemon)
    wait_agreed(store, sim)
    eventually(lambda: told(store, "phone") and told(store, "pc"))
    if fault.trouble:
        eventually(lambda: connection_of(daemon)["trouble"] == "")
    if fault.at == "partner_get":
        eventually(lambda: succeeded(store, "phone"))


# ---- faults that need more than one request or one device

def all_told(store, *devices):
    return eventually(lambda: all(told(store, device) for device in devices), what="all reported")


@pytest.mark.parametrize("fault", [{"at": "partner_put", "fault": "verdict_never"},
                                   {"at": "partner_put", "fault": "verdict_never", "word": "Sleeping"},
                                   {"at": "partner_put", "fault": "lost_message"}], ids=lambda fault: "-".join(fault.values()))
def test_no_verdict_until_the_deadline(sim, store, daemon, fault):
    """The report is shown as an error, and sent again after a while as a new message."""
    daemon.settings["reporting"]["result_deadline"] = "10s"
    daemon.write_config()
    store.add_device("phone", 1)
    sim.add_fault(count=EVERY_TIME, **fault)
    daemon.start()
    first = eventually(lambda: look(store, "phone") if told(store, "phone") else None)
    assert first.deadline_ms == first.accepted_at_ms + 10000
    line = daemon.wait_for_log(r"warn results: no verdict came; the report will be sent again: (.*) device=phone ")
    late = eventually(lambda: look(store, "phone") if look(store, "phone").status == ERROR else None)
    assert line[1].endswith(f" Cure: {daemon.device('phone')['cure']}"), line[0]
    assert (late.reason, late.expiries, late.queued, late.attempts, late.asked) == ("no_verdict", 1, 1, 1, 0)
    assert late.attempted_at_ms >= first.deadline_ms
    assert 60000 // 8 <= late.due_at - late.attempted_at_ms <= 60000
    assert sim.count("partner_put") == 1
    sim.clear_faults()
    in_the_past(store)
    again = eventually(lambda: look(store, "phone") if told(store, "phone") else None)
    assert again.message_id != first.message_id and again.last_update_ms > first.last_update_ms
    eventually(lambda: succeeded(store, "phone"))
    assert look(store, "phone").expiries == 0
    wait_agreed(store, sim)


def test_the_token_endpoint_down_and_back(sim, store, daemon):
    add_pair(store)
    sim.kill()
    daemon.start()
    Trouble("network", "connect").check(daemon)
    Waiting().check(store, daemon, "phone")
    Waiting().check(store, daemon, "pc")
    sim.launch()
    wait_agreed(store, sim)
    daemon.wait_for_log(r"notice connection: ready again after \S+ connection=default")


def test_a_wrong_secret_is_mended(sim, store, daemon):
    add_pair(store)
    secret = daemon.connections["default"]["client_secret_file"]
    secret.write_text("not the secret, but secret all the same")
    daemon.start()
    admin("credential_wrong", "AADSTS7000215").check(daemon)
    Waiting().check(store, daemon, "phone")
    assert connection_of(daemon)["state"] == "broken" and not daemon.log_has("not the secret")
    secret.write_text(sim.client_secret + "\n")
    daemon.reload()
    wait_agreed(store, sim)
    eventually(lambda: connection_of(daemon)["state"] == "ready")


def test_a_secret_that_expires_while_running(sim, store, daemon):
    """Nothing happens while the tokens last; then the queue is kept, and the administrator told."""
    add_pair(store)
    daemon.start()
    all_told(store, "phone", "pc")
    sim.settings(secret_expired=True)
    store.set_device("phone", name="Still with the old token")
    eventually(lambda: (sim.device(PHONE) or {}).get("displayName") == "Still with the old token")
    sim.revoke_tokens()
    store.set_device("phone", name="Kept")
    store.set_device("pc", name="Kept")
    admin("credential_expired", "AADSTS7000222").check(daemon)
    assert store.queued() == 2
    sim.settings(secret_expired=False)
    daemon.reload()
    wait_agreed(store, sim)


@pytest.mark.parametrize("permission, waits, goes", [("update_device_attributes", ["phone"], "pc"),
                                                     ("Device.ReadWrite.All", ["pc", "pc2"], "phone")])
def test_consent_withdrawn_and_given_again_while_running(sim, store, daemon, permission, waits, goes):
    """One channel stops and the other does not. What is granted later is in tokens that are issued later: an old one must not be kept."""
    numbers = {"phone": PHONE, "pc": PC, "pc2": guid(3)}
    add_pair(store)
    store.add_device("pc2", 3, platform="windows")
    daemon.start()
    all_told(store, *numbers)
    consented = sim.settings()["permissions"]
    sim.settings(permissions=" ".join(set(consented.split()) - {permission}))
    sim.revoke_tokens()
    for device in waits:
        store.set_device(device, name="Waits")
    admin("permission_missing", "^403").check(daemon)
    store.set_device(goes, name="Goes")
    eventually(lambda: sim.device(numbers[goes])["displayName"] == "Goes")
    eventually(lambda: store.queued() == len(waits))
    sim.settings(permissions=consented)
    daemon.reload()
    wait_agreed(store, sim)
    assert {sim.device(numbers[device])["displayName"] for device in waits} == {"Waits"}


@pytest.mark.parametrize("permission", ["Application.Read.All", "User.Read.All"])
def test_consent_given_after_the_start(sim, store, daemon, permission):
    """The partner channel needs Graph too: for its address, and for the ids of users."""
    add_pair(store)
    consented = sim.settings()["permissions"]
    sim.settings(permissions=" ".join(set(consented.split()) - {permission}))
    daemon.start()
    admin("permission_missing", "^403 Authorization_RequestDenied").check(daemon)
    assert eventually(lambda: told(store, "pc"))
    sim.settings(permissions=consented)
    daemon.reload()
    wait_agreed(store, sim)


@pytest.mark.parametrize("at, device", [("partner_put", "phone"), ("graph_batch", "pc")])
def test_two_bad_answers_do_not_stop_a_good_connection(sim, store, daemon, at, device):
    add_pair(store)
    daemon.start()
    all_told(store, "phone", "pc")
    sim.add_fault(at=at, fault="status", status=500, count=2)
    store.set_device(device, name="Another name")
    wait_agreed(store, sim)
    assert len(daemon.process.find("info sender: not taken: compliant; retrying in ")) == 2
    assert not daemon.log_has("broken")


@pytest.mark.parametrize("at, match", [("partner_put", ""), ("graph_batch", "/devices("), ("graph_batch", "/users/"), ("token", "")])
def test_nothing_is_sent_before_retry_after(sim, store, daemon, at, match):
    """By Microsoft's clock: between the refusal and the next request to the same place lie the seconds asked for."""
    add_pair(store)
    sim.add_fault(at=at, fault="throttle", retry_after="1.75", **({"match": match} if match else {}))
    daemon.start()
    wait_agreed(store, sim)
    requests = sim.requests(at=at, body=True)
    refused = next(place for place, request in enumerate(requests) if request["status"] == 429)
    later = [request for request in requests[refused + 1:] if match in request["body"]]
    gap = (stamp(later[0]["time"]) - stamp(requests[refused]["time"])).total_seconds()
    assert gap >= 1.74, (requests[refused], later[0])


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def message_ids(sim):
    """GUIDs of the messages put, in order."""
    return [re.search(r"guid'([0-9a-f-]{36})'", request["path"])[1] for request in sim.requests(at="partner_put")]


def test_a_refused_token_is_replaced_once_and_the_message_stays_the_same(sim, store, daemon):
    store.add_device("phone", 1)
    sim.add_fault(at="partner_put", fault="unauthorized")
    daemon.start()
    all_told(store, "phone")
    first, second = sim.requests(at="partner_put", body=True)
    assert (first["status"], second["status"]) == (401, 200)
    assert (first["path"], first["body"]) == (second["path"], second["body"])
    assert [request["token"] for request in sim.requests(at="token")].count("intune") == 2


@pytest.mark.parametrize("fault, accepted", [("reset_after_apply", 1), ("truncated_json", 1), ("reset", 1), ("short_body", 1)])
def test_a_message_in_doubt_is_sent_again_as_it_was(sim, store, daemon, fault, accepted):
    store.add_device("phone", 1)
    sim.add_fault(at="partner_put", fault=fault, count=2)
    daemon.start()
    wait_agreed(store, sim)
    bodies = {(request["path"], request["body"]) for request in sim.requests(at="partner_put", body=True)}
    assert len(bodies) == 1 and sim.count("partner_put") == 3
    assert sim.stats()["messages_accepted"] == accepted


def test_a_change_while_in_doubt_makes_another_message_with_a_later_stamp(sim, store, daemon):
    store.add_device("phone", 1)
    sim.add_fault(at="partner_put", fault="reset_after_apply", count=EVERY_TIME)
    daemon.start()
    eventually(lambda: look(store, "phone").attempts and look(store, "phone").claim is None)
    store.set_device("phone", name="Another name")
    eventually(lambda: len(set(message_ids(sim))) == 2)
    sim.clear_faults()
    wait_agreed(store, sim)
    assert sim.device(PHONE)["displayName"] == "Another name"


def test_items_of_one_batch_come_out_each_as_it_was_answered(sim, store, daemon):
    store.add_devices([{"device_id": f"pc{n}", "number": n, "platform": "windows"} for n in range(1, 8)])
    faults = {1: {"fault": "throttle", "retry_after": "2.128", "count": EVERY_TIME}, 2: {"fault": "status", "status": 404, "code": "Request_ResourceNotFound"},
              3: {"fault": "status", "status": 403, "code": "Authorization_RequestDenied"}, 4: {"fault": "status", "status": 500},
              5: {"fault": "missing_item"}, 6: {"fault": "duplicate_item"}}
    for number, fault in faults.items():
        sim.add_fault(at="graph_batch_item", match=guid(number), **fault)
    daemon.start()
    all_told(store, "pc7")
    Retrying("^429 TooManyRequests", retry_after=(2128, 2128)).check(store, daemon, "pc1")
    Parked("device_unknown", "^404 Request_ResourceNotFound").check(store, daemon, "pc2")
    Parked("device_refused", "^403 Authorization_RequestDenied").check(store, daemon, "pc3")
    daemon.wait_for_log("not taken: compliant; retrying in .*: 500 .* device=pc4 ")
    daemon.wait_for_log("not taken: compliant; retrying in .*: no answer for this item of the batch device=pc5 ")
    daemon.wait_for_log("not taken: compliant; retrying in .*: two answers for this item of the batch device=pc6 ")
    assert not daemon.log_has("broken")
    sim.clear_faults()
    for device in ("pc2", "pc3"):
        daemon.ctl("device", "report", device)
    wait_agreed(store, sim)


def test_every_item_denied_is_the_apps_fault_and_parks_nobody(sim, store, daemon):
    store.add_devices([{"device_id": f"pc{n}", "number": n, "platform": "windows"} for n in range(1, 4)])
    sim.add_fault(at="graph_batch_item", fault="status", status=403, code="Authorization_RequestDenied", count=EVERY_TIME)
    daemon.start()
    admin("permission_missing", "^403 Authorization_RequestDenied").check(daemon)
    for number in range(1, 4):
        Waiting().check(store, daemon, f"pc{number}")
    sim.clear_faults()
    daemon.reload()
    wait_agreed(store, sim)


def test_a_failed_verdict_makes_the_user_be_asked_for_again(sim, store, daemon):
    store.add_device("phone", 1)
    sim.add_fault(at="partner_put", fault="verdict_failed")
    daemon.start()
    eventually(lambda: look(store, "phone").status == ERROR)
    assert store.value("SELECT count(*) FROM user") == 0
    looked_up = sim.count("graph_batch")
    daemon.ctl("device", "report", "phone")
    eventually(lambda: succeeded(store, "phone"))
    assert sim.count("graph_batch") == looked_up + 1
    wait_agreed(store, sim)


def test_discovery_goes_through_all_pages(sim, store, daemon):
    sim.settings(page_size=1)
    add_pair(store)
    daemon.start()
    wait_agreed(store, sim)
    assert sim.count("discovery") > 3


def test_one_connections_trouble_is_its_own(sim, store, make_daemon, scratch):
    """Two tenants; the app of one is refused. The other's reports go out, and its quota, token and state know nothing of it."""
    other = guid(99, kind=7)
    sim.control("POST", "tenants", {"tenantId": other})
    good = harness.connection_settings(sim, scratch)
    daemon = make_daemon(store, {"default": good, "other": {**good, "tenant_id": other}})
    store.add_devices([{"device_id": f"{connection}{n}", "number": n, "platform": platform, "connection": connection}
                       for connection, first in (("default", 10), ("other", 20))
                       for n, platform in ((first, "ios"), (first + 1, "windows"))])
    sim.add_fault(at="token", fault="expired_secret", match=other, count=EVERY_TIME)
    daemon.start()
    all_told(store, "default10", "default11")
    daemon.wait_for_log("(?:warn|error) connection: broken: .* connection=other")
    states = {connection["name"]: connection["state"] for connection in daemon.status()["connections"]}
    assert states == {"default": "ready", "other": "broken"}
    Waiting().check(store, daemon, "other20")
    sim.clear_faults()
    daemon.reload()
    all_told(store, "other20", "other21")
    eventually(lambda: sim.devices(other)[guid(20)]["isCompliant"] and guid(20) not in sim.devices())
