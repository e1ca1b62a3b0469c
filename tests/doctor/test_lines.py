"""Each way in which an installation is unsound has its line, with what would help."""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ordersaga.bootstrap import DatabaseState
from ordersaga.doctor.database import database_lines
from ordersaga.doctor.lines import Checkup, Line
from ordersaga.doctor.names import unknown_names
from tests.support.emulators import ROOT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOUND = DatabaseState(
    now=NOW,
    version=170002,
    connections=12,
    most=200,
    durable=True,
    archived=True,
    pending=(),
    unknown=(),
    reaches=NOW + timedelta(days=30),
)


def lines(state: DatabaseState) -> dict[str, Line]:
    """What is said of a database, by what was looked at."""
    return {line.check: line for line in database_lines(state, NOW)}


def test_a_sound_database_is_told_so() -> None:
    """Nothing to do, and so no remedy."""
    found = lines(SOUND).values()
    assert {(line.verdict, line.remedy) for line in found} == {("ok", "")}
    assert Checkup(lines=tuple(found)).sound


@pytest.mark.parametrize(
    ("check", "verdict", "changes"),
    [
        ("postgresql", "fail", {"version": 140011}),
        ("migrations", "fail", {"pending": ("9998_later.sql",)}),
        ("migrations", "warn", {"unknown": ("9999_newer.sql",)}),
        ("clock_postgresql", "warn", {"now": NOW - timedelta(seconds=5)}),
        ("clock_postgresql", "fail", {"now": NOW + timedelta(minutes=5)}),
        ("durability", "fail", {"durable": False}),
        ("wal_archive", "warn", {"archived": False}),
        ("wal_archive", "fail", {"unarchived": NOW - timedelta(hours=1)}),
        ("recovery", "fail", {"recovering": NOW - timedelta(hours=1)}),
        ("connections", "warn", {"connections": 190}),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(check: str, verdict: str, changes: dict[str, object]) -> None:
    """That line and no other."""
    found = lines(replace(SOUND, **changes))  # type: ignore[arg-type]
    bad = {name: line.verdict for name, line in found.items() if line.verdict != "ok"}
    assert bad == {check: verdict}
    assert found[check].remedy
    assert Checkup(lines=tuple(found.values())).sound == (verdict == "warn")


def test_a_misspelled_setting_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the environment and from `.env`; its value is not shown, and what others read is none."""
    for name in [name for name in os.environ if name.startswith("ORDERSAGA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERSAGA_HOLD_TLT", "PT1H")
    monkeypatch.setenv("ORDERSAGA_API_URL", "http://127.0.0.1:8080")
    monkeypatch.setenv("ORDERSAGA_HOLD_TTL", "PT1H")
    file = tmp_path / ".env"
    file.write_text("ORDERSAGA_STRIPE_KEY=sk_live_1\nORDERSAGA_ZZZ=1\nORDERSAGA_APIS=2\nOTHER=1\n")
    found = {line.told.partition(" ")[0]: line.remedy for line in unknown_names(file)}
    assert found == {
        "ORDERSAGA_HOLD_TLT": "did you mean ORDERSAGA_HOLD_TTL?",
        "ORDERSAGA_STRIPE_KEY": "did you mean ORDERSAGA_STRIPE_API_KEY?",
        "ORDERSAGA_ZZZ": "correct its name, or leave it out",
    }
    assert "sk_live_1" not in str(list(unknown_names(file)))
    assert {line.check for line in unknown_names(tmp_path / "nothing")} == {"unknown setting"}


def test_what_the_deployment_reads_itself_is_known() -> None:
    """docker-compose.yml's own variables, which stand in the same `.env`."""
    named = re.findall(r"^#? ?(ORDERSAGA_[A-Z_]+)=", (ROOT / "deploy/env.example").read_text(), re.MULTILINE)
    with pytest.MonkeyPatch.context() as patch:
        for name in named:
            patch.setenv(name, "1")
        told = [line.told for line in unknown_names(ROOT / "no.env")]
    assert len(named) > 15
    assert [each for each in told if each.partition(" ")[0] in named] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reaches": NOW + timedelta(days=6)}, "until 2026-03-07"),
        ({"reaches": None}, "of no month"),
        ({"strays": 3}, "3 came when there was none"),
    ],
)
def test_messages_without_a_partition_are_told(change: dict[str, Any], told: str) -> None:
    """Before there is none, and when some came that had none; a database that is not migrated has other worries."""
    line = lines(replace(SOUND, **change))["partitions"]
    assert (line.verdict, told in line.told) == ("warn", True)
    assert "ordersaga retention" in line.remedy
    assert "partitions" not in lines(replace(SOUND, pending=("0032_webhook_record.sql",), **change))
