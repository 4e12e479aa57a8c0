# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""complyctl doctor: what it says when all is well, of each thing that can be wrong, and that it only ever reads."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import harness
from harness import EX_CONFIG, EX_DATAERR, EX_NOINPUT, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, eventually, run_ctl
from scene import sim, shared_sim, wait_agreed  # noqa: F401  pylint: disable=unused-import

PAGES = {"enrollment_url": "https://mdm.example/enrol", "remediation_url": "https://mdm.example/mend",
         "assignment_group": "All users"}
EX_NOPERM = 77
REMOTE = ["reporting", "pages", "credential", "proxy", "sign_in", "clock", "graph", "group", "consent", "partner", "policy", "tls"]


@pytest.fixture
def settings(sim, scratch):  # noqa: F811
    return harness.connection_settings(sim, scratch, **PAGES)


@pytest.fixture
def daemon(make_daemon, store, settings):
    return make_daemon(store, {"default": settings})


def doctor(daemon, *arguments, as_json=True, env=None):
    return run_ctl(daemon.build, "--config", daemon.config, *["--json"] * as_json, "doctor", *arguments, check=False, env=env)


def examine(daemon, *arguments):
    """(exit code, {check: finding}); of several findings of a check the worst."""
    result = doctor(daemon, *arguments)
    order = ["ok", "skipped", "warning", "failure"]
    found = {}
    for finding in sorted(result.json["findings"], key=lambda one: order.index(one["state"])):
        found[finding["check"]] = finding
    assert result.json["exit_code"] == result.code
    assert result.json["state"] == max((one["state"] for one in found.values()), key=order.index)
    for finding in found.values():
        assert finding["text"] and (finding["state"] in ("ok", "skipped")) == (finding["cure"] == ""), finding
    return result.code, found


def problem(found, check):
    return found[check]["state"], found[check]["problem"]


def connect(daemon, store):
    """A fleet whose account is set up in full."""
    store.add_devices([{"device_id": "phone", "number": 1}, {"device_id": "pc", "number": 2, "platform": "windows"}])
    daemon.start()
    daemon.ctl("account", "connect")


# All is well

def test_all_is_well_and_nothing_is_changed(store, sim, daemon):  # noqa: F811
    connect(daemon, store)
    wait_agreed(store, sim)
    eventually(lambda: store.value("SELECT count(*) FROM message") == 0, what="every verdict is there")
    since = sim.last_request()
    code, found = examine(daemon)
    assert code == EX_OK, found
    assert set(REMOTE) | {"configuration", "socket", "daemon", "store", "disk", "service"} == set(found) - {"sandbox"}
    assert {finding["state"] for check, finding in found.items() if check != "service"} == {"ok"}
    asked = sim.requests(since=since)
    assert {request["at"] for request in asked if request["method"] != "GET"} == {"token"}
    assert len([request for request in asked if request["at"] == "token"]) == 2 and len(asked) < 10
    assert set(found["sign_in"]) == {"connection", "check", "title", "state", "problem", "text", "cure", "detail"}
    assert found["sign_in"]["connection"] == "default" and found["store"]["connection"] == ""


def test_what_people_see(store, daemon):
    connect(daemon, store)
    text = doctor(daemon, as_json=False, env={"LC_ALL": "C.UTF-8"})
    assert text.code == EX_OK and text.err == ""
    assert "complyd\n" in text.out and "\ndefault\n" in text.out and "\x1b" not in text.out
    spanish = doctor(daemon, as_json=False, env={"LC_ALL": "es_ES.UTF-8"})
    assert "Credencial" in spanish.out and "Credential " not in spanish.out
    assert re.search("API de Microsoft Graph +https://", spanish.out)


def test_one_connection_only(make_daemon, store, settings):
    daemon = make_daemon(store, {"default": settings, "other": settings}).start()
    result = doctor(daemon, "--connection", "other")
    assert {finding["connection"] for finding in result.json["findings"]} == {"", "other"}
    result = doctor(daemon, "--connection", "third")
    assert result.code == EX_NOINPUT and "third" in result.err


# What lies at Microsoft

