# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The web page over its port: who may sign in, what each request needs, and what any bytes on the port get."""
import contextlib
import http.client
import json
import re
import socket
import time
from urllib.parse import quote

import pytest

import harness
from harness import allow_files, eventually
from scene import add_pair, shared_sim, sim  # noqa: F401
from web_client import Browser, free_port, with_page

PAGES = ["/", "/devices", "/devices/phone", "/plan", "/holds", "/drift", "/activity", "/account"]
DATA = ["/v1/status", "/v1/devices", "/v1/devices/phone/explain", "/history", "/events?watch=/v1/version"]
CROWD = 10000


@pytest.fixture
def page(daemon, store):
    add_pair(store)
    return Browser(with_page(daemon).start())


@pytest.fixture
def signed_in(page):
    assert page.sign_in().status == 303
    return page


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def raw(page, data):
    """Sends bytes as they are: a whole answer, or what comes until the server closes."""
    host, port = page.host.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        with contextlib.suppress(ConnectionError):
            while not is_whole(answer):
                chunk = connection.recv(65536)
                if not chunk:
                    break
                answer += chunk
    return answer


# --------------------------------------------------------------------------------------------------------------- signing in


def test_the_page_is_off_unless_it_is_given_an_address(daemon):
    daemon.start()
    refused = daemon.ctl("page", check=False)
    assert refused.code != 0
    assert "[web]" in json.loads(refused.err)["detail"] and str(daemon.config) in json.loads(refused.err)["detail"]


def test_a_link_signs_in_once(page):
    link = page.link()
    assert re.fullmatch(rf"http://{re.escape(page.host)}/signin\?token=[A-Za-z0-9_-]{{43}}", link)
    answer = page.sign_in(link)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = next(value for value in answer.cookies() if value.startswith("complyd_session="))
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
    assert page.get("/v1/version").status == 200

    other = Browser(page.daemon)
    again = other.sign_in(link)
    assert again.status == 403 and other.cookie is None and "no longer valid" in again.body
    assert page.get("/v1/version").status == 200


def test_a_new_link_leaves_the_one_before_valid_and_sessions_are_apart(page):
    first, second = page.link(), page.link()
    other = Browser(page.daemon)
    assert other.sign_in(second).status == page.sign_in(first).status == 303
    assert page.cookie != other.cookie and page.csrf != other.csrf
    assert page.post("/signout").status == 303
    assert page.get("/v1/version").status == 401
    assert other.get("/v1/version").status == 200


def test_programs_that_only_look_do_not_use_a_link_up(page):
    path = page.link().removeprefix(f"http://{page.host}")
    assert page.ask("HEAD", path).status == 403
    assert page.get(path, **{"Sec-Purpose": "prefetch"}).status == 403
    assert page.cookie is None
    assert page.get(path).status == 303


