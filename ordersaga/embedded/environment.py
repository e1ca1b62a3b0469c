"""Settings as environment variables: how a supervisor hands its settings to the processes it starts."""

import json

from pydantic import SecretStr

from ordersaga.settings import Settings, environment_name


def as_environment(settings: Settings) -> dict[str, str]:
    """`ORDERSAGA_<NAME>` for every setting, such that reading them back gives equal settings."""
    plain = settings.model_dump(mode="json", exclude_none=True)
    return {environment_name(name): _as_text(getattr(settings, name), value) for name, value in plain.items()}


def _as_text(setting: object, plain: object) -> str:
    if isinstance(setting, SecretStr):
        return setting.get_secret_value()
    return plain if isinstance(plain, str) else json.dumps(plain)
