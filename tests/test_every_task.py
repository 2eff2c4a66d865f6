"""Each task from file to prediction, with a tiny random model of every backbone family.

Train, score, save, load, predict: what the record says of a model is what the loaded folder does,
one example at a time as well as many, and every output file can be read again.
"""

import json
from contextlib import nullcontext
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from transformers import pipeline

from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.scoring import evaluate, inspect, predict
from dicetune.tasks import TASKS
from dicetune.training import RunConfig, run
from families import FAMILIES, save_slow
from tiny import squad

SENTENCES = [
    ("The pump at Quay Nine is down again .", "O O O B-SITE I-SITE O O O O"),
    ("Dock four is fine .", "B-SITE I-SITE O O O"),
    ("Atlas Sync lost the queue , then recovered .", "O O O O O O O O O"),
]


def columns(rows):
    return "\n\n".join(
        "\n".join(f"{word}\t{tag}" for word, tag in zip(text.split(), tags.split(), strict=True))
        for text, tags in rows
    )


CONTEXT = "The pump at Quay Nine is down again . " * 4 + "Dock four is fine ."
ASKED = [
    ("q0", "Where is the pump ?", "Quay Nine"),
    ("q1", "Which dock is fine ?", "Dock four"),
    ("q2", "Who knows why ?", None),
]
WORD_TAG = "The_DT pump_NN is_VB down_RB\nDock_NN four_CD is_VB fine_JJ\n"
# task: (head of the saved model, name and text of its files, plain values)
CASES = {
    "ner": ("token", "a.conll", columns(SENTENCES) + "\n", [text for text, _ in SENTENCES]),
    "pos": (
        "token",
        "a.conll",
        columns([("The pump is down", "DT NN VB RB"), ("Dock four", "NN CD")]) + "\n",
        ["The pump is down"],
    ),
    "seg-pos": ("token", "a.txt", WORD_TAG, ["Thepump", "Dock four"]),
    "mrc-ner": ("token", "a.conll", columns(SENTENCES) + "\n", [text for text, _ in SENTENCES]),
    "qa": (
        "question",
        "a.json",
        json.dumps(squad(CONTEXT, *ASKED)),
        (["Where ?"] * 2, ["At Quay Nine .", "Dock four ."]),
    ),
    "text": (
        "sequence",
        "a.tsv",
        "text\tlabel\npump down again\tbad\ndock is fine\tgood\nthe queue is lost\tbad\n",
        ["pump down", "dock four is fine"],
    ),
    "pair": (
        "sequence",
        "a.tsv",
        "text\ttext_b\tlabel\npump down\tthe pump is down\t1\ndock fine\tpump down\t0\n",
        (["pump down", "a"], ["the pump is down", "b c"]),
    ),
    "multilabel": (
        "sequence",
        "a.tsv",
        "text\tlabel\npump down again\tbad,pump\ndock is fine\tgood\nlost queue\tbad\n",
        ["pump down", "dock four is fine"],
    ),
}


def run_of(name, folder, model, **changes):
    """The configuration of a short run of a task on its case, which is written into a folder."""
    _, file, text, _ = CASES[name]
    (folder / file).write_text(text, encoding="utf-8")
    data, out = str(folder / file), str(folder / "out")
    changes = {"loss": "ce+dice", "max_length": 48, "train": data, "dev": data, **changes}
    return RunConfig(task=name, model=str(model), out=out, **changes)


# every family with each head; the other tasks, which share a head, with one family each
PAIRS = [
    *product(("ner", "mrc-ner", "qa", "pair"), FAMILIES),
    *zip(("pos", "seg-pos", "text", "multilabel"), list(FAMILIES)[1:], strict=False),
]
FIRST = dict(reversed(PAIRS))


def test_every_task_and_family_is_here():
    assert [{pair[side] for pair in PAIRS} for side in (0, 1)] == [set(TASKS), set(FAMILIES)]


