# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyd-sim's partner service: device messages, what it refuses, verdicts, order."""
import json
import uuid

import pytest

from sim_client import TENANT, message, message_path, wait_for
from sim_shared import shared_sim, sim  # noqa: F401 pylint: disable=unused-import

STAMP = "2026-02-03T04:05:06.789Z"
LATER = "2026-02-03T04:05:06.790Z"
EARLIER = "2026-02-03T04:05:06.788Z"
UNKNOWN = "99999999-0000-4000-8000-000000000009"
EVEN, ODD = "00000000-0000-4000-8000-00000000000e", "00000000-0000-4000-8000-00000000000f"


class Phone:
    """A registered device and its user, with tokens to write about it."""

    def __init__(self, sim, system="iOS"):
        self.sim = sim
        self.id = str(uuid.uuid4())
        self.token = sim.intune_token()
        self.user = sim.user_id("ann@example.org", sim.graph_token())
        sim.register(self.id, system)

    def message(self, stamp=STAMP, **changes):
        return message(self.id, self.user, stamp, **changes)

    def put(self, stamp=STAMP, **changes):
        return self.sim.put_message(self.token, self.message(stamp, **changes))

    def status(self, message_id):
        return self.sim.verdict(self.token, message_id).json()["Status"]

    def await_verdict(self, message_id):
        return wait_for(lambda: (told := self.sim.verdict(self.token, message_id).json())["Status"] in ("Completed", "Failed")
                        and told, "verdict")

    def believed(self):
        return self.sim.device(self.id)


@pytest.fixture
def phone(sim):
    return Phone(sim)


def assert_accepted(answer):
    assert answer.status == 200 and str(answer.json()["ErrorCode"]) == "202", answer


def assert_refused(sim, answer, code, text=""):
    """In-band: HTTP says 200."""
    assert answer.status == 200 and str(answer.json()["ErrorCode"]) == code, answer
    assert text in answer.json()["ErrorDetail"], answer
    assert sim.stats()["messages_accepted"] == 0 and sim.stats()["messages_refused"] == 1


# The way of a good message

def test_a_message_is_believed_when_its_verdict_is_there(sim, phone):
    sim.settings(verdict_delay="1h")
    sent = phone.message(managed=True, compliant=False)
    assert_accepted(sim.put_message(phone.token, sent))
    assert phone.status(sent["id"]) == "Queued"
    assert phone.believed()["isManaged"] is None and phone.believed()["lastAcceptedTime"] == STAMP
    sim.settings(verdict_delay="0s")
    second = phone.message(LATER, managed=True, compliant=True)
    assert_accepted(sim.put_message(phone.token, second))
    assert phone.await_verdict(second["id"])["Status"] == "Completed"
    device = phone.believed()
    assert (device["isManaged"], device["isCompliant"], device["lastUpdateTime"]) == (True, True, LATER)
    assert (device["displayName"], device["operatingSystemVersion"], device["userId"]) == ("A phone", "17.1", phone.user)
    assert (device["lastCheckInTime"], device["updates"], device["operatingSystem"]) == (LATER, 1, "iOS")
    assert sim.stats()["violations"] == 0


def test_pending_words(sim, phone):
    sim.settings(verdict_delay="400ms")
    sent = phone.message()
    sim.put_message(phone.token, sent)
    seen = []
    wait_for(lambda: seen.append(phone.status(sent["id"])) or seen[-1] == "Completed", "verdict")
    order = ["Queued", "InProcess", "Completed"]
    assert sorted(seen, key=order.index) == seen


def test_an_older_verdict_that_comes_later_does_not_win(sim, phone):
    sim.add_fault("partner_put", "verdict_delay", ms=300)
    slow, fast = phone.message(STAMP, compliant=True), phone.message(LATER, compliant=False)
    assert_accepted(sim.put_message(phone.token, slow))
    assert_accepted(sim.put_message(phone.token, fast))
    assert phone.await_verdict(fast["id"])["Status"] == "Completed"
    assert phone.await_verdict(slow["id"])["Status"] == "Completed"
    assert phone.believed()["isCompliant"] is False and phone.believed()["lastUpdateTime"] == LATER
    assert sim.stats()["messages_superseded"] == 1


@pytest.mark.parametrize("message_id, kind", [(EVEN, str), (ODD, int)])
def test_codes_are_text_or_number(phone, message_id, kind):
    answer = phone.put(message_id=message_id).json()["ErrorCode"]
    assert isinstance(answer, kind) and str(answer) == "202"


@pytest.mark.parametrize("system, os", [("iOS", "iOS"), ("IPhone", "iOS"), ("AndroidForWork", "Android"),
                                        ("Android", "Android"), ("MacMDM", "macOS"), ("macOS", "macOS")])
def test_every_platform(sim, system, os):
    assert_accepted(Phone(sim, system).put(os=os))


def test_a_device_retired(sim, phone):
    sent = phone.message(managed=False, compliant=False)
    sim.put_message(phone.token, sent)
    phone.await_verdict(sent["id"])
    assert (phone.believed()["isManaged"], phone.believed()["isCompliant"]) == (False, False)


