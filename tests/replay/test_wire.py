"""Names on the wire are promises: running workflows, and whoever speaks to them, keep using them."""

from tests.replay.wire import flat, names, recorded

TEACH = """
Gone from the wire, or said otherwise:

{lost}

A running workflow, its history, or somebody who speaks to it still uses these. Names and fields are only ever added:
keep the old one beside the new one until the last workflow that knows it has ended, then record the difference:
python -m tests.replay.wire
"""
NEW = "New on the wire; record it with `python -m tests.replay.wire` and commit the difference:\n{new}"
DEMANDED = "An input that is already stored lacks a field that was added since: give it a default:\n{new}"


def test_no_name_that_is_in_use_is_lost() -> None:
    """Signals, updates, queries, activities, and every field and value they carry."""
    lost = sorted(flat(recorded()) - flat(names()))
    assert not lost, TEACH.format(lost="\n".join(lost))


def test_what_is_new_can_be_left_out() -> None:
    """A field that must be given makes every older message unreadable."""
    known = {f"models/{model}/" for model in recorded()["models"]}
    new = sorted(flat(names()) - flat(recorded()))
    demanded = [line for line in new if "!" in line and any(map(line.startswith, known))]
    assert not demanded, DEMANDED.format(new="\n".join(demanded))


def test_every_name_is_recorded() -> None:
    """Otherwise it could be lost unnoticed later."""
    new = sorted(flat(names()) - flat(recorded()))
    assert not new, NEW.format(new="\n".join(new))
