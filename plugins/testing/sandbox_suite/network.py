"""Attacks over the network and through sockets. Nothing beyond loopback is tried where an interface is in sight."""

from __future__ import annotations

import secrets
import socket

from peercycle.plugins.testing.sandbox_suite.ground import Ground
from peercycle.plugins.testing.sandbox_suite.rows import attack

OFF = """
import socket
others = [line.split(":")[0].strip() for line in open("/proc/net/dev").read().splitlines()[2:]]
others = [name for name in others if name != "lo"]
def reach(family, address, kind=1):
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        s.connect(address)
        s.send(b"x")
"""


@attack(14, "network_namespace")
async def no_tcp_leads_out(ground: Ground) -> list[str]:
    """The host's loopback, the internet, the metadata address of clouds, IPv6."""
    with socket.socket() as host:
        host.bind(("127.0.0.1", 0))
        host.listen()
        return await ground.got(
            OFF
            + """
attempt("loopback", lambda: reach(socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))))
got.extend(f"interface {name}" for name in others)
if not others:
    attempt("metadata", lambda: reach(socket.AF_INET, ("169.254.169.254", 80)))
    attempt("internet", lambda: reach(socket.AF_INET, ("192.0.2.1", 80)))
    attempt("IPv6", lambda: reach(socket.AF_INET6, ("2001:db8::1", 80)))
end()
""",
            str(host.getsockname()[1]),
        )


@attack(15, "network_namespace")
async def no_datagram_and_no_name_leads_out(ground: Ground) -> list[str]:
    """UDP to the host, and names to any server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.bind(("127.0.0.1", 0))
        host.settimeout(0.01)
        said = await ground.got(
            OFF
            + """
attempt("sent", lambda: reach(socket.AF_INET, ("127.0.0.1", int(sys.argv[1])), 2) if others else None)
got.clear() if not others else None
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    try:
        s.sendto(b"x", ("127.0.0.1", int(sys.argv[1])))
    except OSError:
        pass
if not others:
    attempt("resolved", lambda: socket.getaddrinfo("example.org", 80))
    attempt("datagram", lambda: reach(socket.AF_INET, ("192.0.2.1", 53), 2))
end()
""",
            str(host.getsockname()[1]),
        )
        try:
            host.recv(16)
        except TimeoutError:
            return said
        return [*said, "a datagram reached the host"]


@attack(16, "seccomp")
async def only_plain_sockets_can_be_made(ground: Ground) -> list[str]:
    """vsock, which no network namespace covers, netlink, packet, raw and the kernel's cryptography."""
    return await ground.got("""
import socket
for name, family, kind, protocol in (("vsock", 40, 1, 0), ("netlink", 16, 3, 0), ("packet", 17, 3, 0),
                                     ("alg", 38, 5, 0), ("raw", 2, 3, 1), ("bluetooth", 31, 3, 1), ("xdp", 44, 3, 0)):
    attempt(name, lambda: socket.socket(family, kind, protocol).close())
end()
""")


@attack(17, "network_namespace")
async def abstract_sockets_of_the_host_are_out_of_reach(ground: Ground) -> list[str]:
    """They have no path, so no mount hides them."""
    name = f"peercycle-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(f"\0{name}")
        host.listen()
        return await ground.got(
            OFF + 'attempt("abstract", lambda: reach(socket.AF_UNIX, "\\0" + sys.argv[1]))\nend()', name
        )


@attack(17, "mount_namespace")
async def sockets_with_a_path_are_out_of_reach(ground: Ground) -> list[str]:
    """A socket that anybody may write to, and the one of Docker."""
    place = ground.folder / f"s{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(str(place))
        place.chmod(0o777)
        host.listen()
        try:
            return await ground.got(
                OFF
                + """
for path in (sys.argv[1], "/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket"):
    attempt(path, lambda: reach(socket.AF_UNIX, path))
end()
""",
                str(place),
            )
        finally:
            place.unlink()
