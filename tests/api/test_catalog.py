"""Catalog files over HTTP: all of a file or nothing of it."""

from datetime import UTC, date, datetime, time

import httpx
import pytest

from ordersaga.catalog_csv import CsvFileError, parse_catalog
from ordersaga.domain.catalog import Location
from ordersaga.domain.dispatch import Dispatch, Weekday
from ordersaga.domain.orders import RouteRule
from ordersaga.orders_csv import parse_orders
from tests.support.api import Api

HEAD = (
    "kind,seller,name,location,provider,sku,title,weight_grams,quantity,receipt_id,"
    "line1,city,region,postal_code,country"
)
GOOD = f"""{HEAD}
seller,sunny-socks,Sunny Socks,,,,,,,,,,,,
location,,Reno,reno-1,shipbob,,,,,,100 Depot Rd,Reno,NV,89501,US
product,sunny-socks,,,,SOCK-1,"Red socks, M",80,,,,,,,
stock,,,reno-1,,SOCK-1,,,500,asn-1,,,,,
"""


async def load(api: Api, content: str | bytes, content_type: str = "text/csv") -> httpx.Response:
    """Load a file as the operator."""
    body = content.encode() if isinstance(content, str) else content
    return await api.send("POST", "/v1/catalog", content=body, headers={"Content-Type": content_type})


async def test_a_file_is_loaded_once(api: Api) -> None:
    """A repeated upload brings no units."""
    first = await load(api, GOOD)
    assert (first.status_code, first.json()["units"], first.json()["products"]) == (200, 500, 1)
    assert (await load(api, GOOD, "text/csv; charset=utf-8")).json()["units"] == 0
    (level,) = (await api.get("/v1/stock?seller=sunny-socks")).json()["levels"]
    assert (level["on_hand"], level["available"]) == (500, 500)


async def test_every_bad_row_is_named_and_nothing_is_applied(api: Api) -> None:
    """Line, column and remedy of each; the good rows are not loaded either."""
    bad = GOOD + "product,sunny-socks,,,,SOCK 2,x,0,,,,,,,\nship,,,,,,,,,,,,,,\nstock,,,reno-1,,SOCK-1,,,many,,,,,,\n"
    answer = await load(api, bad)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_csv")
    assert [error["field"] for error in answer.json()["errors"]] == [
        "line 6, column sku",
        "line 6, column weight_grams",
        "line 7, column kind",
        "line 8, column quantity",
    ]
    assert all(error["remedy"] for error in answer.json()["errors"])
    assert (await api.get("/v1/stock?seller=sunny-socks")).json()["levels"] == []


@pytest.mark.parametrize(
    ("rows", "code", "told"),
    [
        ("product,nobody,,,,SOCK-1,x,80,,,,,,,", "invalid_csv", "line 2, column seller: neither the file nor"),
        ("stock,,,nowhere,,MUG,,,5,r-9,,,,,", "invalid_csv", "line 2, column location: neither the file nor"),
        ("product,bolt,,,,MUG,x,80,,,,,,,", "sku_taken", "MUG"),
        ("stock,,,nj-1,,MUG,,,11,r\0,,,,,", "data_refused", "cannot store"),
        ("stock,,,nj-1,,MUG,,,11,r1,,,,,", "invalid_csv", "line 2, column receipt_id: r1 was already used for 10 MUG"),
    ],
)
async def test_what_contradicts_the_catalog_is_refused(api: Api, rows: str, code: str, told: str) -> None:
    """422 with the reason, and nothing was loaded."""
    answer = await load(api, f"{HEAD}\n{rows}\n")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert told in answer.json()["detail"]
    levels = (await api.get("/v1/stock")).json()["levels"]
    assert [(level["sku"], level["on_hand"]) for level in levels] == [("MUG", 10), ("TEE", 5)]


DISPATCH = "zones,shipping_by_zone,parcel_fee,unit_fee,cut_off,time_zone,working_days,closed_on,route_by"
PLACE = "location,,Reno,reno-1,shipbob,,,,,,100 Depot Rd,Reno,NV,89501,US"


