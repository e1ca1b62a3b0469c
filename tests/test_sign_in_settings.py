"""Settings of people's sign-in: what is refused, and that one click is never open beside what is production's."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ordersaga.embedded.options import EMULATORS, StackOptions
from ordersaga.embedded.plan import stack_settings
from ordersaga.settings import Settings, SettingsError, read_settings
from tests.support.api import CREDENTIALS

EMULATED = {f"{name}_base_url": f"http://127.0.0.1:{8700 + number}" for number, name in enumerate(EMULATORS)}
ISSUER = {"oidc_issuer": "https://id.example", "oidc_client_id": "console", "oidc_roles": {"ops": "operator"}}


def read(**given: Any) -> Settings:
    """Settings of emulated companies, with these."""
    return read_settings(_env_file=None, **{**CREDENTIALS, **EMULATED, **given})


@pytest.mark.parametrize(
    ("production", "named"),
    [
        (ISSUER, "ORDERSAGA_OIDC_ISSUER"),
        ({"base_url": "https://orders.example"}, "ORDERSAGA_BASE_URL"),
        ({"api_host": "0.0.0.0"}, "ORDERSAGA_API_HOST"),
        ({"stripe_api_key": SecretStr("sk_live_abc")}, "ORDERSAGA_STRIPE_API_KEY"),
        ({"stripe_api_key": SecretStr(" rk_live_abc")}, "ORDERSAGA_STRIPE_API_KEY"),
        ({"shipbob_base_url": "https://api.shipbob.com"}, "ORDERSAGA_SHIPBOB_BASE_URL"),
    ],
)
def test_one_click_is_refused_beside_what_is_productions(production: dict[str, Any], named: str) -> None:
    """Each such setting alone is enough; the refusal names it and repeats no value."""
    assert read(demo_sign_in=True).demo_sign_in
    assert not read(**production).demo_sign_in
    with pytest.raises(SettingsError) as refused:
        read(demo_sign_in=True, **production)
    assert str(refused.value) == f"ORDERSAGA_DEMO_SIGN_IN: must not be set beside what is production's: {named}"


@pytest.mark.parametrize(
    ("base", "offered"),
    [
        ({}, True),
        ({"demo_sign_in": False}, False),
        (ISSUER, False),
        ({"stripe_api_key": SecretStr("sk_live_abc")}, False),
        ({"base_url": "https://orders.example"}, False),
    ],
)
def test_the_embedded_stack_offers_one_click_where_it_may(tmp_path: Path, base: dict[str, Any], offered: bool) -> None:
    """Unless told otherwise, or anything of it is production's; its API process then reads the same."""
    settings = stack_settings(StackOptions(data=tmp_path), set(EMULATORS), Settings(_env_file=None, **base))
    assert settings.demo_sign_in is offered
    without_stripe = stack_settings(StackOptions(data=tmp_path), {"shipbob", "easypost"}, Settings(_env_file=None))
    assert not without_stripe.demo_sign_in


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"base_url": "http://orders.example"}, "ORDERSAGA_BASE_URL: must be an https URL"),
        ({"base_url": "https://orders.example/shop"}, "ORDERSAGA_BASE_URL: must have no path"),
        ({"base_url": "https://me@orders.example"}, "ORDERSAGA_BASE_URL: must be an https URL"),
        ({**ISSUER, "oidc_issuer": "http://id.example"}, "ORDERSAGA_OIDC_ISSUER: must be an https URL"),
        ({**ISSUER, "oidc_client_id": ""}, "ORDERSAGA_OIDC_ROLES: ORDERSAGA_OIDC_CLIENT_ID must be set too"),
        ({**ISSUER, "oidc_roles": {}}, "ORDERSAGA_OIDC_ROLES: must say which value of the claim gives which role"),
        ({**ISSUER, "oidc_roles": {"ops": "owner"}}, "ORDERSAGA_OIDC_ROLES"),
        ({"oidc_scopes": "email"}, "ORDERSAGA_OIDC_SCOPES"),
        ({"session_idle": "PT1S"}, "ORDERSAGA_SESSION_IDLE"),
    ],
    ids=str,
)
def test_what_would_sign_in_unsafely_or_nobody_is_refused(given: dict[str, Any], named: str) -> None:
    """Named by its environment name."""
    with pytest.raises(SettingsError, match=named):
        read(**given)


def test_the_clients_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    """It is read when it is needed, and shown nowhere."""
    file = tmp_path / "secret"
    file.write_text("s3cret-of-the-client\n")
    settings = read(**ISSUER, oidc_client_secret_file=file)
    assert settings.client_secret() == "s3cret-of-the-client"
    assert "s3cret" not in f"{settings} {settings.model_dump_json()}"
    assert read(**ISSUER, oidc_client_secret="s3cret").client_secret() == "s3cret"
