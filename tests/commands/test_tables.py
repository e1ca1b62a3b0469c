"""Tables people read, copy from and pipe into other programs."""

import pytest

from ordersaga.commands import remote

COLUMNS = ("order", "seller", "status", "total", "accepted", "reason")
ROW = ("web_1001-long-id", "sunny-socks", "partially_shipped", "USD 1037.70", "11-22 15:43", "a long reason " * 9)


def test_a_piped_table_has_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    """However long a reason is: `grep` finds the whole row."""
    remote.show_table("Orders", COLUMNS, [ROW])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "web_1001" in line]
    assert all(cell.strip() in line for cell in ROW)


def test_eighty_columns_break_neither_id_nor_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is broken is the seller and the reason."""
    monkeypatch.setattr(remote, "PIPED_WIDTH", 80)
    remote.show_table("Orders", COLUMNS, [ROW])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (line,) = [line for line in lines if "web_1001" in line]
    assert "web_1001-long-id" in line
    assert "partially_shipped" in line
