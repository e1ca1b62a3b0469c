"""A command that cannot do what it is asked ends in one line with what is wrong and the remedy, and its exit code."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from ordersaga.commands.progress import told_of_stack
from ordersaga.embedded import PartFailedError, StackError
from ordersaga.embedded.environment import as_environment
from ordersaga.settings import CREDENTIALS, environment_name
from tests.commands.test_whole_command_line import COMMANDS
from tests.support.api import settings_for
from tests.support.emulators import ROOT, free_port
from tests.support.terminal import Outcome, exit_code

FILES: Final = {
    "order place": ("order.json", '{"order_id": "web_1"}'),
    "stock load": ("catalog.csv", "kind,location,sku,quantity,receipt_id\nstock,nj-1,TEE,7,r-7\n"),
    "seller apply": ("socks.toml", 'seller = "socks"\nname = "Socks"\n'),
    "seller catalog": ("goods.csv", "kind,sku\n"),
}
"""Good ones, so that the API is asked."""
BESIDE: Final = {
    "order address": "--name Ada --line1 1 --city Oakland --region CA --postal-code 94601",
    "order split": "--line MUG=1",
    "order delay": "--consent",
    "erase": "--buyer b-1",
    "return request": "--line MUG=1",
    "return receive": "--sellable MUG=1",
    "attention resolve-many": "--kind refund_failed",
    "reconcile repair": "--all",
    "stop create": "--sku MUG",
    "webhooks replay": "--since 2026-03-01T08:00Z",
}
"""What a command needs beyond what it says is required."""
ASKING: Final = sorted(
    name
    for name, command in COMMANDS.items()
    if name != "mcp" and any("--api-url" in each.opts for each in command.params)
)
"""Those that ask the API; `mcp` waits for somebody to ask it."""
Say = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """The command, in a folder of its own where no stack runs."""
    for name in [name for name in os.environ if name.startswith("ORDERSAGA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ORDERSAGA_DATA", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)

    async def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = await asyncio.to_thread(exit_code, list(words))
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


@pytest.fixture
def stranger() -> Iterator[str]:
    """A web server that is not ours: to everything it has no page, in no encoding."""

    class Answers(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b"<html>\xff nothing here</html>")

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - as the base class calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def words_for(name: str, folder: Path) -> list[str]:
    """A command line of the command that the API is asked by."""
    words = name.split()
    for each in COMMANDS[name].params:
        if not each.required:
            continue
        value = _value(name, each, folder)
        words += [value] if each.param_type_name == "argument" else [each.opts[0], value]
    return [*words, *BESIDE.get(name, "").split()] if not _given(name, words) else words


def _given(name: str, words: list[str]) -> bool:
    return bool(BESIDE.get(name)) and BESIDE[name].split()[0] in words


def _value(name: str, each: Any, folder: Path) -> str:
    """Something that fits what is required."""
    if each.name == "file":
        file, content = FILES[name]
        (folder / file).write_text(content, encoding="utf-8")
        return str(folder / file)
    known = {"since": "2026-03-01T08:00Z", "line": "MUG=1", "parcel": "1", "amount": "100", "message_id": "7"}
    if name == "return request" and each.name == "reason":
        return "unwanted"
    return known.get(each.name, "x1")


def is_one_line(said: Outcome) -> bool:
    """Whether it is told as errors are."""
    return said.err.startswith("ordersaga: ") and said.err.count("\n") == 1 and "Traceback" not in said.err


@pytest.mark.parametrize("name", ASKING)
async def test_an_api_that_does_not_answer(name: str, say: Say, tmp_path: Path) -> None:
    """Exit code 3, its address, how to start it and how to name another."""
    url = f"http://127.0.0.1:{free_port()}"
    said = await say(*words_for(name, tmp_path), "--api-url", url, "--api-key", "osk_x")
    assert (said.code, said.out, is_one_line(said)) == (3, "", True), said.err
    assert all(part in said.err for part in (url, "ordersaga up", "--api-url / ORDERSAGA_API_URL"))


@pytest.mark.parametrize("name", ASKING)
async def test_an_address_that_is_another_programs(name: str, say: Say, stranger: str, tmp_path: Path) -> None:
    """Exit code 1, and that it may be the wrong address."""
    said = await say(*words_for(name, tmp_path), "--api-url", stranger, "--api-key", "osk_x")
    assert (said.code, is_one_line(said) or name == "order place") == (1, True), said.err
    assert "unexpected_answer" in said.err


@pytest.mark.parametrize("name", [*ASKING, "mcp"])
async def test_neither_a_key_nor_a_stack(name: str, say: Say, tmp_path: Path) -> None:
    """Exit code 2, how to give a key, how to start a stack."""
    said = await say(*words_for(name, tmp_path))
    assert (said.code, said.out, is_one_line(said)) == (2, "", True), said.err
    assert all(part in said.err for part in ("--api-key", "ORDERSAGA_API_KEY", "ordersaga up"))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        *((name, "http://[::1") for name in (*ASKING, "mcp")),
        *(
            ("order list", url)
            for url in ("localhost:8080", "http://shop.example:99999", "ftp://shop.example", "http://")
        ),
    ],
)
async def test_an_address_that_is_no_url(name: str, url: str, say: Say, tmp_path: Path) -> None:
    """Exit code 2, the option, and how one looks."""
    said = await say(*words_for(name, tmp_path), "--api-url", url, "--api-key", "osk_x")
    assert (said.code, said.out, is_one_line(said)) == (2, "", True), said.err
    assert "--api-url / ORDERSAGA_API_URL" in said.err
    assert "https://" in said.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("ordr list", 2, "No such command 'ordr'"),
        ("order show", 2, "Missing argument 'ORDER_ID'"),
        ("order list --limit 0", 2, "'--limit'"),
        ("order list --limit many", 2, "'--limit'"),
        ("order list --limt 5", 2, "No such option: --limt"),
        ("order show \udcff", 2, "UTF-8"),
        ("order list --api-key osk_ö", 2, "--api-key / ORDERSAGA_API_KEY"),
        ("order cancel x1 --idempotency-key ключ", 2, "--idempotency-key"),
        ("order cancel x1 --line MUG", 2, "--line MUG: give a SKU"),
        ("order place nowhere.json", 2, "cannot read nowhere.json"),
        ("order place .", 2, "cannot read ."),
        ("return request x1 --line MUG --reason unwanted", 2, "write SKU=QTY"),
        ("return receive x1-r1", 2, "--sellable"),
        ("stock load nowhere.csv", 2, "cannot read nowhere.csv"),
        ("seller apply nowhere.toml", 2, "cannot read nowhere.toml"),
        ("seller catalog socks nowhere.csv", 2, "cannot read nowhere.csv"),
        ("reconcile --since lately", 2, "--since 'lately'"),
        ("reconcile --since 2999-01-01", 2, "must lie in the past"),
        ("reconcile repair --reason x", 2, "give --kind"),
        ("recover --since lately", 2, "--since 'lately'"),
        ("stop create --reason x", 2, "--region"),
        ("stop create --sku MUG --reason x --from soon", 2, "--from 'soon'"),
        ("stop create --sku MUG --reason x --look-every nan", 2, "--look-every nan"),
        ("stop create --sku MUG --reason x --policy all=burn", 2, "--policy 'all=burn'"),
        ("stop show ../x", 2, "ordersaga stop list"),
        ("lanes pause payments --reason x --for ever", 2, "--for 'ever'"),
        ("webhooks replay whe_1 --since lately", 2, "--since: 'lately'"),
        ("surge --watch nan", 2, "--watch"),
        ("attention resolve-many retry --reason x", 2, "--kind"),
        ("erase --reference r", 2, "--buyer"),
        ("mcp --limit much", 2, "--limit"),
        ("whatif --scenario nowhere.toml", 2, "cannot read nowhere.toml"),
        ("whatif --within soon", 2, "within"),
        ("whatif --provider shipbob", 2, "--provider 'shipbob'"),
        ("courier check http://[x --key sandbox_x", 2, "URL"),
        ("courier check http://127.0.0.1:1 --key ö", 2, "--key"),
        ("audit verify --file nowhere.jsonl", 2, "nowhere.jsonl"),
        ("audit verify --noted 17", 2, "NUMBER:HASH"),
        ("demo --kill moon", 2, "--kill"),
        ("demo --slowness inf", 2, "--slowness"),
        ("demo", 2, "examples/catalog.csv"),
        ("up --apis 99", 2, "ORDERSAGA_APIS: Input should be less than or equal to 16"),
        ("up --only moon", 2, "no part is called 'moon'"),
        ("env", 3, "ordersaga up"),
        ("env --data elsewhere", 3, "elsewhere"),
        ("keys rotate", 2, "ORDERSAGA_ENCRYPTION_KEYS"),
        ("keys copy", 2, "ORDERSAGA_KEY_COPIES_URL"),
    ],
)
async def test_what_is_typed_wrong_is_named(words: str, code: int, told: str, say: Say) -> None:
    """Nobody was asked anything: the option or the file, and what would be right."""
    said = await say(*words.split(" "))
    assert (said.code, said.out, is_one_line(said)) == (code, "", True), said.err
    assert told in said.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"order_id: web_1", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[1, 2]", "is no order"),
        (b'{"shipping": NaN}', "is no JSON"),
        (b'{"note": "\\ud800"}', "is no JSON"),
        (b'{"shipping": 1e999}', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
    ],
)
async def test_a_file_that_is_no_order(content: bytes, told: str, say: Say, tmp_path: Path) -> None:
    """Exit code 2; the file is named, and what would be one."""
    (tmp_path / "order.json").write_bytes(content)
    said = await say("order", "place", "order.json", "--api-key", "osk_x")
    assert (said.code, is_one_line(said)) == (2, True), said.err
    assert told in said.err
    assert "JSON object" in said.err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ORDERSAGA_API_PORT", "many", "order list"),
        ("ORDERSAGA_ONLY", "worker", "doctor"),
        ("ORDERSAGA_TIME_SCALE", "0", "env"),
        ("ORDERSAGA_API_PORT", "0", "up"),
        ("ORDERSAGA_API_PORT", "many", "stack-clean"),
        ("ORDERSAGA_API_PORT", "many", "keys list"),
        ("ORDERSAGA_API_PORT", "many", "retention"),
        ("ORDERSAGA_API_PORT", "many", "archive"),
        ("ORDERSAGA_API_PORT", "many", "order history o1"),
        ("ORDERSAGA_API_PORT", "many", "recover"),
        ("ORDERSAGA_API_PORT", "many", "worker"),
    ],
)
async def test_a_choice_of_the_environment_that_cannot_be_used(
    name: str, value: str, words: str, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2; the variable is named, whatever the command looks for."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORDERSAGA_DATA", "nowhere")
    said = await say(*words.split())
    assert (said.code, is_one_line(said)) == (2, True), said.err
    assert name in said.err


async def test_a_setting_that_cannot_be_used_keeps_a_demo_from_starting(tmp_path: Path) -> None:
    """Named before anything is started."""
    said = await process(tmp_path, "demo --quick", {"ORDERSAGA_HOLD_TTL": "soon"}, ROOT)
    assert (said.code, is_one_line(said)) == (2, True), said.err
    assert "ORDERSAGA_HOLD_TTL" in said.err


async def test_a_data_folder_that_is_a_file(say: Say, tmp_path: Path) -> None:
    """`up` names it with the option; to `env` no stack runs there."""
    (tmp_path / "file").write_text("x")
    up = await process(tmp_path, "up --data file", {})
    assert (up.code, "file cannot be used" in up.err, "--data" in up.err, is_one_line(up)) == (3, True, True, True)
    assert (await say("env", "--data", "file")).code == 3


async def test_a_part_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    """Exit code 3: which part, why, where its log is, and the last lines of it."""
    url = "postgresql://ann:hidden@127.0.0.1:1/none"
    said = await process(tmp_path, "up --data state --only api --free-ports", credentials(url))
    log = tmp_path / "state" / "logs" / "api.log"
    assert (said.code, "Traceback" in said.err, "hidden" in said.err) == (3, False, False), said.err
    first, *rest = said.err.splitlines()
    assert first.startswith(
        "ordersaga: api stopped with exit code 1 before it was ready, saying 'database_lost: The conn"
    )
    assert first.endswith(f"; read {log}")
    assert json.loads(rest[-1])["event"] == "not_started"
    assert f"starting the stack in {tmp_path / 'state'}" in said.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("keys list", 3),
        ("audit verify", 3),
        ("audit head", 3),
        ("retention", 3),
        ("recover --dry-run", 3),
        ("migrate", 1),
    ],
)
@pytest.mark.parametrize("url", ["postgresql://ann:hidden@127.0.0.1:1/none", "postgresql://ann:hidden@host:port/none"])
async def test_a_database_that_is_not_there(
    words: str, code: int, url: str, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the setting, and no password."""
    configured(monkeypatch, url)
    said = await say(*words.split())
    assert (said.code, is_one_line(said), "hidden" in said.err) == (code, True, False), said.err


