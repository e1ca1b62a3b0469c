"""Who somebody is, from what their issuer vouches for: name, role and seller by the claims that the settings name."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from ordersaga.console.oidc import SignInError
from ordersaga.domain.people import PERSON_ROLES, Identity, PersonRole
from ordersaga.signing_in import SignInSettings

EVERY_SELLER: Final = "*"
_LONGEST: Final = 140


def identify(claims: Mapping[str, Any], settings: SignInSettings) -> Identity:
    """The person.

    Raises SignInError: `no_name` (none, or an e-mail address the issuer has not verified), `no_role` (none of their
    values gives one), `no_seller` (the claim that should name one does not).
    """
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=name_of(claims, settings) or _refuse("no_name", settings.oidc_name_claim),
        role=_role(claims, settings),
        seller=_seller(claims, settings),
    )


def name_of(claims: Mapping[str, Any], settings: SignInSettings) -> str | None:
    """What the person is called; None when the issuer does not vouch for it."""
    told = _claim(claims, settings.oidc_name_claim)
    if not isinstance(told, str) or (settings.oidc_name_claim == "email" and not _verified(claims)):
        return None
    name = " ".join(told.split())
    return name if name.isprintable() and len(name) <= _LONGEST else None


def _verified(claims: Mapping[str, Any]) -> bool:
    """Whether the issuer has verified the address, or says nothing of it; some write the truth as a text."""
    return claims.get("email_verified", True) in (True, "true")


def _role(claims: Mapping[str, Any], settings: SignInSettings) -> PersonRole:
    given = {
        settings.oidc_roles[value]
        for value in _values(claims, settings.oidc_role_claim)
        if value in settings.oidc_roles
    }
    if not given:
        _refuse("no_role", settings.oidc_role_claim)
    return max(given, key=PERSON_ROLES.index)


def _seller(claims: Mapping[str, Any], settings: SignInSettings) -> str | None:
    if not settings.oidc_seller_claim:
        return None
    values = _values(claims, settings.oidc_seller_claim)
    if len(values) != 1:
        _refuse("no_seller", settings.oidc_seller_claim)
    return None if values[0] == EVERY_SELLER else values[0]


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    told = _claim(claims, name)
    return [value for value in (told if isinstance(told, list) else [told]) if isinstance(value, str) and value]


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by the way to it: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    inner: Any = claims
    for part in name.split("."):
        inner = inner.get(part) if isinstance(inner, Mapping) else None
    return inner


def _refuse(code: str, claim: str) -> NoReturn:
    raise SignInError(code, f"the claim {claim} gives none")
