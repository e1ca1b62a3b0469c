"""A parcel told about by several sources at once, report by report: what each may say, and what nothing undoes."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ordersaga.domain.lattices import DEFAULT, LATTICES, Lattice, Verdict, goods_left, judge, scanned
from ordersaga.domain.statuses import ParcelStatus as P
from tests.properties.effort import effort

WAY = (P.PLANNED, P.ACCEPTED, P.PICKED, P.PACKED, P.LABELED, P.LEFT_WAREHOUSE, P.IN_TRANSIT, P.DELIVERED)
FINAL = frozenset({P.CANCELED, P.LOST, P.RETURNED_TO_SENDER})
SOURCES = [*LATTICES, "unheard_of"]
Report = tuple[str, P]


def lattice_of(source: str) -> Lattice:
    """The source's own, or everybody's."""
    return LATTICES.get(source, DEFAULT)


def end_of(reports: Sequence[Report]) -> P:
    """Where a parcel stands after these reports."""
    current = P.PLANNED
    for source, status in reports:
        current = status if judge(current, status, source) is Verdict.APPLIED else current
    return current


class Reports(RuleBasedStateMachine):
    """A program: reports of any status from any source, again, late, and out of order.

    `said`: those that their source may make; `applied`: those that moved the parcel; `conflicts`: contradictions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.current, self.path = P.PLANNED, [P.PLANNED]
        self.heard: list[Report] = []
        self.said: list[Report] = []
        self.applied: list[Report] = []
        self.conflicts: list[Report] = []

    @rule(source=st.sampled_from(SOURCES), status=st.sampled_from(P))
    def a_report_comes(self, source: str, status: P) -> None:
        """Of anything."""
        verdict = judge(self.current, status, source)
        self.heard.append((source, status))
        if status not in lattice_of(source).says:
            assert verdict is Verdict.CONFLICT
        else:
            self.said.append((source, status))
        if verdict is Verdict.CONFLICT:
            self.conflicts.append((source, status))
        if verdict is Verdict.APPLIED:
            self.applied.append((source, status))
            self._moves(status)

    def _moves(self, status: P) -> None:
        before, self.current = self.current, status
        self.path.append(status)
        assert before not in FINAL, "an end is an end"
        assert goods_left(status) >= goods_left(before), "goods that left do not come back by a message"
        assert scanned(status) >= scanned(before)
        if before in WAY and status in WAY:
            assert WAY.index(status) > WAY.index(before)

    @rule(which=st.integers(0, 50))
    def an_earlier_report_comes_again(self, which: int) -> None:
        """What was applied is not applied again; only a trouble may come, and end, more than once."""
        if self.heard:
            source, status = self.heard[which % len(self.heard)]
            resumed = P.EXCEPTION in (status, self.current)
            if (source, status) in self.applied and not resumed:
                assert judge(self.current, status, source) is not Verdict.APPLIED
            self.a_report_comes(source, status)

    @rule(order=st.randoms(use_true_random=False))
    def the_same_reports_in_another_order(self, order: object) -> None:
        """Where the lattices promise it, they end at the same place; each of them may come twice."""
        shuffled = sorted(self.said * 2, key=lambda _: order.random())  # type: ignore[attr-defined]
        if self._promised() is not None:
            assert end_of(shuffled) is self._promised()
        assert goods_left(end_of(shuffled)) or not any(goods_left(status) for _, status in self.said) or self._ended()

    def _promised(self) -> P | None:
        """The end of these reports in any order; None: they contradict each other, so the first one stands."""
        told = {status for _, status in self.said}
        progress = max((status for status in told if status in WAY), key=WAY.index, default=P.PLANNED)
        if not told & {*FINAL, P.EXCEPTION}:
            return progress
        gone = goods_left(progress) or bool(told & {P.LOST, P.RETURNED_TO_SENDER})
        if P.CANCELED in told:
            return None if gone else P.CANCELED
        return self._carriers_end(told, progress, gone=gone)

    def _carriers_end(self, told: set[P], progress: P, *, gone: bool) -> P | None:
        ends = told & FINAL
        by_carrier = all(source == "easypost" for source, status in self.said if status in FINAL)
        if len(ends) == 1 and by_carrier and P.DELIVERED not in told:
            return ends.pop()
        return progress if gone and not ends and progress is not P.PLANNED else None

    def _ended(self) -> bool:
        return bool({status for _, status in self.said} & FINAL)

    @invariant()
    def it_stands_where_its_reports_brought_it(self) -> None:
        """Heard again from the start, and with all that was older or contradictory left out."""
        assert end_of(self.heard) is self.current
        assert self.path[-1] is self.current
        assert end_of(self.applied) is self.current

    @invariant()
    def what_contradicts_an_end_is_on_record(self) -> None:
        """A final status that is reported after another one is never swallowed."""
        if self.current in FINAL:
            others = [(source, status) for source, status in self.said if status in FINAL - {self.current}]
            assert all(report in self.conflicts for report in others)


def test_no_report_undoes_what_has_happened() -> None:
    """Duplicates and late ones change nothing, contradictions are recorded, ends stay; a few hundred programs."""
    run_state_machine_as_test(Reports, settings=effort(examples=60, steps=15))
