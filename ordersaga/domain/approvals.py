"""Who is who when two people must agree: a person is the API key they act with, whatever name is given beside it."""

from typing import Final

from ordersaga.domain.journal import AttentionItem

_BETWEEN: Final = ":"
_LONGEST: Final = 140
"""Of each part, so that both stay within the 300 characters of a `by`."""


def identity(key_name: str, by: str | None = None) -> str:
    """How someone who calls with a key is named in messages: `{key}`, or `{key}:{by}` where the key acts for a person.

    A colon in the key's own name becomes `_`: what stands before the first colon is always a whole key name.
    """
    key = key_name.strip().replace(_BETWEEN, "_")[:_LONGEST]
    person = (by or "").strip()[:_LONGEST]
    return f"{key}{_BETWEEN}{person}" if person and person != key_name.strip() else key


def same_person(a: str, b: str) -> bool:
    """Whether two identities count as one person: one key is one person, whomever it says it acts for.

    Case and spaces around a key's name make no second person.
    """
    return _key(a) == _key(b)


def waits_for_second_person(item: AttentionItem, choice: str, by: str, above: int) -> bool:
    """Whether this choice of this person stays a proposal: it moves more than `above`, and no other person made it."""
    if choice not in item.guarded or item.money <= above:
        return False
    return item.proposed != choice or same_person(item.proposed_by or "", by)


def _key(who: str) -> str:
    return who.partition(_BETWEEN)[0].strip().casefold()
