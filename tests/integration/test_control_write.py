# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""An MDM that cannot write SQLite writes over the control socket: the same rules, the same triggers, durable before the answer."""
import json
import threading

import pytest

from control_client import Control, segment
from harness import eventually, guid

PHONE = {"platform": "ios", "name": "Ann's phone", "managed": True, "azure_device_id": guid(1), "evaluated_at": 1770000000,
         "user_principal_name": "ann@example.org"}


@pytest.fixture
def control(daemon):
    daemon.start()
    return Control(daemon.socket)


def problem(answer, status, pointer=None):
    assert answer.status == status, answer
    assert answer.type == "application/problem+json"
    said = answer.json()
    assert said["status"] == status and said["type"] == "about:blank" and said["title"] and said["detail"]
    assert said.get("pointer") == pointer, said
    return said["detail"]


def test_a_pushed_device_reaches_microsoft(control, sim, store):
    sim.register(guid(1), "iOS")
    answer = control.put("/v1/devices/phone", PHONE)
    assert answer.status == 201
    assert answer.json()["device_id"] == "phone" and answer.json()["queued"] is True
    assert control.put("/v1/devices/phone", PHONE).status == 200
    eventually(lambda: sim.device(guid(1))["isCompliant"] is True)
    assert control.put("/v1/policies/passcode", {"name": "Passcode", "actions": ["block_email"]}).status == 201
    assert control.put("/v1/devices/phone/violations/passcode").status == 201
    eventually(lambda: sim.device(guid(1))["isCompliant"] is False)
    assert control.delete("/v1/devices/phone/violations/passcode").status == 204
    eventually(lambda: sim.device(guid(1))["isCompliant"] is True)
    assert control.patch("/v1/devices/phone", {"managed": False}).status == 200
    eventually(lambda: sim.device(guid(1))["isManaged"] is False)
    assert control.delete("/v1/devices/phone").status == 204
    assert store.query("SELECT 1 FROM device") == []


def test_put_replaces_and_patch_merges(control, store):
    control.put("/v1/devices/phone", {**PHONE, "os_version": "17", "violations": ["p"]})
    control.put("/v1/devices/phone", {"platform": "ios", "name": "Other"})
    assert store.value("SELECT os_version || azure_device_id || managed || connection FROM device") == "1default"
    assert store.value("SELECT evaluated_at FROM device") is None
    assert store.value("SELECT count(*) FROM violation") == 1, "violations left out stay"
    assert control.patch("/v1/devices/phone", {"os_version": "18", "evaluated_at": 5}).status == 200
    assert control.patch("/v1/devices/phone", {"name": None, "evaluated_at": None, "managed": None}).status == 200
    assert store.query("SELECT name, os_version, evaluated_at, managed FROM device") == [
        {"name": "", "os_version": "18", "evaluated_at": None, "managed": 1}]
    assert control.patch("/v1/devices/phone", {"violations": ["a", "b"]}).status == 200
    assert [v["policy_id"] for v in control.get("/v1/devices/phone/violations").json()["violations"]] == ["a", "b"]
    assert control.patch("/v1/devices/phone", {"violations": None}).status == 200
    assert control.get("/v1/devices/phone/violations").json() == {"violations": []}


def test_nothing_new_queues_nothing(daemon, control, store):
    daemon.settings["reporting"] = {"enabled": False}
    daemon.write_config()
    daemon.reload()
    control.put("/v1/devices/phone", PHONE)
    store.execute("DELETE FROM outbox")
    control.put("/v1/devices/phone", PHONE)
    control.patch("/v1/devices/phone", {"name": PHONE["name"], "last_check_in": 1770000001})
    control.patch("/v1/devices/phone", {})
    assert store.value("SELECT count(*) FROM outbox") == 0
    assert store.value("SELECT last_check_in FROM device") == 1770000001
    control.patch("/v1/devices/phone", {"name": "New"})
    assert store.value("SELECT count(*) FROM outbox") == 1


def test_policies(control, store):
    assert control.put("/v1/policies/p", {"actions": ["quarantine", "monitor"]}).json() == {
        "policy_id": "p", "name": "", "enabled": True, "actions": ["monitor", "quarantine"]}
    assert control.patch("/v1/policies/p", {"enabled": False, "name": "Nice"}).json() == {
        "policy_id": "p", "name": "Nice", "enabled": False, "actions": ["monitor", "quarantine"]}
    assert control.patch("/v1/policies/p", {"enabled": None, "actions": None, "name": None}).json() == {
        "policy_id": "p", "name": "", "enabled": True, "actions": []}
    assert control.get("/v1/policies/p").json()["enabled"] is True
    control.put("/v1/devices/phone", {**PHONE, "violations": ["p"]})
    assert control.delete("/v1/policies/p").status == 204
    assert store.value("SELECT count(*) FROM policy_action") == 0
    violation = control.get("/v1/devices/phone/violations/p").json()
    assert violation["known"] is False and violation["policy_id"] == "p"
    problem(control.get("/v1/policies/p"), 404)


