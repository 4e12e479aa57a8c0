# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""The control socket under abuse: any bytes, slow clients, thousands of connections, bodies without end. Who asks properly is
answered all the while, reports go on, and memory stays where it was."""
import contextlib
import json
import os
import random
import re
import socket
import threading

import pytest

from control_client import Control, UnixConnection
from harness import ROOT, allow_files, eventually, guid

CROWD = 10000
MEMORY_MIB = 48  # more than this, beside the sanitizer's own, no abuse may cost


@pytest.fixture
def control(daemon):
    # Freed memory that a sanitizer holds back is not the daemon's.
    daemon.start(env={"ASAN_OPTIONS": f"quarantine_size_mb=1:{os.environ.get('ASAN_OPTIONS', '')}"})
    return Control(daemon.socket)


def connect(control):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    client.settimeout(60)
    client.connect(control.path)
    return client


def send_all(client, data):
    """False when the other side has closed."""
    try:
        client.sendall(data)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def read_all(client):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            data += chunk
    return data


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@pytest.fixture
def memory(daemon, control):
    """Fails when the daemon has grown."""
    for _ in range(200):
        control.get("/v1/status")
    before = resident_kib(daemon.process.pid)
    yield
    grown = resident_kib(daemon.process.pid) - before
    assert grown < MEMORY_MIB * 1024, f"grew by {grown} KiB"


BROKEN = {
    "no host": (400, b"GET /v1 HTTP/1.1\r\n\r\n"),
    "request line": (400, b"GET /v1\r\n\r\n"),
    "header": (400, b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"),
    "length": (400, b"PUT /v1/devices/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: few\r\n\r\n"),
    "chunk": (400, b"PUT /v1/devices/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n"),
    "long target": (414, b"GET /v1?" + b"x" * 24576 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "long header": (431, b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 24576 + b"\r\n\r\n"),
    "version": (505, b"GET /v1 HTTP/3.0\r\nHost: localhost\r\n\r\n"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_hardly_http_is_refused_as_documented(control, what):
    status, request = BROKEN[what]
    with connect(control) as client:
        send_all(client, request)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"problem+json" not in answer and b"<html>" in answer
    assert control.get("/v1/version").status == 200


@pytest.mark.parametrize("document", ["control-api.md", "openapi.yaml"])
def test_the_documents_tell_of_what_is_hardly_http(document):
    told = next(part for part in (ROOT / "docs" / document).read_text().split("\n\n") if "the HTTP library refuses" in part)
    assert set(map(int, re.findall(r"\b[45]\d\d\b", told))) == {status for status, _ in BROKEN.values()}


def test_garbage(control):
    dice = random.Random(1)
    for _ in range(200):
        with connect(control) as client:
            send_all(client, dice.randbytes(dice.randrange(1, 3000)) + b"\r\n\r\n")  # without an end it waits for one
            client.shutdown(socket.SHUT_WR)
            answer = read_all(client)
            assert answer == b"" or answer.startswith(b"HTTP/1."), answer[:100]
    assert control.get("/v1/version").status == 200


@pytest.mark.parametrize("request_text, status", [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /v1/devices/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /v1/devices/" + b"a/" * 50 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /v1/devices?" + b"a=1&" * 50 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET http://evil.example/v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"BREW /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"GET /v1/devices/" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"PUT /v1/devices/" + b"a" * 300 + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{\"platform\":\"ios\"}", 400),
    (b"PUT /v1/devices/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
])
def test_odd_requests_are_answered(control, request_text, status):
    with connect(control) as client:
        send_all(client, request_text)
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.split(b" ")[1] == b"%d" % status, answer[:300]
    assert b"application/problem+json" in answer
    assert control.get("/v1/version").status == 200


def test_deep_and_wide_json(control):
    for body in ("[" * 500000, '{"a":' * 100000, '{"platform": "ios", "violations": [' + '"p",' * 200000 + '"p"]}',
                 '{"platform": "ios", "name": "' + "x" * 1000000 + '"}'):
        assert control.put("/v1/devices/d", body, content_type="application/json").status == 400 or "violations" in body
    lines = "\n".join(json.dumps({"device": {"device_id": f"d{n}", "platform": "ios"}}) for n in range(1000))
    assert control.post("/v1/import", "[" * 500000).status == 400
    assert control.post("/v1/import", lines + "\n" + "[" * 1000).json()["line"] == 1001


def test_slow_clients_keep_nobody_out(control, memory):
    slow = []
    for _ in range(100):
        client = connect(control)
        send_all(client, b"PUT /v1/devices/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        slow.append(client)
        assert control.get("/v1/version").status == 200
    for client in slow:
        client.close()


def test_thousands_of_connections(daemon, control, memory, sim, store):
    """Ten thousand at once, of which those find room that the kernel keeps waiting; an operator gets in, and reports go on."""
    sim.register(guid(1), "iOS")
    allow_files(CROWD + 100)
    clients = []
    for n in range(CROWD):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            client.connect(control.path)
        clients.append(client)
        if n % 1000 == 0:
            assert control.get("/v1/version").status == 200
    store.add_device("phone", number=1)
    eventually(lambda: sim.device(guid(1))["isCompliant"] is True)
    assert control.get("/v1/devices/phone").status == 200
    for client in clients:
        client.close()
    eventually(lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 100)


def test_a_body_without_end(control, memory):
    """One that says nothing of its length goes on until it is told to stop."""
    connection = UnixConnection(control.path, 60)
    connection.putrequest("PUT", "/v1/devices/endless")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < 1000:
            connection.sock.sendall(chunk)
            sent += 1
    assert sent < 1000, "nobody stopped it"
    connection.close()
    assert control.get("/v1/version").status == 200


def test_an_endless_line_of_an_import(control, memory):
    def spaces():
        yield b'{"device": {"device_id": "'
        for _ in range(64):
            yield b"x" * 65536
        yield b'"}}'
    answer = control.post("/v1/import", spaces(), content_type="application/x-ndjson")
    assert answer.status == 400 and answer.json()["line"] == 1


def test_clients_that_leave_in_the_middle(control, memory):
    requests = (b"GET /v1/devices?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n",
                b"PUT /v1/devices/x HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{\"platform\":\"ios\"}",
                b"POST /v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\n{\"delete_device\": \"x\"}\n")
    for request in requests:
        for length in range(0, len(request) + 1, 3):
            with connect(control) as client:
                send_all(client, request[:length])
    eventually(lambda: control.post("/v1/import", '{"delete_device": "x"}').status == 200)


def test_many_requests_down_one_connection(control, memory):
    """Pipelined: each gets its answer, in their order."""
    count = 500
    with connect(control) as client:
        sender = threading.Thread(target=lambda: send_all(
            client, b"".join(b"GET /v1/devices/d%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(count))))
        sender.start()
        data = b""
        while data.count(b"there is no device") < count:
            chunk = client.recv(65536)
            assert chunk, data[-500:]
            data += chunk
        sender.join()
    order = [data.index(b"'d%d'" % n) for n in range(count)]
    assert order == sorted(order)


def test_a_reader_that_does_not_read(control, memory, store):
    store.add_devices([{"device_id": f"d{n:05}", "name": "x" * 500} for n in range(2000)])
    stuck = []
    for _ in range(40):
        client = connect(control)
        send_all(client, b"GET /v1/devices?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        stuck.append(client)
    assert control.get("/v1/devices/d00001").status == 200
    for client in stuck:
        client.close()
