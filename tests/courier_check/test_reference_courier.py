"""The reference courier passes every check, webhooks included."""

from pathlib import Path

import httpx
import pytest

from ordersaga.courier_check import CourierUnreachableError, Outcome, Report, Target, check_courier, names
from ordersaga.courier_check.listener import CannotListenError, listening
from tests.courier_check.support import KEY, SECRET, courier
from tests.gateways.support import nobody
from tests.support.emulators import free_port

OTHER_SECRET = "whsec_YW5vdGhlci1zZWNyZXQtYWx0b2dldGhlcg=="


def ended(report: Report, outcome: Outcome) -> set[str]:
    """Names of the checks that ended so."""
    return {each.name for each in report.results if each.outcome is outcome}


async def test_all_checks_pass(tmp_path: Path) -> None:
    """None fails; only limits, which the checks do not provoke, are not seen."""
    port = free_port()
    with listening("127.0.0.1", port) as listener:
        async with courier(tmp_path, webhook_url=f"http://127.0.0.1:{port}/hooks/courier") as url:
            report = await check_courier(Target(url, KEY, SECRET), listener)
    assert report.good, [each for each in report.results if each.outcome is Outcome.FAILED]
    assert ended(report, Outcome.SKIPPED) == {"limits_are_told"}
    assert tuple(each.name for each in report.results) == names()
    assert all(each.rule.endswith(".") for each in report.results)


async def test_limits_are_waited_out_and_judged(tmp_path: Path) -> None:
    """A 429 is no failure: the courier's wish is kept to, and the check goes on."""
    async with courier(tmp_path) as url:
        fault = {"kind": "status", "status": 429, "path": "/v1/quotes", "times": 1}
        async with httpx.AsyncClient(base_url=url) as http:
            (await http.post("/_control/faults", json=fault)).raise_for_status()
        wanted = {"quotes_keep_to_the_zones", "limits_are_told", "published_api"}
        report = await check_courier(Target(url, KEY), only=wanted)
    assert ended(report, Outcome.PASSED) == wanted


async def test_without_a_sandbox_the_rest_is_checked(tmp_path: Path) -> None:
    """With a key for real parcels nothing can be moved along: those checks are skipped, and say why."""
    moving = {"used_labels_are_not", "parcels_are_turned_around", "events_are_in_order", "deliveries_are_proved"}
    rest = {"unused_labels_are_taken_back", "published_api"}
    async with courier(tmp_path) as url:
        report = await check_courier(Target(url, "live_conformance"), only=moving | rest)
    assert (ended(report, Outcome.SKIPPED), ended(report, Outcome.PASSED)) == (moving, rest)
    assert {each.reason for each in report.results} == {"no sandbox answers under this URL and key", ""}


@pytest.mark.parametrize(("secret", "said"), [(OTHER_SECRET, "is not signed with our secret"), (SECRET, "")])
async def test_a_wrong_signature_is_found(tmp_path: Path, secret: str, said: str) -> None:
    """Webhooks signed with another secret fail; with ours they pass."""
    port = free_port()
    with listening("127.0.0.1", port) as listener:
        hooks = f"http://127.0.0.1:{port}/"
        async with courier(tmp_path, webhook_url=hooks, webhook_secret=secret) as url:
            report = await check_courier(Target(url, KEY, SECRET), listener, only={"webhooks_are_signed"})
    (result,) = report.results
    assert (result.outcome is Outcome.FAILED, said in result.reason) == (bool(said), True)


async def test_nobody_there() -> None:
    """Is told at once, and is no failed check."""
    with pytest.raises(CourierUnreachableError):
        await check_courier(Target(nobody(), KEY))


def test_a_taken_address() -> None:
    """Nothing is checked when the door cannot be opened."""
    port = free_port()
    with (
        listening("127.0.0.1", port),
        pytest.raises(CannotListenError, match=f"127.0.0.1:{port}"),
        listening("127.0.0.1", port),
    ):
        pass
