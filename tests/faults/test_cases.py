"""What the fault matrix consists of: found in records, complete, and named so that each case can be played again."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.history.v1 import History, HistoryEvent

from tests.faults import __main__ as command
from tests.faults.awaits import distinct, in_history, numbered
from tests.faults.boundaries import Await, Boundaries, Call, calls_of, common, load, save, template
from tests.faults.cases import FaultCase, Strike, all_cases, covering, pairs, parse, sample, singles
from tests.faults.faults import AT_AWAITS, AT_CHANGES, AT_READS, COMPANIES, IN_FLIGHT, OF_MESSAGES, told
from tests.faults.job import owner_of
from tests.faults.results import Outcome, Results
from tests.faults.robot import choose
from tests.faults.shapes import SHAPES, catalog_of
from tests.faults.summary import failures, section, totals, write_section
from tests.faults.traps import Trap, Traps

CREATE = Call("stripe", "POST", "/v1/payment_intents", 1)
HAND_OFF = Call("shipbob", "POST", "/2026-01/order", 1)
CAPTURE = Call("stripe", "POST", "/v1/payment_intents/{id}/capture", 1)
LOOK = Call("shipbob", "GET", "/2026-01/order", 1)
PICKED = Await("order", "signal parcel_event picked#1")
FOUND = Boundaries((CREATE, HAND_OFF, LOOK, CAPTURE), (PICKED,))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/payment_intents", "/v1/payment_intents"),
        ("/v1/payment_intents/pi_3f2/capture", "/v1/payment_intents/{id}/capture"),
        ("/2026-01/order/100001:cancel", "/2026-01/order/{id}:cancel"),
        ("/v2/shipments/f0001x-2-1", "/v2/shipments/{id}"),
    ],
)
def test_ids_are_taken_out_of_paths(path: str, expected: str) -> None:
    """Versions stay, ids go, an action behind an id stays."""
    assert template(path) == expected


def test_calls_are_numbered_by_kind() -> None:
    """The second creation is another boundary than the first."""
    log = [{"at": f"{n}", "method": "POST", "path": path} for n, path in enumerate(["/v1/a", "/v1/b", "/v1/a"])]
    assert [str(call) for _, call in calls_of("stripe", log)] == [
        "stripe POST /v1/a#1",
        "stripe POST /v1/b#1",
        "stripe POST /v1/a#2",
    ]


def test_what_only_one_play_came_to_is_no_boundary() -> None:
    """A look more, or a report that came together with the next, is timing."""
    other = Boundaries((CREATE, CAPTURE), ())
    assert common([FOUND, other]) == other


def test_boundaries_are_kept_for_a_resumed_run(tmp_path: Path) -> None:
    """What is read back is what was saved; without a file there is nothing."""
    file = tmp_path / "build" / "boundaries.json"
    assert load(file) == {}
    save({"one_parcel": FOUND}, file)
    assert load(file) == {"one_parcel": FOUND}


def test_awaits_are_read_from_a_history() -> None:
    """Activities by name, reports by what they say, and of several equal ones the first."""
    history = History()
    started, scheduled, signaled, again, completed = (history.events.add() for _ in range(5))
    started.event_type, scheduled.event_type, completed.event_type = 1, 10, 12  # type: ignore[assignment]
    scheduled.event_id = 2
    scheduled.activity_task_scheduled_event_attributes.activity_type.name = "hand_off"
    for event in (signaled, again):
        report(event, "picked")
    completed.activity_task_completed_event_attributes.scheduled_event_id = 2
    names = in_history(history.events)
    assert names == [
        "start#1",
        "signal parcel_event at_its_provider#1",
        "signal parcel_event at_its_provider#2",
        "activity hand_off#1",
    ]
    assert list(distinct(names)) == ["start#1", "signal parcel_event at_its_provider#1", "activity hand_off#1"]
    assert numbered(["timer", "timer"]) == ["timer#1", "timer#2"]


def report(event: HistoryEvent, status: str) -> None:
    """Make it a report about a parcel."""
    event.event_type = 26  # type: ignore[assignment]
    signal = event.workflow_execution_signaled_event_attributes
    signal.signal_name = "parcel_event"
    signal.input.CopyFrom(Payloads(payloads=[Payload(data=json.dumps({"status": status}).encode())]))


def test_every_boundary_meets_every_fault() -> None:
    """Calls that change, calls that read, awaits, messages: each with all that can happen to it, once."""
    found = {str(case).partition("/")[2] for case in singles("one_parcel", FOUND)}
    expected = {f"{call}/{fault}" for call in (CREATE, HAND_OFF, CAPTURE) for fault in (*AT_CHANGES, IN_FLIGHT)}
    expected |= {f"{LOOK}/{fault}" for fault in AT_READS}
    expected |= {f"{PICKED}/{fault}" for fault in AT_AWAITS}
    assert found == expected | {f"messages/{fault}" for fault in OF_MESSAGES}


@pytest.mark.parametrize("places", [2, 3, 6, 10])
def test_pairs_cover_every_two_values(places: int) -> None:
    """Each two calls in order, each call with each fault, each fault with each fault stand in one row."""
    rows = covering(places, AT_CHANGES)
    everything = [
        row for row in itertools.product(range(places), AT_CHANGES, range(places), AT_CHANGES) if row[0] < row[2]
    ]
    assert all(row[0] < row[2] for row in rows)
    assert len(set(rows)) == len(rows) < len(everything) or places == 2
    for one, other in itertools.combinations(range(4), 2):
        assert {(row[one], row[other]) for row in rows} == {(row[one], row[other]) for row in everything}


def test_an_id_names_its_case() -> None:
    """Reading an id gives the case back, two faults included."""
    cases = all_cases({"one_parcel": FOUND})
    assert len({str(case) for case in cases}) == len(cases)
    assert [parse(str(case)) for case in cases] == cases
    assert str(FaultCase("split", (Strike(CAPTURE, "timeout"),))) == (
        "split/stripe POST /v1/payment_intents/{id}/capture#1/timeout"
    )


@pytest.mark.parametrize("text", ["", "split", "split/stripe POST /v1/a#1/nonsense", "split/lost_answer"])
def test_what_names_no_case_is_refused(text: str) -> None:
    """A misspelled id is no case that happens to pass."""
    with pytest.raises(ValueError, match="names no"):
        parse(text)


def test_a_pattern_finds_the_path_and_no_other() -> None:
    """Faults are told where to strike by regular expressions made of boundaries."""
    pattern = Call("shipbob", "POST", "/2026-01/order/{id}:cancel", 1).pattern
    assert pattern == r"^/2026\-01/order/[^/:]+:cancel$"


def test_every_company_can_be_told_every_fault() -> None:
    """Each refuses in its own words; the rest is the same."""
    for company in COMPANIES:
        for fault in (*AT_CHANGES, *AT_READS, IN_FLIGHT):
            assert told(company, fault)["kind"]


def test_the_sample_has_every_shape_with_every_fault() -> None:
    """Small enough for every change; the kills, which take longest, only once each."""
    cases = all_cases(dict.fromkeys(SHAPES, FOUND))
    chosen = sample(cases)
    assert {case.shape for case in chosen} == set(SHAPES)
    for shape in SHAPES:
        kinds = {case.kind for case in chosen if case.shape == shape}
        assert kinds >= {*AT_CHANGES, *AT_AWAITS, *OF_MESSAGES, IN_FLIGHT, "two faults"} - {
            "killed_before",
            "killed_after",
            "worker_dies",
        }
    assert sum(case.kills for case in chosen) == 3
    assert sample(reversed(cases)) == chosen


def test_orders_share_no_shelf() -> None:
    """A difference on a shelf names the order that it is about."""
    rows = catalog_of({"f0001x": SHAPES["split"], "f0002x": SHAPES["split"]}).decode().splitlines()
    stocked = [row for row in rows if row.startswith("stock")]
    assert len(stocked) == len(set(stocked)) == 4
    assert owner_of("reno-1/f0001x-a") == owner_of("f0001x") == "f0001x"


def test_the_robot_says_nothing_that_may_be_untrue() -> None:
    """Another try first, then an end; never that something was settled, stopped or lost outside."""
    assert choose(("retry", "settled_by_hand"), 0) == "retry"
    assert choose(("retry", "settled_by_hand"), 9) == "retry"
    assert choose(("retry", "cancel"), 0) == "retry"
    assert choose(("retry", "cancel"), 3) == "cancel"
    assert choose(("it_is_stopped", "it_ships"), 0) is None


def test_a_trap_springs_once(tmp_path: Path) -> None:
    """At its await, for its workflow, and never again."""
    traps = Traps(tmp_path / "traps")
    traps.set(Trap("order-1", "timer#1", "die"))
    assert traps.spring("order-2", ["timer#1"]) is None
    assert traps.spring("order-1", ["timer#2"]) is None
    assert not traps.sprung("order-1")
    assert traps.spring("order-1", ["start#1", "timer#1"]) == "die"
    assert traps.sprung("order-1")
    assert traps.spring("order-1", ["timer#1"]) is None


def outcome(case: FaultCase, **changes: object) -> Outcome:
    """A case that held, unless changed."""
    return Outcome(**{"case": str(case), "state": "held", "ended": "completed", "seconds": 7.0, **changes})  # type: ignore[arg-type]


def test_results_are_resumed(tmp_path: Path) -> None:
    """Finished cases are not played again; those that were not good are."""
    one, two, three = pairs("one_parcel", FOUND)[:3]
    file = tmp_path / "build" / "results.jsonl"
    results = Results(file)
    results.add(outcome(one))
    results.add(outcome(two, state="violated", violations=["f0001x: I1 cash: ours 0, theirs 100"]))
    again = Results(file)
    assert again.missing(map(str, (one, two, three))) == [str(two), str(three)]
    assert again.outcomes == results.outcomes


def test_the_summary_tells_what_was_run_and_what_failed(tmp_path: Path) -> None:
    """Boundaries, cases, violations, time; and how to play a failing case again."""
    cases = all_cases({"one_parcel": FOUND})
    found = {str(case): outcome(case) for case in cases}
    bad = cases[0]
    found[str(bad)] = outcome(bad, state="violated", violations=["f0001x: I1 cash of parcel 1: ours 0, theirs 3590"])
    assert failures(found.values()) == [
        f"make faults CASE='{bad}'\n    f0001x: I1 cash of parcel 1: ours 0, theirs 3590"
    ]
    line = totals({"one_parcel": FOUND}, cases, found, 120.0)
    assert line.startswith(
        f"5 boundaries (4 calls, 1 awaits), {len(cases)} of {len(cases)} cases run, "
        "1 violations, 0 unreached; 2.0 minutes"
    )
    text = section({"one_parcel": FOUND}, cases, found, 120.0)
    assert f"one_parcel | 3 | 1 | 1 | {len(cases)} |" in text
    document = tmp_path / "matrix.md"
    document.write_text("# Matrix\n\nrows\n", encoding="utf-8")
    for _ in range(2):
        write_section(text, document, "faults")
        write_section("bugs", document, "mutants")
    assert document.read_text(encoding="utf-8").count("## Every fault at every step") == 1
    assert document.read_text(encoding="utf-8").count("bugs") == 2
    assert document.read_text(encoding="utf-8").startswith("# Matrix\n\nrows\n")


@dataclass
class Play:
    """Runs `python -m tests.faults`, but in this process, with boundaries noted in a folder of its own."""

    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code and output."""
        self.patch.setattr("sys.argv", ["tests.faults", *words])
        with pytest.raises(SystemExit) as end:
            command.main()
        return int(end.value.code or 0), *self.capture.readouterr()


def test_cases_are_listed_and_no_case_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids one a line, also of a part; without any, exit code 2 and how to find one, and nothing is played."""
    found = {"one_parcel": FOUND}
    save(found, tmp_path / "boundaries.json")
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    play, every = Play(monkeypatch, capsys), [str(case) for case in all_cases(found)]
    assert play("--list") == (0, "\n".join(every) + "\n", "")
    code, out, _ = play("--list", "--only", "capture#1/lost")
    assert (code, out.splitlines()) == (0, [case for case in every if "capture#1/lost" in case])
    for words in (["--only", "nosuch"], ["--list", "--only", "nosuch"], ["--case", "nope"]):
        code, out, err = play(*words)
        assert (code, "FAULTS_ARGS=--list" in out + err) == (2, True)
    assert not (tmp_path / "results.jsonl").exists()
