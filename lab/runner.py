"""Run commands on the podman host (this machine or the guest) and on nodes, with one interface."""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import paramiko

from lab.errors import CommandError, LabError, Unreachable

# A connection refused while a machine boots is expected; paramiko's threads would print a traceback for each.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


@dataclass(frozen=True)
class Result:
    """What a command did.

    Attributes:
        code: its exit code.
        stdout: what it printed, decoded as UTF-8.
        stderr: what it complained of.
        seconds: how long it took, as seen from here.

    """

    code: int
    stdout: str
    stderr: str
    seconds: float


class Runner(Protocol):
    """Something that commands can be run on."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """Run `argv` and return its result.

        Args:
            argv: program and arguments; no shell interprets them.
            stdin: what it reads.
            timeout: seconds.
            check: raise when the exit code is not 0.

        Raises:
            CommandError: exit code not 0, with `check`.
            LabError: it did not end in time.
            Unreachable: no connection.

        """


def _judge(argv: Sequence[str], result: Result, check: bool) -> Result:
    if check and result.code != 0:
        raise CommandError(_brief(argv), result.code, result.stderr or result.stdout)
    return result


def _brief(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= 100 else f"{text[:97]}..."


class LocalRunner:
    """Runs commands on this machine."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """See `Runner.run`."""
        began = time.monotonic()
        try:
            done = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as exc:
            raise LabError(f"{_brief(argv)} did not end within {timeout:.0f} s") from exc
        except OSError as exc:
            raise LabError(f"cannot run {_brief(argv)}: {exc.strerror}") from exc
        return _judge(
            argv,
            Result(
                done.returncode,
                done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"),
                time.monotonic() - began,
            ),
            check,
        )


class SshRunner:
    """Runs commands over one ssh connection, which is opened at the first command and again after it broke.

    Safe to use from several threads: each command has a channel of its own.

    Args:
        name: the machine, as error messages call it.
        port: on 127.0.0.1.
        identity: the private key.
        host_key: the machine's public host key, `ssh-ed25519 AAAA…`; any other is refused.

    """

    def __init__(self, name: str, port: int, identity: Path, host_key: str) -> None:
        self.name = name
        self.port = port
        self._identity = identity
        self._host_key = host_key
        self._transport: paramiko.Transport | None = None
        self._lock = threading.Lock()

    def connect(self, timeout: float = 30.0) -> paramiko.Transport:
        """Return the open connection, opening it within `timeout` seconds if need be."""
        with self._lock:
            if self._transport is not None and self._transport.is_active():
                return self._transport
            self._transport = None
            sock = None
            try:
                sock = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
                transport = paramiko.Transport(sock)
                transport.banner_timeout = transport.auth_timeout = timeout
                key = paramiko.Ed25519Key.from_private_key_file(str(self._identity))
                expected = paramiko.Ed25519Key(data=_key_bytes(self._host_key))
                transport.start_client(timeout=timeout)
                if transport.get_remote_server_key() != expected:
                    raise LabError(
                        f"{self.name} shows a host key that is not the lab's",
                        "Take the lab down and up again.",
                    )
                transport.auth_publickey("root", key)
            except (OSError, EOFError, paramiko.SSHException) as exc:
                if sock is not None:
                    sock.close()
                raise Unreachable(
                    f"{self.name} does not answer ssh on 127.0.0.1:{self.port} ({exc})"
                ) from exc
            except BaseException:
                if sock is not None:
                    sock.close()
                raise
            transport.set_keepalive(10)
            self._transport = transport
            return transport

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, check: bool = True
    ) -> Result:
        """See `Runner.run`."""
        return _judge(argv, self.shell(shlex.join(argv), stdin=stdin, timeout=timeout), check)

    def shell(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> Result:
        """Hand `command` to the remote login shell, as ssh does; the exit code is not judged."""
        began = time.monotonic()
        deadline = began + timeout
        transport = self.connect(min(timeout, 30.0))
        try:
            channel = transport.open_session(timeout=timeout)
            channel.exec_command(command)
            feeder = threading.Thread(target=_feed, args=(channel, stdin), daemon=True)
            feeder.start()
            out, err = bytearray(), bytearray()
            while True:
                idle = True
                while channel.recv_ready():
                    out += channel.recv(65536)
                    idle = False
                while channel.recv_stderr_ready():
                    err += channel.recv_stderr(65536)
                    idle = False
                if idle and channel.exit_status_ready() and channel.eof_received:
                    break
                if idle and channel.closed:
                    break
                if time.monotonic() > deadline:
                    channel.close()
                    raise LabError(f"{_brief([command])} on {self.name} did not end within {timeout:.0f} s")
                if not transport.is_active():
                    raise Unreachable(f"the connection to {self.name} broke while {_brief([command])} ran")
                if idle:
                    channel.status_event.wait(0.02) if not channel.exit_status_ready() else time.sleep(0.01)
            # What arrived together with the end.
            while channel.recv_ready():
                out += channel.recv(65536)
            while channel.recv_stderr_ready():
                err += channel.recv_stderr(65536)
            code = channel.recv_exit_status() if channel.exit_status_ready() else -1
            channel.close()
        except (OSError, EOFError, paramiko.SSHException) as exc:
            raise Unreachable(f"the connection to {self.name} broke ({exc})") from exc
        if code == -1:
            raise Unreachable(
                f"{_brief([command])} on {self.name} ended without an exit code: the machine went away"
            )
        return Result(
            code, out.decode(errors="replace"), err.decode(errors="replace"), time.monotonic() - began
        )

    def close(self) -> None:
        """Close the connection; the next command opens a new one."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()
                self._transport = None


def _feed(channel: paramiko.Channel, stdin: bytes) -> None:
    with contextlib.suppress(OSError, paramiko.SSHException):
        if stdin:
            channel.sendall(stdin)
        channel.shutdown_write()


def _key_bytes(line: str) -> bytes:
    return paramiko.pkey.PublicBlob.from_string(line).key_blob
