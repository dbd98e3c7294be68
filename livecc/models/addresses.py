"""Addresses of services: which of them are safe for a key."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether a host name or address is this machine's loopback; does not ask the network."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def in_the_clear(url: str) -> bool:
    """Whether others on the network can read what is sent to this URL.

    Raises ValueError when it is no URL.
    """
    parts = urlsplit(url)
    return parts.scheme != "https" and not is_this_machine(parts.hostname or "")
