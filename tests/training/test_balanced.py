"""The balanced sampler: every class equally often, by seed and epoch alone, on every process."""

import json
from collections import Counter

import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from safetensors.torch import load_file
from torch.utils.data import BatchSampler

from dicetune.errors import InputError
from dicetune.training import RunConfig, run
from dicetune.training.batches import LengthGroupedSampler, balanced_weights
from dicetune.training.prepare import Inputs, prepare
from tiny import TEXTS, squad, tiny_bert

NER = (
    "pump B-SITE\nat O\nQuay B-ORG\n\n"
    + "all O\nquiet O\n\n" * 6
    + "Quay B-ORG\nNine I-ORG\n\n" * 2
)
TEXT = "label\ttext\n" + "spam\tthe pump\n" + "ham\tall quiet\n" * 7
MANY = (
    '{"text": "the pump", "labels": ["a", "b"]}\n'
    + '{"text": "all quiet", "labels": ["a"]}\n' * 3
    + '{"text": "down again", "labels": []}\n' * 4
)
DATA = {
    "ner": ("a.conll", NER, {"": 6, "ORG": 2, "SITE": 1}),
    "text": ("a.tsv", TEXT, {"ham": 7, "spam": 1}),
    "multilabel": ("a.jsonl", MANY, {"": 4, "a": 3, "b": 1}),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("model"), texts=TEXTS)


@pytest.fixture
def config(model, tmp_path):
    def made(task="ner", out="run", **others):
        name, text, _ = DATA[task]
        (tmp_path / name).write_text(text, encoding="utf-8")
        file = str(tmp_path / name)
        trainer = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "use_cpu": True}
        values = {"task": task, "train": file, "dev": file, "model": model, "loss": "ce"}
        values |= {"sampler": "balanced", "out": str(tmp_path / out), "trainer": trainer}
        return RunConfig.from_mapping({**values, **others})

    return made


@pytest.mark.parametrize("task", DATA)
def test_every_class_is_drawn_equally_often(task, config):
    inputs = Inputs.read(config(task))
    features = inputs.encoded["train"].features
    weights, sizes = balanced_weights(inputs.task, features, inputs.collator)
    expected = dict(DATA[task][2])
    if task == "text":  # one of two labels may be the background
        assert sorted(sizes.values()) == sorted(expected.values())
    else:
        assert sizes == expected
    drawn = Counter()
    sampler = LengthGroupedSampler(features.lengths, 4, 1, weights)
    for epoch in range(400):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert len(order) == len(features)
        drawn.update(round(1 / weights[index].item()) for index in order)
    shares = {size: count / drawn.total() for size, count in drawn.items()}
    assert shares == {size: pytest.approx(1 / len(sizes), abs=0.03) for size in sizes.values()}


def test_the_order_is_that_of_seed_and_epoch_on_every_process():
    weights = torch.rand(64, generator=torch.Generator().manual_seed(3))
    orders = {}
    for seed, epoch in ((1, 0), (1, 1), (2, 0)):
        sampler = LengthGroupedSampler(range(1, 65), 8, seed, weights)
        sampler.set_epoch(epoch)
        torch.manual_seed(len(orders))
        orders[seed, epoch] = list(sampler)
        assert list(sampler) == orders[seed, epoch]
    assert len({tuple(order) for order in orders.values()}) == 3
    # accelerate gives each process every second batch of the same order
    batches = [
        list(BatchSamplerShard(BatchSampler(sampler, 8, drop_last=False), 2, process))
        for process in range(2)
    ]
    together = [batch for pair in zip(*batches, strict=True) for batch in pair]
    assert [index for batch in together for index in batch] == orders[2, 0]


def test_a_run_says_it_and_resumes_to_the_same_weights(config, tmp_path):
    record = run(config(out="whole"))
    said = "balanced sampling: each of these classes is drawn equally often: none 6, ORG 2, SITE 1"
    assert said in record.notes
    assert record.config["sampler"] == "balanced"
    part = config(out="part", keep_checkpoints=True)
    run(part)
    (tmp_path / "part" / "run.json").unlink()
    last = tmp_path / "part" / "checkpoints" / "checkpoint-6"
    for path in last.iterdir():
        path.unlink()
    run(part, resume=True)
    plain = run(config(out="plain", sampler=None))
    weights = [
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "part", "plain")
    ]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert not all(weights[0][name].equal(weights[2][name]) for name in weights[0])
    assert not any("balanced" in note for note in plain.notes)


def test_where_there_are_no_classes_it_is_refused(config, model, tmp_path):
    with pytest.raises(InputError, match="unknown sampler 'balancd': did you mean 'balanced'"):
        config(sampler="balancd")
    document = squad("the pump at Quay Nine is down", ("1", "What is down?", "pump"))
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    file = str(tmp_path / "a.json")
    asked = config().updated({"task": "qa", "train": file, "dev": file})
    with pytest.raises(InputError, match="a task with classes for the balanced sampler, got qa"):
        prepare(asked)
    stock = config().updated({"trainer.train_sampling_strategy": "sequential"})
    with pytest.raises(InputError, match="expected sampling_weights with length_grouped"):
        run(stock)
