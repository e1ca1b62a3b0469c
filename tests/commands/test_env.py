"""`ordersaga env`: what a second terminal needs."""

import shlex
from pathlib import Path

import pytest

from ordersaga.commands import run
from ordersaga.commands.env import variables
from ordersaga.embedded import RunningStack


def test_without_a_stack_the_remedy_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, one line, and nothing a shell would evaluate."""
    with pytest.raises(SystemExit) as ended:
        run(["env", "--data", str(tmp_path)])
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (3, "")
    assert "ordersaga up" in told.err
    assert told.err.count("\n") == 1


def test_addresses_keys_and_processes_are_there() -> None:
    """Under the names the documents use; every value is one word for a shell."""
    names = ("api", "api-2", "console", "temporal_ui", "stripe", "shipbob", "easypost", "newegg", "tiktok_shop")
    urls = {name: f"http://127.0.0.1/{name}" for name in names}
    stack = RunningStack(
        data=Path("/nowhere"),
        urls={**urls, "temporal": "127.0.0.1:7233", "database": "postgresql://u@127.0.0.1:5/o"},
        pids={"worker": 17, "postgres": 18, "worker-2": 19},
        environment={"ORDERSAGA_DATABASE_URL": "postgresql://u:p$w d@127.0.0.1:5/o"},
        keys={"checkout": "osk_c", "support": "osk_s", "operator": "osk_o"},
    )
    found = dict(variables(stack))
    assert found["API"] == found["ORDERSAGA_API_URL"] == "http://127.0.0.1/api"
    assert found["TEMPORAL_ADDRESS"] == "127.0.0.1:7233"
    assert (found["CHECKOUT_KEY"], found["SUPPORT_KEY"], found["OPERATOR_KEY"]) == ("osk_c", "osk_s", "osk_o")
    assert found["ORDERSAGA_API_KEY"] == "osk_o"
    assert (found["WORKER_PID"], found["POSTGRES_PID"], found["WORKER_2_PID"]) == ("17", "18", "19")
    assert (found["CONSOLE"], found["API_2"]) == ("http://127.0.0.1/console", "http://127.0.0.1/api-2")
    assert (found["NEWEGG"], found["TIKTOK_SHOP"]) == ("http://127.0.0.1/newegg", "http://127.0.0.1/tiktok_shop")
    assert found["POSTGRES"] == "postgresql://u@127.0.0.1:5/o"
    assert found["ORDERSAGA_DATA"] == "/nowhere"
    assert all(name.isidentifier() for name in found)
    assert found["ORDERSAGA_DATABASE_URL"] == "postgresql://u:p$w d@127.0.0.1:5/o"
    assert all(shlex.split(shlex.quote(value)) == [value] for value in found.values())