# The same again

def test_the_same_message_again_is_applied_once(sim, phone):
    sent = phone.message()
    first = sim.put_message(phone.token, sent)
    assert sim.put_message(phone.token, sent).body == first.body
    phone.await_verdict(sent["id"])
    assert sim.put_message(phone.token, sent, sent["id"].upper()).status == 200
    assert phone.status(sent["id"]) == "Completed"
    assert phone.believed()["updates"] == 1
    stats = sim.stats()
    assert (stats["messages_accepted"], stats["messages_resent"], stats["violations"]) == (1, 2, 0)


def test_a_message_id_with_other_content(sim, phone):
    sent = phone.message()
    sim.put_message(phone.token, sent)
    answer = phone.put(LATER, message_id=sent["id"])
    assert str(answer.json()["ErrorCode"]) == "409"
    assert sim.stats()["reused_ids"] == sim.stats()["violations"] == 1


@pytest.mark.parametrize("stamp, counter", [(EARLIER, "older_stamps"), (STAMP, "equal_stamps")])
def test_stamps_rise(sim, phone, stamp, counter):
    assert_accepted(phone.put(STAMP))
    answer = phone.put(stamp)
    assert str(answer.json()["ErrorCode"]) == "409" and "LastUpdateTime" in answer.json()["ErrorDetail"]
    assert sim.stats()[counter] == sim.stats()["violations"] == 1
    assert_accepted(phone.put(LATER))


def test_a_refused_message_may_come_again(sim, phone):
    sim.remove_device(phone.id)
    sent = phone.message()
    assert str(sim.put_message(phone.token, sent).json()["ErrorCode"]) == "404"
    sim.register(phone.id, "iOS")
    assert_accepted(sim.put_message(phone.token, sent))


# What is refused

@pytest.mark.parametrize("changes, text", [
    ({"EntityType": 4}, "EntityType"),
    ({"EntityType": "1"}, "EntityType"),
    ({"TenantId": UNKNOWN}, "TenantId"),
    ({"TenantId": None}, "TenantId"),
    ({"DeviceManagementState": "Managed"}, "DeviceManagementState"),
    ({"DeviceManagementState": True}, "DeviceManagementState"),
    ({"DeviceId": "42"}, "DeviceId"),
    ({"DeviceId": "{" + UNKNOWN + "}"}, "DeviceId"),
    ({"DeviceName": None}, "DeviceName"),
    ({"DeviceName": 7}, "DeviceName"),
    ({"UserId": ""}, "UserId"),
    ({"UserId": "ann@example.org"}, "UserId"),
    ({"LastCheckInTime": ""}, "LastCheckInTime"),
    ({"LastCheckInTime": 1770091506}, "LastCheckInTime"),
    ({"LastUpdateTime": "2026-02-03 04:05:06"}, "LastUpdateTime"),
    ({"LastUpdateTime": "2026-02-03T04:05:06+01:00"}, "LastUpdateTime"),
    ({"LastUpdateTime": "2026-02-30T04:05:06Z"}, "LastUpdateTime"),
    ({"Os": "ios"}, "Os"),
    ({"Os": "Windows"}, "Os"),
    ({"Os": "macos"}, "Os"),
    ({"OsVersion": 17}, "OsVersion"),
    ({"OsVersion": None}, "OsVersion"),
    ({"EasIds": None}, "EasIds"),
    ({"EasIds": "x"}, "EasIds"),
    ({"EasIds": [1]}, "EasIds"),
    ({"State": "0"}, "State"),
    ({"State": 1}, "State"),
    ({"State": 0.5}, "State"),
    ({"PartnerId": UNKNOWN}, "PartnerId"),
    ({"deviceName": "x"}, "deviceName"),
])
def test_the_inventory_entity_is_strict(sim, phone, changes, text):
    assert_refused(sim, phone.put(inventory=changes), "400", text)


@pytest.mark.parametrize("changes, text", [
    ({"EntityType": 1}, "EntityType"),
    ({"complianceStatus": "Compliant"}, "complianceStatus"),
    ({"complianceStatus": True}, "complianceStatus"),
    ({"complianceStatus": None}, "complianceStatus"),
    ({"ComplianceStatus": "compliant"}, "ComplianceStatus"),
    ({"DeviceId": UNKNOWN}, "agree"),
    ({"UserId": UNKNOWN}, "agree"),
    ({"LastUpdateTime": LATER}, "agree"),
    ({"TenantId": UNKNOWN}, "TenantId"),
    ({"DeviceName": "x"}, "DeviceName"),
])
def test_the_compliance_entity_is_strict(sim, phone, changes, text):
    assert_refused(sim, phone.put(compliance=changes), "400", text)


@pytest.mark.parametrize("content, text", [
    ("", "array"), ("{}", "array"), ("[]", "pairs"), ("[1]", "pairs"), ("[{},{}]", "inventory"), ("null", "array"),
    ("[" * 5000, "array"), ("not json", "array"),
])
def test_what_is_no_content(sim, phone, content, text):
    assert_refused(sim, phone.put(envelope={"Content": content}), "400", text)


