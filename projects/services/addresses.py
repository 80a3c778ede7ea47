"""Which addresses of the internet a stranger's URL may lead to. No connection is made here."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from AntiSSRF import IPAddressRanges

from projects.errors import Refusal

MAX_URL = 2048
PORTS = {"http": 80, "https": 443}

# Kept by others and updated with the package: private, shared, link-local, metadata services,
# translation (6to4, Teredo, NAT64), documentation, multicast, reserved.
_DENIED = [ipaddress.ip_network(each) for each in IPAddressRanges.recommended_latest]
# Of IPv6 only this part is given out to the internet. What lies outside includes forms that hold an
# IPv4 address (::7f00:1), which no list of ranges names completely.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
# 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to a resolver; nobody who means well writes so.
_NUMBER_AT_END = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9a-fA-F]*)\.?$")
_UNSOUND = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `host` as it is looked up, `path` with the query, ready to send."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def refused(sentence: str, *, code: str = "url_refused") -> Refusal:
    return Refusal(sentence, code=code)


def target_of(url: str) -> Target:
    """Return where a URL leads.

    Raises:
        Refusal: it is no address of a picture on the web that we would fetch.
    """
    if len(url) > MAX_URL or _UNSOUND.search(url):
        raise refused(f"A URL has at most {MAX_URL:,} characters, and no spaces or backslashes.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused("The URL cannot be read; send one that begins with https://.") from None
    if parts.scheme not in PORTS:
        raise refused(f"Only http:// and https:// URLs are fetched, not {parts.scheme[:20]}:.")
    if parts.username is not None or parts.password is not None:
        raise refused("A URL with a user name or password in it is not fetched.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Target(
        scheme=parts.scheme,
        host=_sound_host(host),
        port=PORTS[parts.scheme] if port is None else port,
        path=f"{path}?{query}" if query else path,
    )


def _sound_host(host: str) -> str:
    if "%" in host:
        raise refused("The host of the URL has a percent sign in it.")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        ascii_host = host.encode("idna").decode().lower().rstrip(".")
    except UnicodeError:
        raise refused(f"“{host[:80]}” is no name of a host.") from None
    if not ascii_host or _NUMBER_AT_END.search(ascii_host) or ":" in ascii_host:
        raise refused(f"“{host[:80]}” is no name of a host.")
    return ascii_host


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, whatever it is wrapped in."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip not in _GLOBAL_IPV6:
            return False
    denied = any(ip in network for network in _DENIED if network.version == ip.version)
    return ip.is_global and not denied
