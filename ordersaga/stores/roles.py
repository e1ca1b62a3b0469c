"""Who may do what in the database, and whose rows a seller's request sees: said once, here, of every table.

| role | is |
|---|---|
| `ordersaga_api` | the API and the console |
| `ordersaga_worker` | sagas and lanes: the only one that writes the ledgers of money |
| `ordersaga_relay` | starters, the waitlist, deliverers, pollers, the notifier, the sealer |
| `ordersaga_codec` | the codec server: reads keys and who is who, and writes down who read what |
| `ordersaga_reader` | who audits or counts: reads all but what opens doors |
| `ordersaga_seller` | what the API becomes for the request of a seller's key: sees that seller's rows only |

The owner of the tables migrates, and is held by nothing here. Roles have no login: processes log in as members, each
kind with a login of its own (`LOGINS`). Whoever runs sagas does the work of the books' and the payments' lanes inside
them, so that workers of sagas and of lanes may do the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "ordersaga_"
PROCESSES: Final = ("api", "worker", "relay", "codec", "reader")
SELLER: Final = "seller"
ROLES: Final = (*PROCESSES, SELLER)
NAMES: Final = tuple(PREFIX + role for role in ROLES)
LOGINS: Final[Mapping[str, str]] = {
    **{"api": "api", "orders": "worker", "lanes": "worker"},
    **{"relay": "relay", "codec": "codec", "reader": "reader"},
}
"""By the kind of process, whose rights its login has; it is called `ordersaga_KIND_login`."""
KINDS: Final = {"r": "SELECT", "a": "INSERT", "c": "UPDATE", "d": "DELETE"}
"""Reads, adds, changes, deletes."""

# Of what is only added to, `c` and `d` are nobody's; the chains and `order_skus` are added to by triggers alone.
_RIGHTS: Final = """
table                api   worker relay codec reader seller
account_tokens       rac   rac    rac   -     -      -
api_keys             r     -      -     r     -      -
attention            rac   rac    rac   -     r      r
audit_entries        r     r      r     -     r      -
audit_heads          r     r      rc    -     r      -
audit_sealed         r     r      ra    -     r      -
audit_seals          r     r      ra    -     r      -
catalog_receipts     ra    r      r     -     r      -
codec_reads          ra    -      -     ra    r      -
effects              r     rac    rac   -     r      r
encryption           ra    ra     ra    r     r      -
erasures             ra    -      r     -     r      r
findings             rc    rac    r     -     r      rc
hold_endings         r     ra     ra    -     r      -
holds                rac   rac    rac   -     r      r
idempotency_keys     racd  r      racd  -     -      -
journal              ra    ra     ra    -     r      r
lane_breakers        rac   rac    rac   -     r      -
lane_calls           racd  racd   racd  -     r      -
lane_pauses          rac   rac    rac   -     r      -
locations            rac   r      r     -     r      r
money_postings       r     ra     r     -     r      r
money_transactions   r     ra     r     -     r      r
notifications        rac   rac    racd  -     r      rac
order_keys           rac   ra     ra    r     -      -
order_skus           r     r      r     -     r      r
order_tracking       r     ra     r     -     r      r
orders               rac   rac    rac   r     r      r
people               ra    -      -     -     r      -
people_sessions      racd  -      -     rc    -      rc
pick_tickets         rc    rac    rac   -     r      rc
poll_cursors         -     -      rac   -     r      -
products             rac   r      r     -     r      r
promises             racd  racd   racd  -     r      -
recoveries           r     r      r     -     r      -
reconciliation_runs  rac   rac    rd    -     r      r
repairs              r     ra     r     -     r      r
returns              rac   rac    rac   -     r      rc
room_taken           rac   rac    racd  -     r      -
routings             rac   rac    rac   -     r      r
schema_migrations    r     r      r     r     r      -
seller_accounts      rac   r      r     r     r      r
seller_changes       ra    r      r     -     r      r
seller_profiles      rac   r      r     r     r      r
sellers              rac   r      r     r     r      r
sign_ins             ra    -      -     -     r      ra
stock                rac   rac    rac   -     r      r
stop_orders          r     rac    r     -     r      r
stops                rac   rc     r     -     r      rc
unit_movements       ra    ra     ra    -     r      r
waiting_lines        rac   rac    rac   -     r      r
waiting_orders       rad   rad    rad   -     r      r
webhook_endpoints    rac   r      rc    -     -      rac
webhook_inbox        rac   rac    racd  -     r      r
webhook_record       rc    r      ra    -     r      r
"""
COLUMNS: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    ("audit_heads", "relay"): ("unsealed",),
    ("findings", SELLER): ("status", "by", "second", "reason", "outcome"),
    ("people_sessions", "codec"): ("last_seen_at",),
    ("people_sessions", SELLER): ("ended_at", "id_token"),
    ("pick_tickets", SELLER): ("status", "changed_at"),
    ("reconciliation_runs", "api"): ("seller",),
    ("returns", SELLER): ("started_at",),
    ("stops", SELLER): ("started_at",),
    ("webhook_record", "api"): ("body",),
}
"""Where a role changes these columns only."""
_UNSAID: Final = {
    **{"api": "rac", "worker": "rac", "relay": "rac"},
    **{"codec": "-", "reader": "-", SELLER: "-"},
}
"""Of a table that nobody has said anything about yet."""

_ITS_OWN: Final = "seller = (SELECT its_seller())"
_RULES: Final[Mapping[str, str]] = {
    "money_postings": "EXISTS (SELECT FROM money_transactions AS whole "
    "WHERE whole.transaction_id = money_postings.transaction_id)",
    "notifications": "EXISTS (SELECT FROM webhook_endpoints AS told WHERE told.id = notifications.endpoint_id)",
    **{
        table: f"EXISTS (SELECT FROM products WHERE products.sku = {table}.sku)"
        for table in ("holds", "stock", "unit_movements")
    },
}
"""Of tables whose rows are a seller's otherwise than by their seller or their order."""
_SHARED: Final = frozenset({"locations"})
"""Rows of nobody's are everybody's here."""

