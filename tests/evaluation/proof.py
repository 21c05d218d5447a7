"""The differential proof: counts random histories and prints every figure further from the truth than `increase()`.

    python -m tests.evaluation.proof --seeds 0:2000 [--at-once 20] [--two-servers | --mixed]

Each batch has a temporary database of its own; what is found is printed batch by batch, so that a run may be cut off.
"""

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from testbed.histories import random_histories
from tests.evaluation.against_increase import GRACE_S, Outcome, compare, median_points
from tests.evaluation.mixed import compare_mixed
from tests.support.field_kinds import FIELD_KINDS
from tests.support.further_kinds import FURTHER_KINDS
from tests.support.mixed_kinds import mixed_histories

END = 1_800_000_000


def main(arguments: Sequence[str]) -> int:
    """Run the proof; 1 if any figure is further from the truth than that of `increase()`."""
    parser = argparse.ArgumentParser(description="Compare counts of random histories with increase().")
    parser.add_argument("--seeds", default="0:2000", help="first and last seed (exclusive), or a list: 202,382")
    parser.add_argument("--at-once", type=int, default=20, help="histories that one evaluator counts together")
    parser.add_argument("--two-servers", action="store_true", help="two servers behind one balancer")
    parser.add_argument(
        "--mixed", action="store_true", help="two or three kinds each, counted with restarts and late samples"
    )
    parser.add_argument("--kinds", default="", help="only these kinds: a,b or all of the field")
    parser.add_argument("--off", type=float, help="also print figures that are off by this share and three scrapes")
    options = parser.parse_args(arguments)
    seeds = _seeds(options.seeds)
    of_the_field = {**FIELD_KINDS, **FURTHER_KINDS}
    names = list(of_the_field) if options.kinds == "all" else options.kinds.split(",") if options.kinds else []
    more = {name: of_the_field[name] for name in names}
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found: list[tuple[float, float]] = []
    worse = differing = 0
    for first in range(0, len(seeds), options.at_once):
        at_once = seeds[first : first + options.at_once]
        with TemporaryDirectory() as folder:
            if options.mixed:
                outcome = compare_mixed(mixed_histories(at_once, end=END + GRACE_S), Path(folder), end=END)
            else:
                histories = random_histories(at_once, end=END + GRACE_S, two_servers=options.two_servers, more=more)
                outcome = compare(histories, Path(folder), end=END)
        found += outcome.points
        worse += len({each.history.seed for each in outcome.worse})
        differing += len(outcome.differing)
        unknowable = (f"not to be known: {name}: {why}" for name, why in outcome.unknowable.items())
        for line in (*map(str, outcome.worse), *unknowable, *_differing(outcome)):
            print(line)  # noqa: T201  a report
        if options.off is not None:
            for each in (*outcome.live, *outcome.backfilled):
                if abs(each.ours.total - each.truth.total) > options.off * each.truth.total + 3 * each.scrape.total:
                    print(  # noqa: T201
                        f"off: {each.history}, {each.window}: ours {each.ours.total:.6g},"
                        f" increase() {each.increase.total:.6g}, truth {each.truth.total}"
                    )
        ours, increase = median_points(found)
        done = min(first + options.at_once, len(seeds))
        print(  # noqa: T201
            f"{done} histories: {worse} worse, {differing} live and history differ;"
            f" median error {ours:.4f} pp, increase() {increase:.4f} pp",
            flush=True,
        )
    return 1 if worse else 0


def _differing(outcome: Outcome) -> Iterable[str]:
    """The histories that live and history count otherwise, each with its first window that differs."""
    for name in outcome.differing:
        window, (live, past) = next((at, both) for (of, at), both in outcome.differences.items() if of == name)
        figures = f"live {live.total:.10g} of them {live.bad:.10g} bad, history {past.total:.10g}, {past.bad:.10g}"
        yield f"differs: {name}, {window}: {figures}"


def _seeds(text: str) -> list[int]:
    if ":" in text:
        first, last = map(int, text.split(":"))
        return list(range(first, last))
    return [int(seed) for seed in text.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
