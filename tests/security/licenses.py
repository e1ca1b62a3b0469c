"""`python -m tests.security.licenses`: write docs/licenses.md, what the product's dependencies are licensed under.

Read from what is installed: every distribution that the product needs to run, and those they need in turn.
"""

import re
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, cast

from packaging.requirements import Requirement

PAGE: Final = Path(__file__).parents[2] / "docs" / "licenses.md"
PRODUCT: Final = "ordersaga"
ALLOWED: Final = (
    "0BSD",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "PostgreSQL",
    "PSF-2.0",
    "Unlicense",
)
"""What asks for no more than to be named."""
ARMS_LENGTH: Final = {
    "MPL-2.0": "used as it is, its files unchanged",
}
_WORDS: Final = (
    (re.compile(r"apache", re.IGNORECASE), "Apache-2.0"),
    (re.compile(r"mozilla|\bmpl", re.IGNORECASE), "MPL-2.0"),
    (re.compile(r"lesser general|\blgpl", re.IGNORECASE), "LGPL-3.0"),
    (re.compile(r"general public|\bgpl", re.IGNORECASE), "GPL"),
    (re.compile(r"postgresql", re.IGNORECASE), "PostgreSQL"),
    (re.compile(r"python software foundation|\bpsf", re.IGNORECASE), "PSF-2.0"),
    (re.compile(r"\bisc\b", re.IGNORECASE), "ISC"),
    (re.compile(r"(bsd.*(2|two|simplified)|2-clause)", re.IGNORECASE), "BSD-2-Clause"),
    (re.compile(r"bsd", re.IGNORECASE), "BSD-3-Clause"),
    (re.compile(r"\bmit\b", re.IGNORECASE), "MIT"),
)
_HEAD: Final = """# Licenses

What the product needs to run, and under which license: written by `python -m tests.security.licenses` from what is
installed, and held against the list of licenses that are taken by `tests/security/test_dependencies.py`. What is only
used to test, measure or document it is not part of it and does not stand here. The codes of countries and regions
(`ordersaga/regions.txt`) are Unicode CLDR's, under the Unicode License v3 (Unicode-3.0), which stands in that file.

| distribution | license |
|---|---|
"""


@dataclass(frozen=True)
class Licensed:
    """A distribution, and the SPDX expression of its license; empty when it does not say."""

    name: str
    license: str


def runtime(name: str = PRODUCT) -> list[Licensed]:
    """What `name` needs to run on this machine, directly or not, by name; itself left out."""
    found: dict[str, Distribution] = {}
    asked = [(name, frozenset[str]())]
    while asked:
        wanted, extras = asked.pop()
        for requirement in _needs(distribution(wanted), extras):
            canonical = _canonical(requirement.name)
            if canonical not in found or requirement.extras:
                try:
                    found[canonical] = distribution(requirement.name)
                except PackageNotFoundError:
                    continue
                asked.append((requirement.name, frozenset(requirement.extras)))
    return [Licensed(each, license_of(found[each])) for each in sorted(found)]


def license_of(found: Distribution) -> str:
    """Its license: the expression it declares, else what its classifiers or words come to."""
    told = cast(Message, found.metadata)
    if expression := told.get("License-Expression"):
        return str(expression)
    classifiers = [each for each in told.get_all("Classifier") or () if each.startswith("License ::")]
    for words in (*classifiers, (told.get("License") or "")[:200]):
        for pattern, spdx in _WORDS:
            if pattern.search(words):
                return spdx
    return ""


def is_taken(expression: str) -> bool:
    """Whether a license, one of those an OR offers, or each of those an AND names, is taken."""
    if " AND " in expression:
        return all(is_taken(part) for part in expression.split(" AND "))
    offered = [part.strip("() ") for part in expression.split(" OR ")]
    return any(part in ALLOWED or part in ARMS_LENGTH for part in offered)


def page() -> str:
    """The text of docs/licenses.md."""
    rows = "\n".join(f"| {each.name} | {each.license} |" for each in runtime())
    apart = "\n".join(f"- {license_}: {how}." for license_, how in ARMS_LENGTH.items())
    return f"{_HEAD}{rows}\n\nTaken are {', '.join(ALLOWED)}; and at arm's length:\n\n{apart}\n"


def _needs(found: Distribution, extras: frozenset[str]) -> list[Requirement]:
    wanted = [Requirement(line) for line in found.requires or ()]
    return [each for each in wanted if each.marker is None or _applies(each, extras)]


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    assert requirement.marker is not None
    return any(requirement.marker.evaluate({"extra": extra}) for extra in (*extras, ""))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