def test_the_wrong_secret(daemon, settings):
    with open(settings["client_secret_file"], "w", encoding="ascii") as secret:
        secret.write("no secret of this app")
    daemon.start()
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE
    assert problem(found, "sign_in") == ("failure", "credential_wrong")
    assert found["graph"]["state"] == "skipped" and "consent" not in found


def test_the_consent_is_revoked(daemon, store, sim):  # noqa: F811
    connect(daemon, store)
    sim.add_fault("token", "aadsts", code=65001, error="invalid_grant", status=400, match="manage.microsoft.com", count=-1)
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE
    assert problem(found, "consent") == ("failure", "consent_missing")
    assert problem(found, "graph") == ("ok", "") and found["partner"]["state"] == "skipped"


@pytest.mark.parametrize("place, fault, check, state, word", [
    ("discovery", {"fault": "status", "status": 403, "code": "Authorization_RequestDenied"}, "graph", "failure", "permission_missing"),
    ("discovery", {"fault": "status", "status": 503}, "graph", "warning", "service_unavailable"),
    ("groups", {"fault": "status", "status": 403}, "group", "failure", "permission_missing"),
    ("partner_get", {"fault": "status", "status": 403}, "partner", "failure", "permission_missing"),
    ("partner_get", {"fault": "reset"}, "partner", "failure", "network"),
    ("policies", {"fault": "status", "status": 403}, "policy", "failure", "permission_missing"),
    ("policies", {"fault": "status", "status": 204}, "policy", "failure", "partner_not_registered"),
    ("policies", {"fault": "body", "body": "<html>"}, "policy", "failure", "reply_unintelligible"),
    ("policies", {"fault": "reset"}, "policy", "failure", "network"),
    ("policies", {"fault": "throttle", "retry_after": 30}, "policy", "warning", "throttled"),
])
def test_what_microsoft_refuses(daemon, store, sim, place, fault, check, state, word):  # noqa: F811
    connect(daemon, store)
    sim.add_fault(place, count=-1, **fault)
    code, found = examine(daemon)
    assert problem(found, check) == (state, word), found
    assert code == (EX_UNAVAILABLE if state == "failure" else EX_TEMPFAIL)
    assert problem(found, "sign_in") == ("ok", "")


def test_a_dead_host(make_daemon, store, settings):
    daemon = make_daemon(store, {"default": {**settings, "authority_url": "https://127.0.0.1:1"}}).start()
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE
    assert problem(found, "sign_in") == ("failure", "network") and "clock" not in found


def test_another_certificate_authority(make_daemon, store, settings, scratch):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", scratch / "k.pem",
                    "-out", scratch / "ca.pem"], check=True, capture_output=True)
    daemon = make_daemon(store, {"default": {**settings, "ca_file": scratch / "ca.pem"}}).start()
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE
    assert problem(found, "sign_in") == ("failure", "tls") and found["sign_in"]["detail"]


def validity(days):
    """Options of openssl; only its older versions take days that are over, only the newer ones know dates."""
    known = subprocess.run(["openssl", "x509", "-help"], check=True, capture_output=True, text=True)
    if days < 0 and "-not_after" in known.stdout + known.stderr:
        return ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]
    return ["-days", days]


def own_certificate(directory, days):
    """Options of a simulator with a certificate that is its own authority, which ends in so many days."""
    key, request, certificate = (directory / name for name in ("tls.key", "tls.csr", "tls.pem"))
    (directory / "tls.ext").write_text("subjectAltName=IP:127.0.0.1")
    for command in (["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=inspecting proxy", "-keyout", key, "-out", request],
                    ["x509", "-req", "-in", request, "-key", key, *validity(days), "-extfile", directory / "tls.ext", "-out", certificate]):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
    return {"tls_cert": certificate, "tls_key": key}


@pytest.mark.parametrize("days, found_as", [(100, ("ok", "")), (3, ("warning", "certificate_expires_soon"))])
def test_the_dates_of_the_servers_certificate(make_sim, make_daemon, store, scratch, days, found_as):
    server = make_sim(**own_certificate(scratch, days))
    daemon = make_daemon(store, {"default": harness.connection_settings(server, scratch, **PAGES)}).start()
    _, found = examine(daemon)
    assert problem(found, "tls") == found_as
    told = subprocess.run(["openssl", "x509", "-in", scratch / "tls.pem", "-noout", "-enddate"], check=True, capture_output=True, text=True)
    end = time.strptime(told.stdout.strip(), "notAfter=%b %d %H:%M:%S %Y GMT")
    assert found["tls"]["detail"].startswith("127.0.0.1, until " + time.strftime("%Y-%m-%dT%H:%M:%SZ", end))
    assert found["tls"]["detail"].endswith(", issued by inspecting proxy")


