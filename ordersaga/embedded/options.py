"""What a person may choose about the embedded stack: folder, ports, parts, speed.

Each option is also a setting (`ORDERSAGA_<NAME>`), so that a shell profile or a `.env` file can keep it.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ordersaga.embedded.errors import OptionsError
from ordersaga.embedded.parts import PATIENCE

EMULATORS: Final = ("stripe", "shipbob", "easypost")
NETWORK: Final = ("newegg", "amazon_mcf", "ups", "courier", "tiktok_shop")
"""Further emulated companies, where we have accounts when a stack is asked for `all_companies`."""
STALL: Final = "stall"
"""A marketplace that sells by our own API: we have no account there, it has a key of ours."""
FURTHER: Final = (*NETWORK, STALL)
"""All that a stack emulates only when it is asked for."""
PORT_NAMES: Final = ("postgres", "temporal", "temporal_ui", *EMULATORS, *FURTHER, "api")
MOST_PROCESSES: Final = 16

Port = Annotated[int, Field(ge=1, le=65535)]


def default_data_folder() -> Path:
    """The per-user state folder of this platform (XDG_STATE_HOME, or Application Support on macOS)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "ordersaga"
    state_home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state_home) / "ordersaga"


class StackOptions(BaseSettings):
    """Choices of one embedded stack."""

    model_config = SettingsConfigDict(env_prefix="ORDERSAGA_", env_file=".env", extra="ignore", frozen=True)

    data: Path = Field(default_factory=default_data_folder, description="folder of databases, logs and keys")

    postgres_port: int = Field(default=5433, ge=1, le=65535)
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    stripe_port: int = Field(default=8701, ge=1, le=65535)
    shipbob_port: int = Field(default=8702, ge=1, le=65535)
    easypost_port: int = Field(default=8703, ge=1, le=65535)
    newegg_port: int = Field(default=8704, ge=1, le=65535)
    amazon_mcf_port: int = Field(default=8705, ge=1, le=65535)
    ups_port: int = Field(default=8706, ge=1, le=65535)
    courier_port: int = Field(default=8707, ge=1, le=65535)
    tiktok_shop_port: int = Field(default=8708, ge=1, le=65535)
    stall_port: int = Field(default=8709, ge=1, le=65535)
    api_port: int = Field(default=8080, ge=1, le=65535)
    more_ports: Mapping[str, Port] = Field(
        default_factory=dict, description="of `api-2` and so on; those left out follow the API's port"
    )
    free_ports: bool = Field(default=False, description="ignore the ports above and take free ones")

    seen_ports: Mapping[str, Port] = Field(
        default_factory=dict, description="where the other parts find a part, if not where it listens: a proxy of yours"
    )

    all_companies: bool = Field(
        default=False, description=f"emulate these too, with accounts there: {', '.join(NETWORK)}; and {STALL}"
    )
    channel_seller: str = Field(default="acme", description="whose the emulated TikTok shop is")

    only: frozenset[str] = Field(default=frozenset(), description="start nothing but these parts")
    without: frozenset[str] = Field(default=frozenset(), description="leave these parts out: they run elsewhere")

    apis: int = Field(default=1, ge=1, le=MOST_PROCESSES, description="API processes: parts api, api-2 and so on")
    workers: int = Field(default=1, ge=1, le=MOST_PROCESSES, description="workers: parts worker, worker-2 and so on")
    nice_background: int = Field(
        default=0, ge=0, le=19, description="niceness of all but API and database: on a small machine, answers first"
    )

    time_scale: float = Field(default=1.0, gt=0, description="speed of the emulated companies' clocks")
    time_skipping: bool = Field(default=False, description="let tests skip the time of single workflows")
    ready_timeout: float = Field(default=PATIENCE, gt=0, description="seconds one part may take to become ready")

    @field_validator("seen_ports")
    @classmethod
    def _known(cls, seen: Mapping[str, int]) -> Mapping[str, int]:
        if unknown := sorted(seen.keys() - set(PORT_NAMES)):
            raise ValueError(f"no port is called {', '.join(unknown)}; the ports are {', '.join(PORT_NAMES)}")
        return seen

    @property
    def api_names(self) -> tuple[str, ...]:
        """The parts that serve the API."""
        return numbered("api", self.apis)

    @property
    def port_names(self) -> tuple[str, ...]:
        """Everything that listens: `PORT_NAMES`, and the further API processes."""
        return (*PORT_NAMES, *self.api_names[1:])

    def port(self, name: str) -> int:
        """The port chosen for `name`, one of `port_names`: there it listens."""
        if name in PORT_NAMES:
            return int(getattr(self, f"{name}_port"))
        return self.more_ports.get(name, self.api_port + self.api_names.index(name))

    def seen_port(self, name: str) -> int:
        """The port at which the other parts find `name`."""
        return self.seen_ports.get(name, self.port(name))

    def with_ports(self, ports: dict[str, int]) -> "StackOptions":
        """The same options with these ports."""
        own = {f"{name}_port": port for name, port in ports.items() if name in PORT_NAMES}
        more = {name: port for name, port in ports.items() if name not in PORT_NAMES}
        return self.model_copy(update={**own, "more_ports": {**self.more_ports, **more}})


def read_options(**given: Any) -> StackOptions:
    """The environment's choices, and `given` instead of them. Raises OptionsError, which names all that are refused."""
    try:
        return StackOptions(**given)
    except ValidationError as error:
        told = (f"ORDERSAGA_{'_'.join(map(str, each['loc']))}: ".upper() + each["msg"] for each in error.errors())
        raise OptionsError("; ".join(told)) from None
    except SettingsError as error:
        raise OptionsError(f"{error}: write it as JSON, such as ORDERSAGA_ONLY='[\"worker\"]'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsError(f".env cannot be read: {error}; correct it, or move it away") from None


def numbered(kind: str, count: int) -> tuple[str, ...]:
    """The parts of one kind: `api`, `api-2`, `api-3`."""
    return (kind, *(f"{kind}-{number}" for number in range(2, count + 1)))
