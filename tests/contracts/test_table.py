"""The page that tells who keeps which contract: what is played is compared as it is played (conftest.py)."""

from tests.contracts.table import PAGE, ROOT, TITLES, WORDS, page, told


def test_the_page_tells_of_nothing_that_is_not_played() -> None:
    """Each of its cases and companies stands in the module of its contract, and nothing is broken."""
    for case, word in told().items():
        module = (ROOT / "tests" / "contracts" / f"{case.file}.py").read_text(encoding="utf-8")
        assert f"def test_{case.name.replace(' ', '_')}(" in module
        assert f'"{case.company}' in module
        assert word in (WORDS["passed"], WORDS["skipped"])


def test_a_page_is_read_as_it_was_written() -> None:
    """Otherwise what it tells would be compared with nothing."""
    assert {case.file for case in told()} == set(TITLES)
    assert page(told()) == PAGE.read_text(encoding="utf-8")
