"""Where notifications may go: `https:` URLs of public hosts, `mailto:` addresses; loopback where that is allowed.

A name is looked up when a notification is delivered, and the address found is judged then (`is_allowed`): what it
stood for when the endpoint was added says nothing about what it stands for now.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from ordersaga.domain.errors import CustomerError

LONGEST_URL: Final = 2000
HTTPS: Final = 443
PRIVILEGED: Final = 1023
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")

Address = IPv4Address | IPv6Address


def kind_of(url: str, *, allow_loopback: bool, allow_email: bool) -> Literal["http", "email"]:
    """Which kind of endpoint a URL is.

    Raises CustomerError `url_refused`; the message says what to do and does not repeat the URL.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _refused(f"use at most {LONGEST_URL} printable ASCII characters, others percent-encoded")
    parts = _split(url)
    if parts.scheme == "mailto":
        _check_email(parts, allow_email)
        return "email"
    _check_http(parts, allow_loopback)
    return "http"


def is_allowed(address: str, *, allow_loopback: bool) -> bool:
    """Whether we may connect to an IP address: public ones, and loopback where that is allowed."""
    try:
        found = _real(ip_address(address))
    except ValueError:
        return False
    if found.is_loopback:
        return allow_loopback
    inside = found.is_multicast or found.is_reserved or getattr(found, "is_site_local", False)
    return found.is_global and not inside


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    return _real(ip_address(address)).is_loopback


def _real(address: Address) -> Address:
    """The IPv4 address inside an IPv6 address that only wraps one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _refused("it is no valid URL; use https://host/path") from None
    return parts


def _check_email(parts: SplitResult, allow_email: bool) -> None:
    if not allow_email:
        raise _refused("e-mail cannot be sent: no SMTP server is set; set ORDERSAGA_SMTP_HOST and ORDERSAGA_SMTP_FROM")
    if not _EMAIL.fullmatch(parts.path) or parts.query or parts.fragment or parts.netloc:
        raise _refused("use mailto: with one plain address, as in mailto:orders@example.com")


def _check_http(parts: SplitResult, allow_loopback: bool) -> None:
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise _refused("use https://host/path, or mailto:address")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _refused("remove user, password and fragment; the signature says who sends")
    loopback = host in _LOOPBACK_NAMES
    if loopback and not allow_loopback:
        raise _refused("this machine's own addresses are refused; use a public host")
    if parts.scheme == "http" and not loopback:
        raise _refused("use https; http is for loopback only")
    if not loopback and not (parts.port is None or parts.port == HTTPS or parts.port > PRIVILEGED):
        raise _refused(f"use port {HTTPS}, or one above {PRIVILEGED}: the others belong to other services")
    if _is_address(host) and not is_allowed(host, allow_loopback=allow_loopback):
        raise _refused("private and local addresses are refused; use a public host")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _refused(why: str) -> CustomerError:
    return CustomerError("url_refused", why)
