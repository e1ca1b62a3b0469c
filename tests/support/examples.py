"""The example files: what the demo places, and the catalogs it is placed from."""

from typing import Final

from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.run import merged
from ordersaga.domain.catalog import Catalog
from tests.support.emulators import ROOT

EXAMPLES: Final = ROOT / "examples"
CATALOGS: Final = (EXAMPLES / "catalog.csv", EXAMPLES / "network.csv")
"""What every stack has, and what only one with all companies has."""


def whole_catalog() -> Catalog:
    """Both files as one."""
    return merged(parse_catalog(file.read_bytes()) for file in CATALOGS)
