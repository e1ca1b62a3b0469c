"""One key is one person: no name it gives beside it makes a second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersaga.domain.approvals import identity, same_person, waits_for_second_person
from tests.support.api import attention

names = st.text(min_size=1, max_size=200).filter(lambda text: text.strip() != "")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("desk", "desk", True),
        ("desk", "desk:ann", True),
        ("desk:ann", "desk:bob", True),
        ("Desk ", "desk:ann", True),
        ("desk", "desk:ann:bob", True),
        ("desk", "office", False),
        ("desk:ann", "office:ann", False),
        ("desk", "desk2", False),
    ],
)
def test_a_person_is_the_key_they_act_with(a: str, b: str, same: bool) -> None:
    """What stands before the first colon decides; both ways round."""
    assert same_person(a, b) is same
    assert same_person(b, a) is same


@pytest.mark.parametrize(
    ("key", "by", "told"),
    [
        ("desk", None, "desk"),
        ("desk", "", "desk"),
        ("desk", "desk", "desk"),
        ("desk", "ann", "desk:ann"),
        ("desk", "office:ann", "desk:office:ann"),
        ("a:b", "ann", "a_b:ann"),
    ],
)
def test_an_identity_begins_with_the_key(key: str, by: str | None, told: str) -> None:
    """A colon in a key's name cannot move the border between the key and whom it acts for."""
    assert identity(key, by) == told


@given(key=names, one=names, other=names)
def test_no_name_makes_a_key_two_people(key: str, one: str, other: str) -> None:
    """Whatever is given beside the key; and the identity fits where it is sent."""
    assert same_person(identity(key, one), identity(key, other))
    assert same_person(identity(key), identity(key, one))
    assert len(identity(key, one)) <= 300


@pytest.mark.parametrize(
    ("choice", "money", "proposed", "by", "waits"),
    [
        ("adopt", 501, None, "desk", True),
        ("adopt", 500, None, "desk", False),
        ("retry", 501, None, "desk", False),
        ("adopt", 501, ("adopt", "desk:ann"), "desk:bob", True),
        ("adopt", 501, ("adopt", "desk"), "office", False),
        ("adopt", 501, ("retry", "desk"), "office", True),
    ],
)
def test_what_moves_much_waits_for_another_person(
    choice: str, money: int, proposed: tuple[str, str] | None, by: str, waits: bool
) -> None:
    """Above the limit, for a guarded choice, until somebody else makes the same choice."""
    said = {"proposed": proposed[0], "proposed_by": proposed[1]} if proposed else {}
    item = attention("o1", "o1-a1").model_copy(update={"guarded": ("adopt",), "money": money, **said})
    assert waits_for_second_person(item, choice, by, 500) is waits