@pytest.mark.parametrize("name", ["api", "worker", "codec-server"])
async def test_a_process_without_its_database_says_so_at_its_end(name: str, tmp_path: Path) -> None:
    """Its last line says why, as every line of its log; no traceback there either."""
    given = as_environment(settings_for("postgresql://ann:hidden@127.0.0.1:1/none"))
    ended = await process(tmp_path, name, given)
    said = ended.out + ended.err
    assert (ended.code, "Traceback" in said, "hidden" in said) == (1, False, False), said
    last = json.loads(said.strip().splitlines()[-1])
    assert (last["event"], last["code"]) == ("not_started", "database_lost"), said


def test_a_part_that_failed_is_told_with_its_last_lines() -> None:
    """The line with part, reason and log first; what it said below."""
    error = PartFailedError("api", "stopped with exit code 1", Path("/logs/api.log"), ("one", "two"))
    assert told_of_stack(error) == "api stopped with exit code 1; read /logs/api.log\n  one\n  two"
    assert told_of_stack(StackError("the folder is in use")) == "the folder is in use"


def configured(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """Complete settings of an installation whose database is there."""
    for name, value in credentials(database_url).items():
        monkeypatch.setenv(name, value)


def credentials(database_url: str) -> dict[str, str]:
    """What no process starts without, and where the database is said to be."""
    known = as_environment(settings_for(database_url))
    return {name: known[name] for name in (*map(environment_name, CREDENTIALS), "ORDERSAGA_DATABASE_URL")}


async def process(folder: Path, words: str, environment: Mapping[str, str], cwd: Path | None = None) -> Outcome:
    """The command as a process of its own, in an environment that says nothing else."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga", *words.split()),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "COLUMNS": "200", **environment},
        cwd=cwd or folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(started.communicate(), 120)
    return Outcome(started.returncode or 0, out.decode(), errors.decode())


async def test_the_version_is_that_of_the_package(say: Say) -> None:
    """As it was installed."""
    said = await say("--version")
    assert (said.code, said.out, said.err) == (0, f"ordersaga {version('ordersaga')}\n", "")
