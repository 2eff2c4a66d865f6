"""Evaluation and inspection: chosen columns, what was found, and options that mean nothing."""

import io
import json

import pytest
from datasets import Dataset, DatasetDict
from rich.console import Console
from rich.table import Table

from commands import command
from dicetune import terminal
from dicetune.data import inspect_tokens, read_tokens
from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.records import RunRecord
from dicetune.scoring import evaluate, inspect
from tiny import RECORDED, tiny_bert

NAME = "dev.conll"
LABELS = ["O", "B-SITE", "I-SITE"]
ROWS = "1 at IN O\n2 Quay NN B-SITE\n3 Nine NN I-SITE\n\n1 all DT O\n"


def record(folder, task="ner", labels=LABELS, scheme="iob2", **config):
    """Make a model folder look like a run's."""
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    values["id2label"] = {str(number): label for number, label in enumerate(labels)}
    values["label2id"] = {label: number for number, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    config = {"task": task, "train": "a", "seed": 1, "options": config, "trainer": {}}
    settings = {"label_scheme": scheme}
    RunRecord(config=config, labels=labels, settings=settings, **RECORDED).save(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two random taggers, one of spans and one of parts of speech."""
    folder = tmp_path_factory.mktemp("models")
    tiny_bert(folder / "ner")
    record(folder / "ner", token_column=1, tag_column=3)
    tiny_bert(folder / "pos")
    record(folder / "pos", "pos", ["DT", "IN", "NN"], None)
    return folder


@pytest.fixture
def shown(capsys):
    """Function from the arguments of a command to its exit code and what it printed."""

    def run(*arguments):
        return command(*arguments), *capsys.readouterr()

    return run


def test_columns_of_the_run_are_the_default_and_others_can_be_chosen(models, file):
    path = file(ROWS)
    assert evaluate(models / "ner", path)["support"] == 1
    with pytest.raises(InputError, match="got 'IN'"):
        evaluate(models / "ner", path, options={"tag_column": "2"})
    assert (
        evaluate(models / "pos", path, options={"token_column": 1, "tag_column": 2})["support"] == 4
    )
    # without the record's columns, the last column would be read as parts of speech
    with pytest.raises(InputError, match="got 'O'"):
        evaluate(models / "pos", path, options={"token_column": 1})


def test_gold_without_an_entity_is_scored_for_a_model_as_for_a_file(models, file, log):
    found = evaluate(models / "ner", file("1 at IN O\n2 Quay NN O\n"))
    of_file = evaluate(file("at O B-SITE\nQuay O O\n", "out.tsv"))
    for scores in (found, of_file):
        assert (scores["correct"], scores["support"], scores["recall"], scores["f1"]) == (0,) * 4
    assert of_file["predicted"] == 1
    assert [line.startswith("gold without any entity") for line in log.messages] == [True, True]
    # no table without rows
    assert len(terminal.evaluation_tables(scores | {"per_type": {}}, "a")) == 2
    parts = terminal.inspection_tables(inspect([file("at O\n")], task="mrc-ner"))
    assert sum(isinstance(part, Table) for part in parts) == 1


def test_words_that_the_tokenizer_drops_are_tagged_and_scored(models, file):
    words = ["at", "\u00a0", " ", "\u200b", "", "\u200d", "\u00ad", "\ufe0f"]
    path = file("".join(f"{word}\tB-SITE\n" for word in words) + "\n\u00ad\tO\n")
    scores = evaluate(models / "ner", path, options={"token_column": 0, "tag_column": 1})
    assert scores["support"] == len(words)
    predictor = load(models / "ner", options={"token_column": 0})
    answers = predictor.answer(predictor.read(path, gold=False))
    assert [answer.tokens for answer in answers] == [words, ["\u00ad"]]
    assert [len(answer.tags) for answer in answers] == [len(words), 1]


def test_numbers_of_columns_are_no_keys_of_json_lines(models, file):
    rows = '{"tokens": ["at", "Quay"], "tags": ["O", "B-SITE"]}\n'
    assert evaluate(models / "ner", file(rows, "dev.jsonl"))["support"] == 1


def test_columns_of_a_file_of_predictions(file):
    path = file("B-X a B-X O\nO b O B-X\n", "out.tsv")
    assert evaluate(path)["f1"] == 0.0
    scores = evaluate(
        path, options={"token_column": "1", "gold_column": "0", "predicted_column": "2"}
    )
    assert scores["f1"] == 1.0
    rows = '{"words": ["a"], "truth": ["B-X"], "guess": ["B-X"]}\n'
    path = file(rows, "out.jsonl")
    assert (
        evaluate(path, options={"gold_column": "truth", "predicted_column": "guess"})["f1"] == 1.0
    )


@pytest.mark.parametrize(
    ("task", "row", "gold", "predicted"),
    [
        ("ner", "a\tB-{}\tB-{}\n", "per", "PER"),
        ("pos", "a\t{}\t{}\n", "NN", "1"),
        ("text", "gold\tpredicted\n{}\t{}\n", "1", "true"),
    ],
)
def test_predictions_without_any_label_of_the_gold_are_told(task, row, gold, predicted, file, log):
    evaluate(file(row.format(gold, predicted), "p.tsv"), task=task)
    assert (
        f"no label in common: gold has {gold}, the predictions have {predicted};"
        in log.messages[-1]
    )
    log.clear()
    evaluate(file(row.format(gold, gold), "p.tsv"), task=task)
    assert not any("in common" in line for line in log.messages)


def test_what_was_found_is_logged(models, file, log):
    evaluate(models / "ner", file("1 at IN O\n2 Quay NN I-SITE\n"))
    assert log.messages[0].endswith("dev.conll: tags of the scheme iob1, read as iob2")
    log.clear()
    path = file("1 Quay NN B-SITE\n2 at IN O\n3 Nine NN I-SITE\n4 Quay NN B-SITE\n")
    evaluate(models / "ner", path, options={"scheme": "iob2"})
    (line,) = log.messages
    assert line.startswith("tags that the scheme iob2 does not allow there: repaired")
    assert line.endswith("dev.conll:3)")
    log.clear()
    evaluate(file("a B-X I-X\nb O O\nc B-X O\n", "out.tsv"))
    assert log.messages[0].startswith("predicted tags that iob2 does not allow there: kept")


def test_options_that_mean_nothing_are_refused(models, file):
    path = file(ROWS)
    predictions = file("a NN NN\nb DT NN\n", "out.tsv")
    for target, data, task, options, message in [
        ("ner", path, "pos", {}, "the task of the run, 'ner', or none, got 'pos'"),
        ("ner", path, None, {"gold_column": 2}, "got gold_column=2: it is for score; leave it out"),
        (
            "ner",
            path,
            None,
            {"predicted_column": 2},
            "expected options of evaluate .a model on data",
        ),
        ("pos", path, None, {"convention": "strict"}, "unknown option 'convention'"),
        ("pos", path, None, {"scheme": "iob1"}, "unknown option 'scheme'"),
        (None, None, "pos", {"convention": "conlleval"}, "unknown option 'convention'"),
        (None, None, "pos", {"tag_column": 1}, "expected options of score"),
    ]:
        with pytest.raises(InputError, match=message):
            evaluate(models / target if target else predictions, data, task=task, options=options)
    assert evaluate(models / "ner", path, task="ner")["support"] == 1
    assert evaluate(predictions, task="pos")["accuracy"] == 0.5


def test_the_table_names_what_is_counted_and_json_stays_flat(shown, file):
    path = file("a B-X I-X\nb O O\nc B-X B-X\n", "out.tsv")
    code, out, err = shown("evaluate", path)
    assert code == 0
    assert "scheme iob2, convention strict" in " ".join(out.split())
    assert "kept (strict does not count them" in err
    _, out, _ = shown("evaluate", path, "-o", "convention=conlleval", "-o", "scheme=iob2")
    assert "scheme iob2, convention conlleval" in " ".join(out.split())
    _, out, _ = shown("evaluate", path, "--json", "-o", "gold_column=1", "-o", "predicted_column=1")
    assert json.loads(out)["f1"] == 1.0
    code, out, err = shown("evaluate", path, "--task", "pos", "-o", "convention=strict")
    assert (code, out) == (2, "")
    assert "unknown option 'convention'" in err


def test_inspect_reads_json_lines_and_chosen_columns(shown, models, file):
    rows = '{"tokens": ["at", "Quay"], "tags": ["O", "B-SITE"]}\n'
    model = ("--model", models / "pos", "--json")
    code, out, _ = shown("inspect", file(rows, "train.jsonl"), *model)
    assert code == 0
    assert json.loads(out)["splits"][0]["labels"] == {"SITE": 1}
    path = file("O 1 at\nB-SITE 2 Quay\n")
    code, out, _ = shown("inspect", path, *model, "-o", "token_column=2", "-o", "tag_column=0")
    assert json.loads(out)["splits"][0]["labels"] == {"SITE": 1}


def test_inspect_takes_the_columns_of_a_run(models, file):
    text = "1 at O IN\n2 Quay B-SITE NN\n"
    folder = models / "ner"
    assert inspect([file(ROWS)], model=str(folder)).splits[0].labels == {"SITE": 1}
    found = inspect([file(text)], model=str(folder), options={"tag_column": 2})
    assert found.splits[0].labels == {"SITE": 1}


def test_inspect_a_split_of_a_saved_data_set(shown, models, tmp_path):
    rows = {"tokens": [["at", "Quay"]], "tags": [["O", "B-SITE"]]}
    more = {"tokens": [["all"], ["Nine"]], "tags": [["O"], ["B-SITE"]]}
    DatasetDict(train=Dataset.from_dict(rows), dev=Dataset.from_dict(more)).save_to_disk(
        tmp_path / "saved"
    )
    files = [f"{tmp_path}/saved:train", f"{tmp_path}/saved:dev"]
    code, out, err = shown("inspect", *files, "--model", models / "pos", "--json")
    assert code == 0, err
    assert [split["facts"]["sentences"] for split in json.loads(out)["splits"]] == [1, 2]


def test_inspect_warns_of_unknown_subwords(shown, models, file):
    path = file("本 O\n日 B-SITE\nat O\n")
    _, out, _ = shown("inspect", path, "--model", models / "pos")
    assert "of the sub-words are unknown" in " ".join(out.split())
    assert "--add-characters" in out
    known = inspect([file("at O\nquay B-SITE\n")], model=str(models / "pos"))
    assert known.warnings == ()


def test_names_that_look_like_markup_are_shown_as_they_are(file):
    name = "p[/b].tsv"
    scores = {"f1": 0.5, "per_type": {name: {"precision": 0, "recall": 0.0, "support": 1}}}
    corpus = read_tokens(file("at O\nQuay B-SITE\n"))
    tables = [
        terminal.scores_table({name: scores}, name),
        *terminal.details_tables(scores),
        *terminal.evaluation_tables(scores, name),
        terminal.plain_table([{"a": name}], name),
        *terminal.inspection_tables(inspect_tokens({name: corpus})),
    ]
    for number, table in enumerate(tables):
        stream = io.StringIO()
        Console(file=stream, width=100).print(table)
        if number < 4:
            assert name in stream.getvalue()


def test_parts_of_the_data_are_shown_in_one_table():
    scores = {
        "f1": 0.5,
        "has_answer": {"exact": 0.25, "total": 4},
        "best_f1": {"score": 0.75, "threshold": -1.5},
    }
    (table,) = terminal.details_tables(scores)
    stream = io.StringIO()
    Console(file=stream, width=100).print(table)
    shown = stream.getvalue()
    for text in ("has answer", "25.00", "best f1", "75.00", "-1.5"):
        assert text in shown, text