def test_a_certificate_that_has_ended(make_sim, make_daemon, store, scratch):
    server = make_sim(**own_certificate(scratch, -1))
    daemon = make_daemon(store, {"default": harness.connection_settings(server, scratch)}).start()
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE and "tls" not in found
    assert problem(found, "sign_in") == ("failure", "tls") and "expired" in found["sign_in"]["detail"]


def test_a_dead_proxy(make_daemon, store, settings):
    daemon = make_daemon(store, {"default": {**settings, "authority_url": "https://login.example.invalid",
                                             "proxy": "http://127.0.0.1:1"}}).start()
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE and found["sign_in"]["state"] == "failure" and found["proxy"]["state"] != "ok"


def test_no_such_group(make_daemon, store, settings):
    daemon = make_daemon(store, {"default": {**settings, "assignment_group": "Nobody's"}}).start()
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE
    assert problem(found, "group") == ("failure", "group_unknown") and "Nobody's" in found["group"]["detail"]


def test_the_partner_is_not_registered_for_a_platform(daemon, store, sim):  # noqa: F811
    connect(daemon, store)
    sim.settings(partner_macos=False)
    store.add_device("mac", number=3, platform="macos")
    daemon.ctl("account", "connect", check=False)
    code, found = examine(daemon)
    assert code == EX_TEMPFAIL
    assert problem(found, "policy") == ("warning", "policy_missing") and found["policy"]["detail"] == "macos"
    assert problem(found, "partner") == ("ok", "")


@pytest.mark.parametrize("offset, state", [(120, "warning"), (-7200, "failure")])
def test_the_clocks_differ(daemon, store, sim, offset, state):  # noqa: F811
    connect(daemon, store)
    sim.settings(clock_offset_s=offset)
    _, found = examine(daemon)
    assert problem(found, "clock") == (state, "clock_skew")


def test_what_is_not_configured(make_daemon, store, settings):
    bare = {key: value for key, value in settings.items() if key not in PAGES}
    daemon = make_daemon(store, {"default": bare}).start()
    code, found = examine(daemon)
    assert code == EX_TEMPFAIL
    assert problem(found, "pages") == ("warning", "pages_not_set")
    assert problem(found, "group") == ("warning", "group_not_set")


def test_who_is_switched_off_or_disconnected_asks_nothing(make_daemon, store, sim, settings):  # noqa: F811
    daemon = make_daemon(store, {"default": {**settings, "enabled": False}}).start()
    code, found = examine(daemon)
    assert code == EX_OK and problem(found, "reporting") == ("skipped", "off")
    assert not set(found) & {"sign_in", "graph"} and sim.requests() == []


def test_only_windows_needs_no_consent(daemon, store, sim):  # noqa: F811
    store.add_device("pc", number=1, platform="windows")
    daemon.start()
    since = sim.last_request()
    _, found = examine(daemon)
    assert problem(found, "consent") == ("skipped", "only_windows")
    assert not sim.requests(since=since, at="policies")


def test_a_credential_that_expires(make_daemon, store, settings):
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86400))
    daemon = make_daemon(store, {"default": {**settings, "client_secret_expires": soon}}).start()
    code, found = examine(daemon)
    assert code == EX_TEMPFAIL
    assert problem(found, "credential") == ("warning", "expires_soon") and soon in found["credential"]["detail"]


def test_a_disconnected_account_is_left_alone(daemon, store, sim):  # noqa: F811
    connect(daemon, store)
    daemon.ctl("account", "disconnect", "--yes", "--this-server-only")
    eventually(lambda: daemon.status()["connections"][0]["state"] == "disconnected")
    since = sim.last_request()
    _, found = examine(daemon)
    assert problem(found, "reporting") == ("skipped", "off") and sim.requests(since=since) == []


# Slow answers and ends

