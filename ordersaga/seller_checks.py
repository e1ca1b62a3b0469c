"""Whether a seller's profile can be its profile: its form, its accounts, and what it must fit into.

checked = check("acme", told, Deployment(...), surroundings, standing)
if checked.profile is None: say checked.problems

Everything that is wrong is told at once, each with its field and a remedy; no value that may be a secret is repeated.
"""

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ordersaga.domain.sellers import SellerProfile, Surroundings
from ordersaga.network import OWN, Network, field_of, is_ours
from ordersaga.remedies import essential, field_path, message, remedy

_PROVIDERS: Final = ("newegg", "amazon_mcf")
_CARRIERS: Final = ("ups", "private_delivery")
_CHANNELS: Final = ("tiktok_shop",)
_PLACES: Final = ("env:", "file:")
_STAND_IN: Final = SecretStr(base64.b64encode(bytes(32)).decode())
"""What a reference leads to is looked at only where the account is opened."""


class SellerProblem(NamedTuple):
    """One thing wrong with a profile: its field as a path, what is wrong, what to do."""

    field: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Deployment:
    """What this deployment has for everybody: accounts at providers and carriers, and the names that are taken."""

    providers: Collection[str]
    carriers: Collection[str]
    taken: Collection[str]


@dataclass(frozen=True)
class Checked:
    """The profile, or None with everything that is wrong with it."""

    profile: SellerProfile | None
    problems: Sequence[SellerProblem]


def check(
    seller: str,
    told: Mapping[str, Any],
    deployment: Deployment,
    around: Surroundings,
    standing: SellerProfile | None = None,
) -> Checked:
    """Check what was told of a seller, as JSON. `standing`: its profile so far."""
    problems, profile = _form(told)
    raw = _Raw.of(told)
    problems += _accounts(seller, raw)
    problems += _names(seller, raw, deployment, around)
    problems += _places(seller, raw, around)
    if profile is not None:
        problems += _leaving(profile, standing, around)
        problems += _too_small(profile, around)
        problems += _prefix(seller, profile, standing, around)
    ordered = sorted(set(problems))
    return Checked(None if ordered else profile, ordered)


def _form(told: Mapping[str, Any]) -> tuple[list[SellerProblem], SellerProfile | None]:
    try:
        return [], SellerProfile.model_validate(told)
    except ValidationError as error:
        return [_problem(each) for each in essential(error.errors(include_url=False))], None


def _problem(error: ErrorDetails) -> SellerProblem:
    location = [part for part in error["loc"] if part != "[key]"]
    return SellerProblem(field_path(location) or "(file)", message(error), remedy(error))


@dataclass(frozen=True)
class _Raw:
    """What a profile names, as far as its form lets one see it: one problem hides no other."""

    accounts: Mapping[str, Mapping[str, Any]]
    providers: Mapping[str, str]
    carriers: Sequence[str]
    channels: Sequence[str]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "_Raw":
        terms = _object(told.get("terms"))
        locations = {code: _object(place).get("provider") for code, place in _object(told.get("locations")).items()}
        return cls(
            accounts={code: each for code, each in _object(told.get("accounts")).items() if isinstance(each, dict)},
            providers={code: name for code, name in locations.items() if isinstance(name, str)},
            carriers=_texts(terms.get("carriers")),
            channels=_texts(told.get("channels")),
        )

    def of_kind(self, kinds: Collection[str]) -> set[str]:
        return {code for code, account in self.accounts.items() if account.get("kind") in kinds}


def _object(part: Any) -> dict[str, Any]:
    return part if isinstance(part, dict) else {}


def _texts(part: Any) -> list[str]:
    return [each for each in part if isinstance(each, str)] if isinstance(part, list | tuple) else []


def _accounts(seller: str, raw: _Raw) -> list[SellerProblem]:
    """Each account as the network file would take it; one at a time, for a rule over all hides the others."""
    problems = []
    for code, account in raw.accounts.items():
        if "seller" in account:
            problems.append(SellerProblem(f"accounts.{code}.seller", "is told by whose file it is", "remove it"))
        problems += [_ours(code, name) for name, value in account.items() if is_ours(value)]
        referred = {name: _STAND_IN if _is_reference(value) else value for name, value in account.items()}
        try:
            Network.model_validate({"accounts": {code: {**referred, "seller": seller}}})
        except ValidationError as error:
            problems += [_of_account(each) for each in error.errors(include_url=False, include_input=False)]
    shops = [account.get("shop_id") for account in raw.accounts.values() if account.get("kind") in _CHANNELS]
    if len(set(map(str, shops))) != len(shops):
        problems.append(SellerProblem("accounts", "two have the same shop_id", "say each shop once"))
    return problems


