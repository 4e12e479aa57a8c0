# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
"""Microsoft's side of a benchmark: certificates, nginx with static answers, the sink that notes when a report came."""

import json
import os
import socket
import subprocess
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
NGINX_MODULES = "/usr/lib/nginx/modules"
TOKEN_BYTES = 1500


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(alphabet[i * 7 % 64] for i in range(TOKEN_BYTES))


def make_certificates(folder):
    """A certificate authority and a server certificate for localhost; returns the authority's file."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=complyd bench CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr")
    with open(os.path.join(folder, "server.ext"), "w", encoding="utf-8") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "server.ext", "-out", "server.pem")
    return os.path.join(folder, "ca.pem")


def wait_listening(port, process):
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise RuntimeError(f"{process.args[0]} does not listen on port {port}")


class Server:
    """A process that plays Microsoft on https://localhost:<port>."""

    def __init__(self, port):
        self.port = port
        self.url = f"https://localhost:{port}"
        self.process = None

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Nginx(Server):
    """The fast one: static answers, only a counter of requests."""

    def __init__(self, folder, port):
        super().__init__(port)
        self.count_port = free_port()
        services = ("PartnerDeviceDataSyncService", "device"), ("PartnerTenantDataSyncService", "tenant")
        endpoints = ",".join(json.dumps({"providerName": name, "uri": f"{self.url}/{path}"}) for name, path in services)
        batch = json.dumps({"responses": [{"id": str(i), "status": 204} for i in range(20)]}, separators=(",", ":"))
        with open(os.path.join(HERE, "nginx.conf.in"), encoding="utf-8") as file:
            text = file.read()
        for name, value in (("MODULES", NGINX_MODULES), ("DIR", folder), ("PORT", self.port),
                            ("COUNT_PORT", self.count_port), ("TOKEN", token()), ("ENDPOINTS", endpoints),
                            ("BATCH", batch)):
            text = text.replace(f"@{name}@", str(value))
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", conf], stdout=subprocess.DEVNULL)
        wait_listening(self.port, self.process)

    def requests(self):
        """Requests served so far, those for this number left out as far as they are known."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.count_port}/count", timeout=10) as reply:
            lines = reply.read().decode().splitlines()
        return int(lines[2].split()[2])


class Sink(Server):
    """Our own: as nginx, and it writes the moment at which the first byte of a watched report was read."""

    def __init__(self, folder, program, port):
        super().__init__(port)
        self.path = os.path.join(folder, "sink.log")
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(
                [program, "--port", str(self.port), "--certificate", os.path.join(folder, "server.pem"),
                 "--key", os.path.join(folder, "server.key")], stdout=log)
        wait_listening(self.port, self.process)
