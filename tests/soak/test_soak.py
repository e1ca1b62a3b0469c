"""A soak of a minute: everything is sampled, every order ends well, the page is written."""

from pathlib import Path

import pytest

from ordersaga.embedded.stack import forget
from tests.soak.report import BEGIN, CHART, as_json, write_page
from tests.soak.run import Options, run
from tests.soak.series import OF_PARTS, OF_THE_WHOLE, OURS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def test_a_minute_of_steady_load(tmp_path: Path) -> None:
    """Too short for verdicts, long enough for every series and for books that balance."""
    told: list[str] = []
    options = Options(tmp_path / "state", minutes=1.0, rate=1.0, every=2.0)
    try:
        outcome = await run(options, told.append)
    finally:
        forget(options.data)
    assert list(outcome.wrong) == [], told
    assert sum(outcome.answers.values()) == 60
    assert {"201", "402", "409"} & set(outcome.answers) or "202" in outcome.answers
    expected = {f"{kind} {part}" for kind in OF_PARTS for part in OURS} | set(OF_THE_WHOLE)
    assert expected <= {each.name for each in outcome.judged}
    page = tmp_path / "soak.md"
    page.write_text(f"# Soak\n\nWords.\n\n{BEGIN}\nThe run before.\n<!-- measured: end -->\n\nMore.\n")
    write_page(page, outcome, {"cores": "2", "processor": "one", "load before": "0"}, "today")
    written = page.read_text()
    assert "The run before." not in written
    assert written.endswith("More.\n")
    assert "memory of worker" in written
    assert (tmp_path / CHART).read_text().startswith("<svg")
    assert as_json(outcome)["series"]["memory api"]["mean"] > 10
