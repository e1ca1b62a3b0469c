"""Names in the environment that begin like ours and are none of our settings: a misspelled one is ignored."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic_settings import DotEnvSettingsSource

from ordersaga.doctor.lines import Line, warn
from ordersaga.embedded import StackOptions
from ordersaga.secret_files import VARIABLE
from ordersaga.settings import PREFIX, Settings, environment_name

_BESIDE: Final = frozenset(
    PREFIX + name
    for name in (
        *("API_KEY", "API_URL", "COURIER_KEY", "COURIER_SECRET", "COMPLETE"),  # of the command line
        *("API_PORTS", "SECRETS", "FILES", "VERSION", "NEXT_VERSION", "NEXT_BUILD", "ARCHIVE_VOLUME"),  # of containers
    )
) | {VARIABLE}
_ALIKE: Final = 0.8


def unknown_names(file: Path) -> Iterator[Line]:
    """A warning for each. `file`: a `.env`, which may not be there."""
    known = _BESIDE | {environment_name(name) for kind in (Settings, StackOptions) for name in kind.model_fields}
    of_file = DotEnvSettingsSource(Settings, env_file=file).env_vars
    given = {name.upper() for name in (*os.environ, *of_file)}
    for name in sorted(name for name in given - known if name.startswith(PREFIX)):
        near = get_close_matches(name, known, 1, _ALIKE)
        remedy = f"did you mean {near[0]}?" if near else "correct its name, or leave it out"
        yield warn("unknown setting", f"{name} is none of ours and is ignored", remedy)
