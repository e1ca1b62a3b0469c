"""What the parts are started with."""

from pathlib import Path

from pydantic import SecretStr

from emulators.__main__ import parse
from ordersaga.embedded import StackOptions
from ordersaga.embedded.parts import Part
from ordersaga.embedded.plan import build_plan
from ordersaga.settings import Settings


async def nothing_to_prepare(settings: Settings, data: Path) -> str:
    """No database is touched."""
    return ""


def test_an_emulator_understands_a_secret_that_begins_with_a_dash(tmp_path: Path) -> None:
    """Secrets are random; one in sixty-four begins with a dash, which is no option."""
    settings = Settings(easypost_webhook_secret=SecretStr("-Qx7"))
    plan = build_plan(StackOptions(data=tmp_path), settings, {"easypost"}, nothing_to_prepare)
    [part] = [item for item in plan if isinstance(item, Part)]
    assert parse(list(part.command.argv)[3:]).webhook_secret == "-Qx7"
