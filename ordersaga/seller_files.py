"""A seller's file: its profile in TOML, and whose it is. `ordersaga seller export` writes it, `apply` reads it."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w


def read_seller_file(content: bytes) -> tuple[str, dict[str, Any]]:
    """The seller a file is of, and what it says; whether that can be, the API tells. ValueError: why it is none."""
    try:
        told = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not TOML in UTF-8: {error}") from error
    seller = told.pop("seller", None)
    if not isinstance(seller, str) or not seller:
        raise ValueError('seller: it is not said whose file it is; begin it with seller = "acme"')
    try:
        return seller, dict(json.loads(json.dumps(told, default=str, allow_nan=False)))  # a date is the text it was
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it says what no profile can: {error}") from error


def write_seller_file(seller: str, profile: Mapping[str, Any]) -> str:
    """The file that makes a seller what it is."""
    return tomli_w.dumps({"seller": seller, **profile})
