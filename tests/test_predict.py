"""Prediction: what goes in is told by its content, and what comes out lines up with it."""

import io
import json
import os
import sys

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, BertModel

from commands import command
from dicetune.data import guess_format, read_lines, read_predictions
from dicetune.errors import InputError, InputTypeError
from dicetune.predictor import load
from dicetune.records import RunRecord
from dicetune.scoring import evaluate, predict
from families import save_family
from tiny import RECORDED, wordpiece_tokenizer

LABELS = ["O", "B-SITE", "I-SITE"]


def save_model(folder, model_class=BertForTokenClassification, **options):
    """A model that calls every word a site: its head is a bias alone."""
    tokenizer = wordpiece_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
        **options,
    )
    torch.manual_seed(0)
    model = model_class(config)
    if model_class is BertForTokenClassification:
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("predict") / "model")


@pytest.fixture
def tag(model, tmp_path, capsys, monkeypatch, log):
    """Function from the bytes of a file or the input stream to output lines and reports."""

    def run(text, name="-", **options):
        source = name
        if name == "-":
            stream = io.TextIOWrapper(io.BytesIO(text.encode()))
            monkeypatch.setattr(sys, "stdin", stream)
        else:
            (tmp_path / name).write_text(text, encoding="utf-8")
            source = str(tmp_path / name)
        predict(model, source, out="-", **options)
        return capsys.readouterr().out, log.messages

    return run


CONLL = "at O\nQuay B-SITE\n\nall O\nquiet O\n"


@pytest.mark.parametrize("name", ["-", "eng.testb"])
def test_columns_by_spaces_are_told_by_content_and_said_to_be_a_guess(tag, name):
    out, reports = tag(CONLL, name)
    assert out == "at O B-SITE\nQuay B-SITE B-SITE\n\nall O B-SITE\nquiet O B-SITE\n\n"
    (report,) = reports
    assert "read as columns, one word a row (conll), since each row has 2 words" in report
    assert "--format" in report


@pytest.mark.parametrize("name", ["-", "in.data"])
def test_json_lines_are_told_by_content(tag, name):
    out, reports = tag('{"id": "a", "tokens": ["at", "Quay"]}\n', name)
    assert json.loads(out)["tags"] == ["B-SITE", "B-SITE"]
    assert json.loads(out)["id"] == "a"
    assert reports == []


@pytest.mark.parametrize("name", ["-", "notes.txt"])
def test_one_tab_makes_no_columns(tag, name):
    out, reports = tag("the\tpump\nat the quay\n", name)
    assert out == "[[the|SITE]]\t[[pump|SITE]]\n[[at|SITE]] [[the|SITE]] [[quay|SITE]]\n"
    (report,) = reports
    assert "read as plain text, one text a line, since some rows hold tabs" in report


@pytest.mark.parametrize(
    ("text", "format", "doubt"),
    [
        ("The pump is down.\nAll is quiet at Quay Nine.\n", "text", None),
        ("pump down\n", "text", None),
        ("pump down\n\n", "text", None),
        ("pump down\nall quiet\n", "text", "each row has 2 words"),
        ("pump\ndown\n\nall\n", "text", "each row has 1 word"),
        ("a b c\n" * 19 + "\na b\n", "text", "19 of 20 rows have 3 words"),
        ("at\tO\nQuay\tB-SITE\n", "conll", None),
        ("New York\tB-SITE\nat\tO\n", "conll", None),
        ("at\tO\n", "conll", "its only row holds a tab"),
        ("at\tO\nQuay\n", "text", "some rows hold tabs, but they make no table"),
        ("-DOCSTART- -X- O\n\nat IN O\n", "conll", None),
        ("# text = at Quay\nat O\nQuay O\n\n", "conll", "each row has 2 words, with blank lines"),
        ("1\tat" + "\t_" * 8 + "\n", "conllu", None),
        ("[draft] the pump\n", "text", None),
        ("# The pump\n", "text", None),
    ],
)
def test_the_format_by_content(tmp_path, text, format, doubt):
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    found = guess_format(path)
    assert found.format == format
    assert found.lines == read_lines(path)
    assert (found.doubt is None) == (doubt is None)
    assert (found.doubt or "").startswith(doubt or "")


@pytest.mark.parametrize("name", ["a.conll", "a.tsv", "a.conll.gz"])
def test_a_name_that_promises_columns_is_believed(tmp_path, name):
    path = tmp_path / name
    path.write_text("pump\ndown\n", encoding="utf-8")
    assert guess_format(path).format == "conll"


@pytest.mark.parametrize(
    "path",
    ["wnut17/emerging.test.annotated", "weibo_ner/weiboNER_2nd_conll.dev", "ark_tweets/oct27.dev"],
)
def test_published_column_files_without_a_known_name_are_columns(real_data, path):
    assert guess_format(real_data(path)).format == "conll"


@pytest.mark.parametrize(
    ("path", "format"), [("wikigold/README.rst", "text"), ("sst/dev.txt", "treebank")]
)
def test_published_prose_is_text_and_trees_are_trees(real_data, path, format):
    assert guess_format(real_data(path)).format == format


