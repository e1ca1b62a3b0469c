"""Bytes made of good ones, as somebody who means harm or a program gone wrong would send them; by a seed.

hostile = Hostile(1)
content = hostile.of([b'{"seller": "acme"}'])
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

MOST: Final = 300_000
"""Bytes of one input, so that many are tried."""
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, [], {}, "", " ", 0, -1, 1.5, 1e308, float("nan"), 2**31, 2**63, -(2**63) - 1, 10**40),
    *("\x00", "a\x00b", "\ud800", "\u202e", "x" * 300, "x" * 5_000, "1" * 5_000, "\u0661", "\u00b2", "\U0001d54f" * 99),
    *("../../etc/passwd", "' OR 1=1 --", "{{7*7}}", "${x}", "<script>", "%00", "NaN", "-0", "1e999", "0x10"),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30", "P9999999999D", "24:00:00+99:99"),
    *([[[[[[]]]]]], {"a": {"a": {"a": {}}}}, ["x"] * 2_000, {str(n): n for n in range(500)}),
)
_TOKENS: Final = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r", b'"', b'""', b"'", b"\\", b",", b";", b"\t", b"%00", b"#"),
    *(
        b"[" * 3_000,
        b'{"a":' * 3_000,
        b"9" * 5_000,
        b"-",
        b"1e999",
        b"\\ud800",
        b"\\u0000",
        b"\xed\xa0\x80",
        b"=",
        b"\n" * 99,
    ),
    *("\u0661\u0662".encode(), "\u00b2".encode(), "\u2028".encode(), "\U0001d7d9".encode(), b"x" * 140_000),
)
_NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?")
_NUMBERS: Final = (b"0", b"-1", b"9" * 19, b"9" * 400, b"1e400", b"0.1", b"-0", b"00", b"+1", b" 1", b"1_0", b"0x1")


class Hostile:
    """One after the other; the same ones for the same seed and the same good ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ways: tuple[Callable[[bytes, Sequence[bytes]], bytes], ...] = (
            *(self._value, self._value, self._value, self._member, self._number),
            *(self._flip, self._cut, self._again, self._token, self._splice),
        )

    def of(self, good: Sequence[bytes]) -> bytes:
        """One of the good ones, changed once or a few times."""
        content = self._random.choice(good)
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 6))):
            content = self._random.choice(self._ways)(content, good)
        return content[:MOST]

    def _value(self, content: bytes, good: Sequence[bytes]) -> bytes:
        """JSON with another value somewhere; of what is no JSON, a token."""
        return self._json(content, good, lambda _: self._random.choice(_VALUES))

    def _member(self, content: bytes, good: Sequence[bytes]) -> bytes:
        """JSON with a member more, one less, or one of another name."""
        return self._json(content, good, self._other_members)

    def _json(self, content: bytes, good: Sequence[bytes], change: Callable[[Any], Any]) -> bytes:
        try:
            told = json.loads(content)
            places = list(_places(told))
            if not places:
                return json.dumps(change(told)).encode()
            parent, name = self._random.choice(places)
            parent[name] = change(parent[name])
            return json.dumps(told).encode()
        except (ValueError, RecursionError):
            return self._token(content, good)

    def _other_members(self, value: Any) -> Any:
        if isinstance(value, list):
            return [*value, *value, self._random.choice(_VALUES)]
        if not isinstance(value, dict) or not value:
            return [value]
        lost = self._random.choice(list(value))
        return {**{name: each for name, each in value.items() if name != lost}, f"{lost} ": value[lost]}

    def _number(self, content: bytes, good: Sequence[bytes]) -> bytes:
        found = list(_NUMBER.finditer(content))
        if not found:
            return self._flip(content, good)
        at = self._random.choice(found)
        return content[: at.start()] + self._random.choice(_NUMBERS) + content[at.end() :]

    def _flip(self, content: bytes, _: Sequence[bytes]) -> bytes:
        at = self._at(content)
        return content[:at] + bytes([self._random.randrange(256)]) + content[at + 1 :]

    def _cut(self, content: bytes, _: Sequence[bytes]) -> bytes:
        at = self._at(content)
        return content[:at] + content[at + self._random.choice((1, 3, 20, 1000)) :]

    def _again(self, content: bytes, _: Sequence[bytes]) -> bytes:
        at = self._at(content)
        return content[:at] + content[at : at + self._random.choice((1, 9, 80))] * self._random.choice((2, 9, 300))

    def _token(self, content: bytes, _: Sequence[bytes]) -> bytes:
        at = self._at(content)
        return content[:at] + self._random.choice(_TOKENS) + content[at:]

    def _splice(self, content: bytes, good: Sequence[bytes]) -> bytes:
        other = self._random.choice(good)
        return content[: self._at(content)] + other[self._at(other) :]

    def _at(self, content: bytes) -> int:
        return self._random.randrange(len(content) + 1)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with a name or number in it."""
    found: list[tuple[Any, Any]] = []
    names: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        found += [(value, name), *_places(value[name])]
    return found