def _ours(code: str, name: str) -> SellerProblem:
    advice = "name a variable or a file that was put there for this account"
    return SellerProblem(f"accounts.{code}.{name}", "leads to what is this deployment's own", advice)


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and any(value.startswith(place) and value != place for place in _PLACES)


def _of_account(error: ErrorDetails) -> SellerProblem:
    """A rule over a whole account names it: `accounts.fedex: a carrier is called so; choose another`."""
    told = error["msg"].removeprefix("Value error, ")
    if len(error["loc"]) < 2 and error["type"] == "value_error":
        field, _, rest = told.partition(": ")
        return SellerProblem(field, rest.partition("; ")[0], rest.partition("; ")[2] or "correct it")
    return SellerProblem(field_of(error), message(error), _advice(error, told))


def _advice(error: ErrorDetails, told: str) -> str:
    return "write env:NAME or file:PATH" if "env:NAME" in told else remedy(error)


def _names(seller: str, raw: _Raw, deployment: Deployment, around: Surroundings) -> Iterator[SellerProblem]:
    """Names that are somebody else's, or nobody's."""
    for code in raw.accounts:
        if code in OWN or code in deployment.taken:
            yield SellerProblem(f"accounts.{code}", "this deployment has an account called so", "choose another name")
        elif around.owners.get(code, seller) != seller:
            yield SellerProblem(f"accounts.{code}", "the name is taken", "choose another name")
    providers = {*deployment.providers, *raw.of_kind(_PROVIDERS)}
    for code, provider in raw.providers.items():
        if provider not in providers:
            yield _strange(f"locations.{code}.provider", provider, providers)
    carriers = {*deployment.carriers, *raw.of_kind(_CARRIERS)}
    for number, carrier in enumerate(raw.carriers):
        if carrier not in carriers:
            yield _strange(f"terms.carriers[{number}]", carrier, carriers)
    for kind in _CHANNELS:
        if raw.of_kind([kind]) and raw.channels and kind not in raw.channels:
            yield SellerProblem("channels", f"leaves out {kind}, where it has an account", f"add {kind}")


def _strange(field: str, name: str, known: Collection[str]) -> SellerProblem:
    advice = f"use one of {', '.join(sorted(known))}, or add it to accounts"
    return SellerProblem(field, f"no account of this seller's or everybody's is called {name[:64]!r}", advice)


def _places(seller: str, raw: _Raw, around: Surroundings) -> Iterator[SellerProblem]:
    """Locations that somebody else ships from."""
    for code in raw.providers:
        place = around.locations.get(code)
        if place is not None and (place.seller not in (None, seller) or place.strange):
            yield SellerProblem(f"locations.{code}", "the name is taken, by others' goods", "choose another name")


def _leaving(profile: SellerProfile, standing: SellerProfile | None, around: Surroundings) -> Iterator[SellerProblem]:
    """What cannot go while it is needed."""
    for code, place in around.locations.items():
        stays = code in profile.locations or place.removed
        if place.seller is not None and not place.strange and not stays and place.units:
            yield SellerProblem(f"locations.{code}", f"{place.units} units lie there", "keep it until they are gone")
    for code, account in (standing.accounts if standing else {}).items():
        kept = profile.accounts.get(code)
        if kept is None and code in around.busy:
            yield SellerProblem(f"accounts.{code}", "orders under way need it", "keep it until they have ended")
        elif kept is not None and kept.get("kind") != account.get("kind"):
            advice = "keep its kind, and give the new account a name of its own"
            yield SellerProblem(f"accounts.{code}.kind", f"was {account.get('kind')}", advice)


def _prefix(
    seller: str, profile: SellerProfile, standing: SellerProfile | None, around: Surroundings
) -> Iterator[SellerProblem]:
    """Ids that are, or were, others' orders'."""
    prefix = profile.order_prefix
    if prefix is None or prefix == (standing.order_prefix if standing else None):
        return
    if prefix in around.begun or around.prefixes.get(prefix, seller) != seller:
        yield SellerProblem("order_prefix", "ids of another seller's orders begin so", "choose another prefix")


def _too_small(profile: SellerProfile, around: Surroundings) -> Iterator[SellerProblem]:
    for code, told in profile.locations.items():
        place = around.locations.get(code)
        if place is not None and told.capacity is not None and place.units > told.capacity:
            yield SellerProblem(f"locations.{code}.capacity", f"{place.units} units lie there", "give it room for them")
