"""The programs that the lab ships into guest and nodes, run for real on this machine."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lab.home import FILES


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[tuple[ModuleType, int]]:
    module = load("lab-backend")
    vars(module)["FAIL"] = tmp_path / "fail"
    server = module.Server(("::", 0), module.Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield module, server.server_address[1]
    server.shutdown()
    server.server_close()


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode(), dict(response.getheaders())


def test_the_backend_says_who_it_is(backend: tuple[ModuleType, int]) -> None:
    module, port = backend
    for host in ("127.0.0.1", "::1"):
        status, body, headers = get(port, "/", host)
        assert (status, body) == (200, f"{socket.gethostname()}\n")
        assert headers["X-Real-Server"] == socket.gethostname()
        assert headers["Connection"] == "close"
    assert get(port, "/healthz")[:2] == (200, "ok\n")
    module.FAIL.write_text("disk is full\n")
    assert get(port, "/healthz")[:2] == (503, "disk is full\n")
    module.FAIL.write_text("")
    assert get(port, "/healthz")[:2] == (503, "failing\n")
    assert get(port, "/")[0] == 200


def test_the_backend_survives_bad_clients(backend: tuple[ModuleType, int]) -> None:
    _, port = backend
    for junk in (b"", b"nonsense\r\n\r\n", b"GET / HTTP/1.0\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(junk)
    assert get(port, "/")[0] == 200


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def portd(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    (tmp_path / "slots").mkdir()
    port = free_port()
    command = [sys.executable, str(FILES / "portd.py"), "--bind", "127.0.0.1", "--first", str(port)]
    process = subprocess.Popen([*command, "--count", "1", "--run", str(tmp_path)])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    yield tmp_path / "slots" / "0.pid", port
    process.kill()
    process.wait()


def answer(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(100), b""))


def test_a_node_that_is_off_is_a_closed_connection(portd: tuple[Path, int]) -> None:
    pidfile, port = portd
    for content in (None, "", "nonsense", "999999999", str(os.getpid())):  # the last one is no node
        if content is not None:
            pidfile.write_text(content)
        with contextlib.suppress(OSError):  # reset, or closed before all was sent
            assert answer(port) == b""


NODE = """
import socket, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 22))
print("ready", flush=True)
while True:
    client, _ = server.accept()
    client.sendall(client.recv(100).upper())
    client.close()
"""


def test_a_node_is_reached_inside_its_own_network(portd: tuple[Path, int]) -> None:
    if missing := [tool for tool in ("unshare", "ip") if shutil.which(tool) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed (Debian packages util-linux, iproute2)")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("network namespaces need root")
    pidfile, port = portd
    node = subprocess.Popen(["unshare", "--net", sys.executable, "-c", NODE], stdout=subprocess.PIPE)
    try:
        assert node.stdout is not None
        assert node.stdout.readline() == b"ready\n"
        pidfile.write_text(str(node.pid))
        assert [answer(port) for _ in range(3)] == [b"HELLO"] * 3
    finally:
        node.kill()
        node.wait()
    pidfile.unlink()
    with contextlib.suppress(OSError):
        assert answer(port) == b""
