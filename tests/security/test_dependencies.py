"""What the product is built on: known vulnerabilities can be asked for, and licenses are of those that are taken."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.security.audit import CLEAN, UNKNOWN, VULNERABLE, audit, main
from tests.security.licenses import ARMS_LENGTH, PAGE, is_taken, page, runtime
from tests.support.emulators import free_port

ADVISORY = {
    "id": "OSV-2026-1",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "summary": "planted",
    "affected": [
        {
            "package": {"name": "httpx", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        }
    ],
}


@contextmanager
def service(against: str | None) -> Iterator[tuple[str, list[str]]]:
    """A vulnerability service that knows one of `against`; its address, and whom it was asked about."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            names = [query["package"]["name"] for query in queries]
            asked.extend(names)
            known = {"vulns": [{"id": ADVISORY["id"], "modified": ADVISORY["modified"]}]}
            self._say({"results": [known if name == against else {} for name in names]})

        def do_GET(self) -> None:
            self._say(ADVISORY)

        def _say(self, told: Any) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer is asked once."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


def test_every_dependency_is_asked_about() -> None:
    """The service is asked about each distribution the product runs on, as it is locked."""
    with service(None) as (url, asked):
        assert main(["--service", url]) == CLEAN
    assert {each.name for each in runtime()} <= set(asked)
    assert "hypothesis" not in asked


def test_a_vulnerability_is_told_and_fails() -> None:
    """Exit code 1, with the name, the advisory and what it says."""
    with service("httpx") as (url, _):
        code, said = audit(url)
    assert code == VULNERABLE
    assert "httpx" in said
    assert "OSV-2026-1" in said


def test_a_service_out_of_reach_is_no_clean_result() -> None:
    """Exit code 3, which is neither, and a word about it."""
    code, said = audit(f"http://127.0.0.1:{free_port()}/")
    assert code == UNKNOWN
    assert "UNKNOWN" in said
    assert "clean:" not in said


def test_every_license_is_one_that_is_taken() -> None:
    """A dependency under another license, or one that does not say, is not taken."""
    assert {each for each in runtime() if not is_taken(each.license)} == set()


@pytest.mark.parametrize("expression", ["", "GPL", "LGPL-3.0", "AGPL-3.0-only", "MIT AND GPL-3.0-only", "Proprietary"])
def test_other_licenses_are_not_taken(expression: str) -> None:
    """What would bind those who use the product is refused."""
    assert not is_taken(expression)
    assert expression not in ARMS_LENGTH


def test_the_page_of_licenses_is_true() -> None:
    """docs/licenses.md is what is installed; `python -m tests.security.licenses` writes it."""
    assert PAGE.read_text("utf-8") == page()