def test_the_configuration_may_change_meanwhile_and_only_four_are_at_it(daemon, store, sim):  # noqa: F811
    connect(daemon, store)
    sim.add_fault("token", "slow_headers", ms=5000, count=4)
    command = [daemon.build / "bin" / "complyctl", "--config", daemon.config, "--json", "doctor"]
    since = sim.last_request()
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    eventually(lambda: len(sim.requests(since=since, at="token")) >= 4, what="four are under way")
    refused = doctor(daemon)
    assert refused.code == EX_UNAVAILABLE and "under way" in refused.err
    daemon.connections["default"]["assignment_group"] = "Others"
    daemon.write_config()
    daemon.reload()
    for one in asking:
        told = json.loads(one.communicate(timeout=harness.PATIENCE)[0])
        assert [finding["detail"] for finding in told["findings"] if finding["check"] == "group"] == ["All users"]



def test_ends_with_the_daemon(daemon, store, sim):  # noqa: F811
    connect(daemon, store)
    sim.add_fault("token", "slow_headers", ms=60000, count=-1)
    since = sim.last_request()
    asking = subprocess.Popen([daemon.build / "bin" / "complyctl", "--config", daemon.config, "--json", "doctor"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: sim.last_request() > since, what="a token is being asked for")
    daemon.stop()
    asking.communicate(timeout=harness.PATIENCE)
    assert asking.returncode == EX_UNAVAILABLE


# This machine

def test_the_daemon_is_down(daemon):
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE
    assert problem(found, "daemon") == ("failure", "not_running")
    assert found["store"]["state"] == found["configuration"]["state"] == "ok" and "sign_in" not in found


def test_a_mistake_in_the_configuration(daemon):
    daemon.start()
    with open(daemon.config, "a", encoding="ascii") as config:
        config.write("\n[web]\nlisten = 0.0.0.0:8080\n")
    code, found = examine(daemon)
    assert code == EX_CONFIG
    assert problem(found, "configuration") == ("failure", "mistake")
    assert found["configuration"]["detail"].startswith(f"{daemon.config}:") and "listen" in found["configuration"]["detail"]
    assert found["sign_in"]["state"] == "ok", "the daemon goes on with what it has"


def test_there_is_no_configuration(build, scratch):
    result = run_ctl(build, "--config", scratch / "none.conf", "--json", "doctor", check=False)
    assert result.code == EX_CONFIG and result.json["findings"][0]["problem"] == "mistake"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_who_may_not_read_the_configuration_is_not_told_that_all_is_well(daemon):
    daemon.config.chmod(0o600)
    result = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", daemon.build / "bin" / "complyctl", "--config",
                             daemon.config, "doctor"], capture_output=True, text=True, check=False)
    if result.returncode in (126, 127):
        pytest.skip("the other user may not run what was built")
    assert result.returncode == EX_NOPERM and str(daemon.config) in result.stderr


@pytest.mark.parametrize("version, problem_name", [(99, "store_newer"), (0, "store_older")])
def test_a_store_of_another_version(daemon, store, version, problem_name):
    store.execute(f"PRAGMA user_version = {version}")
    code, found = examine(daemon)
    assert code == EX_DATAERR and problem(found, "store") == ("failure", problem_name)


def test_a_store_without_a_trigger(daemon, store):
    name = store.value("SELECT name FROM sqlite_schema WHERE type = 'trigger' LIMIT 1")
    store.execute(f"DROP TRIGGER {name}")
    code, found = examine(daemon)
    assert code == EX_DATAERR and problem(found, "store") == ("failure", "store_damaged") and name in found["store"]["detail"]


def test_there_is_no_store(daemon, store):
    store.path.unlink()
    code, found = examine(daemon)
    assert code == EX_NOINPUT and problem(found, "store") == ("failure", "store_missing")


def test_a_store_that_only_the_daemon_cannot_work_with(daemon, store):
    daemon.start()
    store.path.rename(store.path.with_suffix(".away"))
    eventually(lambda: not daemon.status()["store"]["healthy"])
    result = doctor(daemon)
    stores = [finding for finding in result.json["findings"] if finding["check"] == "store"]
    assert [finding["problem"] for finding in stores] == ["store_missing"], "told once"


