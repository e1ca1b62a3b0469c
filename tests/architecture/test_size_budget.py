"""The size budget holds, and its failure teaches."""

from pathlib import Path

from tests.architecture.size_budget import complaints, main, measure

REPOSITORY = Path(__file__).parents[2]


def test_the_product_is_within_its_size_budget() -> None:
    """Functions: median at most 10 lines, 90th percentile at most 25. Files: at most 400."""
    assert complaints(measure(REPOSITORY)) == []


def test_a_large_function_is_named_with_what_to_do(tmp_path: Path) -> None:
    """The message says where and how."""
    package = tmp_path / "workflows"
    package.mkdir()
    body = "\n".join(f"    x = {number}" for number in range(40))
    (package / "giant.py").write_text(f'def giant() -> None:\n    """Too much."""\n{body}\n')
    found = complaints(measure(tmp_path))
    assert found[-1] == "    41 lines  workflows/giant.py:1 giant"
    assert any("name each step" in line for line in found)
    assert main(tmp_path) == 1


def test_docstrings_blank_lines_and_protocols_do_not_count(tmp_path: Path) -> None:
    """Explaining must not be punished, nor may empty functions dilute the median."""
    package = tmp_path / "ordersaga"
    package.mkdir()
    (package / "port.py").write_text(
        "class Port:\n"
        '    def call(self) -> None:\n        """Explains."""\n        ...\n\n'
        'def small() -> int:\n    """Explains\n\n    at length.\n    """\n\n    return 1\n'
    )
    assert [function.size for function in measure(tmp_path).functions] == [2]
