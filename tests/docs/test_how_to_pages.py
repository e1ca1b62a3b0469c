"""The pages on how to add a company hold for every company there is: each place they name has each of them."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, get_args

import pytest

from emulators.__main__ import REGISTRY
from ordersaga.domain.lattices import LATTICES
from ordersaga.embedded.options import NETWORK
from ordersaga.network import Account
from ordersaga.seller_checks import _PROVIDERS
from tests.contracts.table import told
from tests.docs.pages import ROOT

HOW_TO: Final = ROOT / "docs" / "how-to"
KINDS: Final = {kind.model_fields["kind"].annotation.__args__[0]: kind for kind in get_args(get_args(Account)[0])}
PROVIDERS: Final = [name for name, kind in KINDS.items() if (kind.__doc__ or "").startswith("A provider")]
CARRIERS: Final = [name for name, kind in KINDS.items() if (kind.__doc__ or "").startswith("A carrier")]
EMULATED: Final = {"private_delivery": "courier"}
"""Whoever implements our couriers' API is emulated by one courier."""


def _text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def _of_contracts(company: str) -> set[str]:
    """The contracts it keeps, by the table. Amazon has two versions, each a house of its own."""
    called = EMULATED.get(company, company).removesuffix("_mcf")
    return {case.file for case in told() if re.fullmatch(rf"{called}(_\d+)?", case.company)}


COMMON: Final[dict[str, Callable[[str], bool]]] = {
    "emulators/": lambda name: EMULATED.get(name, name) in REGISTRY,
    "ordersaga/gateways/": lambda name: (ROOT / "ordersaga" / "gateways" / name).is_dir(),
    "accounts.py": lambda name: f"ordersaga.gateways.{name}." in _text("ordersaga", "accounts.py"),
    "lattices.py": lambda name: name in LATTICES,
    "embedded/options.py": lambda name: EMULATED.get(name, name) in NETWORK,
    "commands/up.py": lambda name: f"{EMULATED.get(name, name)}_port" in _text("ordersaga", "commands", "up.py"),
    "docs/network.md": lambda name: f"`{name}`" in _text("docs", "network.md"),
    "docs/failure-matrix.md": lambda name: f"test_{name}" in _text("docs", "failure-matrix.md"),
}
OF_PROVIDERS: Final = {
    **COMMON,
    "docs/providers.md": lambda name: f"`{name}`" in _text("docs", "providers.md"),
    "seller_checks.py": lambda name: name in _PROVIDERS,
    "tests/contracts/house_": lambda name: {"test_booking_provider", "test_provider_stock"} <= _of_contracts(name),
}
OF_CARRIERS: Final = {
    **COMMON,
    "docs/carriers.md": lambda name: f"`{name}`" in _text("docs", "carriers.md"),
    "tests/contracts/carrier_": lambda name: "test_carrier" in _of_contracts(name),
}


@pytest.mark.parametrize(
    ("page", "companies", "places"),
    [("add-a-provider.md", PROVIDERS, OF_PROVIDERS), ("add-a-carrier.md", CARRIERS, OF_CARRIERS)],
)
def test_every_company_is_where_the_page_says(
    page: str, companies: list[str], places: dict[str, Callable[[str], bool]]
) -> None:
    """The page names each place, and each company of that kind is there."""
    said = (HOW_TO / page).read_text(encoding="utf-8")
    assert len(companies) >= 2
    assert [place for place in places if place not in said] == []
    assert [(place, name) for place, holds in places.items() for name in companies if not holds(name)] == []


@pytest.mark.parametrize("page", ["add-a-provider.md", "add-a-carrier.md"])
def test_the_ports_methods_are_called_as_the_page_calls_them(page: str) -> None:
    """What stands in backticks with brackets, or as a method in bold, is a name of the ports."""
    ports = ast.parse(_text("ordersaga", "ports.py"))
    accounts = ast.parse(_text("ordersaga", "accounts.py"))
    classes = [node for tree in (ports, accounts) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = {node.name for kind in classes for node in kind.body if isinstance(node, ast.AsyncFunctionDef)}
    known = methods | {kind.name for kind in classes}
    said = (HOW_TO / page).read_text(encoding="utf-8").partition("## The gateway")[2].partition("## The contract")[0]
    named = set(re.findall(r"\*\*`(\w+)`|`(\w+)\(|`([A-Z]\w+(?:Provider|Stock|Carrier|History))`", said))
    words = {word for group in named for word in group if word}
    assert len(words) >= 3
    assert words <= known


def test_the_places_are_files() -> None:
    """A page that names a path names one there is."""
    for page in Path(HOW_TO).glob("*.md"):
        paths = re.findall(r"`((?:docs|ordersaga|tests|deploy|emulators)/[\w/.-]+\.\w+)`", page.read_text("utf-8"))
        assert [path for path in paths if not (ROOT / path).exists()] == []
