"""One act of a client: arguments VERB and its options as JSON; the answer is one line of JSON.

An act that fails prints {"error": text} and exits with 0: the client worked, the service did not. Runs on a
node, its source over ssh on the standard input. Python 3.11, standard library only, this one file.
"""

from __future__ import annotations

import errno
import ftplib
import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

Options = dict[str, Any]
PIECE = 65536


class Failure(Exception):  # noqa: N818 - it is the act's, not the program's
    """What became of the act, for people."""


def connected(options: Options, port: int, deadline: float, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Return a socket that only hears the address it asks: answers from anywhere else do not count."""
    family = socket.AF_INET6 if ":" in options["address"] else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(left(deadline))
    try:
        if options.get("source") or options.get("source_port"):
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((options.get("source") or "", options.get("source_port") or 0))
        sock.connect((options["address"], port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRNOTAVAIL and options.get("source"):
            raise Failure(f"{options.get('source')} is no address of this node") from error
        raise Failure(f"connecting to port {port}: {reason(error)}") from error
    return sock


def left(deadline: float) -> float:
    """Return the seconds that are left; Failure if none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise Failure("its time was up")
    return seconds


def reason(error: OSError) -> str:
    """Name an error: a time limit of the socket has no text of the system's."""
    return "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)


def exchange(sock: socket.socket, request: bytes, deadline: float, most: int | None = None) -> bytes:
    """Send the request, and return the answer until the other side closes, or `most` bytes came."""
    answer = bytearray()
    sent = 0
    try:
        while sent < len(request):
            sock.settimeout(left(deadline))
            sent += sock.send(request[sent : sent + PIECE])
        while most is None or len(answer) < most:
            sock.settimeout(left(deadline))
            piece = sock.recv(PIECE)
            if not piece:
                break
            answer += piece
    except (OSError, Failure) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise Failure(f"{what} after {sent} bytes sent and {len(answer)} received") from error
    return bytes(answer)


def http(options: Options, head: str, body: bytes, deadline: float) -> tuple[str, bytes, int]:
    """Ask once by HTTP/1.0; return the real server's name, the body, and the connection's MSS."""
    address = f"[{options['address']}]" if ":" in options["address"] else options["address"]
    request = f"{head} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n"
    request += f"Content-Length: {len(body)}\r\n\r\n" if body else "\r\n"
    with connected(options, options["port"], deadline) as sock:
        answer = exchange(sock, request.encode() + body, deadline)
        mss = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    header, found, content = answer.partition(b"\r\n\r\n")
    lines = header.decode(errors="replace").split("\r\n")
    if not found or lines[0].split()[1:2] not in (["200"], ["201"]):
        raise Failure(f"{head} was answered by {lines[0] or 'nothing'!r}")
    return header_of(lines), content, mss


def header_of(lines: list[str]) -> str:
    """Return the X-Real-Server header's value."""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "x-real-server":
            return value.strip()
    raise Failure("the answer has no header X-Real-Server")


def act_http_names(options: Options, deadline: float) -> object:
    """Return the real servers' names, one for each request, one after the other."""
    return [http(options, f"GET {options['path']}", b"", deadline)[0] for _ in range(options["count"])]


def act_download(options: Options, deadline: float) -> object:
    """Fetch /bytes/N."""
    server, content, mss = http(options, f"GET /bytes/{options['size']}", b"", deadline)
    return {"server": server, "size": len(content), "mss": mss}


def act_upload(options: Options, deadline: float) -> object:
    """Send N bytes to /upload, which answers how many it got."""
    server, content, mss = http(options, "POST /upload", b"u" * options["size"], deadline)
    if not content.strip().isdigit():
        raise Failure(f"/upload answered {content[:40]!r}, not a length")
    return {"server": server, "size": int(content), "mss": mss}


def act_udp(options: Options, deadline: float) -> object:
    """Send datagrams, each with a number of its own; return the names in the answers, None for silence.

    With a source port all go from one socket, as one flow; without one each has a port of its own.
    """
    shared = (
        connected(options, options["port"], deadline, socket.SOCK_DGRAM) if options["source_port"] else None
    )
    names: list[str | None] = [None] * options["count"]
    with selectors.DefaultSelector() as selector:
        for n in range(options["count"]):
            sock = shared or connected(options, options["port"], deadline, socket.SOCK_DGRAM)
            if not shared or n == 0:
                selector.register(sock, selectors.EVENT_READ)
            try:
                sock.send(b"ask %d" % n)
            except OSError:
                continue  # the error of an earlier datagram (ICMP): udp(7)
        while None in names and time.monotonic() < deadline:
            for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                hear(key.fileobj, names)  # type: ignore[arg-type]
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return names


def hear(sock: socket.socket, names: list[str | None]) -> None:
    """Note who answered which datagram: "NAME ask N"."""
    try:
        name, _, payload = sock.recv(2048).decode(errors="replace").partition(" ")
    except OSError:
        return  # ICMP unreachable: nobody answered this one
    number = payload.strip().removeprefix("ask ")
    if number.isdigit() and int(number) < len(names):
        names[int(number)] = name


def act_media(options: Options, deadline: float) -> object:
    """Ask the TCP port and then each UDP port once or, as a datagram may get lost, a few times."""
    with connected(options, options["rtsp_port"], deadline) as sock:
        # An echo server greets with its name, a web server wants a request first: this serves both.
        answer = exchange_line(sock, deadline)
    reached: dict[int, str] = {options["rtsp_port"]: answer}
    for port in options["udp_ports"]:
        for tries in (3, 2, 1):
            wait = time.monotonic() + min(2.0, left(deadline) / (tries + 1))
            asked = act_udp({**options, "port": port, "count": 1, "source_port": None}, wait)
            if isinstance(asked, list) and asked[0]:
                reached[port] = asked[0]
                break
        else:
            raise Failure(f"UDP port {port} gave no answer")
    return reached


def exchange_line(sock: socket.socket, deadline: float) -> str:
    """Return the name that a greeting or a web server's header tells."""
    answer = exchange(sock, b"GET / HTTP/1.0\r\n\r\n", deadline, most=1)
    while b"\n" not in answer or (answer.startswith(b"HTTP/") and b"\r\n\r\n" not in answer):
        more = exchange(sock, b"", deadline, most=1)
        if not more:
            raise Failure("the connection was closed before it told the real server's name")
        answer += more
    lines = answer.decode(errors="replace").split("\r\n")
    return (
        header_of(lines)
        if answer.startswith(b"HTTP/")
        else answer.decode(errors="replace").split("\n")[0].strip()
    )


class Ftp(ftplib.FTP):
    """ftplib, but it does as the mode says, and believes what the server says."""

    # ftplib would replace the address in the answer to PASV by the one it asked, and so hide an answer that
    # no helper (ip_vs_ftp) has rewritten.
    trust_server_pasv_ipv4_address = True
    extended = False

    def makepasv(self) -> tuple[str, int]:
        """Ask for the data port by EPSV (RFC 2428) or PASV (RFC 959); IPv6 knows only the first."""
        if self.extended and self.sock is not None:
            return ftplib.parse229(self.sendcmd("EPSV"), self.sock.getpeername())  # noqa: S321
        return super().makepasv()


def act_ftp(options: Options, deadline: float) -> object:
    """Fetch `whoami`; return its text and where the data connection's other end was."""
    ftp = Ftp(timeout=left(deadline), source_address=(options["source"], 0) if options["source"] else None)
    ftp.extended = options["mode"] == "extended"
    doing = "connecting"
    try:
        ftp.connect(options["address"], options["port"])
        doing = "logging in"
        ftp.login("anonymous", "lab@")
        ftp.set_pasv(options["mode"] != "active")
        doing = f"opening the {options['mode']} data connection"
        ftp.voidcmd("TYPE I")
        data = ftp.transfercmd("RETR whoami")
        doing = "reading whoami"
        with data:
            peer = data.getpeername()
            data.settimeout(left(deadline))
            text = b"".join(iter(lambda: data.recv(PIECE), b"")).decode(errors="replace").strip()
        ftp.voidresp()
        return {"server": text, "data_address": peer[0], "data_port": peer[1]}
    except ftplib.all_errors as error:
        what = reason(error) if isinstance(error, OSError) else str(error) or "the connection was closed"
        raise Failure(f"{doing}: {what}") from error
    finally:
        ftp.close()


ACTS: dict[str, Callable[[Options, float], object]] = {
    "http_names": act_http_names,
    "download": act_download,
    "upload": act_upload,
    "udp": act_udp,
    "media": act_media,
    "ftp": act_ftp,
}


def main(arguments: list[str]) -> None:
    """Act, within the option `timeout_s` seconds."""
    verb, options = arguments[0], json.loads(arguments[1])
    try:
        print(json.dumps({"answer": ACTS[verb](options, time.monotonic() + options["timeout_s"])}))
    except Failure as failure:
        print(json.dumps({"error": str(failure)}))
    sys.stdout.flush()
    os._exit(0)  # no second for the interpreter's tidy end: an emulated CPU needs one


if __name__ == "__main__":
    main(sys.argv[1:])
