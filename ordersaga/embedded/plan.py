"""What the embedded stack consists of, in dependency order, and the settings its parts share."""

import os
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from ordersaga.domain.attributes import SEARCH_ATTRIBUTES
from ordersaga.embedded.credentials import emulated_credentials
from ordersaga.embedded.environment import as_environment, read_by, without_ours
from ordersaga.embedded.errors import IncompleteSettingsError, PortTakenError
from ordersaga.embedded.network import webhook_secret, write_network
from ordersaga.embedded.options import EMULATORS, FURTHER, StackOptions, numbered
from ordersaga.embedded.parts import Part, Step, survived_a_moment
from ordersaga.embedded.postgres import database_url, postgres_part
from ordersaga.embedded.process import Command
from ordersaga.embedded.sockets import HOST, answers_ok, is_taken
from ordersaga.embedded.temporal import polled_by, temporal_part, ui_url
from ordersaga.settings import Settings, SettingsError, environment_name, require_credentials

PARTS: Final = ("postgres", "migrations", "temporal", *EMULATORS, *FURTHER, "worker", "api")
BACKENDS: Final = ("migrations", "temporal")
BACKGROUND: Final = ("temporal", *EMULATORS, *FURTHER, "worker")
"""Parts nobody waits for while an order is taken."""

WORK: Final = ("orders", "lanes", "relay")
"""The kinds of process that one worker is."""
WORKER_QUEUE: Final = "orders"
"""The queue of the orders' workflows; a test compares it with the workflows' own name for it."""

PrepareDatabase = Callable[[Settings, Path], Awaitable[str]]


def stack_settings(options: StackOptions, chosen: Collection[str], base: Settings) -> Settings:
    """`base`, with the addresses of the parts that this stack runs itself, and credentials for those it emulates.

    One click signs in to its console, unless `base` says otherwise or anything of it is production's.
    """
    updates: dict[str, object] = {"api_host": HOST, "api_port": options.api_port, "notify_loopback": True}
    updates.update(emulated_credentials(options.data, chosen, base))
    if "postgres" in chosen:
        updates["database_url"] = SecretStr(database_url(options.data, options.seen_port("postgres")))
    if "temporal" in chosen:
        updates["temporal_address"] = f"{HOST}:{options.seen_port('temporal')}"
        updates["temporal_ui_url"] = ui_url(options.seen_port("temporal_ui"))
    for name in EMULATORS:
        if name in chosen:
            updates[f"{name}_base_url"] = f"http://{HOST}:{options.seen_port(name)}"
    updates["company_pages"] = {**_records(options, chosen), **base.company_pages}
    network = write_network(options, chosen)
    if network is not None:
        updates["network"] = network
    settings = base.model_copy(update=updates)
    if "demo_sign_in" in base.model_fields_set:
        return settings
    return settings.model_copy(update={"demo_sign_in": not settings.open_to_the_world()})


def _records(options: StackOptions, chosen: Collection[str]) -> dict[str, str]:
    """Where people look at what the emulated companies among `chosen` made."""
    emulated = [name for name in (*EMULATORS, *FURTHER) if name in chosen]
    return {name: f"http://{HOST}:{options.seen_port(name)}/_control/records?match={{id}}" for name in emulated}


def stack_urls(settings: Settings) -> dict[str, str]:
    """Where everything is found; the database without its password."""
    return {
        "api": f"http://{settings.api_host}:{settings.api_port}",
        "console": f"{settings.public_url}/console/",
        "temporal_ui": settings.temporal_ui_url,
        "temporal": settings.temporal_address,
        "database": without_password(settings.database_url.get_secret_value()),
        **{name: getattr(settings, f"{name}_base_url") for name in EMULATORS},
    }


def network_urls(options: StackOptions, chosen: Collection[str]) -> dict[str, str]:
    """Where the further emulated companies are."""
    return {name: f"http://{HOST}:{options.seen_port(name)}" for name in FURTHER if name in chosen}


def known_parts(options: StackOptions) -> tuple[str, ...]:
    """What this stack may consist of: the further companies only when they are asked for, together or by name."""
    wanted = set(FURTHER) if options.all_companies else set(FURTHER) & options.only
    return tuple(part for part in PARTS if part not in FURTHER or part in wanted)


def more_api_urls(options: StackOptions) -> dict[str, str]:
    """Where the further API processes are, by part."""
    return {name: f"http://{HOST}:{options.port(name)}" for name in options.api_names[1:]}


def without_password(url: str) -> str:
    """A database's address as it may be shown. What follows its path may hold a password too."""
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    return parts._replace(netloc=f"{user}@{place}" if user else place, query="", fragment="").geturl()