def test_a_credential_that_systemd_hands_over(make_daemon, store, settings):
    daemon = make_daemon(store, {"default": {**settings, "client_secret_file": "/run/credentials/complyd.service/none"}})
    code, found = examine(daemon)
    assert code == EX_UNAVAILABLE and problem(found, "daemon") == ("failure", "not_running")
    assert problem(found, "configuration") == ("skipped", "credential_of_unit")
    checked = daemon.run("--check")
    assert checked.code == EX_OK and "LoadCredential" in checked.err and "no other problem found" in checked.out
    assert daemon.run("--foreground").code == EX_CONFIG, "it cannot do without"
    daemon.connections["default"]["tenant_id"] = "none"
    daemon.write_config()
    assert daemon.run("--check").code == EX_CONFIG


@pytest.mark.skipif(os.geteuid() != 0, reason="puts a credential in place, in a mount namespace of its own")
def test_the_mode_that_systemd_gives_a_credential_is_not_judged(make_daemon, store, settings):
    """Later ones give the unit's user access by an ACL, which looks like the group's."""
    where = "/run/credentials/complyd.service"
    daemon = make_daemon(store, {"default": {**settings, "client_secret_file": f"{where}/secret"}})
    result = subprocess.run(["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none /run && mkdir -p {where} && '
                             f'install -m 0440 {settings["client_secret_file"]} {where}/secret && echo ready && exec "$@"', "sh",
                             *map(str, daemon.command("--check"))], capture_output=True, text=True, check=False)
    if "ready" not in result.stdout:
        pytest.skip("no mount namespace: " + result.stderr)
    assert result.returncode == EX_OK, result.stderr


def examine_inside(daemon, script):
    """What doctor finds in a mount namespace that the script of a shell has prepared."""
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", f'{script} && exec "$@"', "sh"]
    command = [daemon.build / "bin" / "complyctl", "--config", daemon.config, "--json", "doctor"]
    told = subprocess.run([*alone, *command], capture_output=True, text=True, check=False)
    if "unshare" in told.stderr or "mount" in told.stderr:
        pytest.skip("no mount namespace: " + told.stderr)
    return {finding["check"]: finding for finding in json.loads(told.stdout)["findings"]}


@pytest.fixture
def units(scratch):
    """A folder with complyd's unit, for where systemd looks."""
    folder = scratch / "units"
    folder.mkdir()
    shutil.copy(harness.ROOT / "systemd" / "complyd.service", folder)
    return folder


def test_a_daemon_without_the_sandbox_of_its_unit(daemon, units):
    daemon.start()
    found = examine_inside(daemon, f"mount --bind {units} /etc/systemd/system")
    assert problem(found, "sandbox") == ("warning", "unconfined") and "NoNewPrivs 0" in found["sandbox"]["detail"]


def test_a_store_outside_of_what_the_unit_may_write(daemon, store, units):
    place = f"mount --bind {units} /etc/systemd/system"
    found = examine_inside(daemon, place)
    assert problem(found, "service") == ("warning", "store_outside") and found["service"]["detail"] == str(store.path)
    (units / "complyd.service.d").mkdir()
    assert problem(examine_inside(daemon, place), "service") == ("ok", "")
    (units / "complyd.service.d").rmdir()
    daemon.settings["daemon"]["store"] = "/var/lib/complyd/complyd.db"
    daemon.write_config()
    assert problem(examine_inside(daemon, place), "service") == ("ok", "")


@pytest.mark.parametrize("room, expected", [("32m", ("failure", "disk_full")), ("200m", ("ok", ""))])
def test_a_disk_without_room(daemon, scratch, room, expected):
    """Of one that fills up tests/unit/ctl/test_ctl_disk.c knows: it takes a large one."""
    disk = scratch / "disk"
    disk.mkdir()
    daemon.settings["daemon"]["store"] = disk / "complyd.db"
    daemon.write_config()
    found = examine_inside(daemon, f"mount -t tmpfs -o size={room} none {disk}")
    assert problem(found, "disk") == expected and str(disk) in found["disk"]["detail"]


def test_anybody_may_open_the_socket(daemon):
    daemon.start()
    daemon.socket.chmod(0o666)
    _, found = examine(daemon)
    assert problem(found, "socket") == ("warning", "socket_open")