TEXT = "at Quay\n\n \nall\n"


def test_lines_without_words_keep_their_place(tag):
    out, _ = tag(TEXT, format="text")
    assert out == "[[at|SITE]] [[Quay|SITE]]\n\n \n[[all|SITE]]\n"
    out, _ = tag(TEXT, out_format="jsonl")
    assert [json.loads(row)["tokens"] for row in out.splitlines()] == [
        ["at", "Quay"],
        [],
        [],
        ["all"],
    ]
    out, _ = tag(TEXT, out_format="conll")
    assert out == "at\tB-SITE\nQuay\tB-SITE\n\n\n\nall\tB-SITE\n\n"


def test_json_rows_without_words_keep_their_place(tag):
    out, _ = tag('{"tokens": ["at"]}\n{"id": "b", "tokens": []}\n{"tokens": ["all"]}\n')
    rows = [json.loads(row) for row in out.splitlines()]
    assert [row["tokens"] for row in rows] == [["at"], [], ["all"]]
    assert rows[1] == {"id": "b", "tokens": [], "tags": [], "probabilities": [], "entities": []}


def test_the_words_may_stand_in_another_column(tag, model):
    out, _ = tag("1\tat\n2\tQuay\n", options={"token_column": 1})
    assert out == "1\tat\tB-SITE\n2\tQuay\tB-SITE\n\n"


COLUMNS = """-DOCSTART-\t-X-\tO

# id a1\tdomain=port
at\tIN\tO
Quay\tNNP\tB-SITE


# id a2
# said twice
all\tDT\tO
# the end
"""