def test_entities_in_the_wrong_order(sim, phone):
    entities = json.loads(json.loads(phone.message()["body"])["Content"])
    assert_refused(sim, phone.put(envelope={"Content": json.dumps(entities[::-1])}), "400", "inventory")


@pytest.mark.parametrize("changes", [
    {"Content": []}, {"Content": None}, {"TenantId": None}, {"TenantId": UNKNOWN}, {"UploadTime": None},
    {"UploadTime": "yesterday"}, {"UploadTime": "2026-02-03 04:05:06Z"}, {"UploadTime": 1}, {"uploadTime": STAMP}, {"Extra": 1},
])
def test_the_envelope_is_strict(sim, phone, changes):
    assert phone.put(envelope=changes).status == 400
    assert sim.stats()["messages_refused"] == 1


@pytest.mark.parametrize("body", ["", "[]", "null", "{", '{"TenantId":"x","TenantId":"x"}', "\x00"])
def test_what_is_no_envelope(sim, phone, body):
    assert sim.put_message(phone.token, {"id": EVEN, "body": body}).status == 400


def test_content_type(sim, phone):
    sent = phone.message()
    answer = sim.request("PUT", message_path(sent["id"]), sent["body"], {"Content-Type": "text/plain"}, token=phone.token)
    assert answer.status == 415


@pytest.mark.parametrize("method, path, status", [
    ("PUT", message_path("42"), 400),
    ("PUT", message_path("{" + EVEN + "}"), 400),
    ("PUT", message_path(EVEN).replace("1.2", "1.6"), 400),
    ("PUT", message_path(EVEN).split("?")[0], 400),
    ("PUT", message_path(EVEN).replace("guid", ""), 404),
    ("PUT", message_path(EVEN).replace("'", ""), 404),
    ("PUT", message_path(EVEN).replace("Device", "Tenant").replace("1.2", "1.6"), 404),
    ("PUT", "/fef/PartnerDeviceDataSyncService?api-version=1.2", 404),
    ("POST", message_path(EVEN), 405),
    ("DELETE", message_path(EVEN), 405),
    ("GET", message_path(EVEN), 404),
])
def test_paths(sim, phone, method, path, status):
    body = phone.message()["body"] if method in ("PUT", "POST") else None
    answer = sim.request(method, path, body, {"Content-Type": "application/json"}, token=phone.token)
    assert answer.status == status


def test_unknown_user(sim, phone):
    assert_refused(sim, sim.put_message(phone.token, message(phone.id, UNKNOWN, STAMP)), "404", "user")


def test_a_user_of_another_tenant_is_unknown(make_sim):
    other = make_sim(tenant=[TENANT, UNKNOWN], auto_register=True)
    foreigner = other.request("GET", "/v1.0/users/ann@example.org", token=other.graph_token(UNKNOWN)).json()["id"]
    answer = other.put_message(other.intune_token(), message(EVEN, foreigner, STAMP))
    assert_refused(other, answer, "404", "user")


def test_unknown_device_unless_registered_by_its_report(sim, phone):
    unknown = message(UNKNOWN, phone.user, STAMP)
    assert_refused(sim, sim.put_message(phone.token, unknown), "404", "device")
    sim.settings(auto_register=True)
    assert_accepted(sim.put_message(phone.token, unknown))


def test_a_windows_device_does_not_go_this_way(sim):
    assert_refused(sim, Phone(sim, "Windows").put(os="macOS"), "400", "Os")


def two_devices(phone, second):
    one, two = (json.loads(json.loads(p.message()["body"])["Content"]) for p in (phone, second))
    return phone.message(envelope={"Content": json.dumps(one + two)})


def test_a_tenant_that_was_deprovisioned(sim, phone):
    def provision(state):
        body = {"Provisioned": state, "PartnerEnrollmentUrl": "https://mdm.example/e", "PartnerRemediationUrl": "https://mdm.example/r"}
        path = f"/fef/PartnerTenantDataSyncService/PartnerTenants(guid'{TENANT}')?api-version=1.6"
        assert sim.request("PUT", path, body, token=phone.token).status == 200

    told = phone.put().json()["Key"]
    provision(2)
    assert phone.put(LATER).status == 403
    assert phone.await_verdict(told)["Status"] == "Completed"
    provision(1)
    assert_accepted(phone.put(LATER))


def test_devices_per_message(sim, phone):
    second = Phone(sim)
    assert_refused(sim, sim.put_message(phone.token, two_devices(phone, second)), "400", "more devices")
    sim.settings(devices_per_message=2)
    both = two_devices(phone, second)
    assert_accepted(sim.put_message(phone.token, both))
    phone.await_verdict(both["id"])
    assert phone.believed()["isCompliant"] and second.believed()["isCompliant"]
    assert_refused_twice = sim.put_message(phone.token, two_devices(phone, phone))
    assert "twice" in assert_refused_twice.json()["ErrorDetail"]


def test_the_quota(sim, phone):
    sim.settings(quota_partner_requests_per_20s=2)
    answers = [phone.put(f"2026-02-03T04:05:0{n}Z") for n in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 20
