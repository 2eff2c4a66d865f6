"""PairTask: two texts in one window, one label."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import TextCorpus, TextExample
from dicetune.errors import DataError
from dicetune.tasks.classification.pair import PairOptions, PairTask
from families import FAMILIES, save_family, wordpiece
from tiny import byte_level_tokenizer

TOKENIZERS = {"wordpiece": wordpiece(), "byte-level": byte_level_tokenizer()}
CORPUS = TextCorpus(
    (
        TextExample("the pump is down", "is it fine", ("1",), line=1),
        TextExample("dock four", "gate 2", ("0",), line=2),
    ),
    "a.tsv",
)


def test_worked_example():
    task = PairTask.of(CORPUS)
    assert (task.labels, task.positive, task.main_metric) == (("0", "1"), "1", "f1")
    tokenizer = TOKENIZERS["wordpiece"]
    encoded = task.encode(CORPUS.first(1), tokenizer, 24)
    (feature,) = encoded.features
    pieces = tokenizer.convert_ids_to_tokens(feature["input_ids"])
    middle = pieces.index("[SEP]")
    assert (pieces[0], pieces[-1], pieces.count("[SEP]")) == ("[CLS]", "[SEP]", 2)
    assert feature["token_type_ids"] == [0] * (middle + 1) + [1] * (len(pieces) - middle - 1)
    assert feature["labels"] == 1
    logits = torch.tensor([[0.0, 2.0]])
    (item,) = task.loss_inputs({"logits": logits}, {"labels": torch.tensor([1])})
    assert (item.kind, item.target.tolist()) == ("classes", [1])
    assert task.class_counts({"labels": torch.tensor([1, 0, 1])})["label"].tolist() == [1, 2]
    decisions = task.predict(task.decode(task.shrink(logits, None).numpy(), encoded), CORPUS)
    assert decisions[0].labels == ("1",)
    assert task.score(CORPUS.first(1), decisions)["f1"] == 1.0


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(
    texts=st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), max_size=5),
    max_length=st.integers(6, 40),
)
def test_decoding_gold_outputs_gives_the_gold(kind, texts, max_length):
    examples = [TextExample(*both, (str(n % 2),)) for n, both in enumerate(texts)]
    corpus = TextCorpus(tuple(examples), "random")
    task = PairTask(["0", "1"], positive="1", metric="f1")
    encoded = task.encode(corpus, TOKENIZERS[kind], max_length)
    assert all(len(feature["input_ids"]) <= max_length for feature in encoded.features)
    outputs = np.log([[0.9, 0.1] if f["labels"] == 0 else [0.1, 0.9] for f in encoded.features])
    decisions = task.predict(task.decode(outputs, encoded), corpus)
    assert [own.labels for own in decisions] == [example.labels for example in corpus]


def test_the_longer_text_is_cut_first():
    task = PairTask.of(CORPUS)
    tokenizer = TOKENIZERS["wordpiece"]
    long = TextCorpus((TextExample("fine " * 40, "gate 2"), TextExample("pump", "down")), "long")
    encoded = task.encode(long, tokenizer, 16)
    pieces = tokenizer.convert_ids_to_tokens(encoded.features[0]["input_ids"])
    assert (len(pieces), pieces[-3:]) == (16, ["gate", "2", "[SEP]"])
    assert encoded.facts["truncated"] == 1
    assert encoded.notes == ("1 of 2 pairs are longer than 16 sub-words and were cut off",)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_order_do_not_change_an_answer(family, tmp_path):
    from transformers import AutoModelForSequenceClassification

    from dicetune.models import load_tokenizer
    from dicetune.predictor import Predictor

    folder = save_family(family, "sequence", tmp_path, labels=2)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = load_tokenizer(folder)
    task = PairTask(["0", "1"], positive="1", metric="f1")
    firsts, seconds = ["fine", "pump down", "Dock four is not fine"], ["Quay Nine", "", "gate 2"]
    together = Predictor(model, tokenizer, task, 3, 24)(firsts, seconds)
    turned = Predictor(model, tokenizer, task, 2, 24)(firsts[::-1], seconds[::-1])[::-1]
    for number, (one, other) in enumerate(zip(together, turned, strict=True)):
        (alone,) = Predictor(model, tokenizer, task, 1, 24)(firsts[number], seconds[number])
        assert one.probability == pytest.approx(alone.probability, abs=1e-5)
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_rows_and_answers_show_both_texts():
    task = PairTask.of(CORPUS)
    decisions = task.predict([np.log([[0.1, 0.9]])] * 2, CORPUS)
    row = next(iter(task.rows(CORPUS, decisions)))
    assert (row["text"], row["text_b"], row["gold"], row["predicted"]) == (
        "the pump is down",
        "is it fine",
        "1",
        "1",
    )
    answers = task.answers(CORPUS, decisions, [])
    first = json.loads(task.render(CORPUS, answers, "jsonl").splitlines()[0])
    assert (first["text_b"], first["label"]) == ("is it fine", "1")
    assert task.render(CORPUS, answers, "tsv").splitlines()[0].split("\t")[:2] == ["text", "text_b"]


def test_plain_text_holds_no_pairs(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one text\nanother\n")
    with pytest.raises(DataError, match="format cannot be told"):
        PairTask.read(file, PairOptions(), gold=False)
    with pytest.raises(DataError, match="pairs of texts, got plain text"):
        PairTask.read(file, PairOptions(), gold=False, format="text")


def test_real_pairs(real_data):
    train = PairTask.read(real_data("mrpc/msr_paraphrase_train.txt"), PairOptions())
    task = PairTask.of(train)
    assert (task.positive, dict(train.label_counts)) == ("1", {"0": 1323, "1": 2753})