async def test_how_a_location_ships_stands_in_its_row(api: Api) -> None:
    """Every column arrives; the next file without them leaves what is usual."""
    own = "US-NV:1 US:2 *:0,450 700 900 2500,120,15,14:30,America/Los_Angeles,mon tue sat,2026-12-25 2027-01-02"
    seller = "seller,sunny-socks,Sunny Socks,,,,,,,,,,,,,,,,,,,,,cost health"
    loaded = await load(api, f"{HEAD},{DISPATCH}\n{PLACE},{own}\n{seller}\n")
    assert loaded.status_code == 200, loaded.text
    assert (await place_called(api, "reno-1")).dispatch == Dispatch(
        zones="US-NV:1 US:2 *:0",
        shipping_by_zone=(450, 700, 900, 2500),
        parcel_fee=120,
        unit_fee=15,
        cut_off=time(14, 30),
        time_zone="America/Los_Angeles",
        working_days=(Weekday.MON, Weekday.TUE, Weekday.SAT),
        closed_on=(date(2026, 12, 25), date(2027, 1, 2)),
    )
    terms = await api.services.catalog.terms("sunny-socks")
    assert terms is not None
    assert terms.route_by == (RouteRule.COST, RouteRule.HEALTH)
    assert (await load(api, f"{HEAD}\n{PLACE}\n")).status_code == 200
    assert (await place_called(api, "reno-1")).dispatch == Dispatch()


async def place_called(api: Api, name: str) -> Location:
    """A location as it stands."""
    return next(place for place in await api.services.catalog.locations() if place.location == name)


@pytest.mark.parametrize(
    ("own", "column"),
    [
        ("USA:1,,,,,,,,", "zones"),
        ("US:9,,,,,,,,", "zones"),
        (",1 2,,,,,,,", "shipping_by_zone"),
        (",600 800 10.00 3000,,,,,,,", "shipping_by_zone"),
        (",,1.50,,,,,,", "parcel_fee"),
        (",,,,noon,,,,", "cut_off"),
        (",,,,,Mars,,,", "time_zone"),
        (",,,,,,mon funday,,", "working_days"),
        (",,,,,,,20261225,", "closed_on"),
        (",,,,,,,2026-02-30,", "closed_on"),
        (",,,,,,,,cost", "route_by"),
    ],
)
async def test_a_cell_that_cannot_be_meant_is_named(api: Api, own: str, column: str) -> None:
    """By its column, and nothing is loaded."""
    answer = await load(api, f"{HEAD},{DISPATCH}\n{PLACE},{own}\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_csv")
    assert [error["field"] for error in answer.json()["errors"]] == [f"line 2, column {column}"]


LOCATION = ",100 Depot Rd,Reno,NV,89501,US"


async def test_a_provider_that_nobody_is_is_refused(api: Api) -> None:
    """Orders for such a location would be confirmed and never shipped; the location is not written."""
    answer = await load(api, f"{HEAD}\nlocation,,Reno,reno-1,fedexfulfil,,,,,{LOCATION}\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_csv")
    assert answer.json()["errors"] == [
        {
            "field": "line 2, column provider",
            "message": "'fedexfulfil' is not known",
            "remedy": "use one of seller_warehouse, shipbob",
        }
    ]
    missing = await load(api, f"{HEAD}\nstock,,,reno-1,,MUG,,,5,r-9,,,,,\n")
    assert missing.json()["errors"][0]["field"] == "line 2, column location"


async def test_a_carrier_account_that_nobody_has_is_refused(api: Api) -> None:
    """Labels of such a seller could be bought nowhere; accounts that are here are its terms."""
    head = "kind,seller,name,carriers\n"
    answer = await load(api, f"{head}seller,acme,Acme,easypost pigeon\n")
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "line 2, column carriers", "message": "'pigeon' is not known", "remedy": "use some of easypost"}],
    )
    assert (await load(api, f"{head}seller,acme,Acme,easypost\n")).status_code == 200
    (seller,) = parse_catalog(f"{head}seller,acme,Acme,ups  easypost\n".encode()).sellers
    assert seller.terms.carriers == ("ups", "easypost")


