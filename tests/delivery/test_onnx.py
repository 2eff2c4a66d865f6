"""An exported model decides as the model does, without torch; the rest is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest

from commands import command, loaded_by
from delivered import TIE, asked, made_up, margins, rule_for, save_task
from dicetune.errors import InputError
from dicetune.models import load_model, load_tokenizer
from dicetune.onnx_model import ExportRecord, PlainTokenizer
from dicetune.predictor import load
from dicetune.records import write_json
from dicetune.scoring import evaluate
from dicetune.tasks import TASKS
from dicetune.tuning import export
from families import FAMILIES, save_slow

EXPORTED = {"ner": "token", "mrc-ner": "token", "qa": "question", "multilabel": "sequence"}
ODD = ["Quay", "a\u200b b \u00df \u6771\u4eac", "Nine " * 90, "at Quay , then  again ."]


@pytest.fixture(scope="module", params=EXPORTED)
def exported(request, saved_family, tmp_path_factory):
    """A task, its saved model with a rule, and the export of both."""
    task, place = request.param, tmp_path_factory.mktemp(request.param)
    folder = save_task(task, saved_family("bert", EXPORTED[task]), place / "model")
    plain = load(folder, task=task)
    rule_for(plain.task.problem(), plain.scores(plain.ask(*asked(task, 50)))).save(folder)
    export(folder, to="onnx", out=place / "onnx", task=task)
    return task, folder, place / "onnx"


def decided(predictor, data):
    """Scores, and what the rule makes of them."""
    scores = predictor.scores(data)
    return scores, [getattr(one, "text", getattr(one, "labels", one))
                    for one in predictor.decide(scores, data)]  # fmt: skip


def test_the_export_decides_as_the_model(exported):
    task, folder, out = exported
    with_torch, without = load(folder, task=task), load(out)
    assert with_torch.decision == without.decision is not None
    assert repr(with_torch) == repr(without)
    texts = [[*one, *ODD] for one in asked(task, 200 if task == "mrc-ner" else 1000)]
    texts[: len(texts) - 1] = [column[:-4] + ["Where ?"] * 4 for column in texts[:-1]]
    expected, right = decided(with_torch, with_torch.ask(*texts))
    scores, found = decided(without, without.ask(*texts))
    problem, rule = with_torch.task.problem(), with_torch.decision
    apart = np.array([a != b for a, b in zip(found, right, strict=True)])
    assert (margins(problem, rule.apply(expected))[apart] < TIE).all()
    assert apart.mean() < 5e-3
    assert len({str(one) for one in found}) > 2
    for one, other in zip(expected, scores, strict=True):
        assert one == pytest.approx(other, abs=1e-3, rel=1e-3)
    (alone,) = without.scores(without.ask(*([column[3]] for column in texts)))
    assert alone == pytest.approx(scores[3], abs=1e-3, rel=1e-3)


def test_an_export_predicts_without_torch(exported, tmp_path):
    task, folder, out = exported
    texts = [f"--{name.replace('_', '-')}" for name in TASKS[task].inputs]
    given = [part for name in texts for part in (name, "at Quay Nine again")]
    said = [loaded_by(["predict", str(out), *given, "--out-format", "jsonl"], folder=tmp_path)]
    assert command("predict", folder, *given, "--task", task, "--out-format", "jsonl",
                   "--out", tmp_path / "a") == 0  # fmt: skip
    rows, _, loaded = said[0].rpartition("predict loaded ")
    assert loaded == "[]\n"
    assert json.loads(rows).keys() == json.loads((tmp_path / "a").read_text("utf-8")).keys()


def test_damage_and_mistakes_are_refused(exported, saved_family, tmp_path):
    task, folder, out = exported
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="expected a model, got"):
        load(copy)
    (copy / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"expected model\.onnx in .*, got none: export the run"):
        load(copy)
    record = ExportRecord.load(copy)
    for wrong in (replace(record, version=9), replace(record, labels=[1])):
        wrong.save(copy)
        with pytest.raises(InputError, match="export the run again"):
            load(copy)
    write_json(copy / "dicetune.json", {**vars(record), "more": 1})
    with pytest.raises(InputError, match="expected the keys of an export"):
        load(copy)
    with pytest.raises(InputError, match="expected the task of the export"):
        load(out, task="text")
    with pytest.raises(InputError, match="expected a device of onnxruntime, got 'tpu'"):
        load(out, device="tpu")
    with pytest.raises(InputError, match="expected a model of transformers, got the export"):
        export(out, to="onnx", out=tmp_path / "again")
    with pytest.raises(InputError, match="expected --int8 with --to onnx"):
        export(folder, to="transformers", out=tmp_path / "again", int8=True)
    with pytest.raises(InputError, match="expected no decision beside --to onnx"):
        export(folder, to="onnx", out=tmp_path / "again", decision="argmax")
    if task == "multilabel":
        slow = save_slow(tmp_path / "slow")
        load_model(TASKS["text"].auto_class, slow, ["a", "b"]).save_pretrained(slow)
        with pytest.raises(InputError, match="expected a model with a fast tokenizer"):
            export(slow, to="onnx", out=tmp_path / "no", task="text")
    assert not list(tmp_path.glob("again*"))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_plain_tokenizer_cuts_as_that_of_transformers(family, saved_family, tmp_path):
    for task in ("ner", "pair", "qa", "mrc-ner"):
        head = EXPORTED.get(task, "sequence")
        folder = saved_family(family, head)
        tokenizer = load_tokenizer(folder)
        tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
        facts = PlainTokenizer.facts(tokenizer)
        plain = PlainTokenizer.of_file(tmp_path / "tokenizer.json", json.loads(json.dumps(facts)))
        labels = ["O", "B-X", "I-X"] if task == "ner" else ["X", "Y"]
        kind = TASKS[task].restore(["start", "end"] if task == "qa" else labels, {})
        texts = [[*made_up(30, seed=seed, most=60), *ODD] for seed in (0, 1)]
        texts[0] = ["Where ?"] * len(texts[1]) if task == "qa" else texts[0]
        data = kind.ask(dict(zip(kind.inputs, texts, strict=False)))
        ours, theirs = (kind.encode(data, one, 24) for one in (plain, tokenizer))
        assert ours.facts == theirs.facts
        for one, other in zip(ours.features, theirs.features, strict=True):
            assert {name: list(np.ravel(value)) for name, value in one.items()} == {
                name: list(np.ravel(value)) for name, value in other.items()
            }


def test_eight_bits_keep_the_score_of_a_trained_model(trained_ner, tmp_path):
    folder, data = trained_ner
    export(folder, to="onnx", out=tmp_path / "int8", int8=True)
    assert abs(evaluate(tmp_path / "int8", data)["f1"] - evaluate(folder, data)["f1"]) <= 0.005
    graph = onnx.load(tmp_path / "int8/model.onnx").graph
    assert onnx.TensorProto.INT8 in {weight.data_type for weight in graph.initializer}
    scales = [weight for weight in graph.initializer if weight.name.endswith("_scale")]
    sizes = {max(weight.dims, default=1) for weight in scales}
    assert max(sizes) > 1, "a scale for each output of a layer"


def test_an_ensemble_has_a_folder_for_each_member(trained_ner, tmp_path):
    folder, data = trained_ner
    whole = tmp_path / "whole"
    for name in ("seed1", "seed2"):
        shutil.copytree(folder, whole / name)
    write_json(whole / "ensemble.json", {"members": [{"folder": "seed1"}, {"folder": "seed2"}]})
    shutil.copyfile(folder / "decision.json", whole / "decision.json")
    export(whole, to="onnx", out=tmp_path / "onnx")
    assert repr(load(tmp_path / "onnx")) == repr(load(whole))
    assert evaluate(tmp_path / "onnx", data)["f1"] == evaluate(whole, data)["f1"] == 1.0
