"""Headers of answers: nothing of the API is guessed at, framed, run or kept on its way."""

import pytest

from ordersaga.bootstrap import open_services
from tests.support.api import Api, StubOrders, serving, settings_for

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/v1/orders", "operator", 200),
        ("/v1/orders", None, 401),
        ("/v1/orders/none", "operator", 404),
        ("/nowhere", None, 404),
        ("/healthz", None, 200),
        ("/metrics", "operator", 200),
        ("/openapi.json", None, 200),
        ("/v1/orders?x=" + "y" * 9000, None, 414),
    ],
)
async def test_every_answer_has_them(api: Api, path: str, role: str | None, status: int) -> None:
    """Answers, problems and documents alike; no server is named, no site may read them from a browser."""
    answer = await api.send("GET", path, role=role, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "strict-transport-security" not in answer.headers


async def test_the_console_keeps_its_own(api: Api) -> None:
    """Pages need their own scripts and styles: they say so, each header once."""
    answer = await api.send("GET", "/console/sign-in", role=None)
    assert answer.status_code == 200
    assert answer.headers.get_list("content-security-policy") == [
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ]
    assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_an_https_deployment_is_never_asked_by_http(database_url: str) -> None:
    """Where the deployment's address is https, browsers are told to use nothing else."""
    settings = settings_for(database_url, base_url="https://saga.example.com")
    async with open_services(settings, orders=StubOrders()) as services, serving(services) as api:
        answer = await api.send("GET", "/v1/orders", role=None)
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