async def test_names_that_nobody_defined_are_told_with_all_other_problems(api: Api) -> None:
    """Known from the file, even from a row that is refused, or from the database: no problem. Else line and remedy."""
    rows = [
        "product,nobody,,,,SOCK-1,x,80,,,,,,,",
        "stock,,,nowhere,,SOCK-2,,,5,r-8,,,,,",
        "stock,,,nj-1,,SOCK-1,,,many,r-9,,,,,",
        f"location,,Reno,reno-1,fedexfulfil,,,,,{LOCATION}",
        "stock,,,reno-1,,MUG,,,5,r-10,,,,,",
        "stock,,,nj-1,,MUG,,,11,r1,,,,,",
        "stock,,,No Where,,MUG,,,1,r-11,,,,,",
        "product,acme,,,,HAT,Hat,80,,,,,,,",
    ]
    errors = (await load(api, "\n".join([HEAD, *rows]))).json()["errors"]
    assert [error["field"] for error in errors] == [
        "line 2, column seller",
        "line 3, column location",
        "line 3, column sku",
        "line 4, column quantity",
        "line 5, column provider",
        "line 7, column receipt_id",
        "line 8, column location",
    ]
    assert [errors[0]["remedy"], errors[1]["remedy"], errors[2]["remedy"]] == [
        f"add a {kind} row, or correct it" for kind in ("seller", "location", "product")
    ]
    levels = (await api.get("/v1/stock")).json()["levels"]
    assert [(level["sku"], level["on_hand"]) for level in levels] == [("MUG", 10), ("TEE", 5)]


async def test_a_file_may_name_what_an_earlier_file_defined(api: Api) -> None:
    """Seller, location and SKU of the database, and a receipt told again, are no problem."""
    rows = "product,acme,,,,HAT,Hat,80,,,,,,,\nstock,,,nj-1,,HAT,,,3,r-9,,,,,\nstock,,,nj-1,,MUG,,,10,r1,,,,,\n"
    answer = await load(api, f"{HEAD}\n{rows}")
    assert (answer.status_code, answer.json()["units"]) == (200, 3)


async def test_another_content_type_is_415(api: Api) -> None:
    """A spreadsheet is not a CSV file."""
    assert (await load(api, GOOD, "application/vnd.ms-excel")).status_code == 415


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1, column kind: the column is missing"),
        (b"kind\n", "line 2, column (file): the file has no rows"),
        (b"kind;seller;name\nseller;a;A\n", "line 1, column (file): its columns are separated by semicolons"),
        (b"kind,price\nseller,1\n", "line 1, column price: unknown column"),
        (b"kind,sku,sku\nstock,1,2\n", "line 1, column sku: the column stands twice"),
        (b"kind,sku\nstock,a,b\n", "line 2, column (row): 3 cells under 2 columns"),
        (b"kind,seller\nseller,\xff\n", "line 2, column (file): the file is not UTF-8"),
        (b'kind,seller\nseller,"open\n', "line 2, column (file): unexpected end of data"),
        (b"kind,seller,name,sku\nseller,a-shop,A,S1\n", "line 2, column sku: does not belong to a seller row"),
        (b"kind,seller,name\nseller,a,A\nseller,a,B\n", "line 3, column seller: a already stands in line 2"),
        (b"kind,seller,name\n" + b"seller,a,A\n" * 10_001, "line 1, column (file): the file has 10001 rows"),
        (b"k" * 1_000_001, "line 1, column (file): the file has 1000001 bytes"),
    ],
)
def test_an_unusable_file_says_where_and_why(content: bytes, problem: str) -> None:
    """The first problem starts with its line and column."""
    with pytest.raises(CsvFileError) as caught:
        parse_catalog(content)
    assert str(caught.value.problems[0]).startswith(problem)


def test_a_row_with_too_many_cells_hides_no_other() -> None:
    """Each bad row is told at once, in a catalog and among orders."""
    with pytest.raises(CsvFileError) as caught:
        parse_catalog(b"kind,sku,quantity\nstock,a,1,b,c\nshelf,a,1\nstock,a,1,b\n")
    assert [(each.line, each.column) for each in caught.value.problems] == [(2, "(row)"), (3, "kind"), (4, "(row)")]
    with pytest.raises(CsvFileError) as caught:
        parse_orders(b"order_id,sku,quantity,unit_price\nweb_1,MUG,1,10,00\n,MUG,1,10\n")
    told = {(each.line, each.column) for each in caught.value.problems}
    assert {(2, "(row)"), (3, "order_id")} <= told


def test_an_excel_export_is_read() -> None:
    """A byte order mark, CRLF, spaces and empty lines change nothing; line numbers count as an editor does."""
    catalog = parse_catalog(b"\xef\xbb\xbfname , kind,seller\r\n\r\n A Shop ,seller,a-shop\r\n,,\r\n")
    assert [(seller.seller, seller.name) for seller in catalog.sellers] == [("a-shop", "A Shop")]


