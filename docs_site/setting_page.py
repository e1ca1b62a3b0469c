"""The settings' page, from the settings' own fields, and from those of the file of accounts."""

from typing import Final

from docs_site.markdown import code, joined, table
from docs_site.shapes import Shapes
from ordersaga.network import Network
from ordersaga.settings import CREDENTIALS, Settings, environment_name

_INTRODUCTION: Final = """# Settings

Read from the environment, or from a file `.env` in the folder a process runs in. One list for every process. Durations
are ISO 8601 (`PT90S`); `90s`, `2d`, `30 days` and `1 day, 12:00:00` are read too. A process that finds a value it
cannot use names it and does not start.

**Needed** are the credentials of the outside companies: `api` and `worker` do not start without. The embedded stack
(`ordersaga up`) makes up its own.
"""
_ACCOUNTS: Final = """## Accounts

The file that `ORDERSAGA_NETWORK` names, in TOML: [what it is for](../network.md). A secret is written as `env:NAME` or
`file:PATH`.
"""


def setting_page() -> str:
    """The page."""
    shapes = Shapes()
    rows = []
    for name, field in Settings.model_json_schema()["properties"].items():
        absent, meaning = shapes.told(field, required=name in CREDENTIALS)
        rows.append((code(environment_name(name)), shapes.typed(field), absent.replace("required", "needed"), meaning))
    settings = table(("variable", "type", "when left out", "meaning"), rows)
    accounts = Shapes()
    accounts.type_of(Network)
    return joined(_INTRODUCTION, settings, _ACCOUNTS, accounts.tables())
