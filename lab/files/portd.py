"""Management ports: one TCP port a node, led to the ssh daemon *inside* the node's network namespace.

It is what a console server is to real machines: it does not use the node's networks, so a node stays
reachable with its cables out, whatever its routes and addresses are, and no default route or address of the
lab's own has to exist in it. Runs on the podman host.

A node's slot N has the port `first + N`; /run/lvs-lab/slots/N.pid holds the process id of its init.
"""

import argparse
import asyncio
import ctypes
import os
import pathlib
import socket

CLONE_NEWNET = 0x40000000  # sched.h; setns(2)
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(descriptor: int) -> None:
    """Move this thread into a network namespace (os.setns exists from Python 3.12 on only)."""
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def socket_in(pid: int) -> socket.socket:
    """Make a TCP socket in the network namespace of process `pid`; it stays there for good."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            if os.fstat(other).st_ino == os.fstat(own).st_ino:
                raise ProcessLookupError(f"{pid} is no node any more")
            enter(other)
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                enter(own)
        finally:
            os.close(other)
    finally:
        os.close(own)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end of the stream, and hand the end on."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def serve(pidfile: pathlib.Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lead one connection to the node's port 22; one to a node that is off is closed at once."""
    try:
        inner = socket_in(int(pidfile.read_text(encoding="ascii")))
        inner.setblocking(False)
        await asyncio.get_running_loop().sock_connect(inner, ("127.0.0.1", 22))
        node_reader, node_writer = await asyncio.open_connection(sock=inner)
    except (OSError, ValueError):
        writer.close()
        return
    for one in (writer, node_writer):
        one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.gather(copy(reader, node_writer), copy(node_reader, writer))
    for one in (writer, node_writer):
        one.close()


def stamped() -> socket.socket:
    """Keep a socket that wants its packets' times (SO_TIMESTAMP, socket(7)), as ping opens one each time.

    The first such socket has the kernel patch its packet path and the last one back (netstamp_needed_key in
    net/core/dev.c), which QEMU's software emulation does not survive for ever: the other processor may run
    the half patched instruction, "Oops: int3" in netif_rx_internal.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_TIMESTAMP", 29), 1)
    return held


async def main() -> None:
    """Listen on all ports for ever."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bind", required=True, help="address to listen on")
    parser.add_argument("--first", type=int, required=True, help="port of slot 0")
    parser.add_argument("--count", type=int, required=True, help="number of slots")
    parser.add_argument("--run", type=pathlib.Path, required=True, help="directory that has slots/N.pid")
    options = parser.parse_args()
    stamps = stamped()
    servers = []
    for slot in range(options.count):
        pidfile = options.run / "slots" / f"{slot}.pid"

        async def handler(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pidfile: pathlib.Path = pidfile
        ) -> None:
            await serve(pidfile, reader, writer)

        servers.append(await asyncio.start_server(handler, options.bind, options.first + slot))
    with stamps:
        await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
