"""A floor that is promised holds on new data, as often as was said; else it is not promised."""

import numpy as np
import pytest

from dicetune.decide.fit import fit
from dicetune.decide.floors import CHAINS, FloorFit, Sweep
from dicetune.errors import InputError
from dicetune.problems import problem_of
from dicetune.problems.goal import Goal
from dicetune.tuning import tune
from lattice import draw

SPAM = {"kind": "label", "labels": ["ham", "spam"], "positive": "spam"}


def table(logits):
    both = -np.logaddexp(0, np.stack([logits, -np.asarray(logits)], axis=1))
    return list(both[:, None, :])


def fitted(gold, logits, objective, *, groups=None, confidence=0.9):
    """The fit on all texts of two labels, and its bias."""
    names = ["spam" if one else "ham" for one in gold]
    decisions = problem_of(SPAM).decisions(names, table(logits))
    goal = Goal.parse(objective, decisions.problem)
    fit_of = FloorFit(decisions, goal, groups or list(map(str, range(len(names)))), confidence)
    found = fit_of.fit(np.ones(len(names), dtype=bool))
    return found, found.biases["spam"]


@pytest.mark.parametrize("objective", ["precision@recall:0.5", "recall@precision:0.5"])
@pytest.mark.parametrize("kind", ["label", "label_set", "spans", "entities"])
@pytest.mark.parametrize("nested", [True, False])
def test_a_sweep_counts_what_the_decisions_count(kind, nested, objective):
    more = {"label": {"positive": "b"}, "entities": {"nested": nested}}.get(kind, {})
    settings, gold, scores, spans = draw(kind, 4, 20, **more)
    # no two breakpoints at one place
    scores = [table + np.random.default_rng(1).uniform(0, 0.2, table.shape) for table in scores]
    if kind == "entities":
        for one, rounded in zip(scores, draw(kind, 4, 20, **more)[2], strict=True):
            one[:, :3] = rounded[:, :3]
    if kind == "label_set":
        scores = [np.minimum(table - 0.3, -1e-3) for table in scores]
    decisions = problem_of(settings).decisions(gold, scores, spans)
    goal = Goal.parse(objective, decisions.problem)
    mask = np.arange(20) % 3 > 0
    classes = decisions.problem.focus(np.zeros(decisions.counts({}).shape[1]))[0]
    for name, moved in decisions.dials().items():
        sweep = Sweep.of(decisions, goal, name, moved, mask, np.arange(20) % 7)
        for piece in np.flatnonzero(sweep.wide):
            bias = sweep.bias(piece)
            assert sweep.piece_of(bias) == piece
            counts = decisions.counts(dict.fromkeys(moved, bias))[mask].sum(0)
            right, predicted, known = decisions.problem.focus(counts)[1]
            place = classes.index(name)
            assert sweep.right[piece] == right[place]
            assert sweep.total[piece] == goal.totals(predicted, known)[place]
            assert sweep.gold == known[place]
        if objective.startswith("recall@"):
            assert (np.diff(sweep.total) >= 0).all() or kind == "spans"


def test_as_many_right_items_as_the_binomial_asks_for():
    """With P = 0.9 and two chains at 0.05, 0.9 ** 28 is above 0.05 and 0.9 ** 29 is below."""
    assert CHAINS == 2
    for right, promised in ((28, False), (40, True)):
        gold = np.arange(200) < right
        logits = np.where(gold, 3.0, -3.0) + np.linspace(0.5, 0, 200)
        found, bias = fitted(gold, logits, "recall@precision:0.9")
        assert found.floors["spam"].promised == promised
        assert found.floors["spam"].reached == 1.0
        assert found.floors["spam"].bound == pytest.approx(
            (0.05 if promised else 0.1) ** (1 / right)
        )
        assert ((logits + bias > 0) == gold).all()


def test_a_recall_is_the_order_statistic_of_the_tolerance_bound():
    """Of 50 spam texts: P(Binomial(50, 0.9) >= 48) = 0.11, >= 49: 0.034; so 1 may be missed."""
    ham = [0.02, 0.04, 0.12, 0.14, 0.22, 0.24]
    logits = np.concatenate([np.arange(50) * 0.1, ham])
    found, bias = fitted(np.arange(56) < 50, logits, "precision@recall:0.9")
    assert found.floors["spam"].promised
    assert (logits[:50] + bias > 0).sum() == 49


@pytest.mark.parametrize(
    ("objective", "noisy"), [("precision@recall:0.8", 1.0), ("recall@precision:0.6", 1.0)]
)
def test_the_promise_holds_in_nine_of_ten_dev_sets(objective, noisy):
    """Normal scores, so that recall and precision of each threshold are known."""
    random = np.random.default_rng(0)
    far = np.random.default_rng(9).normal(0, 1, 200_000)
    kept, plain = [], []
    for _ in range(150):
        gold = random.random(300) < 0.3
        logits = random.normal(0, 1, 300) + 2.0 * gold - 1.0
        found, bias = fitted(gold, logits, objective)
        if not found.floors["spam"].promised:
            continue
        names = ["spam" if one else "ham" for one in gold]
        biases = bias, fit(SPAM, names, table(logits), objective=objective).biases["spam"]
        for holds, one in zip((kept, plain), biases, strict=True):
            recall, alarms = (far + 1.0 > -one).mean(), (far - 1.0 > -one).mean()
            precision = 0.3 * recall / max(0.3 * recall + 0.7 * alarms, 1e-9)
            share = recall if objective.startswith("precision@") else precision
            holds.append(share >= found.goal.floor)
    assert len(kept) > 100
    assert np.mean(kept) > 0.85
    assert np.mean(plain) < 0.75


