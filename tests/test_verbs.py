"""The verbs of ``import dicetune``: what they return, and the names of version 0.1."""

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import dicetune
from comparisons import make_comparison
from dicetune.errors import DataError
from tiny import tiny_bert

TRAIN = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n" * 8
DEV = "pump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n"
FAST = {"trainer.num_train_epochs": 1, "trainer.use_cpu": True}
VERBS = ("train", "evaluate", "predict", "load", "inspect", "tune", "split", "compare", "report")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tiny model and small files, after every module was imported."""
    for module in pkgutil.walk_packages(dicetune.__path__, "dicetune."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    folder = tmp_path_factory.mktemp("verbs")
    tiny_bert(folder / "model")
    (folder / "train.conll").write_text(TRAIN, encoding="utf-8")
    (folder / "dev.conll").write_text(DEV, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _in_place(place, monkeypatch):
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def trained(place):
    files = {"train": str(place / "train.conll"), "dev": str(place / "dev.conll")}
    return dicetune.train(
        "ner", **files, model=str(place / "model"), out=str(place / "run"), settings=FAST
    )


def is_shown(found, *words):
    """Whether text and HTML hold some words, as plain tables without scripts."""
    page = found._repr_html_()
    assert repr(found) == str(found)
    assert "<script" not in page
    return all(word in str(found) and word in page for word in words)


def test_no_module_shadows_a_verb(place):
    for verb in VERBS:
        assert callable(getattr(dicetune, verb)), verb
        assert verb in dir(dicetune)


def test_train_returns_the_run(trained, place):
    assert trained.folder == place / "run"
    assert set(trained.scores) == {"dev"}
    assert is_shown(trained, "ner · ce · seed 1", "precision", "dev")
    chosen = {"learning_rate": 2e-4, "per_device_train_batch_size": 8}  # by training.defaults
    assert trained.record.config["trainer"] == {"num_train_epochs": 1, "use_cpu": True, **chosen}
    assert trained.summary_line().startswith(f"step {trained.record.training['best_step']} of ")


@pytest.mark.parametrize("as_config", [lambda config: config, dicetune.RunConfig.from_mapping])
def test_train_takes_a_configuration_and_arguments_win(place, as_config):
    config = {"task": "ner", "train": "train.conll", "dev": "dev.conll", "model": "model"}
    config |= {"loss": "ce", "seed": 3, "out": "again", "trainer": {"use_cpu": True}}
    done = dicetune.train(
        config=as_config(config),
        loss="dice",
        settings={"trainer.num_train_epochs": 1},
        overwrite=True,
    )
    assert (done.record.objective["loss"], done.record.config["seed"]) == ("dice", 3)


def test_evaluate_returns_scores(trained, place, caplog):
    found = dicetune.evaluate("run", "dev.conll")
    assert is_shown(found, "precision", "dev.conll")
    assert found.to_dict() == found == json.loads(json.dumps(found))
    (place / "out.tsv").write_text("Quay\tB-X\tB-Y\n", encoding="utf-8")
    with caplog.at_level("INFO", logger="dicetune"):
        assert dicetune.evaluate("out.tsv")["f1"] == 0.0
    assert "no label in common" in caplog.text


def test_predict_returns_the_answers(trained, capsys):
    answers = dicetune.predict("run", text=["at Quay Nine", "all quiet"])
    assert (len(answers), capsys.readouterr().out) == (2, "")
    assert str(answers) == answers.text.rstrip()
    assert is_shown(answers, "quiet")
    many = dicetune.predict("run", text=["all quiet"] * 30)
    assert str(many).endswith("… and 10 more lines")
    assert [answer.tags for answer in dicetune.load("run")("at Quay Nine")] == [answers[0].tags]


def test_load_returns_a_predictor_that_prints_well(trained):
    model = dicetune.load("run")
    assert repr(model) == (
        "Predictor(task='ner', labels=['O', 'B-SITE', 'I-SITE'], "
        "decision='tuned: the default decision')"
    )
    assert model._repr_html_() == (
        "<code>Predictor(task=&#x27;ner&#x27;, labels=[&#x27;O&#x27;, &#x27;B-SITE&#x27;, "
        "&#x27;I-SITE&#x27;], decision=&#x27;tuned: the default decision&#x27;)</code>"
    )


def test_inspect_returns_what_is_in_the_data():
    found = dicetune.inspect("train.conll", model="model")
    assert is_shown(found, "sentences", "SITE")
    assert found.to_dict()["splits"][0]["facts"]["sentences"] == found.splits[0].facts["sentences"]
    with pytest.raises(AttributeError, match="nothing"):
        found.nothing  # noqa: B018


def test_a_file_for_another_task_is_told_where_no_task_was_named(file, tmp_path):
    path = file("ham\tsee you at six\nspam\twin a prize\n" * 9, "a.tsv")
    said = r"a\.tsv:1: .*\(read for task ner: --task names another\)$"
    for verb in (
        lambda: dicetune.inspect(path, model="model"),
        lambda: dicetune.split(path, out=tmp_path / "out"),
        lambda: dicetune.evaluate(path),
    ):
        with pytest.raises(DataError, match=said):
            verb()
    with pytest.raises(DataError, match=r"a\.tsv:1: ") as raised:
        dicetune.split(path, out=tmp_path / "out", task="ner")
    assert "--task" not in str(raised.value)
    with pytest.raises(DataError, match="no such file") as raised:
        dicetune.inspect("nothing.tsv", model="model")
    assert "--task" not in str(raised.value)


def test_tune_returns_the_rule(trained, tmp_path):
    found = dicetune.tune("run", overwrite=True)
    assert is_shown(found, "Decisions, in percent", found.said.split(".")[0])
    rows = [{"gold": gold, "probabilities": {"ham": 1 - p, "spam": p}} for gold, p in SPAM]
    path = tmp_path / "scores.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    of_file = dicetune.tune(scores=path, plain=True)
    assert (of_file.rule.kind, of_file.rule.is_default) == ("label", False)
    assert dicetune.tune(scores=rows, plain=True).to_dict() == of_file.to_dict()


SPAM = [("spam", 0.4), ("ham", 0.1), ("ham", 0.2), ("spam", 0.7)] * 5


def test_compare_and_report_return_the_verdict(place, trained):
    made = make_comparison(place / "c", "spans", units=10)
    page = dicetune.report(made)
    assert page.page == made / "report.html"
    assert is_shown(page, "Report:")
    found = dicetune.compare(sources=[made])
    assert is_shown(found, "mean", "Report:")
    assert found.summary["verdict"] == page.summary["verdict"]


def test_compare_trains_what_is_asked_for(place):
    files = {"train": "train.conll", "dev": "dev.conll", "test": "dev.conll", "model": "model"}
    asked = {"losses": ["ce", "dice"], "seeds": [2], "out": "d", "config": {"task": "ner"}}
    found = dicetune.compare(**files, **asked, settings=FAST)
    assert [(state.planned.loss, state.planned.seed) for state in found.runs] == [
        ("ce", 2),
        ("dice", 2),
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dicetune.train("ner", los="ce"), "unknown argument 'los': did you mean 'loss'"),
        (lambda: dicetune.compare("ner", sed=1), "unknown argument 'sed': did you mean 'seed'"),
        (lambda: dicetune.train("ner", data="sampl", out="."), "sampl: no such file"),
        (lambda: dicetune.compare("ner", sources=["c"]), "beside --from, got task='ner'"),
        (lambda: dicetune.compare(data="sample", predictions=["a"]), "NAME=FILE, got 'a'"),
        (lambda: dicetune.compare("ner", train="a", dev="b"), "expected a folder"),
        (lambda: dicetune.tune(), "expected a run's folder or --scores, got neither"),
        (lambda: dicetune.predict("run"), "expected a file or --text, got neither"),
        (lambda: dicetune.inspect(["a/x", "b/x", "c/y", "d/z"]), "x: no such file"),
    ],
)
def test_arguments_that_cannot_be_used(call, message):
    with pytest.raises(dicetune.errors.InputError, match=message):
        call()


def test_the_names_of_version_0_1_work_with_a_warning(trained):
    with pytest.warns(DeprecationWarning, match="is called dicetune.load"):
        model = dicetune.predict.load("run")
    assert model("at Quay Nine")[0].tags == dicetune.load("run")("at Quay Nine")[0].tags
    code = (
        "import dicetune.predict, dicetune.decide\nfrom dicetune.predict import load\n"
        "assert callable(dicetune.predict) and load is dicetune.predict.load\n"
        f"load({str(trained.folder)!r})\n"
        f"dicetune.decide.tune({str(trained.folder)!r}, overwrite=True)\n"
        "try:\n    dicetune.predict.nothing_there\nexcept AttributeError:\n    print('done')\n"
    )
    command = [sys.executable, "-W", "always", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr
    for name in ("dicetune.predict.load is called", "dicetune.decide.tune is private"):
        assert f"DeprecationWarning: {name}" in done.stderr
