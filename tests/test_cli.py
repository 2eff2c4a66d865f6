"""The command line: what it prints, what it leaves, and what it says to each mistake."""

import io
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from commands import command as run
from dicetune.records import read_json_lines
from tiny import tiny_bert

TRAIN = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\nis O\ndown O\n\nall O\nquiet O\n\n" * 8
DEV = "pump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tiny model and small files."""
    folder = tmp_path_factory.mktemp("cli")
    tiny_bert(folder / "model")
    (folder / "train.conll").write_text(TRAIN, encoding="utf-8")
    (folder / "dev.conll").write_text(DEV, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _in_place(place, monkeypatch):
    monkeypatch.chdir(place)


def umask():
    """The mask of new files, which can be read by setting it alone."""
    found = os.umask(0)
    os.umask(found)
    return found


def train(*arguments, out="run", task="ner"):
    return run(
        *("train", task, "--model", "model", "--out", out),
        *("-s", "trainer.num_train_epochs=1", "-s", "trainer.use_cpu=true"),
        *arguments,
    )


FILES = ("--train", "train.conll", "--dev", "dev.conll")


@pytest.fixture(scope="module")
def trained(place):
    arguments = [
        *("ner", "--model", "model", "--out", "trained", *FILES, "--test", "dev.conll"),
        *("--loss", "ce+dice", "-s", "trainer.max_steps=200", "-s", "trainer.use_cpu=true"),
        *("-s", "trainer.learning_rate=5e-3", "-s", "trainer.per_device_train_batch_size=4"),
    ]
    for what in ("save", "eval"):
        arguments += ["-s", f"trainer.{what}_strategy=steps", "-s", f"trainer.{what}_steps=50"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as shown:
        patch.chdir(place)
        assert run("train", *arguments) == 0
    assert "precision" in shown.getvalue()
    return place / "trained"


def test_a_finished_folder_holds_what_the_record_says(trained):
    assert {path.name for path in trained.iterdir()} == {
        "README.md",
        "config.json",
        "config.yaml",
        "decision.json",
        "metrics.json",
        "model.safetensors",
        "predictions.jsonl",
        "run.json",
        "scores.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "tuned.jsonl",
    }
    record = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert record["labels"] == ["O", "B-SITE", "I-SITE"]
    assert record["config"]["loss"] == "ce+dice"
    assert record["data"]["train"]["sha256"]
    assert record["training"]["best_phase"] == "main"
    metrics = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["dev"]["f1"] == 1.0
    rows = list(read_json_lines(trained / "predictions.jsonl"))
    assert [row["split"] for row in rows] == ["dev", "dev", "test", "test"]
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert "| dev | 100.00 | 100.00 | 100.00 |" in card
    assert "pipeline_tag: token-classification" in card


def test_the_page_of_the_format_names_every_file_and_key(trained):
    page = (Path(__file__).parent.parent / "docs/run-format.md").read_text(encoding="utf-8")
    record = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    row = next(read_json_lines(trained / "predictions.jsonl"))
    rule = json.loads((trained / "decision.json").read_text(encoding="utf-8"))
    named = {path.name for path in trained.iterdir()} | record.keys() | row.keys() | rule.keys()
    assert {name for name in named if f"`{name}`" not in page} == set()
    modes = {path.stat().st_mode & 0o777 for path in trained.iterdir()}
    assert modes == {0o666 & ~umask()}, "all files have the permissions that the page says"


def test_the_folder_loads_in_a_transformers_pipeline(trained):
    from transformers import pipeline

    tag = pipeline("token-classification", model=str(trained), aggregation_strategy="simple")
    (found,) = tag("the pump at Quay Nine is down")
    assert (found["entity_group"], found["word"]) == ("SITE", "quay nine")


def test_predict_text_files_and_streams(trained, capsys, monkeypatch):
    assert run("predict", "trained", "--text", "The pump at Quay Nine is down") == 0
    assert capsys.readouterr().out == "The pump at [[Quay Nine|SITE]] is down\n"
    assert run("predict", "trained", "dev.conll") == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2].split() == ["Quay", "B-SITE", "B-SITE"]  # the row of the file, and the tag
    assert run("predict", "trained", "dev.conll", "--out-format", "jsonl") == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["entities"][0]["text"] == "Quay Nine"
    assert (first["entities"][0]["start"], first["entities"][0]["end"]) == (2, 4)


def test_prediction_is_the_same_alone_and_in_a_batch(trained):
    from dicetune.predictor import load

    tagger = load(trained, batch_size=2)
    texts = ["all quiet", "the pump at Quay Nine is down", "at Quay Nine , all is quiet again"]
    together = tagger(texts)
    for text, tagged in zip(texts, together, strict=True):
        (alone,) = tagger(text)
        assert alone.tags == tagged.tags
        assert alone.probabilities == pytest.approx(tagged.probabilities, abs=1e-5)
    entity = together[1].entities[0]
    assert texts[1][entity.start : entity.end] == entity.text == "Quay Nine"


def test_evaluate_a_model_and_a_file_of_predictions(trained, place, capsys):
    assert run("evaluate", "trained", "dev.conll", "--json") == 0
    assert json.loads(capsys.readouterr().out)["f1"] == 1.0
    (place / "other.tsv").write_text("Quay\tB-SITE\tB-SITE\nNine\tI-SITE\tO\n", encoding="utf-8")
    assert run("evaluate", "other.tsv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["f1"] == 0.0
    assert run("evaluate", "trained/predictions.jsonl", "--json", "--split", "test") == 0
    assert json.loads(capsys.readouterr().out)["f1"] == 1.0
    assert run("evaluate", "trained/predictions.jsonl", "--json") == 2
    assert "got dev, test: choose one with --split" in " ".join(capsys.readouterr().err.split())


def test_inspect(capsys):
    assert run("inspect", "train.conll", "dev.conll", "--model", "model") == 0
    out = capsys.readouterr().out
    assert "negative : positive" in out
    assert "4.98" in out
    assert run("inspect", "train.conll", "--model", "model", "--json") == 0
    assert json.loads(capsys.readouterr().out)["splits"][0]["facts"]["sentences"] == 16


def test_losses_lists_every_preset(capsys):
    from dicetune.losses import LOSSES

    assert run("losses") == 0
    out = capsys.readouterr().out
    for name in LOSSES:
        assert name in out


def test_version_and_help(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("dicetune 0.")
    assert run("--help") == 0


MISTAKES = [
    (("--train", "none.conll", "--dev", "dev.conll"), "none.conll: no such file"),
    (("--train", "empty.conll", "--dev", "dev.conll"), "empty.conll:"),
    (("--train", "folder", "--dev", "dev.conll"), "folder: "),
    (("--train", "latin.conll", "--dev", "dev.conll"), "latin.conll:2: expected UTF-8"),
    (("--train", "ragged.conll", "--dev", "dev.conll"), "ragged.conll:2: expected 2 columns"),
    (("--train", "train.conll", "--dev", "label.conll"), "label.conll:2: expected labels that"),
    (("--train", "single.conll", "--dev", "dev.conll"), "single-class"),
    ((*FILES, "--model", "weightless"), "expected model.safetensors in the model folder"),
    ((*FILES, "--model", "no-such-org/no-such-model"), "expected a model that can be loaded, got"),
    ((*FILES, "--out", "used"), "expected a new or empty folder, got 'used'"),
    ((*FILES, "--out", "used", "--overwrite"), "dicetune deletes only its files"),
    ((*FILES, "--out", "used", "--resume"), "expected an unfinished run to resume"),
    ((*FILES, "--loss", "dcie"), "unknown loss 'dcie': did you mean 'dice'"),
    ((*FILES, "--loss", "dice:smoth=1"), "did you mean 'smooth'"),
    ((*FILES, "--loss", "tversky:alpha=-1"), "alpha"),
    ((*FILES, "--loss", "dice:smooth=nan"), "smooth"),
    ((*FILES, "-s", "trainer.learning_rat=1"), "did you mean 'learning_rate'"),
    ((*FILES, "-s", "trainer.learning_rate=fast"), "learning_rate"),
    ((*FILES, "-s", "nonsense"), "expected -s KEY=VALUE, got 'nonsense'"),
    ((*FILES, "-s", "trainer.learning_rate=-1"), "trainer.learning_rate of at least 0, got -1"),
    ((*FILES, "-s", "trainer.per_device_train_batch_size=0"), "of at least 1, got 0"),
    ((*FILES, "-s", "trainer.save_strategy=no"), "'epoch' or 'steps', got 'no'"),
    ((*FILES, "-s", "trainer.lr_scheduler_type=sideways"), "sideways"),
    ((*FILES, "--loss", "wce:class_counts=5/0/3"), "training items"),
    ((*FILES, "--loss", "wce:class_counts=5/4"), "class_counts with one number for each of"),
    ((*FILES, "--overwrite", "--resume"), "expected --overwrite or --resume, got both"),
    ((*FILES, "--max-length", "4000"), "expected max_length of at most"),
    ((*FILES, "--data", "sample"), "expected --data sample, alone"),
    (("--train", "train.conll"), "expected a dev file"),
    ((*FILES, "--loss", "dice", "--start-share", "0.4"), "start_loss and start_share together"),
    ((*FILES, "--config", "none.yaml"), "expected a configuration file, got 'none.yaml'"),
]


@pytest.fixture
def mistakes(place):
    """Files that are wrong, each in its own way."""
    (place / "empty.conll").write_text("", encoding="utf-8")
    (place / "folder").mkdir(exist_ok=True)
    (place / "latin.conll").write_bytes("a O\ncaf\xe9 O\n".encode("latin-1"))
    (place / "ragged.conll").write_text("a O\nb O x\n", encoding="utf-8")
    (place / "label.conll").write_text("a O\nb B-BOAT\n", encoding="utf-8")
    (place / "single.conll").write_text("a O\nb O\n", encoding="utf-8")
    (place / "bare.conll").write_text("a O\nb B-BOAT\n", encoding="utf-8")
    (place / "used").mkdir(exist_ok=True)
    (place / "used" / "mine.txt").write_text("keep me", encoding="utf-8")
    (place / "weightless").mkdir(exist_ok=True)
    config = (place / "model" / "config.json").read_text(encoding="utf-8")
    (place / "weightless" / "config.json").write_text(config, encoding="utf-8")


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_gets_one_message_and_leaves_nothing(arguments, message, mistakes, place, capsys):
    before = {path.name for path in place.iterdir()}
    assert train(*arguments, out="fresh") == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error
    assert {path.name for path in place.iterdir()} == before
    assert (place / "used" / "mine.txt").read_text(encoding="utf-8") == "keep me"


def test_mistakes_of_the_other_commands(trained, mistakes, capsys):
    for arguments, message in [
        (("predict", "none", "--text", "a"), "expected the folder of a saved model, got 'none'"),
        (("predict", "weightless", "--text", "a"), "expected model.safetensors"),
        (("predict", "trained"), "expected a file or --text, got neither"),
        (("predict", "trained", "dev.conll", "--format", "xml"), "unknown input format 'xml'"),
        (("evaluate", "trained"), "expected a file with gold to score the model"),
        (("evaluate", "trained", "label.conll"), "B-BOAT"),
        (("evaluate", "dev.conll", "dev.conll"), "expected a model folder before 'dev.conll'"),
        (("inspect", "none.conll"), "none.conll: no such file"),
        (("train", "nre", *FILES, "--out", "x"), "unknown task 'nre': did you mean 'ner'"),
    ]:
        assert run(*arguments) == 2, arguments
        error = " ".join(capsys.readouterr().err.split())
        assert message in error, error
        assert "Traceback" not in error


def test_a_loss_without_meaning_for_the_input_is_refused_before_training(place, capsys):
    (place / "pos.conll").write_text("the DET\npump NOUN\n\npump NOUN\n", encoding="utf-8")
    files = ("--train", "pos.conll", "--dev", "pos.conll")
    assert train(*files, "--loss", "dice:average=micro", task="pos", out="none") == 2
    assert "micro" in capsys.readouterr().err
    assert not (place / "none").exists()
    assert train(*files, "--loss", "dice", task="pos", out="tagger") == 0
    assert "accuracy" in capsys.readouterr().out
    assert run("predict", "tagger", "--text", "the pump") == 0
    assert capsys.readouterr().out.startswith("the_")


def test_predict_reads_the_input_stream(trained, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"pump at Quay Nine\n")))
    assert run("predict", "trained", "-") == 0
    assert capsys.readouterr().out == "pump at [[Quay Nine|SITE]]\n"


def test_json_lines_come_back_as_json_lines(trained, place, capsys):
    (place / "in.jsonl").write_text('{"id": "a", "tokens": ["pump", "at", "Quay", "Nine"]}\n')
    assert run("predict", "trained", "in.jsonl") == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["id"], row["tags"]) == ("a", ["O", "O", "B-SITE", "I-SITE"])
    (place / "in.txt").write_text("pump at Quay Nine\n\nall quiet\n", encoding="utf-8")
    assert run("predict", "trained", "in.txt", "--out", "out.txt") == 0
    expected = "pump at [[Quay Nine|SITE]]\n\nall quiet\n"
    assert (place / "out.txt").read_text(encoding="utf-8") == expected


