"""Options mean something in some uses and are refused in the others, whoever gives them."""

from dataclasses import dataclass

import pytest

from dicetune.errors import InputError, InputTypeError
from dicetune.predictor import load
from dicetune.scoring import evaluate, inspect, predict
from dicetune.tasks import TASKS, build_options, describe_tasks
from dicetune.tasks.options import USES, describe_options, option
from dicetune.training import RunConfig


@dataclass(frozen=True)
class Options:
    """Options of nothing.

    Args:
        width: how wide.
        file: which one.
    """

    width: int = option(3, uses=("predict", "train"))
    file: str | None = None


def test_an_option_is_taken_where_it_means_something():
    assert Options().width == 3
    for use in USES:
        assert build_options(Options, {"file": "a"}, use=use) == Options(file="a")
    assert build_options(Options, {"width": 5}, use="train").width == 5


def test_elsewhere_it_is_refused_even_with_its_default():
    message = (
        r"expected options of inspect \(looking at data with gold\), got width=3: it is for "
        "train, predict; leave it out"
    )
    with pytest.raises(InputError, match=message):
        build_options(Options, {"width": 3}, use="inspect")


def test_names_types_and_uses_are_checked():
    with pytest.raises(InputError, match="unknown option 'widht': did you mean 'width'"):
        build_options(Options, {"widht": 3}, use="inspect")
    with pytest.raises(InputTypeError, match="expected width as int, got 'wide'"):
        build_options(Options, {"width": "wide"}, use="train")
    with pytest.raises(InputError, match="unknown use of options 'predikt': did you mean 'predi"):
        build_options(Options, {}, use="predikt")


def test_uses_are_told():
    assert [list(row.values()) for row in describe_options(Options)] == [
        ["width", "N", "3", "train, predict", "how wide."],
        ["file", "TEXT", "", "all", "which one."],
    ]
    assert list(describe_options(Options)[0]) == ["option", "values", "default", "for", "meaning"]
    (told,) = describe_tasks("qa")
    assert told["uses"].keys() == USES.keys()


@pytest.mark.parametrize("name", TASKS)
def test_every_option_is_for_something_and_training_has_some(name):
    told = {row["option"]: row["for"] for row in describe_options(TASKS[name].Options)}
    assert all(told.values())
    assert any(uses == "all" or "train" in uses for uses in told.values())


REFUSED = {
    "train": [
        ("ner", {"gold_column": 1}),
        ("qa", {"n_best": 5}),
        ("qa", {"null_odds": "odds.json"}),
        ("text", {"predicted_column": "label"}),
    ],
    "evaluate": [
        ("ner", {"predicted_column": 1}),
        ("qa", {"negative_windows": 0.5}),
        ("qa", {"n_best": 5}),
        ("text", {"metric": "f1"}),
        ("mrc-ner", {"max_span_words": 3}),
    ],
    "predict": [
        ("ner", {"scheme": "iob2"}),
        ("ner", {"convention": "strict"}),
        ("qa", {"form": "sigmoid"}),
        ("qa", {"language": "zh"}),
        ("text", {"label_names": "labels.txt"}),
        ("mrc-ner", {"match": 0.5}),
    ],
    "ask": [
        ("ner", {"token_column": 1}),
        ("text", {"quoting": "on"}),
        ("pair", {"header": "off"}),
        ("multilabel", {"id_column": "id"}),
        ("seg-pos", {"token_column": 1}),
    ],
    "score": [
        ("ner", {"stride": 3}),
        ("pos", {"tag_column": 1}),
        ("seg-pos", {"token_column": 1}),
        ("mrc-ner", {"scheme": "iob2"}),
        ("qa", {"max_answer": 9}),
        ("text", {"text_column": "a"}),
        ("pair", {"metric": "f1"}),
        ("multilabel", {"id_column": "id"}),
    ],
    "compare": [
        ("text", {"gold_column": "gold"}),
        ("qa", {"max_answer": 9}),
        ("mrc-ner", {"nested": False}),
    ],
    "inspect": [
        ("ner", {"stride": 3}),
        ("ner", {"convention": "strict"}),
        ("qa", {"language": "en"}),
        ("text", {"positive": "1"}),
        ("mrc-ner", {"queries": "queries.tsv"}),
    ],
}


@pytest.fixture
def model(saved_family):
    """A foreign model: options are looked at before its head."""
    return saved_family("bert", "question")


# use: how it begins, with a model and the task and its options by name
BEGIN = {
    "train": lambda _, **asked: RunConfig(train="a", dev="b", **asked),
    "evaluate": lambda model, **asked: evaluate(model, "gold", **asked),
    "predict": lambda model, **asked: predict(model, "texts.txt", **asked),
    "ask": lambda model, **asked: predict(model, text=["a"], **asked),
    "score": lambda _, **asked: evaluate("predictions", **asked),
    "compare": lambda _, **asked: evaluate("predictions", "gold", **asked),
    "inspect": lambda _, **asked: inspect(["a"], **asked),
}


@pytest.mark.parametrize(
    ("use", "task", "options"),
    [
        pytest.param(use, task, options, id=f"{use}-{task}-{next(iter(options))}")
        for use, refused in REFUSED.items()
        for task, options in refused
    ],
)
def test_what_means_nothing_in_a_use_is_refused(use, task, options, model):
    with pytest.raises(InputError, match=f"expected options of {use}"):
        BEGIN[use](model, task=task, options=options)


def test_texts_have_no_format(model):
    with pytest.raises(InputError, match="expected no format beside texts"):
        predict(model, text=["a"], format="jsonl", task="ner")


def test_a_threshold_and_the_length_of_answers_may_be_chosen_at_prediction(model):
    options = {"null_threshold": 1.5, "max_answer": 4, "n_best": 2}
    task = load(model, options=options).task
    assert {name: getattr(task.options, name) for name in options} == options