def test_a_link_followed_from_another_site_signs_in_without_a_redirect(page):
    path = page.link().removeprefix(f"http://{page.host}")
    answer = page.get(path, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200 and answer.headers["refresh"] == "0; url=/" and page.cookie


def test_a_wrong_link_signs_nobody_in(page):
    for token in ["", "x", "A" * 43, "A" * 5000, "%ff%fe", "../../etc/passwd", "%00"]:
        answer = page.get(f"/signin?token={token}")
        assert answer.status in (400, 403) and page.cookie is None, token


def test_wrong_links_are_slowed_down_and_a_fresh_one_is_not(page):
    good = page.link()
    wrong = [page.get(f"/signin?token={quote('W' * 43)}").status for _ in range(30)]
    assert wrong[0] == 403 and wrong.count(429) >= 15
    held = page.get(good.removeprefix(f"http://{page.host}"))
    assert held.status == 429 and page.cookie is None
    assert page.sign_in(page.link()).status == 303
    assert page.daemon.log_has("a sign-in link was refused")


def test_signing_out_ends_the_session_and_its_streams(signed_in):
    stream = open_stream(signed_in, "/v1/version")
    assert b"event: data" in read_event(stream)
    cookie = signed_in.cookie
    answer = signed_in.post("/signout", body=f"csrf={signed_in.csrf}", csrf=None, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 303 and any("Max-Age=0" in value for value in answer.cookies())
    assert b"event: signed-out" in read_event(stream)
    signed_in.cookie = cookie
    assert signed_in.get("/v1/version").status == 401
    assert signed_in.get("/").status == 401


def test_a_restart_ends_sessions(signed_in):
    signed_in.daemon.restart()
    assert signed_in.get("/v1/version").status == 401
    assert signed_in.sign_in().status == 303


def test_who_signed_in_stands_in_the_log_and_the_activity_log(signed_in):
    assert signed_in.post("/v1/devices/phone/report").status == 202
    session = signed_in.daemon.wait_for_log(r"web page: signed_in: .*web session ([0-9a-f]{8})")[1]
    signed_in.daemon.wait_for_log(rf"session={session} asked a report")
    entries = eventually(lambda: signed_in.get("/v1/activity?kind=operator").body)
    assert session in entries
    assert signed_in.cookie not in entries and signed_in.csrf not in entries


# ----------------------------------------------------------------------------------------------------- what a request needs


def test_probes_and_metrics_need_no_session(page):
    assert page.get("/healthz").status == 200
    assert eventually(lambda: page.get("/readyz").status == 200)
    assert "complyd_build_info" in page.get("/metrics").body
    assert page.get("/metrics", Host="evil.example").status == 403


def test_pages_and_data_need_a_session(page):
    for cookie in [None, "A" * 43]:
        page.cookie = cookie
        for path in PAGES:
            answer = page.get(path)
            assert answer.status == 401 and "complyctl page" in answer.body, path
        for path in DATA:
            answer = page.get(path)
            assert answer.status == 401 and answer.headers["content-type"] == "application/problem+json", path
            assert "complyctl page" in json.loads(answer.body)["detail"]
    page.sign_in()
    for path in PAGES + DATA[:-1]:
        assert page.get(path).status == 200, path


def test_another_host_is_refused(signed_in):
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:80x",
                 "127.0.0.1@evil.example", "", "0.0.0.0", "126.0.0.1", "128.0.0.1", "127.1", "0127.0.0.1", "127.0.0.01", "127.0.0.256",
                 "127.0.0.1.", "127.0.0.0.1", "0x7f.0.0.1", "2130706433", "[::]", "[::1", "[::1]x", "[::1%lo]", "[::ffff:127.0.0.1]",
                 "::1", ":80"]:
        for path in ["/", "/v1/status", "/signin", "/static/app.js"]:
            answer = signed_in.get(path, Host=host)
            assert answer.status in (400, 403), (host, path)
            assert "complyd_session" not in str(answer.cookies())


def test_loopback_by_any_name_and_port_is_served(signed_in):
    port = signed_in.host.split(":")[1]
    for host in [f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST:9000", "[::1]:9000", "localhost", "127.0.0.2", "127.255.255.254:9000",
                 "[0:0:0:0:0:0:0:1]:9000"]:
        assert signed_in.get("/v1/version", Host=host).status == 200
        assert signed_in.post("/v1/devices/phone/report", Host=host, origin=f"http://{host}").status == 202


CHANGES = [("POST", "/v1/devices/phone/report"), ("POST", "/v1/devices/phone/retire"), ("POST", "/v1/devices/phone/revive"),
           ("PUT", "/v1/holds/device/phone"), ("DELETE", "/v1/holds/device/phone"), ("PUT", "/v1/holds/policy/block"),
           ("DELETE", "/v1/holds/policy/block"), ("POST", "/v1/drift"), ("POST", "/v1/drift/repair"), ("POST", "/v1/resync"),
           ("POST", "/v1/breaker/release"), ("POST", "/v1/breaker/discard"), ("POST", "/signout"),
           ("POST", "/v1/connections/default/connect"), ("POST", "/v1/connections/default/disconnect")]


def test_a_change_that_is_not_meant_is_refused(signed_in):
    for method, path in CHANGES:
        for headers in [{"csrf": None}, {"csrf": ""}, {"csrf": "A" * 43}, {"origin": None}, {"origin": "http://evil.example"}, {"origin": "null"},
                        {"origin": "https://127.0.0.1"}, {"origin": None, "Sec-Fetch-Site": "cross-site"},
                        {"origin": "null", "Sec-Fetch-Site": "same-site"}, {"origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}]:
            assert signed_in.change(method, path, **headers).status == 403, (path, headers)
    assert signed_in.get("/v1/version").status == 200
    assert not signed_in.daemon.log_has(r"session=\w+ asked")


def test_the_word_of_another_session_is_refused(signed_in):
    other = Browser(signed_in.daemon)
    other.sign_in()
    assert signed_in.post("/v1/resync", csrf=other.csrf).status == 403
    assert signed_in.post("/v1/resync").status == 202


def test_what_an_operator_decides_is_done_from_the_page(signed_in, store):
    """And told in the activity log as this session's."""
    store.add_policy("block", "quarantine")
    json_type = {"Content-Type": "application/json"}
    hold = json.dumps({"until": "2h", "reason": "CEO travels"})
    assert signed_in.change("PUT", "/v1/holds/device/phone", body=hold, **json_type).status == 200
    assert signed_in.change("PUT", "/v1/holds/policy/block", body=hold, **json_type).status == 200
    assert signed_in.change("PUT", "/v1/holds/policy/block", body="{}", **json_type).status == 400
    explained = json.loads(signed_in.get("/v1/devices/phone/explain").body)
    assert [(one["scope"], one["id"], one["reason"]) for one in explained["holds"]] == [("device", "phone", "CEO travels")]
    assert json.loads(signed_in.get("/v1/status?devices=no").body)["holds"] == 2
    assert signed_in.change("POST", "/v1/devices/phone/retire").status == 409, "it is held"
    assert signed_in.change("DELETE", "/v1/holds/device/phone").status == 204
    assert signed_in.change("DELETE", "/v1/holds/policy/block").status == 204
    eventually(lambda: signed_in.change("POST", "/v1/devices/phone/retire").status == 202, timeout=60)
    assert json.loads(signed_in.get("/v1/devices/phone/explain").body)["retired"] is True
    assert signed_in.change("POST", "/v1/devices/phone/revive").status == 202
    eventually(lambda: signed_in.change("POST", "/v1/drift", body='{"connection":"default"}', **json_type).status == 202)
    session = signed_in.daemon.wait_for_log(r"web page: signed_in: .*web session ([0-9a-f]{8})")[1]
    asked = eventually(lambda: [entry for entry in signed_in.daemon.ctl("activity", "--kind", "operator").json
                                if "comparison" in entry["detail"]] and signed_in.daemon.ctl("activity", "--kind", "operator").json)
    told = " ".join(entry["detail"] for entry in asked if session in entry["operator"])
    for what in ["to hold device phone until", "to hold policy block until", "to end the hold of device phone", "to retire a device",
                 "to revive a device", "a comparison with Microsoft"]:
        assert what in told, what


def test_what_is_not_the_pages_is_refused(signed_in):
    for method, path in [("PUT", "/v1/devices/phone"), ("DELETE", "/v1/devices/phone"), ("PATCH", "/v1/devices/phone"), ("POST", "/v1/import"),
                         ("POST", "/v1/page-link"), ("PUT", "/v1/log-level"), ("POST", "/"), ("GET", "/signout"), ("TRACE", "/"),
                         ("CONNECT", "/v1/status")]:
        answer = signed_in.ask(method, path, {"Origin": f"http://{signed_in.host}", "X-CSRF-Token": signed_in.csrf}, "{}")
        assert answer.status in (400, 404, 405), (method, path)
    assert json.loads(signed_in.get("/v1/devices/phone").body)["device_id"] == "phone"


# --------------------------------------------------------------------------------------------------------------- what comes


def test_every_answer_is_locked_down(signed_in):
    for path in ["/", "/signin", "/v1/status", "/static/app.js", "/static/style.css", "/nowhere", "/v1/devices/nobody"]:
        headers = signed_in.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers and "access-control-allow-origin" not in headers


def test_pages_have_no_inline_script_style_or_foreign_address(signed_in):
    for path in PAGES + ["/signin", "/nowhere"]:
        text = signed_in.get(path).body
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text, re.I), path
        assert set(re.findall(r'(?:src|href|action)="(https?:|//)', text)) == set(), path
        assert "{{" not in text, path


def test_what_is_asked_for_is_text_in_the_page(signed_in):
    nasty = "/devices/" + quote("\"><script>alert(1)</script>", safe="")
    assert "<script>alert" not in signed_in.get(nasty).body
    assert "<script>alert" not in signed_in.get("/%3Cscript%3Ealert(1)%3C/script%3E").body


def test_the_language_is_the_browsers_or_the_one_chosen(signed_in):
    assert '<html lang="en">' in signed_in.get("/").body
    spanish = signed_in.get("/", **{"Accept-Language": "es-MX,es;q=0.9,en;q=0.1"})
    assert '<html lang="es">' in spanish.body and "Dispositivos" in spanish.body
    chosen = signed_in.get("/devices?lang=es")
    assert '<html lang="es">' in chosen.body and "complyd_language=es; Path=/; SameSite=Strict" in chosen.cookies()[0]
    cookies = {"Cookie": f"complyd_session={signed_in.cookie}; complyd_language=es", "Accept-Language": "en"}
    assert '<html lang="es">' in signed_in.get("/", **cookies).body
    assert "No incumple ninguna directiva" in signed_in.get("/v1/devices/phone/explain", **cookies).body
    assert signed_in.get("/?lang=xx").cookies() == []


def test_every_text_exists_in_both_languages():
    folder = harness.ROOT / "src" / "admin" / "page"
    english, spanish = (json.loads((folder / f"words.{tag}.json").read_text()) for tag in ("en", "es"))
    assert english.keys() == spanish.keys()
    # Words that are the same in both languages, and names.
    same = {"status.error", "result.error", "kind.daemon", "plan.title"} | {key for key in english if key.startswith("platform.")}
    copies = {key for key in english if english[key] == spanish[key]}
    assert copies <= same, copies - same
    for key in english:
        assert english[key].strip() and spanish[key].strip(), key
        assert sorted(re.findall(r"\{\w+\}", english[key])) == sorted(re.findall(r"\{\w+\}", spanish[key])), key


def test_every_word_of_the_contract_has_a_text():
    """Those of the program's own catalogues: a kind of activity, a state of a connection that is new."""
    words = json.loads((harness.ROOT / "src" / "admin" / "page" / "words.en.json").read_text())
    for header, prefix, group in [("store/activity.h", "ACTIVITY", "kind"), ("daemon/connection.h", "CONNECTION", "connection"),
                                  ("model/account.h", "ACCOUNT", "accountState"), ("model/account.h", "STEP", "step"),
                                  ("model/action.h", "ACTION", "action")]:
        text = (harness.ROOT / "include" / header).read_text()
        if group == "accountState":
            text = text[: text.index("ACCOUNT_STEPS(X)")]
        found = re.findall(rf'X\({prefix}_\w+, "(\w+)"', text)
        assert len(found) > 4, header
        for word in found:
            assert f"{group}.{word}" in words, f"{group}.{word}"
    text = (harness.ROOT / "include" / "model" / "drift.h").read_text()
    phases, causes = text.split("From DRIFT_UNKNOWN on a difference")
    for group, part in [("phase", phases), ("cause", causes)]:
        found = re.findall(r'X\(DRIFT_\w+, "(\w+)"', part)
        assert len(found) >= 4, group
        for word in found:
            assert f"{group}.{word}" in words, f"{group}.{word}"


def words_of(header, prefix):
    return set(re.findall(rf'X\({prefix}_\w+, "(\w+)"', (harness.ROOT / "include" / header).read_text()))


def told_results(text):
    """What is written where an entry's result stands: expressions, those of the file's own note() among them."""
    for expression in re.findall(r"\.result = ([^,}]+)", text):
        if expression != "result":
            yield expression
            continue
        [signature] = re.findall(r"\bvoid note\(([^)]*)\)\n", text)
        place = [parameter.endswith("*result") for parameter in re.split(r",\s*", signature)].index(True)
        yield from (re.split(r",\s*", call)[place] for call in re.findall(r"^ +note\((.*)\);$", text, re.M) if ".result" not in call)


def test_every_result_in_the_activity_log_has_a_word():
    """Found where the sources write entries: literally, or by the name of something whose words are listed."""
    account = words_of("model/account.h", "ACCOUNT") - {"new"}
    catalogues = {"connection_state_name(connection->state)": words_of("daemon/connection.h", "CONNECTION"),
                  "account_state_name(state)": account, "account_step_name(step)": account,
                  "drift_cause_name(DRIFT_WRITER)": {"other_writer"}, "statement_text(row": set()}
    found = set()
    for folder in ("admin", "daemon", "store"):
        for path in sorted((harness.ROOT / "src" / folder).glob("*.c")):
            text = path.read_text()
            if "struct activity_entry" not in text:
                continue
            for expression in told_results(text):
                literal = set(re.findall(r'"(\w+)"', expression))
                if expression.split("(")[0] in ("word", "verdict_word"):
                    literal = set(re.findall(r'"(\w+)"', "".join(re.findall(r"^ +return .*$", text, re.M))))
                assert literal or expression in catalogues, f"{path.name}: {expression}: which words are these?"
                found |= literal or catalogues[expression]
    assert {"accepted", "done", "disconnecting", "policy_ios", "signed_out", "repaired", "other_writer", "works_again"} <= found
    words = json.loads((harness.ROOT / "src" / "admin" / "page" / "words.en.json").read_text())
    results = {key.removeprefix("result.") for key in words if key.startswith("result.")}
    assert found - results == set(), "without a word"
    assert results - found == set(), "words of nothing"


def test_every_refusal_is_said_in_a_sentence():
    """Of each status that the API answers; 401 ends the session, and of those that the page cannot bring about there is a common one."""
    sources = "".join(path.read_text() for path in sorted((harness.ROOT / "src" / "admin").glob("api*.c")))
    statuses = set(re.findall(r"api_problem\(\w+, (\d{3})", sources)) - {"401", "405", "413", "415"}
    words = json.loads((harness.ROOT / "src" / "admin" / "page" / "words.en.json").read_text())
    assert statuses and "problem.other" in words
    assert {f"problem.{status}" for status in statuses} <= words.keys()


def test_every_text_that_is_used_exists_and_the_other_way_round():
    folder = harness.ROOT / "src" / "admin" / "page"
    words = set(json.loads((folder / "words.en.json").read_text()))
    sources = "".join(path.read_text() for path in sorted(folder.iterdir()) if path.suffix in (".js", ".html"))
    used = set(re.findall(r"\bt\('([\w.]+)'", sources)) | set(re.findall(r"\{\{(\w+\.\w+)\}\}", sources))
    forms = {re.sub(r"\.(one|other)$", "", key) for key in words}
    assert used <= words | forms, used - words - forms
    groups = {"breaker", "state", "status", "platform", "channel", "connection", "action", "kind", "result", "accountState", "step", "live", "disconnect",
              "signin", "welcome", "badlink", "slowdown", "trouble", "forbidden", "notfound", "overview", "devices", "account", "activity", "device",
              "retire", "hold", "holds", "unhold", "plan", "drift", "priority", "held", "phase", "cause", "problem"}
    idle = {key for key in forms if key not in used and key.split(".")[0] not in groups and f"'{key}" not in sources}
    assert idle == set()


# ------------------------------------------------------------------------------------------------------------------ history


def points_of(page, minutes):
    """The figures that the plots are drawn from, each with its name."""
    answer = json.loads(page.get(f"/history?minutes={minutes}").body)
    names = ("at", "accepted", "refused", "delayed", "queued", "oldest")
    return answer, [dict(zip(names, point, strict=True)) for point in answer["points"]]


def test_the_history_holds_what_was_reported_and_what_waits(daemon, store, sim):
    """One report is accepted, one refused for good, one put off for an hour: the sums over all points, and the newest of them."""
    sim.add_fault("partner_put", "throttle", retry_after=3600, count=-1)
    sim.add_fault("graph_batch_item", "status", status=404, code="Request_ResourceNotFound", match=harness.guid(99), count=-1)
    add_pair(store)
    store.add_devices([{"device_id": "stranger", "number": 99, "platform": "windows", "os_version": "10.0.22631"}])
    began = int(time.time())
    page = Browser(with_page(daemon).start())
    page.sign_in()
    eventually(lambda: (store.value("SELECT count(*) FROM report WHERE status <> 0"), store.queued()) == (2, 1))

    def sampled():
        answer, points = points_of(page, 60)
        sums = tuple(sum(point[name] for point in points) for name in ("accepted", "refused", "delayed"))
        assert (sums, points[-1]["queued"]) == ((1, 1, 1), 1), points
        return answer, points

    answer, points = eventually(sampled)
    assert (answer["minutes"], answer["step_seconds"]) == (60, 20)
    assert began <= points[0]["at"] < points[-1]["at"] <= time.time()
    assert 0 < points[-1]["oldest"] <= time.time() - began
    # A day has as many points as can be seen: each is the sum of its samples, and of the queue the worst.
    answer, day = points_of(page, 1440)
    assert (answer["minutes"], answer["step_seconds"], len(day)) == (1440, 360, 1)
    assert [day[0][name] for name in ("accepted", "refused", "delayed")] == [1, 1, 1]
    assert day[0]["queued"] == max(point["queued"] for point in points) and day[0]["oldest"] >= points[-1]["oldest"]
    for minutes in ("0", "1441", "x", "-1"):
        assert page.get(f"/history?minutes={minutes}").status == 400


# --------------------------------------------------------------------------------------------------------------------- live


def open_stream(page, path):
    host, port = page.host.split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(f"GET /events?watch={quote(path, safe='')} HTTP/1.1\r\nHost: {page.host}\r\n"
                       f"Cookie: complyd_session={page.cookie}\r\n\r\n".encode())
    return connection.makefile("rb")


def read_event(stream):
    """The next event or comment with its data; header lines and chunk sizes go by."""
    lines = []
    while True:
        line = stream.readline()
        assert line, b"".join(lines)
        if line.startswith((b"event:", b"data:")):
            lines.append(line)
        elif line == b"\n" and lines:
            return b"".join(lines)


def test_a_change_is_told_without_being_asked(signed_in, store):
    stream = open_stream(signed_in, "/v1/devices/phone")
    first = read_event(stream)
    assert first.startswith(b"event: data\ndata: {") and b'"name":"renamed"' not in first
    store.execute("UPDATE device SET name = 'renamed' WHERE device_id = 'phone'")
    while b'"name":"renamed"' not in read_event(stream):
        pass
    stream.close()


def test_what_has_not_changed_is_not_told_again(signed_in, store):
    still, moving = open_stream(signed_in, "/v1/version"), open_stream(signed_in, "/v1/devices/phone")
    read_event(still)
    # Both are looked at in the same rhythm: when this one has told three changes, that one was looked at more than once.
    for name in ["one", "two", "three"]:
        store.execute("UPDATE device SET name = ? WHERE device_id = 'phone'", (name,))
        while f'"name":"{name}"'.encode() not in read_event(moving):
            pass
    assert signed_in.post("/signout").status == 303
    assert read_event(still).startswith(b"event: signed-out")


def test_a_stream_of_what_is_not_there_tells_the_problem(signed_in):
    stream = open_stream(signed_in, "/v1/devices/nobody")
    event = read_event(stream)
    assert event.startswith(b"event: problem") and b"there is no device 'nobody'" in event


def test_only_data_can_be_watched(signed_in):
    for watch in ["", "http://evil.example/", "/", "//evil.example", "/v2/x", "/events?watch=/v1/version", "/signin?token=x"]:
        assert signed_in.get(f"/events?watch={quote(watch, safe='')}").status == 400, watch


def test_streams_are_bounded_and_give_their_places_back(signed_in):
    streams = [open_stream(signed_in, "/v1/version") for _ in range(24)]
    for stream in streams:
        read_event(stream)
    assert signed_in.get("/events?watch=/v1/version").status == 503
    assert signed_in.get("/v1/version").status == 200
    for stream in streams:
        stream.close()
    # A client that has gone is found when it is told something the next time.
    again = eventually(lambda: stream_opens(signed_in))
    again.close()


def stream_opens(page):
    stream = open_stream(page, "/v1/version")
    if b" 200 " in stream.readline():
        return stream
    stream.close()
    return None


def test_a_stop_ends_streams(signed_in):
    stream = open_stream(signed_in, "/v1/status")
    read_event(stream)
    signed_in.daemon.stop()
    stream.read()


# ---------------------------------------------------------------------------------------------------------------- bad input


GARBAGE = [
    b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
    b"\xff\xfe\xfd /%%% HTTP/1.1\r\nHost\x01: \x7f\r\n\r\n", b"POST /signout HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /signout HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"GET /" + b"a/" * 4000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-More: 0123456789\r\n" * 4000 + b"\r\n",
    b"GET /static/%2e%2e%2fapp.js HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /static/shell.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def test_any_bytes_are_survived(page):
    host, port = page.host.split(":")
    for beginning in [b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTT"]:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(beginning)
    for data in GARBAGE:
        assert not re.match(rb"HTTP/1\.[01] (2|500|503)", raw(page, data)), data[:60]
    assert page.sign_in().status == 303


def test_a_body_without_end_is_cut_off(signed_in):
    head = f"POST /v1/resync HTTP/1.1\r\nHost: {signed_in.host}\r\nOrigin: http://{signed_in.host}\r\nX-CSRF-Token: {signed_in.csrf}\r\n" \
           f"Cookie: complyd_session={signed_in.cookie}\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(signed_in, head.encode() + b"10000\r\n" + b" " * 65536 + b"\r\n")
    assert b" 202 " not in answer
    big = raw(signed_in, head.replace("Transfer-Encoding: chunked", "Content-Length: 99999999").encode())
    assert b" 413 " in big
    assert signed_in.get("/v1/version").status == 200


def test_crowds_and_slow_clients_keep_nobody_out(signed_in):
    host, port = signed_in.host.split(":")
    allow_files(CROWD + 100)
    with contextlib.ExitStack() as crowd:
        for number in range(CROWD):
            client = crowd.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK))
            with contextlib.suppress(BlockingIOError):
                client.connect((host, int(port)))
            with contextlib.suppress(OSError):  # not connected yet, or closed again to make room
                client.send(b"GET / HT"[: number % 9])
        eventually(lambda: answers(signed_in), what="an answer within the crowd")
        assert signed_in.daemon.status()["daemon"]["state"] == "running"


def answers(browser):
    """Closed to make room, as those of the crowd that come late make it too, a browser asks again."""
    try:
        return browser.get("/v1/status").status == 200
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return False


def test_a_taken_port_does_not_keep_complyd_from_its_work(daemon, store, sim):  # noqa: F811
    add_pair(store)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon.settings["web"]["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon.write_config()
        daemon.start()
        daemon.wait_for_log("no web page: 127.0.0.1:[0-9]+: Address already in use")
        store.wait_drained()
        refused = json.loads(daemon.ctl("page", check=False).err)
        assert "could not be opened" in refused["detail"]
    daemon.reload()
    assert Browser(daemon).sign_in().status == 303


def test_a_reload_moves_the_page_and_turns_it_off(signed_in):
    daemon, before = signed_in.daemon, signed_in.host
    daemon.settings["web"]["listen"] = f"127.0.0.2:{free_port()}"
    daemon.write_config()
    daemon.reload()
    moved = Browser(daemon)
    assert moved.host != before and moved.sign_in().status == 303
    daemon.settings["web"]["listen"] = None
    daemon.write_config()
    daemon.reload()
    with pytest.raises(ConnectionRefusedError):
        eventually(lambda: moved.get("/") and False)
    with pytest.raises(ConnectionRefusedError):
        signed_in.get("/")
