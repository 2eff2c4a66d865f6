"""A saved head goes on by label and an encoder goes on whole, or the user hears of it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForQuestionAnswering, BertConfig, BertModel

from dicetune.errors import InputError
from dicetune.models import load_model, load_tokenizer
from dicetune.training.config import RunConfig
from dicetune.training.prepare import prepare
from families import FAMILIES, HEADS, save_family

SAVED = ["O", "B-A", "I-A"]
BY_LABEL = ["token", "sequence"]


def named(folder, labels=SAVED):
    """A saved model whose outputs have names."""
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["id2label"] = dict(enumerate(labels))
    config["label2id"] = {label: number for number, label in enumerate(labels)}
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def logits(model, folder):
    batch = load_tokenizer(folder)(["The pump at Quay Nine"], return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**batch).logits


@pytest.mark.parametrize("head", BY_LABEL)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_of_the_head_goes_to_the_place_of_its_label(tmp_path, name, head):
    folder = named(save_family(name, head, tmp_path))
    before = logits(load_model(HEADS[head], folder), folder)
    for labels, said in [
        (SAVED, ""),
        (["I-A", "O", "B-A"], "each label keeps its row, in the order of this run's labels"),
        (["B-A", "B-B", "O", "I-A"], "rows kept for B-A, O, I-A; new rows for B-B"),
        (["I-A", "B-B", "I-B"], "rows kept for I-A; new rows for B-B, I-B; left out: O, B-A"),
        (["B-A"], "rows kept for B-A; left out: O, I-A"),
        (["Q", "R"], "new rows for Q, R; left out: O, B-A, I-A"),
    ]:
        notes = []
        model = load_model(HEADS[head], folder, labels, notes.append)
        assert notes == ([f"head of {folder!r}: {said}"] if said else [])
        assert model.config.id2label == dict(enumerate(labels))
        assert model.config.label2id == {label: number for number, label in enumerate(labels)}
        assert model.num_labels == model.config.num_labels == len(labels)
        after = logits(model, folder)
        assert after.shape[-1] == len(labels)
        for place, label in enumerate(labels):
            old = before[..., SAVED.index(label)] if label in SAVED else before
            if label in SAVED:
                torch.testing.assert_close(after[..., place], old)
            else:
                assert not any(torch.equal(after[..., place], old[..., row]) for row in range(3))
        assert all(parameter.requires_grad for parameter in model.parameters())
        model.save_pretrained(tmp_path / "again")
        again = load_model(HEADS[head], str(tmp_path / "again"), labels)
        torch.testing.assert_close(logits(again, folder), after)


def test_names_that_the_library_gave_are_no_labels_of_the_data(tmp_path):
    folder, notes = save_family("bert", "token", tmp_path), []
    load_model(HEADS["token"], folder, SAVED, notes.append)
    (note,) = notes
    assert note.endswith("new rows for O, B-A, I-A; left out: LABEL_0, LABEL_1, LABEL_2")


def test_a_head_of_another_kind_is_not_taken_over(tmp_path):
    """The text head of BERT has the name and the shape of its token head."""
    folder, notes = named(save_family("bert", "sequence", tmp_path)), []
    saved = load_model(HEADS["sequence"], folder)
    model = load_model(HEADS["token"], folder, SAVED, notes.append)
    assert not torch.isclose(model.classifier.weight, saved.classifier.weight).any()
    assert notes == []


def test_the_two_outputs_of_questions_stay_where_they_are(tmp_path):
    folder, notes = save_family("bert", "question", tmp_path), []
    saved = load_model(AutoModelForQuestionAnswering, folder)
    model = load_model(AutoModelForQuestionAnswering, folder, ["start", "end"], notes.append)
    assert torch.equal(model.qa_outputs.weight, saved.qa_outputs.weight)
    assert notes == []


def test_a_run_says_which_rows_it_goes_on_from(tmp_path):
    folder = named(save_family("bert", "token", tmp_path / "model"), ["I-A", "O", "B-A"])
    (tmp_path / "a.conll").write_text("the O\nQuay B-A\nNine I-A\n\n" * 4, encoding="utf-8")
    file, said = str(tmp_path / "a.conll"), []
    prepared = prepare(
        RunConfig("ner", file, file, out=str(tmp_path / "out"), model=folder), said.append
    )
    (note,) = [line for line in said if line.startswith("head of")]
    assert "each label keeps its row" in note
    assert note in prepared.notes


@pytest.mark.parametrize("labels", [SAVED, ["B-A", "Q"]])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: {}, r"every weight of the encoder in '.*', got none for bert\.emb.* more"),
        (
            lambda weights: {n: w for n, w in weights.items() if ".layer.1." not in n},
            r"got none for bert\.encoder\.layer\.1\.",
        ),
        (
            lambda weights: {n: w[:9].clone() if "word" in n else w for n, w in weights.items()},
            r"\(bert\.embeddings\.word_embeddings\.weight with 9 x 16 for \d+ x 16\): restore both",
        ),
    ],
)
def test_an_encoder_that_is_not_whole_is_no_start(tmp_path, change, message, labels):
    folder = named(save_family("bert", "token", tmp_path))
    weights = tmp_path / "model.safetensors"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})
    with pytest.raises(InputError, match=message):
        load_model(HEADS["token"], folder, labels)


def test_an_encoder_saved_without_its_pooler_is_whole(tmp_path):
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=40, num_hidden_layers=1, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    model = load_model(HEADS["sequence"], str(tmp_path), SAVED)
    assert model.classifier.out_features == 3
