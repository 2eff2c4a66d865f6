"""How incomplete and how wrong an annotation is: found where it was made so, and where not."""

import numpy as np
import pytest

from dicetune.decide.annotation import FEWEST, estimate_annotation
from dicetune.errors import InputError
from dicetune.problems import problem_of


def annotated(kept, wrong=0.0, *, hard=0.0, items=20_000, seed=0):
    """Chances of an ideal model, and marks: a share kept, some added at random elsewhere.

    ``hard`` is the share of items whose truth cannot be told, with p between 0 and 1.
    """
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(items) < 0.15, 1.0, 0.0)
    p = np.where(rng.random(items) < hard, rng.random(items), p)
    truth = rng.random(items) < p
    added = wrong * 0.15 / 0.85
    chance = p * kept + (1 - p) * added
    marked = np.where(truth, rng.random(items) < kept, rng.random(items) < added)
    return chance, marked, np.arange(items) // 10


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8, 1.0])
def test_marks_left_out_at_random_are_counted(kept):
    found = estimate_annotation(*annotated(kept))
    for share in (found.surest, found.elkan_noto):
        assert share.value == pytest.approx(kept, abs=0.04)
        assert share.low - 1e-9 <= share.value <= share.high + 1e-9
    assert found.surest.low - 0.01 <= kept <= found.surest.high + 0.01
    assert found.rejected.value == 0
    assert found.marked == annotated(kept)[1].sum()


@pytest.mark.parametrize("wrong", [0.1, 0.3])
def test_wrong_marks_are_rejected(wrong):
    found = estimate_annotation(*annotated(0.8, wrong))
    truth = wrong / (0.8 + wrong)
    assert found.rejected.value == pytest.approx(truth, abs=0.03)
    assert found.rejected.low < truth < found.rejected.high
    assert found.surest.value == pytest.approx(0.8, abs=0.04)


def test_hard_items_lower_the_mean_and_not_the_share_at_the_surest():
    found = estimate_annotation(*annotated(0.9, hard=0.5))
    assert found.surest.value == pytest.approx(0.9, abs=0.04)
    assert found.elkan_noto.value < 0.8


def test_marks_left_out_by_their_kind_are_not_found():
    """A model learns to leave out what the annotation always leaves out: stated, and so."""
    chance, marked, unit = annotated(1.0)
    kind = np.arange(len(chance)) % 2 == 0  # half of the entities are of a kind nobody marks
    found = estimate_annotation(np.where(kind, 0.0, chance), marked & ~kind, unit)
    assert found.surest.value == 1


def test_sentences_are_resampled_whole():
    chance, marked, _ = annotated(0.5, items=5_000)
    by_word = estimate_annotation(chance, marked, np.arange(5_000)).surest
    order = np.argsort(marked, kind="stable")  # marks come together in few sentences
    by_sentence = estimate_annotation(chance[order], marked[order], np.arange(5_000) // 50).surest
    assert by_sentence.high - by_sentence.low > 2 * (by_word.high - by_word.low)


def test_too_few_marks_are_refused():
    few = np.arange(1000) < FEWEST - 1
    with pytest.raises(InputError, match="at least 50 marked items and others .* 49 of 1000"):
        estimate_annotation(few * 0.9, few, np.arange(1000))


SPANS = {"kind": "spans", "labels": ["O", "B-A", "I-A"], "background": "O", "scheme": "iob2"}
TABLE = np.log([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])


def test_what_is_a_mark_of_each_type():
    chance, marked = problem_of(SPANS).marks([["B-A", "O"]], [TABLE])
    assert chance == pytest.approx([0.5, 0.1])
    assert marked.tolist() == [True, False]
    label = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam"}
    chance, marked = problem_of(label).marks(["spam"], [np.log([[0.2, 0.8]])])
    assert (chance, marked.tolist()) == (pytest.approx([0.8]), [True])
    several = {"kind": "label_set", "labels": ["joy", "awe"]}
    chance, marked = problem_of(several).marks([["awe"]], [np.log([[0.1, 0.7]])])
    assert (chance, marked.tolist()) == (pytest.approx([0.1, 0.7]), [False, True])


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "tags", "labels": ["NOUN", "VERB"]},
        {"kind": "label", "labels": ["a", "b", "c"]},
        {**SPANS, "background": None},
    ],
)
def test_a_type_in_which_everything_has_a_label_is_refused(settings):
    with pytest.raises(InputError, match=f"got {settings['kind']}: every item has a label"):
        problem_of(settings).marks([], [np.zeros((0, len(settings["labels"])))])