@pytest.mark.parametrize("at_once", [1, 1024])
def test_columns_and_comments_of_a_file_are_kept(model, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr("dicetune.predictor._ANSWERED", at_once)
    source, target = tmp_path / "in.conll", tmp_path / "out.conll"
    source.write_text(COLUMNS, encoding="utf-8")
    predict(model, str(source), out=str(target), keep=False)
    rows = ("at\tIN\tO", "Quay\tNNP\tB-SITE", "all\tDT\tO")
    expected = COLUMNS
    for row in rows:
        expected = expected.replace(row, f"{row}\tB-SITE")
    assert target.read_text(encoding="utf-8") == expected + "\n"
    found = read_predictions(target, scheme="iob2")
    assert found.gold == [("O", "B-SITE"), ("O",)]
    assert found.predicted == [("B-SITE", "B-SITE"), ("B-SITE",)]

    predict(model, str(source), out=str(target), keep=False, out_format="jsonl")
    first, second = map(json.loads, target.read_text(encoding="utf-8").splitlines())
    assert (first["tokens"], first["column 1"], first["column 2"]) == (
        ["at", "Quay"],
        ["IN", "NNP"],
        ["O", "B-SITE"],
    )
    assert first["comments"] == ["# id a1\tdomain=port"]
    assert second["comments"] == ["# id a2", "# said twice"]
    assert not {"column 0", "text"} & first.keys()


def test_rows_of_conllu_that_are_no_words_get_a_cell_too(tag):
    def row(number, form):
        return f"{number}\t{form}\t{form.lower()}" + "\t_" * 7

    rows = [row("1-2", "Atthe"), row("1", "At"), row("2", "the"), row("2.1", "old")]
    out, _ = tag("\n".join(["# sent_id = s7", *rows]) + "\n\n")
    cells = ["_", "B-SITE", "B-SITE", "_"]
    expected = [f"{row}\t{cell}" for row, cell in zip(rows, cells, strict=True)]
    assert out.splitlines() == ["# sent_id = s7", *expected, ""]
    found = json.loads(tag("\n".join(["# sent_id = s7", *rows]), out_format="jsonl")[0])
    assert (found["id"], found["lemma"], found["input_id"]) == ("s7", ["at", "the"], ["1", "2"])


def test_keys_of_tagged_json_lines_are_kept(tag):
    row = {"id": "a", "tokens": ["at", "Quay"], "tags": ["O", "O"], "page": 3, "text": "at Quay"}
    out, _ = tag(json.dumps(row) + "\n")
    found = json.loads(out)
    assert (found["tags"], found["input_tags"]) == (["B-SITE", "B-SITE"], ["O", "O"])
    assert (found["page"], found["text"]) == (3, "at Quay")
    out, _ = tag(json.dumps(row) + "\n", out_format="csv")
    assert out.splitlines()[0] == "id,text,tags,page,entities"


def test_the_columns_of_the_run_are_the_default(tmp_path, capsys):
    folder = save_model(tmp_path / "model")
    options = {"token_column": 1}
    config = {"task": "ner", "train": "a", "seed": 1, "options": options, "trainer": {}}
    settings = {"label_scheme": "iob2"}
    RunRecord(config=config, labels=LABELS, settings=settings, **RECORDED).save(folder)
    (tmp_path / "in.tsv").write_text("1\tat\n2\tQuay\n", encoding="utf-8")
    predict(folder, str(tmp_path / "in.tsv"), out="-")
    assert capsys.readouterr().out == "1\tat\tB-SITE\n2\tQuay\tB-SITE\n\n"
    (tmp_path / "in.jsonl").write_text('{"tokens": ["at"]}\n', encoding="utf-8")
    predict(folder, str(tmp_path / "in.jsonl"), out="-")
    assert json.loads(capsys.readouterr().out)["tokens"] == ["at"]


def test_oddities_of_the_source_are_said(tag):
    _, reports = tag("# a comment line\nat\tO\nQuay\tO\n", "a.conll")
    assert len(reports) == 1
    assert reports[0].startswith("comment lines: skipped (1; first at ")


def test_a_model_without_its_head_is_refused(tmp_path):
    save_model(tmp_path / "bare", BertModel)
    with pytest.raises(InputError, match=r"\(saved as BertModel\) without the weights classifier"):
        load(tmp_path / "bare")


def test_a_model_of_another_shape_or_kind_is_refused(tmp_path):
    folder = save_model(tmp_path / "other")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for change, message in (
        ({"hidden_size": 32}, r"LayerNorm\.bias with 16 for 32, .* and \d+ more\): restore both"),
        ({"model_type": "no-such-type"}, "expected a saved model, got"),
        ({"id2label": {"0": "O", "7": "B-SITE"}}, "id2label with a name for each of 0 to 1 in"),
    ):
        (folder / "config.json").write_text(json.dumps({**config, **change}), encoding="utf-8")
        with pytest.raises(InputError, match=message):
            load(folder)


@pytest.mark.parametrize("head", ["token", "sequence", "question"])
def test_nothing_asked_is_nothing_answered(saved_family, head):
    predictor = load(saved_family("bert", head))
    assert predictor(*([] for _ in predictor.task.inputs)) == []


def test_a_foreign_classifier_is_of_texts_unless_its_configuration_or_the_user_says_else(
    tmp_path, capsys
):
    folder = save_family("bert", "sequence", tmp_path / "foreign")
    assert load(folder).task.name == "text"
    assert load(folder, task="pair").task.name == "pair"
    predict(folder, text=["a"], text_b=["b"], task="pair", out="-")
    assert json.loads(capsys.readouterr().out)["text_b"] == "b"
    (tmp_path / "gold.tsv").write_text("text\tlabel\na\tLABEL_0\nb\tLABEL_1\n", encoding="utf-8")
    assert "accuracy" in evaluate(folder, tmp_path / "gold.tsv", task="text")
    with pytest.raises(InputError, match="expected text, which a model of task 'text' takes, got"):
        load(folder)(text="a", text_b="b")
    with pytest.raises(InputError, match="unknown task 'texts': did you mean 'text'"):
        load(folder, task="texts")
    config = json.loads((tmp_path / "foreign/config.json").read_text(encoding="utf-8"))
    several = {**config, "problem_type": "multi_label_classification"}
    (tmp_path / "foreign/config.json").write_text(json.dumps(several), encoding="utf-8")
    assert load(folder).task.name == "multilabel"


def test_options_are_checked_before_a_task_sees_them(saved_family):
    folder = saved_family("bert", "question")
    with pytest.raises(InputTypeError, match="expected stride as int, got 'abc'"):
        load(folder, options={"stride": "abc"})
    with pytest.raises(InputError, match="unknown option 'strides': did you mean 'stride'"):
        load(folder, options={"strides": 3})


def test_values_that_are_no_texts_are_refused(model):
    tagger = load(model)
    with pytest.raises(InputError, match="expected a text or a list of texts as text, got None"):
        tagger(None)
    with pytest.raises(InputError, match="expected whole characters in text 2, got half of a pair"):
        tagger(["at Quay", "at \udcff"])


def test_a_target_that_cannot_be_written_is_refused_before_the_model_is_loaded(tmp_path):
    for out in (tmp_path / "none" / "x.conll", tmp_path):
        with pytest.raises(InputError, match="expected a file"):
            predict(tmp_path / "no-model", text=["at Quay"], out=str(out))


def test_a_failed_write_leaves_the_earlier_file(model, tmp_path, monkeypatch):
    out = tmp_path / "out.txt"
    out.write_text("earlier", encoding="utf-8")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match=r"out\.txt': No space left on device"):
        predict(model, text=["at Quay"], out=str(out))
    assert out.read_text(encoding="utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_the_command_says_the_format_on_the_error_stream(model, tmp_path, capsys):
    (tmp_path / "eng.testb").write_text(CONLL, encoding="utf-8")
    assert command("predict", model, tmp_path / "eng.testb") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "at O B-SITE"
    assert captured.err.count("\n") == 1
    assert "read as columns" in captured.err


def test_the_command_turns_a_missing_folder_into_one_message(model, capsys):
    assert command("predict", model, "--text", "at Quay", "--out", "missing/dir/x.conll") == 2
    error = capsys.readouterr().err
    assert "make the folder 'missing/dir' first" in error
    assert "Traceback" not in error
