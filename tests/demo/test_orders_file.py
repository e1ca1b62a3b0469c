"""The demo's orders file: every bad row is named by line, column and remedy, and no order of a bad file is placed."""

from pathlib import Path

import pytest

from ordersaga.catalog_csv import CsvFileError
from ordersaga.commands.demo import demo
from ordersaga.commands.errors import CommandError
from ordersaga.demo.orders_file import DemoOrder, in_waves, read_orders, sample
from ordersaga.demo.scenarios import SCENARIOS
from ordersaga.domain.payment_methods import MethodType
from ordersaga.domain.statuses import OrderStatus
from tests.support.examples import CATALOGS, EXAMPLES, whole_catalog

CATALOG = whole_catalog()
HEADER = (
    "order_id,scenario,expected,expected_reason,seller,sku,quantity,unit_price,name,line1,city,region,postal_code,"
    "country,payment_method\n"
)
GOOD = "o1,plain,completed,,sunny-socks,SOCK-RED-M,1,1400,Ada Byron,1 Main St,Oakland,CA,94601,US,pm_card_visa\n"


def read(rows: str) -> list[DemoOrder]:
    """The orders of a file with the usual header."""
    return read_orders((HEADER + rows).encode(), CATALOG, SCENARIOS)


def test_an_order_tells_its_scenario_and_its_end() -> None:
    """Notes are read beside the order, which is sent to the API without them."""
    [order] = read(GOOD.replace(",completed,,", ",canceled,canceled,"))
    assert (order.order_id, order.scenario, order.expected, order.reason) == (
        "o1",
        "plain",
        OrderStatus.CANCELED,
        "canceled",
    )
    assert not {"scenario", "expected", "expected_reason"} & order.body.keys()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            GOOD.replace("plain", "plane"),
            "line 2, column scenario: 'plane' is not known; use one of address_changed, address_refused",
        ),
        (GOOD.replace("plain", ""), "line 2, column scenario: the cell is empty; use one of"),
        (
            GOOD.replace("completed", "shipped"),
            "line 2, column expected: 'shipped' is not known; use one of canceled, completed, rejected, returned",
        ),
        (
            GOOD.replace("sunny-socks", "moon-socks"),
            "line 2, column seller: no seller is moon-socks; use one of borough-bakes, casa-luna",
        ),
        (
            GOOD.replace("SOCK-RED-M", "FERN-4IN"),
            "line 2, column sku: sunny-socks sells no FERN-4IN; use one of SOCK-BLUE-M",
        ),
        (GOOD.replace(",1,1400", ",one,1400"), "line 2, column quantity: "),
        (GOOD + "o1,,,,,SOCK-BLUE-M,0,1400,,,,,,,\n", "line 3, column quantity: "),
        (GOOD.replace("pm_card_visa", "4242"), "line 2, column payment_method: "),
        (GOOD.replace("94601", ""), "line 2, column postal_code: Field required; add it"),
    ],
)
def test_a_bad_row_is_named_by_line_column_and_remedy(row: str, told: str) -> None:
    """What is wrong, where, and what to do."""
    with pytest.raises(CsvFileError) as refused:
        read(row)
    assert str(refused.value.problems[0]).startswith(told)
    assert "; " in str(refused.value.problems[0])


def test_every_bad_row_is_named_at_once() -> None:
    """Nobody has to place a file again and again to find the next mistake."""
    bad = GOOD.replace("o1", "o2").replace("plain", "plane") + GOOD.replace("o1", "o3").replace("completed", "done")
    with pytest.raises(CsvFileError) as refused:
        read(GOOD + bad)
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [(3, "scenario"), (4, "expected")]


def test_nothing_of_a_bad_file_is_placed(tmp_path: Path) -> None:
    """The command refuses the file before it starts a stack: no database, no order, nothing on disk."""
    file, data = tmp_path / "orders.csv", tmp_path / "data"
    file.write_text(HEADER + GOOD + GOOD.replace("o1", "o2").replace("plain", "plane"))
    with pytest.raises(CommandError) as refused:
        demo(data=data, catalog=list(CATALOGS), orders=file)
    assert "was refused, nothing was placed:\nline 3, column scenario: 'plane' is not known" in str(refused.value)
    assert not data.exists()


def test_the_examples_cover_every_scenario() -> None:
    """At least 60 orders, every scenario, several sellers, every provider, carrier and way to pay, a marketplace."""
    orders = read_orders((EXAMPLES / "orders.csv").read_bytes(), CATALOG, SCENARIOS)
    assert len(orders) >= 60
    assert {order.scenario for order in orders} == set(SCENARIOS)
    assert len({order.body["seller"] for order in orders}) >= 4
    providers = {location.provider for location in CATALOG.locations}
    assert providers == {"shipbob", "seller_warehouse", "newegg", "amazon_mcf"}
    assert {order.body["payment"].get("type", "card") for order in orders} == set(MethodType)
    assert any(order.body["payment"].get("pay_link") for order in orders)
    assert {order.body["payment"].get("collected_by") for order in orders} == {None, "tiktok_shop", "stall"}
    played = {SCENARIOS[order.scenario].kind for order in orders}
    assert {"FedEx by EasyPost", "UPS direct", "courier"} <= played


def test_a_sample_has_one_order_of_each_scenario() -> None:
    """The quick demo still meets every misfortune."""
    orders = read_orders((EXAMPLES / "orders.csv").read_bytes(), CATALOG, SCENARIOS)
    assert sorted(order.scenario for order in sample(orders)) == sorted(SCENARIOS)


def test_waves_follow_each_other_and_a_seed_gives_one_order() -> None:
    """Sold out comes after the last units are gone; the same seed plays the same demo."""
    orders = read_orders((EXAMPLES / "orders.csv").read_bytes(), CATALOG, SCENARIOS)
    waves = in_waves(orders, lambda order: SCENARIOS[order.scenario].wave, seed=3)
    assert {order.scenario for order in waves[1]} == {"sold_out"}
    assert sorted(order.order_id for wave in waves for order in wave) == sorted(order.order_id for order in orders)
    assert waves == in_waves(orders, lambda order: SCENARIOS[order.scenario].wave, seed=3)
    assert waves != in_waves(orders, lambda order: SCENARIOS[order.scenario].wave, seed=4)
