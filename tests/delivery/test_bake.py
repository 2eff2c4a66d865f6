"""A rule in the biases of a head: every tool then decides as dicetune does with the rule."""

import numpy as np
import pytest
from transformers import pipeline

from commands import command
from delivered import LABELS, TIE, asked, made_up, margins, rule_for, save_task
from dicetune.decide import DecisionRule
from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.problems.reliability import Calibration
from dicetune.tuning import export

BAKED = {"text": 5000, "multilabel": 5000, "ner": 5000, "pos": 1000, "mrc-ner": 500}


@pytest.fixture(params=LABELS)
def saved(request, saved_family, tmp_path):
    """Name and folder of a saved model of each task."""
    head = {"qa": "question", "text": "sequence", "pair": "sequence", "multilabel": "sequence"}
    family = saved_family("bert", head.get(request.param, "token"))
    return request.param, save_task(request.param, family, tmp_path / "model")


def test_every_text_is_decided_as_by_the_rule(saved, tmp_path):
    task, folder = saved
    if task not in BAKED:
        return
    plain = load(folder, task=task)
    problem, some = plain.task.problem(), plain.scores(plain.ask(*asked(task, 50)))
    more = {"calibration": Calibration(0.7, {"bad": 0.4})} if task == "text" else {}
    rule = rule_for(problem, some, **more)
    rule.save(folder)
    before = load(folder, task=task)
    export(folder, to="transformers", out=tmp_path / "out", task=task)
    assert sorted(path.name for path in tmp_path.glob("out/decision*")) == []
    after = load(tmp_path / "out", task=task)
    assert after.decision is None
    data = before.ask(*asked(task, BAKED[task]))
    scores = before.scores(data)
    plain, ruled = before.task.predict(scores, data), before.decide(scores, data)
    baked = after.decide(after.scores(data), data)
    said = [getattr(one, "labels", one) for one in ruled]
    found = [getattr(one, "labels", one) for one in baked]
    changed = sum(a != getattr(b, "labels", b) for a, b in zip(said, plain, strict=True))
    assert changed > len(said) / 20
    apart = np.array([a != b for a, b in zip(said, found, strict=True)])
    assert (margins(problem, rule.apply(scores))[apart] < TIE).all()
    assert apart.mean() < 1e-3


def test_a_pipeline_of_transformers_decides_by_the_rule(saved_family, tmp_path):
    for task, words in {"text": {}, "multilabel": {"top_k": None}}.items():
        folder = save_task(task, saved_family("bert", "sequence"), tmp_path / task)
        plain = load(folder, task=task)
        texts = made_up(50)
        rule_for(plain.task.problem(), plain.scores(plain.ask(texts))).save(folder)
        ours = load(folder, task=task)
        assert command("export", folder, "--to", "transformers", "--out", tmp_path / f"{task}.out",
                       "--task", task) == 0  # fmt: skip
        serve = pipeline("text-classification", model=str(tmp_path / f"{task}.out"))
        for answer, found in zip(ours(texts), serve(texts, **words), strict=True):
            rows = found if isinstance(found, list) else [{**found, "score": 1.0}]
            said = [row["label"] for row in rows if row["score"] > 0.5]
            assert set(said) == set(answer.names)


def test_what_no_bias_expresses_is_refused(saved_family, tmp_path):
    folder = save_task("text", saved_family("bert", "sequence"), tmp_path / "model")
    labels = tuple(LABELS["text"])
    costs = {a: {b: float(a != b) for b in labels} for a in labels}
    refused = {
        "moves something, got the default": DecisionRule("label", {}, "f1", labels),
        "got costs": DecisionRule("label", {}, "cost", labels, costs=costs),
        "may say nothing": DecisionRule("label", {"bad": 1.0}, "f1", labels, abstain=0.2),
    }
    for said, rule in refused.items():
        rule.save(tmp_path / "rule.json")
        with pytest.raises(InputError, match=said):
            export(folder, to="transformers", out=tmp_path / "out", decision=tmp_path / "rule.json")
    answers = DecisionRule("answer", {"null": 1.0}, "f1", ("start", "end"))
    with pytest.raises(InputError, match="some positions of a text and not others"):
        answers.output_biases()
    DecisionRule("label", {"bad": 1.0}, "f1", labels).save(folder)
    with pytest.raises(InputError, match="expected a new or empty folder"):
        export(folder, to="transformers", out=folder)
    with pytest.raises(InputError, match="did you mean 'transformers'"):
        export(folder, to="transformer", out=tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