def test_flags_win_over_the_file_and_settings_over_both(place, capsys):
    (place / "c.yaml").write_text(
        "task: ner\ntrain: train.conll\ndev: dev.conll\nmodel: model\nloss: ce\n"
        "trainer: {num_train_epochs: 1, use_cpu: true}\n",
        encoding="utf-8",
    )
    arguments = ("--config", "c.yaml", "--loss", "focal", "-s", "seed=4", "--out", "file")
    assert run("train", *arguments) == 0
    record = json.loads((place / "file" / "run.json").read_text(encoding="utf-8"))
    assert (record["objective"]["loss"], record["config"]["seed"]) == ("focal", 4)
    assert run("train", "--config", "file/config.yaml", "--out", "file2") == 0


def test_early_stopping_waits_for_the_main_phase(place):
    still = ("-s", "trainer.learning_rate=0.0", "-s", "trainer.num_train_epochs=6")
    still += ("--batch-size", "32")  # an epoch is a step
    assert train(*FILES, *still, "--patience", "1", "--loss", "ce", out="early") == 0
    record = json.loads((place / "early" / "run.json").read_text(encoding="utf-8"))
    assert (record["training"]["steps"], record["training"]["planned_steps"]) == (2, 6)
    start = ("--loss", "dice", "--start-loss", "ce", "--start-share", "0.5")
    assert train(*FILES, *still, "--patience", "1", *start, out="later") == 0
    record = json.loads((place / "later" / "run.json").read_text(encoding="utf-8"))
    assert (record["training"]["steps"], record["training"]["best_phase"]) == (4, "start")
    assert "lies in the start phase" in " ".join(record["notes"])


def test_an_existing_run_is_refused_and_overwritten_on_request(trained, place, capsys):
    assert train(*FILES, out="again") == 0
    assert train(*FILES, out="again") == 2
    assert "give --overwrite to delete it" in capsys.readouterr().err
    assert train(*FILES, "--overwrite", out="again") == 0