def test_rows_without_a_receipt_id_count_once_per_file() -> None:
    """The same file gives the same receipt ids, also saved by a spreadsheet; another file others."""
    one = b"kind,location,sku,quantity\nstock,l,S,1\nstock,l,S,1\n"
    ids = [receipt.receipt_id for receipt in parse_catalog(one).receipts]
    assert len(set(ids)) == 2
    assert ids == [receipt.receipt_id for receipt in parse_catalog(one).receipts]
    assert set(ids).isdisjoint(receipt.receipt_id for receipt in parse_catalog(one + b"stock,l,S,2\n").receipts)
    saved = b"\xef\xbb\xbf" + one.replace(b"\n", b"\r\n")
    assert ids == [receipt.receipt_id for receipt in parse_catalog(saved).receipts]


ORDER = "order_id,seller,sku,quantity,unit_price,name,line1,city,region,postal_code,country,payment_method,tax"
ROW = "web_1,acme,MUG,2,1000,Ada,1 Main St,Oakland,CA,94601,US,pm_card_visa,"


def test_rows_of_one_order_are_its_lines() -> None:
    """Further rows repeat only the order id."""
    orders = parse_orders(f"{ORDER}\n{ROW}\nweb_1,,TEE,1,500,,,,,,,,\nweb_2{ROW[5:]}\n".encode())
    assert [(order.order_id, [line.sku for line in order.lines]) for order in orders] == [
        ("web_1", ["MUG", "TEE"]),
        ("web_2", ["MUG"]),
    ]


def test_an_orders_file_may_name_the_buyer_and_agree_to_wait() -> None:
    """Three more columns, which may stay empty."""
    head, empty = f"{ORDER},buyer,waitlist,wait_until", ",".join([ROW, *[""] * (ORDER.count(",") - ROW.count(","))])
    first, second = parse_orders(f"{head}\n{empty},ada,true,2027-01-31T12:00:00Z\nweb_2{empty[5:]},,,\n".encode())
    assert (first.buyer, first.waitlist, first.wait_until) == ("ada", True, datetime(2027, 1, 31, 12, tzinfo=UTC))
    assert (second.buyer, second.waitlist, second.wait_until) == (None, False, None)
    assert not {"buyer", "waitlist", "wait_until"} & second.model_dump().keys()


def test_an_orders_file_may_name_any_way_to_pay() -> None:
    """A page to pay on, or a method of another type with where it leads back to."""
    head, plain = f"{ORDER},payment_type,pay_link,return_url", ROW.removesuffix("pm_card_visa,")
    link, bank = f"{plain},,,true,https://a.example", f"web_2{plain[5:]}pm_ideal,,ideal,,https://a.example"
    first, second = parse_orders(f"{head},currency\n{link},\n{bank},EUR\n".encode())
    assert (first.payment.pay_link, first.payment.payment_method) == (True, None)
    assert (second.payment.type, second.payment.return_url) == ("ideal", "https://a.example")
    with pytest.raises(CsvFileError) as caught:
        parse_orders(f"{head}\n{plain}pm_x,,check,,\n".encode())
    assert str(caught.value.problems[0]).startswith("line 2, column payment_type: ")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (f"{ROW}\nweb_1,bolt,TEE,1,5,,,,,,,,", "line 3, column seller: differs from the order's first row"),
        (f"{ROW}\nweb_2{ROW[5:]}\n{ROW}", "line 4, column order_id: order web_1 already stands in line 2"),
        (ROW[5:], "line 2, column order_id"),
        (ROW.replace("pm_card_visa", ""), "line 2, column payment_method: not one way to pay; send it"),
        (ROW + "2.5", "line 2, column tax"),
        (ROW.replace("1000", "10.00"), "line 2, column unit_price"),
        (f"{ROW}\nweb_1,,TEE,x,500,,,,,,,,", "line 3, column quantity"),
        (ROW.replace("web_1", "web\0"), "line 2, column order_id: the text contains a NUL character; remove it"),
    ],
)
def test_a_bad_orders_file_says_where_and_why(rows: str, problem: str) -> None:
    """Line and column of the first problem."""
    with pytest.raises(CsvFileError) as caught:
        parse_orders(f"{ORDER}\n{rows}\n".encode())
    assert str(caught.value.problems[0]).startswith(problem)
