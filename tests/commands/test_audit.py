"""`ordersaga audit`: a real command line before a real database, and before no database at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ordersaga.stores.audit_chain import PostgresAuditTrail
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.pools import Pool
from tests.fakes.samples import EAST, catalog
from tests.support.audit import ENTRIES, live, tamper
from tests.support.database import database_server, database_url, pool
from tests.support.terminal import Outcome, exit_code

__all__ = ["database_server", "database_url", "pool"]

Audit = Callable[..., Awaitable[Outcome]]
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def audit(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Audit:
    """The command, with no stack running here and the database in the settings, or another one."""
    monkeypatch.setenv("ORDERSAGA_DATA", str(tmp_path))

    async def run(*words: str, url: str = database_url) -> Outcome:
        monkeypatch.setenv("ORDERSAGA_DATABASE_URL", url)
        code = await asyncio.to_thread(exit_code, ["audit", *words])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


async def sealed_order(pool: Pool) -> PostgresAuditTrail:
    """Order o1, sealed."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await live(pool, "o1")
    trail = PostgresAuditTrail(pool)
    assert await trail.write_seal()
    return trail


async def test_a_clean_trail_is_counted_and_a_broken_one_told(audit: Audit, pool: Pool) -> None:
    """Exit code 0 with the counts; 1 with each break by order and entry, for people and for programs."""
    await sealed_order(pool)
    clean = await audit("verify")
    assert (clean.code, clean.err) == (0, "")
    assert clean.out == f"orders 1, entries {ENTRIES}, seals 1, unsealed 0, erased 0, breaks 0\n"

    await tamper(pool, "UPDATE journal SET kind = 'other' WHERE entry_id = 'saga-1'")
    told, counted = await audit("verify"), await audit("verify", "--order", "o1", "--json")

    what = "journal saga-1 is not what was chained"
    assert told.code == counted.code == 1
    assert told.out.splitlines()[0] == f"order o1, entry 7: {what}"
    assert json.loads(counted.out)["breaks"] == [{"order_id": "o1", "entry": 7, "what": what}]


async def test_a_noted_seal_must_still_stand(audit: Audit, pool: Pool) -> None:
    """Everything rewritten from the start is whole in itself, and not what was noted outside."""
    assert (await audit("head")).err == "ordersaga: nothing is sealed yet; a relay seals: ordersaga worker\n"
    trail = await sealed_order(pool)
    noted = (await audit("head")).out.strip()
    assert noted == str(await trail.seal())
    assert (await audit("verify", "--noted", noted)).code == 0

    await tamper(pool, "DELETE FROM audit_sealed", "DELETE FROM audit_seals", "UPDATE audit_heads SET unsealed = true")
    gone = await audit("verify", "--noted", noted)
    await trail.write_seal()
    rewritten = await audit("verify", "--noted", noted)

    assert (await audit("verify")).code == 0
    assert (gone.code, gone.out.splitlines()[0]) == (1, "seals: seal 1 was noted, and there is none")
    assert (rewritten.code, rewritten.out.splitlines()[0]) == (1, "seals: seal 1 is not the one noted")


async def test_an_exported_trail_is_verified_without_a_database(audit: Audit, pool: Pool, tmp_path: Path) -> None:
    """What was exported verifies anywhere; changed, shortened or reordered it does not."""
    await sealed_order(pool)
    exported = await audit("export", "--order", "o1")
    lines = exported.out.splitlines()
    assert (exported.code, len(lines)) == (0, 1 + ENTRIES + 1)
    file = tmp_path / "o1.trail"

    async def verified(*kept: str) -> Outcome:
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")
        return await audit("verify", "--file", str(file), url=NOWHERE)

    clean = await verified(*lines)
    assert (clean.code, clean.out) == (
        0,
        f"orders 1, entries {ENTRIES}, sealed up to seal 1, unsealed 0, erased 0, breaks 0\n",
    )
    changed = await verified(*lines[:4], lines[4].replace("1000", "9000"), *lines[5:])
    assert (changed.code, "order o1, entry 4: money" in changed.out) == (1, True)
    assert "entry 3 is missing" in (await verified(*lines[:3], *lines[4:])).out
    assert "the chain ends at entry 8" in (await verified(*lines[:9], *lines[10:])).out
    assert "entry 1 is missing" in (await verified(lines[0], lines[2], lines[1], *lines[3:])).out


