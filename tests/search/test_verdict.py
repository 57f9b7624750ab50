"""What is said of the winner: by the interval of its lead over the known optimizers, not by the means alone."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from search.funnel import Score, Stage
from search.result import Result
from search.verdict import lead, verdicts

KNOWN = (0.5, 0.52, 0.51, 0.47)


def scored(*losses: float) -> Score:
    return Score(losses, "trained")


def said(winner: Score | None, adamw: Score, lion: Score | None = None, seeds: int = 4, task: str = "digits"):
    """The verdicts of a run whose funnel had one stage."""
    baselines = {"adamw": adamw} if lion is None else {"adamw": adamw, "lion": lion}
    stage = Stage(10, seeds, baselines, {} if winner is None else {"9": winner})
    return verdicts(Result(Path("run"), {"task": task}, {}, {}, 0.0, [stage], "9", None, {}, {}))


# The interval of a lead.


def test_a_lead_is_a_paired_difference_with_its_interval():
    found = lead(scored(1.0, 2.0, 3.0, 4.0), scored(2.0, 2.0, 4.0, 6.0))
    # differences 1, 0, 1, 2: mean 1, standard error sqrt(2/3)/2, t(0.975, 3) = 3.1824
    half = pytest.approx(3.1824 * math.sqrt(2 / 3) / 2, rel=0.01)
    assert (found.mean, found.mean - found.low, found.high - found.mean) == (1.0, half, half)
    assert not found.sure


def test_of_several_tasks_a_lead_is_over_the_means_of_the_seeds():
    found = lead(Score((1.0, 3.0, 2.0, 2.0), "trained", 2), Score((2.0, 4.0, 3.0, 5.0), "trained", 2))
    assert found.mean == 1.5 and found.high - found.mean == pytest.approx(12.7062 * 0.5, rel=1e-4)


def test_a_lead_of_one_seed_has_no_interval_and_of_a_failure_there_is_none():
    alone = lead(scored(1.0), scored(2.0))
    assert alone.mean == 1.0 and math.isnan(alone.low) and not alone.sure
    assert lead(Score((), "non-finite"), scored(2.0)) is None


# The sentences.


@pytest.mark.parametrize(
    "losses, sentence",
    [
        ((0.1, 0.12, 0.11, 0.07), "beats AdamW on digits x10 by 80 %."),
        ((0.51, 0.53, 0.52, 0.48), "loses to AdamW on digits x10 by 2 %."),
        ((0.1, 0.9, 0.4, 0.4), "cannot be told apart from AdamW on digits x10: it is 10 % ahead, which 4 seeds"),
        ((0.1, 0.9, 0.7, 1.18), "cannot be told apart from AdamW on digits x10: it is 44 % behind, which 4 seeds"),
        (KNOWN, "cannot be told apart from AdamW on digits x10: their mean losses are the same."),
    ],
)
def test_the_winner_beats_or_loses_where_the_interval_leaves_out_0(losses, sentence):
    found = said(scored(*losses), scored(*KNOWN))
    assert found[0].startswith(f"The winner {sentence}")
    passed = sum(losses) < sum(KNOWN)
    assert found[1:] == (
        [] if passed else ["No program of the search passed digits x10: none had a lower mean loss than AdamW."]
    )


def test_lion_is_judged_as_adamw_is():
    found = said(scored(0.1, 0.12, 0.11, 0.07), scored(*KNOWN), scored(0.05, 0.06, 0.055, 0.035))
    assert found == [
        "The winner beats AdamW on digits x10 by 80 %.",
        "The winner loses to Lion on digits x10 by 100 %.",
    ]


def test_of_one_seed_nothing_is_sure():
    assert said(scored(0.25), scored(0.5), seeds=1)[0].endswith(
        "it is 50 % ahead, which 1 seed is too few to be sure of."
    )


def test_what_failed_or_did_not_get_there_is_named_as_such():
    failed = Score((), "non-finite")
    assert said(failed, scored(*KNOWN))[0] == "On digits x10 the winner: non-finite; AdamW: trained."
    assert said(None, scored(*KNOWN), scored(*KNOWN))[0] == "The winner did not get to digits x10."


def test_losses_that_are_no_scale_are_subtracted_and_tasks_named_without_their_directories():
    found = said(scored(-2.0, -2.1, -2.2, -2.3), scored(-1.0, -1.1, -1.2, -1.3), task="a/b.py:Mine + digits")
    assert found == ["The winner beats AdamW on b.py:Mine + digits x10 by 1."]