def refuse_missing_credentials(settings: Settings, chosen: Collection[str]) -> None:
    """Raise `IncompleteSettingsError` when a part would refuse to start without a setting."""
    if {"worker", "api"} & set(chosen):
        try:
            require_credentials(settings)
        except SettingsError as error:
            raise IncompleteSettingsError(str(error)) from None


def refuse_taken_ports(options: StackOptions, chosen: Collection[str]) -> None:
    """Raise `PortTakenError` for the first port that another program holds, before anything is started."""
    for name in options.port_names:
        kind = "api" if name in options.api_names else name
        if _owner(kind) in chosen and is_taken(options.port(name)):
            option = f"--{kind.replace('_', '-')}-port"
            part = _owner(name)
            raise PortTakenError(part, options.port(name), option, f"ORDERSAGA_{kind.upper()}_PORT")


def _owner(port_name: str) -> str:
    return "temporal" if port_name == "temporal_ui" else port_name


def build_plan(
    options: StackOptions, settings: Settings, chosen: Collection[str], prepare_database: PrepareDatabase
) -> list[Part | Step]:
    """The chosen parts and steps. Every part may count on those it needs, if this stack runs them."""
    refuse_missing_credentials(settings, chosen)
    environment = {**os.environ, **as_environment(settings), "PYTHONUNBUFFERED": "1"}

    workers = numbered("worker", options.workers)

    async def migrate() -> str:
        return await prepare_database(settings, options.data)

    def emulated(name: str) -> Sequence[Part | Step]:
        return [_emulator(name, options, settings, without_ours(environment))]

    makers: dict[str, Callable[[], Sequence[Part | Step]]] = {
        "postgres": lambda: [postgres_part(options.data, options.postgres_port)],
        "migrations": lambda: [Step("migrations", migrate, needs=("postgres",))],
        "temporal": lambda: [_temporal(options)],
        **{name: partial(emulated, name) for name in (*EMULATORS, *FURTHER)},
        "worker": lambda: [_worker(name, options, chosen, read_by(WORK, environment)) for name in workers],
        "api": lambda: [_api(name, options, read_by(("api",), environment)) for name in options.api_names],
    }
    return [_as_chosen(item, kind, options) for kind in PARTS if kind in chosen for item in makers[kind]()]


def _as_chosen(item: Part | Step, kind: str, options: StackOptions) -> Part | Step:
    """The part, with the patience that was asked for, and with others going before it if nobody waits for it."""
    if not isinstance(item, Part):
        return item
    command = replace(item.command, nice=options.nice_background if kind in BACKGROUND else 0)
    return replace(item, command=command, ready_timeout=options.ready_timeout)


def _temporal(options: StackOptions) -> Part:
    return temporal_part(
        options.data,
        options.temporal_port,
        options.temporal_ui_port,
        SEARCH_ATTRIBUTES,
        time_skipping=options.time_skipping,
    )


def _emulator(name: str, options: StackOptions, settings: Settings, environment: Mapping[str, str]) -> Part:
    folder, port = options.data / "emulators" / name, options.port(name)
    folder.mkdir(parents=True, exist_ok=True)
    own = name in EMULATORS
    secret = (
        getattr(settings, f"{name}_webhook_secret").get_secret_value() if own else webhook_secret(options.data, name)
    )
    webhook_url = f"http://{HOST}:{options.seen_port('api')}/v1/webhooks/{name}"
    argv = [
        *(sys.executable, "-m", "emulators", name, "--host", HOST, "--port", str(port), "--data", str(folder)),
        *("--time-scale", f"{options.time_scale:g}", "--webhook-url", webhook_url),
        f"--webhook-secret={secret}",  # in one word: a secret may begin with a dash
    ]
    url = f"http://{HOST}:{port}"
    command = Command(argv=argv, environment=environment, grace=3.0)
    return Part(name=name, command=command, ready=answers_ok(port, "/_control/health"), detail=url)


def _worker(name: str, options: StackOptions, chosen: Collection[str], environment: Mapping[str, str]) -> Part:
    """Ready when it polls; of a Temporal that runs elsewhere we cannot ask that."""
    command = Command(argv=[sys.executable, "-m", "workers"], environment=environment, grace=9.0)
    ready = polled_by(options.temporal_ui_port, WORKER_QUEUE) if "temporal" in chosen else survived_a_moment
    return Part(name=name, command=command, needs=BACKENDS, ready=ready, detail=f"polling {WORKER_QUEUE}")


def _api(name: str, options: StackOptions, environment: Mapping[str, str]) -> Part:
    port = options.port(name)
    own = {**environment, environment_name("api_port"): str(port)}
    command = Command(argv=[sys.executable, "-m", "ordersaga.api"], environment=own, grace=6.0)
    url = f"http://{HOST}:{port}"
    return Part(name=name, command=command, needs=BACKENDS, ready=answers_ok(port, "/readyz"), detail=url)
