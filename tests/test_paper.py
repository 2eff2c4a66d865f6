"""The configurations of the paper's own experiments: planned and prepared on files made up here."""

import json
from pathlib import Path

import pytest
import yaml

from dicetune.comparison.compare import make_plan
from dicetune.training import RunConfig
from dicetune.training.prepare import prepare
from tiny import tiny_bert

FOLDER = Path(__file__).parent.parent / "experiments" / "paper"
COMPARED = ("losses", "seeds", "baseline")
COLUMNS = "the\tDT\npump\tNN\nat\tIN\nquay\tNNP\n\n"
CONLL03 = (
    "-DOCSTART- -X- -X- O\n\nthe DT I-NP O\npump NN I-NP O\nat IN I-PP O\nQuay NNP I-NP I-LOC\n"
    "Nine NNP I-NP I-LOC\n\nAtlas NNP I-NP I-ORG\nis VBZ I-VP O\n\n"
)
ONTONOTES5 = """#begin document (bn/a); part 000
bn/a 0 0 The DT (TOP(S* - - - - * -
bn/a 0 1 pump NN * - - - - * -
bn/a 0 2 Quay NNP * - - - - (FAC* -
bn/a 0 3 Nine NNP *)) - - - - *) -

#end document
"""
CHARACTERS = "在\tO\n北\tB-LOC\n京\tI-LOC\n。\tO\n\n他\tO\n说\tO\n\n"
WORDS = "泵_NN 在_P 码头_NN 。_PU\n北京_NR 很_AD 大_VA\n"
UD = "".join(
    f"{number}\t{word}\t_\t{tag}\t_\t_\t0\t_\t_\t_\n"
    for number, (word, tag) in enumerate([("泵", "NOUN"), ("在", "VERB"), ("码头", "NOUN")], 1)
)
TREES = (
    "(3 (2 the) (3 pump))\n(1 (2 dock) (1 broken))\n(4 (3 fine) (2 scanner))\n"
    "(0 (1 bad) (2 .))\n(2 (2 a) (2 gate))\n"
)
MRPC = (
    "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"
    '1\t1\t2\tThe pump "is down\tThe pump is down again\r\n0\t3\t4\tDock four\tA scanner\r\n'
)
QQP = (
    "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    "0\t1\t2\tIs the pump down ?\tIs it down ?\t1\n1\t3\t4\tWhere is it ?\tWho knows ?\t0\n"
)


def squad(version):
    context = "The pump at Quay Nine is down again and nobody knows why ."
    asked = [("a", "where is the pump ?", "Quay Nine", False)]
    if version == "v2.0":
        asked.append(("b", "who built it ?", None, True))
    questions = [
        {
            "id": name,
            "question": question,
            "answers": []
            if text is None
            else [{"text": text, "answer_start": context.index(text)}],
            **({"is_impossible": impossible} if version == "v2.0" else {}),
        }
        for name, question, text, impossible in asked
    ]
    paragraphs = [{"context": context, "qas": questions}]
    return json.dumps({"version": version, "data": [{"title": "a", "paragraphs": paragraphs}]})


LAYOUTS = {
    "conll03": CONLL03,
    "ontonotes5": ONTONOTES5,
    "ontonotes4": CHARACTERS,
    "msra": CHARACTERS,
    "wsj": COLUMNS,
    "tweets": COLUMNS,
    "ctb5": WORDS,
    "ctb6": WORDS,
    "ud_zh_14": UD + "\n",
    "sst": TREES,
    "mrpc": MRPC,
    "qqp": QQP,
    "squad11": squad("v1.1"),
    "squad20": squad("v2.0"),
    "quoref": squad("v1.1"),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("paper") / "encoder")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_comparison_is_planned_and_its_run_prepared(path, encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for split in ("train", "dev", "test"):
        place = Path(config[split])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(LAYOUTS[place.parts[1]], encoding="utf-8", newline="")
    config["model"] = encoder
    losses, seeds, baseline = (config.pop(name) for name in COMPARED)
    plan = make_plan(config, losses, seeds, baseline=baseline)
    assert len(plan.runs) == 20
    assert plan.trainer["learning_rate"] == config["trainer"]["learning_rate"]
    ready = prepare(RunConfig.from_mapping({**plan.config_of("dsc", 1), "out": "run"}))
    assert all(len(ready.encoded[split].features) > 0 for split in ("train", "dev", "test"))
    assert str(ready.recipe) == "dsc"


def test_each_table_of_the_paper_with_results_has_its_configurations():
    named = {path.stem.split("-")[0] for path in FOLDER.glob("*.yaml")}
    assert named == {f"table{number}" for number in (3, 4, 5, 6, 7, 9)}