@pytest.mark.parametrize("body, pointer", [
    ({"platform": "symbian"}, "#/platform"),
    ({}, "#/platform"),
    ({"platform": None}, "#/platform"),
    ({"platform": "ios", "managed": 2}, "#/managed"),
    ({"platform": "ios", "name": 5}, "#/name"),
    ({"platform": "ios", "name": "a\nb"}, "#/name"),
    ({"platform": "ios", "name": "a" * 1025}, "#/name"),
    ({"platform": "ios", "colour/~": "red"}, "#/colour~1~0"),
    ({"platform": "ios", "evaluated_at": -1}, "#/evaluated_at"),
    ({"platform": "ios", "evaluated_at": "now"}, "#/evaluated_at"),
    ({"platform": "ios", "violations": "p"}, "#/violations"),
    ({"platform": "ios", "violations": [""]}, "#/violations"),
    ({"platform": "ios", "connection": ""}, "#/connection"),
    ({"platform": "ios", "device_id": "other"}, "#/device_id"),
    ('{"platform": "ios", "platform": "ios"}', "#/platform"),
    ("[]", None),
    ("", None),
    ("{", None),
    ('{"platform": "ios"} x', None),
    (b'{"platform": "\xff"}', None),
    ('{"platform": "ios", "name": "\\u0000"}', None),
])
def test_bad_devices(control, store, body, pointer):
    problem(control.put("/v1/devices/phone", body), 400, pointer)
    assert store.value("SELECT count(*) FROM device") == 0


def test_bad_requests(control):
    problem(control.put("/v1/policies/p", {"name": "x"}), 400, "#/actions")
    problem(control.put("/v1/policies/p", {"actions": ["shout"]}), 400, "#/actions")
    problem(control.put("/v1/policies/p", {"actions": [], "enabled": "yes"}), 400, "#/enabled")
    problem(control.patch("/v1/policies/p", {"name": "x"}), 404)
    problem(control.patch("/v1/devices/none", {"name": "x"}), 404)
    problem(control.delete("/v1/devices/none"), 404)
    problem(control.delete("/v1/policies/none"), 404)
    problem(control.put("/v1/devices/none/violations/p"), 404)
    problem(control.get("/v1/devices/none/violations"), 404)
    problem(control.get("/v1/devices/none/violations/p"), 404)
    problem(control.delete("/v1/devices/none/violations/p"), 404)
    problem(control.put("/v1/devices/" + "d" * 256, PHONE), 400)
    problem(control.put("/v1/devices/d?x=1", PHONE), 400)
    problem(control.put("/v1/devices/d", "{}", content_type="text/plain"), 415)
    problem(control.post("/v1/import", "{}", content_type="application/x-www-form-urlencoded"), 415)
    control.put("/v1/devices/d", PHONE)
    problem(control.put("/v1/devices/d/violations/p", {"since": 1}), 400)
    answer = control.post("/v1/devices/d", {})
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, PUT, PATCH, DELETE"


def test_odd_ids(control):
    for device_id in ("a/b", "ü?&=#", "..", "%2F", "x y", "\u202e"):
        path = f"/v1/devices/{segment(device_id)}"
        assert control.put(path, PHONE).json()["device_id"] == device_id
        assert control.put(f"{path}/violations/{segment(device_id)}").status == 201
        assert control.get(f"{path}/violations/{segment(device_id)}").json()["policy_id"] == device_id
        assert control.delete(path).status == 204


def test_who_wrote_is_in_the_log(daemon, control):
    control.put("/v1/devices/phone", PHONE)
    daemon.wait_for_log(r"operator uid=\d+ pid=\d+ asked to write a device device=phone")
    control.put("/v1/policies/p", {"actions": []})
    daemon.wait_for_log(r"operator uid=\d+ pid=\d+ asked to write a policy policy=p")
    control.import_lines({"delete_device": "phone"})
    daemon.wait_for_log(r"operator uid=\d+ pid=\d+ asked an import")


def test_what_was_answered_survives_kill_9(daemon, control, store):
    assert control.put("/v1/devices/phone", PHONE).status == 201
    daemon.kill9()
    assert store.value("SELECT count(*) FROM device") == 1
    daemon.start()


def test_a_locked_store_is_told(daemon, control, store):
    with store.transaction():
        problem(control.put("/v1/devices/phone", PHONE), 503)
    assert control.put("/v1/devices/phone", PHONE).status == 201


# ---------------------------------------------------------------------------------------------------------------- import

def fleet(count, **more):
    return [{"device": {"device_id": f"d{n:06}", **PHONE, "azure_device_id": guid(n), **more}} for n in range(count)]


def test_import(control, sim, store):
    sim.register_all([{"deviceId": guid(n), "operatingSystem": "iOS"} for n in range(40)])
    answer = control.import_lines({"policy": {"policy_id": "p", "actions": ["quarantine"]}}, *fleet(40, violations=["p"]))
    assert answer.status == 200
    assert answer.json() == {"lines": 41, "devices": 40, "policies": 1, "deletions": 0}
    eventually(lambda: [sim.device(guid(n))["isCompliant"] for n in range(40)] == [False] * 40)
    assert control.import_lines({"delete_device": "d000001"}).json()["deletions"] == 1


