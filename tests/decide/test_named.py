"""Several rules in one folder: each has a name, one decides, and none is lost in silence."""

import json

import pytest

from commands import command
from comparisons import make_comparison
from dicetune.decide import DecisionRule
from dicetune.decide.named import FolderRules, chosen_rule
from dicetune.errors import InputError
from dicetune.records import RUN_FILE, read_json, read_json_lines, write_json
from dicetune.training.folder import clear
from dicetune.tuning import tune


@pytest.fixture
def folder(tmp_path):
    """A run with the rule "tuned"."""
    make_comparison(tmp_path, "label_set", losses=("ce",), seeds=(1,), units=40, tuned=False)
    (place,) = [path for path in (tmp_path / "cells").iterdir() if path.is_dir()]
    write_json(place / RUN_FILE, {"record_version": 2})
    tune(place, plain=True)
    return place


def test_rules_stand_side_by_side_and_a_folder_of_before_reads_as_it_did(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert chosen_rule(folder, "auto") == DecisionRule.load(folder)
    other = tune(folder, objective="fbeta:3", plain=True, name="wide")
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"decision.wide.json", "tuned.wide.jsonl"}
    assert chosen_rule(folder, "wide") == other.rule != chosen_rule(folder, "tuned")
    assert chosen_rule(folder, "wide").told().startswith("wide: joy if p > ")
    assert chosen_rule(folder, "auto") == chosen_rule(folder, "tuned")
    rows = list(read_json_lines(folder / "tuned.wide.jsonl"))
    dev = [row["predicted"] for row in rows if row["split"] == "dev"]
    assert dev == other.predicted["dev"]


def test_the_default_is_chosen_with_or_without_a_fit(folder):
    shown = str(tune(folder, objective="fbeta:3", plain=True, name="wide", default="wide"))
    assert "By default wide decides" in shown
    assert chosen_rule(folder, "auto") == chosen_rule(folder, "wide")
    rules = tune(folder, default="argmax")
    assert rules.default == "argmax"
    assert set(rules.rules) == {"tuned", "wide"}
    assert chosen_rule(folder, "auto") is None
    assert tune(folder, default="tuned").default == "tuned"
    assert chosen_rule(folder, "auto") == chosen_rule(folder, "tuned")


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"plain": True}, "--plain"),
        ({"calibrate": True}, "--calibrate"),
        ({"abstain": "5%"}, "--abstain"),
        ({"costs": {}, "folds": 3}, "--costs, --folds"),
        ({"overwrite": True}, "--overwrite"),
        ({"confidence": 0.9, "objective": "precision@recall:0.9"}, "--objective, --confidence"),
    ],
)
@pytest.mark.parametrize("flag", [{"list_rules": True}, {"default": "tuned"}])
def test_options_of_a_fit_are_refused_where_nothing_is_fitted(how, named, flag, folder):
    with pytest.raises(InputError, match=rf"got both \({named}\): a rule that is fitted"):
        tune(folder, **how, **flag)


def test_a_rule_of_the_same_name_is_never_replaced_in_silence(folder):
    first = tune(folder, objective="fbeta:3", plain=True, name="wide").rule
    tune(folder, objective="fbeta:3", plain=True, name="wide")
    with pytest.raises(InputError, match=r"another rule, which was fitted for 'fbeta:3'.*--name"):
        tune(folder, objective="micro_f1", plain=True, name="wide")
    assert chosen_rule(folder, "wide") == first
    tune(folder, objective="micro_f1", plain=True, name="wide", overwrite=True)
    assert chosen_rule(folder, "wide").objective == "micro_f1"


@pytest.mark.parametrize("name", ["auto", "argmax", "a.b", "../a", "", "x" * 41])
def test_a_name_that_cannot_be_a_name(folder, name):
    with pytest.raises(InputError, match="expected a name of letters"):
        tune(folder, name=name)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"default": "wide"}, r"expected the name of a rule .*\(tuned, argmax\), got 'wide'"),
        ({"default": "tuned", "objective": "f1"}, "expected a rule to fit, or --default, got both"),
        ({"list_rules": True, "name": "a"}, "expected a rule to fit, or --list, got both"),
    ],
)
def test_mistakes_with_names(folder, how, message):
    with pytest.raises(InputError, match=message):
        tune(folder, **how)


def test_a_rule_that_is_not_there_is_named_with_those_that_are(folder):
    with pytest.raises(InputError, match=r"a decision rule 'wide' .*\(there is tuned\)"):
        chosen_rule(folder, "wide")
    write_json(folder / "decisions.json", {"default": "gone"})
    with pytest.raises(InputError, match=r"\(tuned, argmax\), got 'gone': choose one with"):
        chosen_rule(folder, "auto")
    with pytest.raises(InputError, match="expected no name beside --scores"):
        tune(scores=[{"gold": "a", "logits": {"a": 1, "b": 2}}], name="wide")


def test_the_command_lists_the_rules(folder, capsys):
    assert command("tune", folder, "--objective", "fbeta:3", "--name", "wide", "--plain") == 0
    assert "Rules of the folder" in capsys.readouterr().out
    assert command("tune", folder, "--list", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["default"] == "tuned"
    assert [row["name"] for row in said["rules"]] == ["tuned", "wide"]
    assert [row["objective"] for row in said["rules"]] == ["macro_f1", "fbeta:3"]


def test_the_files_of_rules_are_of_the_run_and_others_are_not(folder):
    tune(folder, objective="fbeta:3", name="wide", plain=True, default="wide")
    assert read_json(folder / "decisions.json") == {"default": "wide"}
    (folder / "decision.my notes.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"decision\.my notes\.json"):
        clear(folder)
    (folder / "decision.my notes.json").unlink()
    clear(folder)
    assert FolderRules.of(folder).rules == {}
    assert not list(folder.iterdir())