async def test_a_broken_trail_is_exported_as_it_is(audit: Audit, pool: Pool, tmp_path: Path) -> None:
    """A fact that is gone, and one that is in no chain, are told from the file as from the database."""
    await sealed_order(pool)
    unchained = "INSERT INTO journal (order_id, entry_id, at, kind, text) VALUES ('o1', 'x', now(), 'note', 'ok')"
    await tamper(pool, "DELETE FROM journal WHERE entry_id = 'saga-1'", unchained)
    file = tmp_path / "o1.trail"
    file.write_text((await audit("export", "--order", "o1")).out, encoding="utf-8")

    of_file, of_database = await audit("verify", "--file", str(file), url=NOWHERE), await audit("verify")

    assert of_file.code == of_database.code == 1
    assert of_file.out.splitlines()[:2] == [
        "order o1, entry 7: journal saga-1 is gone",
        "order o1: journal x is in no chain",
    ]
    assert of_database.out.splitlines()[:2] == of_file.out.splitlines()[:2]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}\n", b"[1]", b"no JSON\n", b"\xff\xfe\x00\x80"),
        *(b'{"line": "seal", "seal_no": 1, "chain_no": 1, "hash": "zz"}', b'{"order_id": "o1", "status": "completed"}'),
        b'{"line": "seal", "seal_no": 1, "chain_no": 1, "hash": "00"}',
    ],
)
async def test_a_file_that_is_no_trail_is_refused(audit: Audit, tmp_path: Path, content: bytes) -> None:
    """Anything else than an exported trail is wrong usage and one line that says so; 1 stands for a broken trail."""
    file = tmp_path / "other"
    file.write_bytes(content)

    refused = await audit("verify", "--file", str(file), url=NOWHERE)

    assert (refused.code, refused.out) == (2, "")
    assert f"ordersaga: this is no exported trail: {file}: " in refused.err
    assert refused.err.count("\n") == 1


async def test_a_value_that_no_hash_covers_is_refused(audit: Audit, pool: Pool, tmp_path: Path) -> None:
    """A field smuggled into an exported line is not passed over."""
    await sealed_order(pool)
    first, second, *rest = (await audit("export", "--order", "o1")).out.splitlines()
    file = tmp_path / "o1.trail"
    smuggled = second.replace('"fields":{', '"fields":{"approved_by":"ann",')
    file.write_text("\n".join([first, smuggled, *rest]), encoding="utf-8")

    refused = await audit("verify", "--file", str(file), url=NOWHERE)

    assert (refused.code, "Line 2 is not one of an exported trail" in refused.err) == (1, True)


async def test_wrong_use_and_no_database_are_told_apart(audit: Audit, database_url: str) -> None:
    """Exit code 2 for an unknown order and for wrong usage, 3 without a database."""
    for command in ("verify", "export"):
        unknown = await audit(command, "--order", "o9")
        assert (unknown.code, unknown.err) == (2, "ordersaga: no order o9: there is no trace of it\n")
    assert (await audit("verify", "--noted", "latest")).code == 2
    assert (await audit("verify", "--file", __file__, "--order", "o1")).code == 2
    lost = await audit("verify", url=NOWHERE)
    assert (lost.code, "ORDERSAGA_DATABASE_URL" in lost.err) == (3, True)


async def test_a_login_that_may_only_read_is_enough(audit: Audit, pool: Pool, database_url: str) -> None:
    """An auditor needs no right to change anything."""
    await sealed_order(pool)
    await pool.execute("CREATE ROLE auditor LOGIN PASSWORD 'reads'; GRANT pg_read_all_data TO auditor")
    server = urlsplit(database_url)
    url = server._replace(netloc=f"auditor:reads@{server.netloc.rpartition('@')[2]}").geturl()
    try:
        assert (await audit("verify", url=url)).code == 0
        assert (await audit("export", "--order", "o1", url=url)).code == 0
    finally:
        await pool.execute("DROP OWNED BY auditor; DROP ROLE auditor")


async def test_a_database_that_lets_nobody_in_is_no_broken_trail(
    audit: Audit, pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """Wrong password, no such database, no right to read, no address: one line, exit code 3, no password in it."""
    await pool.execute("CREATE ROLE stranger LOGIN PASSWORD 'unheard'")
    server = urlsplit(database_url)
    place = server.netloc.rpartition("@")[2]
    wrong = {
        "password": server._replace(netloc=f"stranger:s3cret@{place}").geturl(),
        "rights": server._replace(netloc=f"stranger:unheard@{place}").geturl(),
        "database": server._replace(path="/s3cret_place").geturl(),
        "address": "postgresql://u:s3/cret@host/o",
    }
    try:
        for what, url in wrong.items():
            for words in (["verify"], ["head"], ["export", "--order", "o1"]):
                refused = await audit(*words, url=url)
                assert (refused.code, refused.out) == (3, ""), (what, refused)
                assert (refused.err.count("\n"), "s3/" in refused.err, "cret@" in refused.err) == (1, False, False)
                assert "ORDERSAGA_DATABASE_URL" in refused.err
    finally:
        await pool.execute("DROP ROLE stranger")