DEFINERS: Final = (
    *("account_is_its_locations", "audit_orders", "audit_row", "audit_unit", "audit_units", "give_room_back"),
    *("list_skus", "location_is_its_accounts", "receipt_is_its_sellers", "refuse_in_the_clear"),
    *("refuse_while_recovering", "rotate_webhook_record", "stock_is_its_locations", "webhook_record_stands"),
)
"""Functions that write, lock or read what who calls them may not: most are called by triggers, none takes a word.

They look names up in our schema before anybody's temporary one, and nobody else hangs those of triggers on a table of
their own: what they are handed there would be done with the owner's rights.
"""

SEEN_AS: Final = """
CREATE OR REPLACE FUNCTION its_seller() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('ordersaga.seller', true), '') $$
"""
"""The seller of the request under way; NULL, which is nobody's, when none is set."""


@dataclass(frozen=True)
class Table:
    """A table as it stands: its columns."""

    name: str
    columns: frozenset[str]


def rights() -> dict[str, dict[str, str]]:
    """By table, what each role may do with it, in the letters of `KINDS`."""
    head, *rows = (line.split() for line in _RIGHTS.strip().splitlines())
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def rule(table: Table) -> str | None:
    """Which rows of a table a seller's request sees, as SQL; None: the table has none that are anybody's."""
    if table.name in _RULES:
        return _RULES[table.name]
    if "seller" in table.columns:
        return f"seller IS NULL OR {_ITS_OWN}" if table.name in _SHARED else _ITS_OWN
    if "order_id" in table.columns:
        return f"EXISTS (SELECT FROM orders WHERE orders.order_id = {table.name}.order_id)"
    return None


def statements(table: Table) -> Iterator[str]:
    """The SQL that makes a table what is said of it here, whatever was said before."""
    yield f'REVOKE ALL ON "{table.name}" FROM {", ".join(NAMES)}'
    yield from _grants(table, rights().get(table.name, _UNSAID))
    yield from _isolation(table, rule(table))


def _grants(table: Table, said: Mapping[str, str]) -> Iterator[str]:
    for role, letters in said.items():
        for letter in letters.replace("-", ""):
            some = COLUMNS.get((table.name, role)) if letter == "c" else None
            if some is None:
                yield f'GRANT {KINDS[letter]} ON "{table.name}" TO {PREFIX}{role}'
            elif there := [f'"{column}"' for column in some if column in table.columns]:
                yield f'GRANT {KINDS[letter]} ({", ".join(there)}) ON "{table.name}" TO {PREFIX}{role}'


def _isolation(table: Table, seen: str | None) -> Iterator[str]:
    if seen is None:
        return
    yield f'DROP POLICY IF EXISTS of_its_seller ON "{table.name}"'
    yield f'DROP POLICY IF EXISTS of_everybody ON "{table.name}"'
    yield f'CREATE POLICY of_its_seller ON "{table.name}" AS RESTRICTIVE TO {PREFIX}{SELLER} USING ({seen})'
    yield f'CREATE POLICY of_everybody ON "{table.name}" USING (true)'
    yield f'ALTER TABLE "{table.name}" ENABLE ROW LEVEL SECURITY'


def making_roles(owner: str) -> Sequence[str]:
    """The SQL by which an administrator makes the roles that are not there yet; `owner`: the login that migrates."""
    made = [
        f"DO $$ BEGIN IF to_regrole('{name}') IS NULL THEN CREATE ROLE {name} NOLOGIN; END IF; END $$" for name in NAMES
    ]
    return [*made, *(becoming(who) for who in (f"{PREFIX}api", f'"{owner}"'))]


def becoming(who: str) -> str:
    """The SQL that lets a role become a seller's, without having its rights otherwise."""
    return f"GRANT {PREFIX}{SELLER} TO {who} WITH INHERIT FALSE, SET TRUE"


def login_of(kind: str) -> str:
    """What the login of a kind of process is called."""
    return f"{PREFIX}{kind}_login"


def making_login(kind: str) -> str:
    """The SQL that makes the login of a kind of process, without a password, if it is not there yet."""
    name = login_of(kind)
    made = f"CREATE ROLE {name} LOGIN IN ROLE {PREFIX}{LOGINS[kind]}"
    return f"DO $$ BEGIN IF to_regrole('{name}') IS NULL THEN {made}; END IF; END $$"


def unsaid(tables: Iterable[str]) -> set[str]:
    """Those of these tables that nothing is said of here."""
    return set(tables) - rights().keys()
