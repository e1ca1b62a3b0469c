"""Settings as environment variables: how a supervisor hands its settings to the processes it starts."""

import json
from collections.abc import Iterable, Mapping

from pydantic import SecretStr

from ordersaga.settings import BESIDE, CREDENTIALS, NEEDS, PREFIX, Settings, environment_name


def as_environment(settings: Settings) -> dict[str, str]:
    """`ORDERSAGA_<NAME>` for every setting, such that reading them back gives equal settings."""
    plain = settings.model_dump(mode="json", exclude_none=True)
    return {environment_name(name): _as_text(getattr(settings, name), value) for name, value in plain.items()}


def read_by(kinds: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """What a process of these kinds is given: no secret that only others read. An empty one hides that of a `.env`."""
    read = frozenset[str]().union(*(NEEDS[kind] | BESIDE.get(kind, frozenset()) for kind in kinds))
    secrets = (name for name in CREDENTIALS if Settings.model_fields[name].annotation is SecretStr)
    others = frozenset(secrets).union(*BESIDE.values()) - read
    return {**environment, **{environment_name(name): "" for name in others}}


def without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """What a program that is none of ours is given: none of our settings, and so no secret of ours."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(PREFIX.upper())}


def _as_text(setting: object, plain: object) -> str:
    if isinstance(setting, SecretStr):
        return setting.get_secret_value()
    return plain if isinstance(plain, str) else json.dumps(plain)