def test_import_of_csv(control, store):
    answer = control.post("/v1/import", "device_id,platform\na,ios\nb,macos\n", content_type="text/csv")
    assert answer.json()["devices"] == 2 and store.value("SELECT count(*) FROM device") == 2


def test_a_bad_line_leaves_the_store_untouched(control, store):
    lines = [json.dumps(record) for record in fleet(5000)]
    lines[4321] = '{"device": {"device_id": "x", "platform": "palm"}}'
    answer = control.post("/v1/import", "\n".join(lines), content_type="application/x-ndjson")
    problem(answer, 400)
    assert answer.json()["line"] == 4322 and answer.json()["column"] == "platform"
    assert store.value("SELECT count(*) FROM device") == 0
    problem(control.post("/v1/import", ""), 400)
    problem(control.post("/v1/import", b"{}\xff\n"), 400)
    problem(control.post("/v1/import", '{"device": {"device_id": "' + "x" * 1100000 + '"}}'), 400)


def test_a_long_import_in_chunks(control, store, scratch):
    def chunks():
        for n in range(0, 20000, 100):
            yield "".join(json.dumps(record) + "\n" for record in fleet(n + 100)[n:]).encode()
    answer = control.post("/v1/import", chunks(), content_type="application/x-ndjson")
    assert answer.json()["devices"] == 20000
    assert store.value("SELECT count(*) FROM device") == 20000
    assert not list(scratch.glob("*import*")), "nothing is left behind"


def test_one_import_at_a_time(control):
    first = control.half_an_import()
    eventually(lambda: control.import_lines({"delete_device": "y"}).status == 409)
    first.send(b"0\r\n\r\n")
    response = first.getresponse()
    assert response.status == 200 and json.loads(response.read())["deletions"] > 10000
    first.close()
    assert control.import_lines({"delete_device": "y"}).status == 200


def test_an_import_whose_client_goes_away(control, store):
    control.half_an_import().close()
    eventually(lambda: control.import_lines({"delete_device": "y"}).status == 200)


def test_stopping_during_an_import(daemon, control):
    first = control.half_an_import()
    eventually(lambda: control.import_lines({"delete_device": "y"}).status == 409)
    daemon.stop()
    first.close()


def test_writers_side_by_side(control, store):
    def write(worker):
        own = Control(control.path)
        for n in range(25):
            assert own.put(f"/v1/devices/w{worker}-{n}", PHONE).status == 201
    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.value("SELECT count(*) FROM device") == 200


def test_pages_while_the_store_changes(control, store):
    """What is there all the time is shown once; what comes and goes meanwhile may be, and never twice."""
    for kind, add, remove in (
            ("devices", lambda i: control.put(f"/v1/devices/{i}", PHONE), lambda i: control.delete(f"/v1/devices/{i}")),
            ("policies", lambda i: control.put(f"/v1/policies/{i}", {"actions": []}),
             lambda i: control.delete(f"/v1/policies/{i}"))):
        for n in range(30):
            assert add(f"k{n:02}").status == 201
        seen, after = [], ""
        key = {"devices": "device_id", "policies": "policy_id"}[kind]
        while True:
            page = control.get(f"/v1/{kind}?limit=4&after={segment(after)}").json()
            seen += [entry[key] for entry in page[kind]]
            after = page["next"]
            if not after:
                break
            number = int(seen[-1][1:3])
            remove(seen[-1])                  # the very entry that the cursor stands on
            add(f"k{number:02}a")             # right behind it
            add(f"a{number:02}")              # before everything seen
            remove(f"k{min(number + 2, 29):02}")
        assert len(seen) == len(set(seen)) and seen == sorted(seen)
        removed = {f"k{int(i[1:3]) + 2:02}" for i in seen}
        assert {f"k{n:02}" for n in range(30)} - set(seen) <= removed
        assert [i for i in seen if i.endswith("a")], "an entry added ahead of the cursor is shown"


# ------------------------------------------------------------------------------------------------------------- log level

def test_log_level(daemon, control):
    daemon.settings["daemon"]["log_level"] = "warn"
    daemon.write_config()
    daemon.reload()
    assert control.get("/v1/log-level").json() == {"level": "warn"}
    assert control.put("/v1/log-level", {"level": "debug"}).json() == {"level": "debug"}
    daemon.wait_for_log("asked for a log level of debug")
    problem(control.put("/v1/log-level", {"level": "loud"}), 400, "#/level")
    problem(control.put("/v1/log-level", {}), 400, "#/level")
    assert control.put("/v1/log-level", {"level": "error"}).json() == {"level": "error"}
    daemon.wait_for_log("asked for a log level of error")
    daemon.reload()
    assert control.get("/v1/log-level").json() == {"level": "warn"}