@pytest.mark.parametrize("objective", ["precision@recall:0.8", "recall@precision:0.6"])
def test_what_a_rule_promises_is_said_of_the_rule_on_all_of_dev(objective):
    """The folds of the cross-fit leave no trace: some of them promise otherwise."""
    random = np.random.default_rng(4)
    promises = set()
    for size in (40, 80, 150) * 10:
        gold = random.random(size) < 0.3
        logits = random.normal(0, 1, size) + 2.0 * gold - 1.0
        found, bias = fitted(gold, logits, objective)
        names = ["spam" if one else "ham" for one in gold]
        rule = fit(SPAM, names, table(logits), objective=objective, confidence=0.9)
        floor = rule.evidence["floors"]["spam"]
        assert rule.biases["spam"] == bias
        assert floor == found.evidence()["floors"]["spam"]
        assert rule.evidence["notes"][: len(found.said())] == found.said()
        made, right = logits + bias > 0, gold & (logits + bias > 0)
        whole = gold if objective.startswith("precision@") else made
        assert floor["reached"] == pytest.approx(right.sum() / whole.sum())
        promises.add(floor["promised"])
    assert promises == {True, False}


def test_texts_of_one_document_count_less():
    gold = np.repeat(np.arange(40) < 20, 10)
    random = np.random.default_rng(2)
    logits = np.repeat(random.normal(0, 1, 40), 10) + np.where(gold, 1.5, -1.5)
    apart, _ = fitted(gold, logits, "precision@recall:0.85")
    groups = [str(number // 10) for number in range(400)]
    together, _ = fitted(gold, logits, "precision@recall:0.85", groups=groups)
    assert apart.floors["spam"].promised
    assert together.floors["spam"].bound < apart.floors["spam"].bound
    exact, _ = fitted(gold, logits, "precision@recall:0.85", groups=[str(n) for n in range(400)])
    assert exact.floors == apart.floors


def test_each_label_is_promised_by_itself_and_the_rest_keeps_what_dev_says():
    random = np.random.default_rng(3)
    truth = random.random((400, 2)) < [0.5, 0.02]
    logits = random.normal(0, 1, (400, 2)) + np.where(truth, 2.0, -2.0)
    problem = {"kind": "label_set", "labels": ["often", "rare"]}
    gold = [
        [name for name, one in zip(("often", "rare"), row, strict=True) if one] for row in truth
    ]
    scores = [-np.logaddexp(0, -row[None]) for row in logits]
    rule = fit(problem, gold, scores, objective="precision@recall:0.9", confidence=0.9)
    plain = fit(problem, gold, scores, objective="precision@recall:0.9")
    floors = rule.evidence["floors"]
    assert floors["often"]["promised"]
    assert not floors["rare"]["promised"]
    assert floors["often"]["bound"] >= 0.9 > floors["rare"]["bound"]
    assert rule.biases["rare"] == plain.biases["rare"]
    promised, missed = rule.evidence["notes"][:2]
    assert promised == (
        "a recall of at least 90 on new data is promised with 90% confidence for often"
    )
    assert missed.startswith(
        "a recall of 90 on new data cannot be promised with 90% confidence for"
    )
    assert "floors" not in plain.evidence


ROWS = [
    {"gold": "spam" if number % 3 == 0 else "ham", "probabilities": {"spam": p, "ham": 1 - p}}
    for number, p in enumerate(np.random.default_rng(5).uniform(0.1, 0.6, 90).round(3).tolist())
]


def test_tune_promises_unless_told_otherwise():
    rows = [row | {"probabilities": {"spam": 0.9, "ham": 0.1}} if row["gold"] == "spam" else row
            for row in ROWS]  # fmt: skip
    sure = tune(scores=rows, objective="precision@recall:0.9").rule.evidence
    assert sure["confidence"] == 0.9
    assert "is promised with 90% confidence" in sure["notes"][0]
    asked = tune(scores=rows, objective="precision@recall:0.9", confidence=0.99)
    assert not asked.rule.evidence["floors"]["spam"]["promised"]
    assert "more dev data or a lower floor would help" in asked.said
    plain = tune(scores=rows, objective="precision@recall:0.9", confidence=0)
    assert "floors" not in plain.rule.evidence


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"confidence": 0.9}, "alone, got 0.9 for 'the default objective'"),
        (
            {"confidence": 0.9, "objective": "f1"},
            "alone, got 0.9 for 'f1': only these have a floor",
        ),
        ({"confidence": 1, "objective": "recall@precision:0.9"}, "below 1, such as 0.9, got 1: 0"),
        (
            {"objective": "recall@precision:2"},
            "expected recall@precision:P with a precision above 0",
        ),
    ],
)
def test_promises_that_there_are_not(how, message):
    with pytest.raises(InputError, match=message):
        tune(scores=ROWS, **how)
