"""NO_PROXY: which hosts are reached without a proxy.

There is no standard; this accepts what curl, Go, Python and the documentation of proxies accept: names with
their subdomains (`example.com`, `.example.com`), subdomains alone (`*.example.com`), patterns (`192.168.*`), addresses
(`10.0.0.1`, `::1`, `[::1]`), networks (`10.0.0.0/8`, `fd00::/8`), each with a port or without, and `*`.
"""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase


def exempts(entries: str, host: str, port: int) -> bool:
    """Whether one of the entries, separated by commas or spaces, matches this host and port."""
    host = host.lower().rstrip(".")
    return any(_means(entry.lower(), host, port) for entry in re.split(r"[\s,;]+", entries) if entry)


def _means(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    entry, only_port = _split(entry)
    if only_port is not None and only_port != port:
        return False
    address = _address(host)
    if address is not None:
        network = _network(entry)
        if network is not None:
            return address in network
        return "*" in entry and fnmatchcase(host, entry)
    if "*" in entry:
        return fnmatchcase(host, entry)
    name = entry.strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, int | None]:
    """The entry and its port: `host:443`, `[::1]:443`; a bare IPv6 address has none."""
    if match := re.fullmatch(r"\[(?P<address>[^\]]+)\](?::(?P<port>[0-9]{1,5}))?", entry):
        return match["address"], int(match["port"]) if match["port"] else None
    name, colon, port = entry.rpartition(":")
    if colon and ":" not in name and port.isascii() and port.isdigit():
        return name, int(port)
    return entry, None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    # ::ffff:10.0.0.1 is 10.0.0.1
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None
