"""What a run sets up before its first step: class weights, counts, biases, doubts, a rehearsal."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dicetune.errors import InputError, InputTypeError
from dicetune.losses import recipe
from dicetune.models import load_model, load_tokenizer
from dicetune.records import read_json
from dicetune.tasks import TASKS, build_options
from dicetune.training import RunConfig, run
from dicetune.training.auto import start_at_prior
from dicetune.training.batches import PaddingCollator
from dicetune.training.objective import weighted
from dicetune.training.prepare import count_classes, doubts_of_choice, read_splits
from families import FAMILIES
from tiny import tiny_bert, wordpiece_tokenizer

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
def place(saved_family, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "\n".join(map(json.dumps, QUESTIONS))
    files = {"qa.jsonl": lines, "ner.conll": TAGS, "text.tsv": TEXTS, "multilabel.tsv": EMOTIONS}
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    for head in ("token", "sequence", "question"):
        Path(head).symlink_to(saved_family("bert", head))
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


@pytest.mark.parametrize(("loss", "expected"), [("ce", True), ("dsc", False)])
@pytest.mark.parametrize(
    ("task", "options"), [("qa", {"form": "sigmoid"}), ("mrc-ner", {})], ids=["qa", "mrc-ner"]
)
def test_positions_start_at_their_share_with_cross_entropy_alone(
    place, task, options, loss, expected
):
    answers = [{"text": "Quay Nine", "answer_start": 22}]
    rows = [json.dumps({**QUESTIONS[0], "id": str(n), "answers": answers}) for n in range(9)]
    content = {"qa": "\n".join(rows), "mrc-ner": f"{TAGS}\n" * 9}[task]
    Path("many").write_text(content, encoding="utf-8")
    asked = config(task, "many", "token", loss=loss, options=options)
    form = {"qa": "jsonl", "mrc-ner": "conll"}[task]
    assert run(replace(asked, format=form)).objective["prior_bias"] is expected


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("task", ["multilabel", "qa", "mrc-ner"])
def test_sigmoids_start_at_the_share_of_their_positives(saved_family, name, task):
    """With the weights of the last layer at 0, what comes out is the bias: the prior."""
    heads = {"multilabel": "sequence", "qa": "question", "mrc-ner": "token"}
    source = saved_family(name, heads[task])
    asked = {
        "multilabel": TASKS["multilabel"](["a", "b", "c"], metric="macro_f1"),
        "qa": TASKS["qa"](TASKS["qa"].Options(form="sigmoid"), False),
        "mrc-ner": TASKS["mrc-ner"]({"site": "Find sites."}),
    }[task]
    model = load_model(asked.auto_class, source, asked.labels).eval()
    biases = asked.head_biases(model)
    counts = {name: torch.tensor([[30, 10]]).expand(len(b), 2) for name, b in biases.items()}
    for layer in (module for module in model.modules() if isinstance(module, torch.nn.Linear)):
        if any(layer.bias is not None and shares(layer.bias, bias) for bias in biases.values()):
            layer.weight.data.zero_()
    start_at_prior(asked, model, counts)
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
        ("qa", "qa.jsonl", "question", {"prior_bias": True}, "over the positions of a text"),
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
    place, task, file, head, values, message, log
):
    with pytest.raises(InputError, match=message):
        run(config(task, file, head, **values))
    assert not Path("out").exists()
    assert not any(line.startswith("objective") for line in log.messages)


RARE = "text\tlabel\nthe pump\tbad\nall is fine\tgood\nthe queue\tbad\nnobody knows\todd\n"


def test_a_run_weighs_the_classes_that_are_named(tmp_path):
    tiny_bert(tmp_path / "model")
    (tmp_path / "a.tsv").write_text(RARE, encoding="utf-8")
    path = tmp_path / "run.yaml"
    path.write_text(
        f"task: text\ntrain: {tmp_path}/a.tsv\ndev: {tmp_path}/a.tsv\nmodel: {tmp_path}/model\n"
        f"out: {tmp_path}/run\nloss: ce+dice\nstart_loss: focal\nstart_share: 0.5\n"
        "class_weight: {odd: 2.5}\ntrainer: {max_steps: 2, use_cpu: true}\n",
        encoding="utf-8",
    )
    config = RunConfig.from_yaml(path).updated({"class_weight.bad": "0"})
    assert config.class_weight == {"odd": 2.5, "bad": 0}
    run(config)
    record = read_json(tmp_path / "run" / "run.json")
    assert record["labels"] == ["bad", "good", "odd"]
    assert record["objective"]["loss"] == "ce:class_weight=0/1/2.5+dice:class_weight=0/1/2.5"
    assert record["objective"]["start_loss"] == "focal:class_weight=0/1/2.5"
    written = RunConfig.from_yaml(tmp_path / "run" / "config.yaml")
    assert written.updated({"trainer": config.trainer}) == config
    chosen = {"learning_rate": 2e-4, "per_device_train_batch_size": 8}  # by training.defaults
    assert written.trainer == {**config.trainer, **chosen}


@pytest.mark.parametrize(
    ("loss", "weights", "message"),
    [
        ("ce", {"spma": 2}, "unknown label in class_weight 'spma': did you mean 'spam'"),
        ("ce:class_weight=1/2", {"spam": 2}, "got 'ce:class_weight=1/2' with a class_weight"),
        ("ce+mom", {"spam": 2}, "got 'mom' with no such option"),
        ("ce", {"spam": 0, "ham": 0}, "at least one weight > 0"),
    ],
)
def test_weights_that_mean_nothing(loss, weights, message):
    with pytest.raises(InputError, match=message):
        weighted(recipe(loss), weights, ["ham", "spam"])


@pytest.mark.parametrize("weight", ["heavy", True, -1, "nan", None])
def test_a_weight_is_a_number(weight):
    with pytest.raises((InputError, InputTypeError), match=r"expected class_weight\.spam"):
        RunConfig.from_mapping(
            {"task": "text", "train": "a", "dev": "b", "class_weight": {"spam": weight}}
        )


TOKENIZER = wordpiece_tokenizer()
BOTH = "text\ttext_b\tlabel\na pump\tb\t1\nc gate\td\t0\ne\tf\t0\n"
THREE = "text\tlabel\na\tx\nb\ty\nc\tz\n"
TAGGED = "a B-X\nb O\n\nc O\n"
EMPTY = "F1 is 0 for every checkpoint"


@pytest.mark.parametrize(
    ("task", "train", "dev", "options", "said"),
    [
        *((task, BOTH, BOTH, {}, None) for task in ("text", "pair")),
        *(
            (task, BOTH, BOTH.replace("\t1\n", "\t0\n"), {}, f"no item of class '1': its {EMPTY}")
            for task in ("text", "pair")
        ),
        ("text", BOTH, BOTH.replace("\t0\n", "\t1\n"), {}, "items of class '1' alone"),
        ("text", BOTH, "text\tlabel\na\t0\n", {"metric": "accuracy"}, "class '0' alone"),
        ("text", THREE, "text\tlabel\na\tx\nb\ty\n", {}, None),
        ("text", THREE, "text\tlabel\na\tx\nb\ty\n", {"positive": "z"}, "no item of class 'z'"),
        ("multilabel", THREE, "text\tlabel\na\tx,y\n", {}, None),
        ("multilabel", THREE, "text\tlabel\na\t\nb\t\n", {}, f"no item of any class: {EMPTY}"),
        ("ner", TAGGED, TAGGED, {}, None),
        ("ner", TAGGED, "c O\n\n" + TAGGED, {}, "items of class 'O' alone"),
        ("mrc-ner", TAGGED, TAGGED, {}, None),
        ("mrc-ner", TAGGED, "c O\n\n" + TAGGED, {}, f"no item of any class: {EMPTY}"),
        ("pos", "a DET\nb NOUN\n", "c NOUN\n\na DET\n", {}, "items of class 'NOUN' alone"),
    ],
)
def test_a_dev_split_of_one_class(tmp_path, task, train, dev, options, said):
    known = TASKS[task]
    chosen = build_options(known.Options, options, use="train")
    splits = []
    for name, text in (("train", train), ("dev", dev)):
        (tmp_path / name).write_text(text)
        splits.append(known.read(tmp_path / name, chosen))
    if "\n\n" in dev and said:  # a file of one class is refused, its beginning is not
        splits[1] = splits[1].first(1)
    asked = known.of(splits[0], chosen)
    collator = PaddingCollator.of(asked, TOKENIZER, None)
    found = doubts_of_choice(asked, asked.encode(splits[1], TOKENIZER, 32), collator)
    assert (said is None and found == []) or (said in found[0] and len(found) == 1)
    inspected = known.inspect(dict(zip(("train", "dev"), splits, strict=True)), None)
    missing = [warning for warning in inspected.warnings if "dev holds no item of" in warning]
    # what inspect does not know: the class that is asked for
    assert bool(missing) == (said is not None and "positive" not in options)


ROWS = {
    "text": ("text\tlabel\n", ["quay is down\tbad\n", "gate is up\tgood\n"], ".tsv"),
    "multilabel": ("text\tlabels\n", ["quay is down\tbad,new\n", "gate is up\tnew\n"], ".tsv"),
    "ner": ("", ["Quay B-bad\nis O\n\n", "gate O\nup O\n\n"], ".conll"),
    "mrc-ner": ("", ["Quay B-bad\nis O\n\n", "gate O\nup O\n\n"], ".conll"),
    "pos": ("", ["Quay bad\nis V\n\n", "gate N\nis V\n\n"], ".conll"),
}


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("task", ROWS)
def test_the_first_examples_of_a_sorted_file_are_no_sample_of_it(tmp_path, task, split):
    head, (one, other), end = ROWS[task]
    rows = {"sorted": [*[one] * 60, *[other] * 60], "mixed": [one, other] * 60}
    files = {}
    for name, own in rows.items():
        files[name] = tmp_path / f"{name}{end}"
        files[name].write_text(head + "".join(own), encoding="utf-8")

    def notes(name, count):
        asked = {"train": "mixed", "dev": "mixed", "test": "mixed", split: name}
        paths = {key: str(files[file]) for key, file in asked.items()}
        found, _ = read_splits(RunConfig(task=task, **paths, **{f"max_{split}": count}))
        assert len(found[split]) == min(count, 120)
        return [str(note) for note in found[split].notes if "capped" in str(note)]

    (said,) = notes("sorted", 66)
    assert said == (
        "capped to its first examples, and labels follow the order of the file: 90.9% of them "
        "have 'bad', 50.0% of all; shuffle it (66)"
    )
    assert notes("mixed", 66) == ["capped to its first examples (66)"]
    assert not notes("sorted", 120)
    assert not notes("sorted", 500)


@pytest.mark.parametrize("rare", [0, 10, 100])
def test_rare_labels_at_an_end_of_a_file_are_told(tmp_path, rare):
    """No share is a tenth away here, and the rare label is what all is about."""
    path = tmp_path / "a.tsv"
    rows = [f"gate {n} is up\tgood\n" for n in range(1900)]
    late = [f"quay {n} is down\tbad\n" for n in range(100)]
    whole = [*late[:rare], *rows, *late[rare:]]
    path.write_text("text\tlabel\n" + "".join(whole), encoding="utf-8")
    config = RunConfig(task="text", train=str(path), dev=str(path), max_dev=800)
    (said,) = [str(note) for note in read_splits(config)[0]["dev"].notes if "capped" in str(note)]
    assert f"{rare / 8:.1f}% of them have 'bad', 5.0% of all" in said


def test_the_first_questions_of_a_sorted_file_are_no_sample_of_it(tmp_path):
    rows = [{**QUESTIONS[n % 4], "id": str(n)} for n in range(120)]
    rows[60:] = [{**row, "answers": [], "is_impossible": True} for row in rows[60:]]
    path = tmp_path / "sorted.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    def notes(count):
        config = RunConfig(task="qa", train=str(path), dev=str(path), max_dev=count)
        return [str(note) for note in read_splits(config)[0]["dev"].notes if "capped" in str(note)]

    (said,) = notes(50)
    assert "100.0% of them have 'answerable', 50.0% of all" in said
    assert notes(3) == ["capped to its first examples (3)"]  # as luck may have it


@pytest.mark.real_data
def test_the_dev_file_of_sst_is_sorted(real_data):
    paths = {split: str(real_data(f"sst/{split}.txt")) for split in ("train", "dev")}
    config = RunConfig(task="text", **paths, options={"classes": "binary"}, max_dev=500)
    (note,) = [str(note) for note in read_splits(config)[0]["dev"].notes if "capped" in str(note)]
    assert "84.0% of them have 'positive', 50.9% of all" in note
