"""What a rule has beside biases: honest probabilities, costs, and silence."""

import json

import numpy as np
import pytest

from commands import command
from dicetune.decide import DecisionRule
from dicetune.decide.costs import read_costs
from dicetune.errors import DataError, DicetuneError, InputError
from dicetune.problems import problem_of
from dicetune.problems.reliability import Calibration, reliability
from dicetune.records import read_json
from dicetune.tuning import tune

LABELS = ["red", "green", "blue"]
TAGS = ["O", "B-red", "B-blue"]


def drawn(size, labels=LABELS, *, sharpness=1.0, seed=0):
    """Rows whose gold is drawn from probabilities, and whose scores are too sure or too unsure."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (size, len(labels)))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gold = [labels[random.choice(len(labels), p=row)] for row in chances]
    return [
        {"gold": right, "logits": dict(zip(labels, map(float, sharpness * row), strict=True))}
        for right, row in zip(gold, logits, strict=True)
    ]


def drawn_sets(size, sharpness, seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(-1, 1.5, (size, 3))
    truth = random.random((size, 3)) < 1 / (1 + np.exp(-logits))
    return [
        {
            "gold": [name for name, one in zip(LABELS, right, strict=True) if one],
            "logits": dict(zip(LABELS, map(float, sharpness * row), strict=True)),
        }
        for right, row in zip(truth, logits, strict=True)
    ]


@pytest.mark.parametrize("sharpness", [0.4, 3.0])
@pytest.mark.parametrize("kind", ["label", "two", "label_set", "tags", "spans"])
def test_scores_that_are_too_sure_or_too_unsure_are_made_honest(kind, sharpness):
    rows = {
        "label": lambda: drawn(800, sharpness=sharpness),
        "two": lambda: drawn(800, LABELS[:2], sharpness=sharpness),
        "label_set": lambda: drawn_sets(600, sharpness),
        "tags": lambda: [
            {"gold": [row["gold"]], "logits": [list(row["logits"].values())], "labels": LABELS}
            for row in drawn(800, sharpness=sharpness)
        ],
        "spans": lambda: [
            {"gold": [row["gold"]], "logits": [list(row["logits"].values())], "labels": TAGS}
            for row in drawn(800, TAGS, sharpness=sharpness)
        ],
    }[kind]()
    found = tune(scores=rows, calibrate=True)
    evidence = found.rule.evidence["calibration"]
    assert found.rule.calibration.slope == pytest.approx(1 / sharpness, rel=0.2)
    assert evidence["after"]["ece"] < 0.6 * evidence["before"]["ece"]
    assert evidence["after"]["log_loss"] < evidence["before"]["log_loss"] - 0.01
    assert found.said.count("Calibrated (slope") == 1
    assert {"dev, calibrated", "dev, argmax", "dev, tuned"} <= found.table().keys()
    assert any(words.startswith("p is calibrated (slope") for words in found.rule.words)


def test_a_calibration_that_does_not_help_is_not_used():
    found = tune(scores=drawn(300, seed=4), calibrate=True)
    evidence = found.rule.evidence["calibration"]
    assert found.rule.calibration is None
    assert evidence["after"]["log_loss"] > evidence["before"]["log_loss"] - 0.01
    assert "The probabilities are kept: ECE" in found.said


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("shifts", [True, False])
def test_the_calibration_is_the_likeliest(alone, shifts):
    """No step of any parameter has a lower loss, the priors counted."""
    random = np.random.default_rng(1)
    logits = 2 * random.normal(0, 1, (80, 3)) + [1, 0, -1]
    table = -np.logaddexp(0, -logits)
    if not alone:
        table = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    truth = (
        random.random((80, 3)) < 0.4 if alone else np.eye(3, dtype=bool)[random.integers(0, 3, 80)]
    )
    fitted = Calibration.fit(table, truth, LABELS, alone, shifts)
    assert set(fitted.shifts) == (set(LABELS) if shifts else set())

    def loss(slope, moved):
        made = Calibration(slope, moved).apply(table, LABELS, alone)
        decisions = truth.size if alone else len(truth)
        prior = 2 * np.log(slope) ** 2 + sum(one**2 for one in moved.values()) / 2
        return reliability(made, truth, alone)["log_loss"] * decisions + prior

    best = loss(fitted.slope, fitted.shifts)
    for factor in (0.9, 1.1):
        assert loss(fitted.slope * factor, fitted.shifts) > best
    for name in fitted.shifts:
        for step in (-0.1, 0.1):
            moved = fitted.shifts | {name: fitted.shifts[name] + step}
            assert loss(fitted.slope, moved) > best


COSTS = "gold\tred\tgreen\tblue\nred\t0\t1\t9\ngreen\t1\t0\t1\nblue\t2\t1\t0\n"


def test_the_label_of_the_lowest_expected_cost_is_chosen(file, tmp_path):
    rows = [row | {"split": split} for split, seed in (("dev", 1), ("test", 2))
            for row in drawn(500, seed=seed)]  # fmt: skip
    found = tune(scores=rows, costs=str(file(COSTS, "costs.tsv")), out=tmp_path / "rule.json")
    matrix = [[0, 1, 9], [1, 0, 1], [2, 1, 0]]
    for split in ("dev", "test"):
        here = [row for row in rows if row["split"] == split]
        logits = np.array([list(row["logits"].values()) for row in here])
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        expected = [LABELS[number] for number in (chances @ matrix).argmin(1)]
        assert found.predicted[split] == expected
        default = [LABELS[number] for number in logits.argmax(1)]
        costs = [
            np.mean([matrix[LABELS.index(row["gold"])][LABELS.index(one)]
                     for row, one in zip(here, said, strict=True)])
            for said in (default, expected)
        ]  # fmt: skip
        assert costs[1] < costs[0]
        said = f"he mean cost on {split} is {costs[0]:.4g} by default and {costs[1]:.4g} with"
        assert said in found.said
    assert found.rule.words == ("the label of the lowest expected cost, of 3",)
    assert DecisionRule.load(tmp_path / "rule.json") == found.rule
    assert read_json(tmp_path / "rule.json")["version"] == 2


def test_costs_of_two_labels_are_a_threshold():
    rows = drawn(200, ["ham", "spam"], seed=3)
    costs = {"ham": {"ham": 0, "spam": 1}, "spam": {"ham": 4, "spam": 0}}
    found = tune(scores=rows, costs=costs)
    assert found.rule.words == ("spam if p > 0.2, as its costs say",)
    logits = np.array([row["logits"]["spam"] - row["logits"]["ham"] for row in rows])
    expected = ["spam" if p > 0.2 else "ham" for p in 1 / (1 + np.exp(-logits))]
    assert found.predicted["dev"] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COSTS.replace("blue\t2\t1\t0", "blue\t2\tx\t0"),
         r"costs.tsv:4: expected the cost of blue predicted as green as a number, got 'x'"),
        (COSTS.replace("\nblue", "\npink"), r"costs.tsv:4: expected each gold label of the model"),
        (COSTS.replace("\nblue", "\nred"), r"costs.tsv:4: .* got 'red' again"),
        (COSTS[: COSTS.index("blue\t2")], r"costs.tsv:3: expected a row for each gold label"),
        (COSTS.replace("\tblue\n", "\tpink\n"), r"costs.tsv:1: expected predicted labels as the"),
        (COSTS.replace("\t9", "\t9\t9"), r"costs.tsv:2: expected 4 cells"),
        (COSTS.replace("\t9", "\tnan"), r"costs.tsv:2: expected the cost of red predicted as blue"),
        ("", "costs.tsv"),
    ],
)  # fmt: skip
def test_tables_of_costs_that_there_are_not(text, message, file):
    with pytest.raises(DataError, match=message):
        read_costs(file(text, "costs.tsv"), LABELS)


def test_costs_as_other_tools_write_them(file):
    plain = read_costs(file(COSTS, "costs.tsv"), LABELS)
    quoted = 'gold;"green";"red";"blue"\n"blue";1;2;0\n"red";1;0;9\n"green";0;1;1\n'
    assert read_costs(file(quoted, "c.csv"), LABELS) == plain
    assert read_costs(plain, LABELS) == plain


def test_a_share_of_the_texts_is_left_without_a_label(tmp_path):
    rows = drawn(400, seed=5)
    found = tune(scores=rows, abstain="5%", out=tmp_path / "rule.json", objective="accuracy")
    silent = [said is None for said in found.predicted["dev"]]
    assert sum(silent) == 20
    assert found.metrics["dev"]["tuned"]["coverage"] == 0.95
    assert "coverage" not in found.metrics["dev"]["argmax"]
    assert found.metrics["dev"]["tuned"]["accuracy"] > found.metrics["dev"]["argmax"]["accuracy"]
    rule = DecisionRule.load(tmp_path / "rule.json")
    assert rule == found.rule
    assert f"nothing if the risk is over {rule.abstain:.3g}" in rule.words
    # the silent texts are the least sure
    tables = [np.array([list(row["logits"].values())]) for row in rows]
    moved = problem_of({"kind": "label", "labels": LABELS}).move(tables, rule.biases, LABELS)
    risks = list(map(rule.risk, moved))
    assert max(r for r, none in zip(risks, silent, strict=True) if not none) < min(
        r for r, none in zip(risks, silent, strict=True) if none
    )


def test_silence_at_a_cost_is_chows_rule():
    rows = drawn(300, seed=6)
    found = tune(scores=rows, abstain=0.3)
    assert found.rule.biases == {}
    for row, said in zip(rows, found.predicted["dev"], strict=True):
        logits = np.array(list(row["logits"].values()))
        best = np.exp(logits.max()) / np.exp(logits).sum()
        assert (said is None) == (best < 0.7)
        assert said is None or said == LABELS[logits.argmax()]
    costs = {a: {b: 10.0 * (a != b) for b in LABELS} for a in LABELS}
    assert tune(scores=rows, abstain=3, costs=costs).predicted == found.predicted


@pytest.mark.parametrize("labels", [LABELS, ["ham", "spam"]])
@pytest.mark.parametrize("cost", [0.1, 0.25, 0.4])
def test_silence_at_a_cost_is_never_dearer_than_always_answering(labels, cost):
    """The scores are honest, and F1 asks for biases, which cost more."""
    rows = drawn(3000, labels, seed=7)
    found = tune(scores=rows, abstain=cost)
    fitted = tune(scores=rows, positive=labels[-1], plain=True)
    assert any(fitted.rule.biases.values())

    def paid(predicted):
        pairs = zip(rows, predicted, strict=True)
        return np.array([cost if one is None else float(one != row["gold"]) for row, one in pairs])

    ours = paid(found.predicted["dev"])
    for other in (fitted.predicted["dev"], _likeliest(rows)):
        assert ours.mean() <= paid(other).mean()
    default = paid(_likeliest(rows)).mean()
    assert f"mean cost on dev is {default:.4g} by default and {ours.mean():.4g} with" in found.said


def _likeliest(rows):
    return [max(row["logits"], key=row["logits"].get) for row in rows]


def test_silence_that_no_text_is_left_to_says_so():
    rows = drawn(200, ["ham", "spam"], seed=3)
    found = tune(scores=rows, abstain=0.5)
    assert found.metrics["dev"]["tuned"]["coverage"] == 1.0
    words = "No text of dev is left without a label: of 2 labels the likeliest has a risk of at"
    assert f"{words} most 0.5." in found.said
    clear = [{"gold": "red", "probabilities": {"red": 0.8, "green": 0.1, "blue": 0.1}}] * 9
    sure = tune(scores=clear, abstain=0.4)
    assert "is left without a label: the highest risk there is 0.2." in sure.said
    assert "is left without a label" not in tune(scores=rows, abstain=0.3).said


def test_a_rule_that_may_be_silent_makes_no_promise_of_one_that_always_answers():
    rows = drawn(300, seed=5)
    silent, always = (tune(scores=rows, abstain=share, objective="macro_f1", plain=False)
                      for share in ("5%", None))  # fmt: skip
    assert "promised" in always.rule.evidence["scores"]
    assert "dev, held out" in always.table()
    assert "promised" not in silent.rule.evidence["scores"]
    assert "promised_interval" not in silent.rule.evidence
    assert "dev, held out" not in silent.table()
    assert "Promised on new" not in silent.said


def test_one_text_calibrates_nothing():
    found = tune(scores=drawn(1, sharpness=3), calibrate=True)
    assert found.rule.calibration is None
    assert "The probabilities are kept: there are too few units on dev to hold any" in found.said


ANSWERS = [{"gold": ["dock"], "span": "dock", "score": 1.0, "null_score": 0.5}] * 4
SPANS = [{"gold": ["O", "B-x"], "logits": [[1, 0], [0, 1]], "labels": ["O", "B-x"]}] * 4


@pytest.mark.parametrize(
    ("rows", "how", "message"),
    [
        (None, {"abstain": "0%"}, "above 0% and below 100%, such as 5%, got '0%'"),
        (None, {"abstain": "100%"}, "got '100%'"),
        (
            None,
            {"abstain": "often"},
            "expected the cost of saying nothing, such as 0.2, or",
        ),
        (None, {"abstain": -1}, "got '-1'"),
        (None, {"costs": "nowhere.tsv"}, "nowhere.tsv"),
        (
            None,
            {"costs": {}, "objective": "accuracy"},
            "expected costs without an objective .'accur",
        ),
        (None, {"costs": {}, "plain": True}, "expected costs without --plain, got both"),
        (None, {"costs": {}, "folds": 3}, "expected costs without --folds, got both"),
        (
            None,
            {"abstain": 0.2, "objective": "f1"},
            "expected a cost of silence without an objective .'f1'., got both: its unit",
        ),
        (
            None,
            {"abstain": "5%", "objective": "precision@recall:0.9", "positive": "red"},
            "expected silence or a promised floor, got both .* add --confidence 0",
        ),
        (None, {"costs": {}}, "expected a row for each gold label"),
        (SPANS, {"abstain": "5%"}, "expected one label for each text to abstain, got spans"),
        (SPANS, {"costs": {}}, "expected one label of several for costs, got spans"),
        (ANSWERS, {"calibrate": True}, "expected probabilities of labels to calibrate, got answer"),
    ],
)
def test_what_cannot_be_asked_for(rows, how, message):
    with pytest.raises(InputError, match=message):
        tune(scores=rows or drawn(30), **how)


@pytest.mark.parametrize(
    "change",
    [
        {"calibration": {"slope": "x", "shifts": {}}},
        {"calibration": {"slope": float("inf"), "shifts": {}}},
        {"calibration": 3},
        {"costs": {"red": {"red": 1}}},
        {"costs": {"red": 1}},
        {"abstain": "5%"},
    ],
)
def test_a_damaged_rule_is_refused(change, tmp_path):
    tune(scores=drawn(60), abstain=0.4, calibrate=True, out=tmp_path / "rule.json")
    values = read_json(tmp_path / "rule.json")
    (tmp_path / "rule.json").write_text(json.dumps(values | change), encoding="utf-8")
    with pytest.raises(DicetuneError, match=r"rule\.json: expected"):
        DecisionRule.load(tmp_path / "rule.json")


def test_the_command_takes_all_of_them_together(file, tmp_path, capsys):
    rows = [row | {"split": split} for split in ("dev", "test") for row in drawn(200, sharpness=3)]
    scores = file("".join(json.dumps(row) + "\n" for row in rows), "scores.jsonl")
    flags = ("--costs", file(COSTS, "costs.tsv"), "--calibrate", "--abstain", "10%")
    assert command("tune", "--scores", scores, *flags, "--out", tmp_path / "rule.json") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "of 3, nothing if the risk",
        "p is calibrated",
        "The mean cost on test",
        "coverage",
    ):
        assert words in shown
    rule = DecisionRule.load(tmp_path / "rule.json")
    assert rule.calibration is not None
    assert rule.costs["red"]["blue"] == 9
    assert rule.abstain is not None
    flags = ("--objective", "precision@recall:0.9", "--confidence", "0.8", "--positive", "red")
    assert command("tune", "--scores", scores, *flags) == 0
    assert "with 80% confidence" in " ".join(capsys.readouterr().out.split())
