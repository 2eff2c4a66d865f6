"""Class counts reach the losses, and what has no meaning is refused before a folder is made."""

import json
import math
from pathlib import Path

import pytest
import torch

from dicetune.errors import InputError
from dicetune.models import load_model, load_tokenizer
from dicetune.tasks import TASKS
from dicetune.training import RunConfig, run
from dicetune.training.batches import PaddingCollator
from dicetune.training.prepare import count_classes, start_at_prior
from families import FAMILIES, save_family

QUESTIONS = [
    {
        "id": str(number),
        "question": "Where is the pump?",
        "context": f"The pump {number} is down at Quay Nine.",
        "answers": [{"text": "Quay Nine", "answer_start": 23}],
    }
    for number in range(4)
]
TAGS = "The O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nBonn B-CITY\nis O\nup O\n"
TEXTS = "text\tlabel\n" + "quay is down\tbad\ngate is up\tgood\n" * 3
EMOTIONS = "text\tlabels\n" + "quay is down\tfear\ngate is up\tjoy\nit is\tjoy,fear\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "\n".join(map(json.dumps, QUESTIONS))
    files = {"qa.jsonl": lines, "ner.conll": TAGS, "text.tsv": TEXTS, "multilabel.tsv": EMOTIONS}
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    for head in ("token", "sequence", "question"):
        save_family("bert", head, tmp_path / head)
    return tmp_path


def config(task, file, head, **values):
    trainer = {"max_steps": 2, "per_device_train_batch_size": 2}
    return RunConfig(
        task=task, train=file, dev=file, model=head, out="out", trainer=trainer, **values
    )


@pytest.mark.parametrize(
    ("task", "file", "head", "options"),
    [
        ("ner", "ner.conll", "token", {}),
        ("text", "text.tsv", "sequence", {}),
        ("multilabel", "multilabel.tsv", "sequence", {}),
        ("qa", "qa.jsonl", "question", {"form": "sigmoid"}),
        ("mrc-ner", "ner.conll", "token", {}),
    ],
)
def test_class_counts_come_from_the_training_items(place, task, file, head, options):
    run(config(task, file, head, loss="wce+mom+la+cb", options=options))
    history = json.loads(Path("out/run.json").read_text(encoding="utf-8"))["training"]["history"]
    assert all(math.isfinite(row["loss"]) and row["loss"] > 0 for row in history if "loss" in row)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("task", ["multilabel", "qa", "mrc-ner"])
def test_sigmoids_start_at_the_share_of_their_positives(tmp_path, name, task):
    """With the weights of the last layer at 0, what comes out is the bias: the prior."""
    heads = {"multilabel": "sequence", "qa": "question", "mrc-ner": "token"}
    source = save_family(name, heads[task], tmp_path)
    own = {
        "multilabel": TASKS["multilabel"](["a", "b", "c"], metric="macro_f1"),
        "qa": TASKS["qa"](TASKS["qa"].Options(form="sigmoid"), False),
        "mrc-ner": TASKS["mrc-ner"]({"site": "Find sites."}),
    }[task]
    model = load_model(own.auto_class, source, own.labels).eval()
    biases = own.sigmoid_biases(model)
    counts = {name: torch.tensor([[30, 10]]).expand(len(b), 2) for name, b in biases.items()}
    for layer in (module for module in model.modules() if isinstance(module, torch.nn.Linear)):
        if any(layer.bias is not None and shares(layer.bias, bias) for bias in biases.values()):
            layer.weight.data.zero_()
    start_at_prior(own, model, counts)
    inputs = load_tokenizer(source)("the pump is down", return_tensors="pt")
    with torch.no_grad():
        outputs = model(**inputs)
    keys = {"multilabel": ["logits"], "qa": ["start_logits", "end_logits"]}
    for key in keys.get(task, ["start_logits", "end_logits", "span_logits"]):
        assert torch.allclose(torch.sigmoid(outputs[key]), torch.tensor(0.25), atol=1e-6)


def shares(one, other):
    """Whether two tensors lie in the same memory."""
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def test_a_run_starts_at_the_prior_and_says_so(place):
    values = {"loss": "dice", "prior_bias": True}
    run(config("multilabel", "multilabel.tsv", "sequence", **values))
    record = json.loads(Path("out/run.json").read_text(encoding="utf-8"))
    assert record["objective"]["prior_bias"] is True


def test_a_class_without_training_items_counts_as_one(place):
    """B-CITY is there and I-CITY, which the model knows too, is not."""
    data = TASKS["ner"].read("ner.conll", TASKS["ner"].Options())
    task = TASKS["ner"].of(data)
    tokenizer = load_tokenizer("token")
    encoded = task.encode(data, tokenizer, 32, training=True)
    collator = PaddingCollator.of(task, tokenizer, None)
    counts = count_classes(task, encoded, collator)["tags"]
    assert dict(zip(task.labels, counts.tolist(), strict=True)) == {
        "O": 5,
        "B-CITY": 1,
        "I-CITY": 1,
        "B-SITE": 1,
        "I-SITE": 1,
    }


def test_counts_of_several_batches_add_up(place, monkeypatch):
    options = TASKS["qa"].Options(form="sigmoid")
    data, tokenizer = TASKS["qa"].read("qa.jsonl", options), load_tokenizer("question")
    task = TASKS["qa"].of(data, options)
    encoded = task.encode(data, tokenizer, 48, training=True)
    collator = PaddingCollator.of(task, tokenizer, None)
    whole = count_classes(task, encoded, collator)
    monkeypatch.setattr("dicetune.training.prepare._AT_ONCE", 1)
    for name, counts in count_classes(task, encoded, collator).items():
        assert torch.equal(counts, whole[name])
        assert counts[0, 1] == len(encoded.features) == 4


@pytest.mark.parametrize(
    ("task", "file", "head", "values", "message"),
    [
        ("qa", "qa.jsonl", "question", {"loss": "wce"}, "got 'positions'"),
        ("qa", "qa.jsonl", "question", {"loss": "mom"}, "got 'positions'"),
        ("qa", "qa.jsonl", "question", {"loss": "ce+la"}, "got 'positions'"),
        ("qa", "qa.jsonl", "question", {"loss": "dice:average=micro"}, "average='macro'"),
        ("text", "text.tsv", "sequence", {"hard_negatives": 3.0}, "expected a background class"),
        ("ner", "ner.conll", "token", {"prior_bias": True}, "got softmaxes from task 'ner'"),
        ("qa", "qa.jsonl", "question", {"prior_bias": True}, "got softmaxes from task 'qa'"),
        (
            "ner",
            "ner.conll",
            "token",
            {"loss": "dice", "start_loss": "wce:class_counts=1/2", "start_share": 0.5},
            "each of 5 classes, got 2",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_before_anything_is_made(
    place, task, file, head, values, message
):
    lines = []
    with pytest.raises(InputError, match=message):
        run(config(task, file, head, **values), report=lines.append)
    assert not Path("out").exists()
    assert not any(line.startswith("objective") for line in lines)