@pytest.mark.parametrize(("name", "family"), PAIRS)
def test_train_evaluate_save_load_predict(name, family, saved_family, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head, file, _, values = CASES[name]
    task = TASKS[name]
    trainer = {"num_train_epochs": 1, "per_device_train_batch_size": 2, "max_steps": 2}
    data = {"train": file, "dev": file, "test": file}
    config = run_of(name, tmp_path, saved_family(family, head), trainer=trainer, **data)
    record = run(config)
    metrics = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    assert record.config["task"] == name
    predictor = load("out", batch_size=2)
    shown = predictor.task.shown
    assert predictor.task.main_metric in shown

    # the loaded folder scores the same as the run did
    again = evaluate("out", file)
    for score in shown:
        assert again[score] == pytest.approx(metrics["test"][score], abs=1e-6)

    # one example at a time is the same as many
    given = values if isinstance(values, tuple) else (values,)
    together = predictor.scores(predictor.ask(*given))
    assert len(together) == len(given[0])
    for number, scores in enumerate(together):
        (alone,) = predictor.scores(predictor.ask(*([texts[number]] for texts in given)))
        assert np.allclose(alone, scores, atol=1e-4), number
    answers = predictor(*given)
    assert len(answers) == len(given[0])
    assert all(json.dumps(answer.to_dict()) for answer in answers)

    # the library's own pipeline, where it has one, says the same of whole texts
    if task.pipeline is not None:
        serve = pipeline(task.pipeline, model="out")
        one = [texts[0] for texts in given]
        found = serve({"text": one[0], "text_pair": one[1]} if len(one) == 2 else one[0])
        if head == "sequence":
            best = found if isinstance(found, dict) else found[0]
            chances = answers[0].to_dict()["probabilities"]
            assert best["label"] == max(chances, key=chances.get)
            assert best["score"] == pytest.approx(chances[best["label"]], abs=1e-4)

    # what the run left lines up with the data
    arrays = load_file(tmp_path / "out/scores.safetensors")
    rows = (tmp_path / "out/predictions.jsonl").read_text(encoding="utf-8").splitlines()
    examples = record.data["test"]["examples"]
    assert len(arrays["test.lengths"]) == examples
    assert arrays["test.lengths"].sum() == len(arrays["test"])
    assert len(rows) == 2 * examples
    stored = {"predictions": metrics["test"]["argmax"], "tuned": metrics["test"]}
    for decided, expected in stored.items():
        scored = evaluate(f"out/{decided}.jsonl", task=name, split="test")
        for score in shown:
            assert scored[score] == pytest.approx(expected[score], abs=1e-6), (decided, score)

    # plain files in, every format out, which a family has no part in
    for out_format in task.out_formats if family == FIRST[name] else ():
        out = f"out.{out_format}"
        named = dict(zip(task.inputs, given, strict=True))
        predict("out", **named, out_format=out_format, out=out)
        assert (tmp_path / out).read_text(encoding="utf-8")
    predict("out", file, out="from-file")
    assert (tmp_path / "from-file").read_text(encoding="utf-8").strip()


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """Function from a task to a configuration, whose model has a slow tokenizer alone."""
    monkeypatch.chdir(tmp_path)

    save_slow(tmp_path / "model")

    def configure(name):
        steps = {"max_steps": 2, "per_device_train_batch_size": 2}
        return run_of(name, tmp_path, "model", loss="ce", max_length=None, trainer=steps)

    return configure


@pytest.mark.parametrize("name", ["text", "pair", "multilabel"])
def test_a_slow_tokenizer_serves_for_whole_texts(name, slow):
    config = slow(name)
    run(config)
    metrics = json.loads(Path("out/metrics.json").read_text(encoding="utf-8"))
    again = evaluate("out", config.dev)
    predictor = load("out", batch_size=2)
    for score in predictor.task.shown:
        found, expected = again["argmax"][score], metrics["dev"]["argmax"][score]
        assert found == pytest.approx(expected, abs=1e-6)
    # also of texts shorter than what the model reads at once
    values = [["", "a", "pump down again", "dock four is fine and all is quiet " * 40]]
    values *= len(predictor.task.inputs)
    together = predictor.scores(predictor.ask(*values))
    for number, scores in enumerate(together):
        (alone,) = predictor.scores(predictor.ask(*([texts[number]] for texts in values)))
        assert np.allclose(alone, scores, atol=1e-6), number


@pytest.mark.parametrize("name", TASKS)
def test_a_slow_tokenizer_is_refused_where_words_are_aligned(name, slow):
    config = slow(name)
    said = "got ByT5Tokenizer: words cannot be aligned with sub-words without one"
    for use in (lambda: run(config), lambda: inspect([config.train], task=name, model="model")):
        with pytest.raises(InputError, match=said) if TASKS[name].aligns else nullcontext():
            use()


def test_texts_that_are_cut_off_are_said_when_predicting(saved_family, tmp_path, log):
    out = str(tmp_path / "out")
    text = "the pump is down " * 40
    predict(saved_family("bert", "sequence"), text=[text], task="text", out=out)
    assert log.messages == ["1 of 1 texts are longer than 64 sub-words and were cut off"]
