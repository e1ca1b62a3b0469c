"""`ordersaga courier check`: a table or JSON of what a courier's server does, and an exit code."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.courier_check.broken import goes_everywhere
from tests.courier_check.support import KEY, SECRET, Fault, courier, untouched
from tests.gateways.support import nobody
from tests.support.emulators import free_port
from tests.support.terminal import Outcome, exit_code

Capture = pytest.CaptureFixture[str]


async def checked(capture: Capture, data: Path, *words: str, fault: Fault = untouched, hooks: str = "") -> Outcome:
    """The command against a courier served here."""
    async with courier(data, fault, webhook_url=hooks or None) as url:
        code = await asyncio.to_thread(exit_code, ["courier", "check", url, "--key", KEY, *words])
    said = capture.readouterr()
    return Outcome(code, said.out, said.err)


async def test_a_good_courier(capsys: Capture, tmp_path: Path) -> None:
    """Each check is a row with its rule; exit code 0, and neither key nor secret is printed."""
    address = f"127.0.0.1:{free_port()}"
    words = ["--listen", address, "--secret", SECRET]
    words += [word for name in ("unused_labels_are_taken_back", "webhooks_are_signed") for word in ("--only", name)]
    told = await checked(capsys, tmp_path, *words, hooks=f"http://{address}/hooks")
    assert (told.code, told.err) == (0, "")
    assert "2 passed, 0 failed, 0 skipped in " in told.out
    assert "Before the first scan a label is voided, for good" in told.out
    assert not [secret for secret in (KEY, SECRET) if secret in told.out]


async def test_a_bad_courier(capsys: Capture, tmp_path: Path) -> None:
    """Exit code 1; JSON says which check failed and why."""
    words = ("--json", "--only", "out_of_zone_is_refused", "--only", "zones_are_disjoint")
    told = await checked(capsys, tmp_path, *words, fault=goes_everywhere)
    assert told.code == 1
    found = {each["name"]: (each["outcome"], each["reason"]) for each in json.loads(told.out)["results"]}
    assert found == {
        "out_of_zone_is_refused": ("failed", "POST /v1/quotes answered 200, not 422"),
        "zones_are_disjoint": ("passed", ""),
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["courier.example"], "is no URL"),
        (["http://127.0.0.1:1"], "does not answer"),
        ([nobody(), "--only", "manners"], "no check manners; there are: keys_are_required, "),
        ([nobody(), "--listen", "here", "--secret", SECRET], "is no address"),
        ([nobody(), "--secret", "whsec_"], "--secret is none of Standard Webhooks"),
        ([nobody(), "--secret", "whsec_a"], "--secret is none of Standard Webhooks"),
        ([nobody(), "--listen", "127.0.0.1:9"], "--listen needs --secret"),
    ],
)
def test_wrong_usage(capsys: Capture, words: list[str], said: str) -> None:
    """Exit code 2, and one line that names the remedy."""
    assert exit_code(["courier", "check", *words, "--key", KEY]) == 2
    assert said in capsys.readouterr().err
