"""One table of bad inputs over all commands: exit code 2, one short message that says what to do.

A row is a command line and the files that it needs beside the common ones. Whatever is refused is
refused at the boundary: no traceback, no warning of a library, nothing that a terminal obeys.
"""

import gzip
import json
import os
import re
import shlex
import sys

import pytest

from commands import command
from tiny import squad, tiny_bert

NER = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n"
TEXTS = "text\tlabel\npump is down\t1\nall quiet\t0\ngate is down\t1\nno news\t0\n"
PAIRS = "a\tb\tlabel\npump is down\tthe pump failed\t1\nall quiet\tgate is down\t0\n"
MULTI = 'text,labels\npump is down,"bad,pump"\nall quiet,\ngate is down,bad\n'
QA = squad("The pump at Quay Nine is down.", ("q1", "What is down?", "pump"))
SCORES = [
    {
        "id": str(n),
        "gold": "ba"[n % 2],
        "log_probabilities": {"a": -0.1 - 0.1 * n, "b": -2.0 + 0.1 * n},
    }
    for n in range(12)
]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def qa(**changes):
    """The small QA file with other values in its only question."""
    document = json.loads(json.dumps(QA))
    document["data"][0]["paragraphs"][0]["qas"][0].update(changes)
    return json.dumps(document)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    tiny_bert(folder / "model")
    for name, text in {
        "ner.conll": NER * 4,
        "text.tsv": TEXTS,
        "pair.tsv": PAIRS,
        "multi.csv": MULTI,
        "qa.json": json.dumps(QA),
        "scores.jsonl": lines(SCORES),
        "words.txt": "pump is down\n",
        "stranger/notes.txt": "mine",
        "stranger/config.yaml": "mine: 1\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(autouse=True)
def _in_place(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("DICETUNE_MAX_EXPANDED_MB", "1")
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield


@pytest.fixture(scope="module")
def runs(place):
    """Two finished runs of one step, of a tagger and of a classifier."""
    few = "-s trainer.max_steps=1 -s trainer.use_cpu=true --model model"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for out, rest in {
            "tagger": "ner --train ner.conll --dev ner.conll --decision argmax",
            "classifier": "text --train text.tsv --dev text.tsv",
        }.items():
            assert run(f"train {rest} --out {out} {few}") == 0
    return place


def run(line):
    return command(*shlex.split(line))


# name of a file -> its content, for the row's own files
FILE = "file"
TRAIN = "train ner --model model --out out -s trainer.use_cpu=true"
NER_FILES = "--train ner.conll --dev ner.conll"
TRAIN_NER = f"{TRAIN} {NER_FILES}"
TRAIN_TEXT = "train text --train text.tsv --dev text.tsv --model model --out out"
COMPARE = f"compare ner {NER_FILES} --test ner.conll --model model --out out"
FLAGS = [
    "train",
    "train ner --out out",
    "train ner --train ner.conll --out out",
    f"train ner {NER_FILES} --model model",
    f"{TRAIN} --train ner.conll --dev none.conll",
    f"{TRAIN_NER} --test none.conll",
    f"{TRAIN} --train empty --dev ner.conll",
    f"{TRAIN_NER} --model none",
    f"{TRAIN_NER} --model empty",
    f"{TRAIN_NER} --model ner.conll",
    f"{TRAIN_NER} --loss ''",
    f"{TRAIN_NER} --loss ce+",
    f"{TRAIN_NER} --loss -1*ce",
    f"{TRAIN_NER} --loss nan*ce",
    f"{TRAIN_NER} --loss dice:smooth=x",
    f"{TRAIN_NER} --loss tversky:alpha=0.3,alpha=0.4",
    f"{TRAIN_NER} --loss tversky:squared=true,alpha=0.3,beta=0.7",
    f"{TRAIN_NER} --loss dsc:smooth=-1",
    f"{TRAIN_NER} --start-loss ce",
    f"{TRAIN_NER} --start-loss ce --start-share 1.5",
    f"{TRAIN_NER} --seed -1",
    f"{TRAIN_NER} --seed one",
    f"{TRAIN_NER} --format conl",
    f"{TRAIN_NER} --format jsonl",
    f"{TRAIN_NER} --max-length 1",
    f"{TRAIN_NER} --max-train 0",
    f"{TRAIN_NER} --patience 0",
    "train ner --data other --out out",
    "train qa --data sample --out out --model model",
    f"{TRAIN_NER} -o scheme=iob3",
    f"{TRAIN_NER} -o shceme=io",
    f"{TRAIN_NER} -o scheme",
    f"{TRAIN_NER} -o tag_column=7",
    f"{TRAIN_NER} -o token_column=word",
    f"{TRAIN_NER} -o stride=-1",
    f"{TRAIN_NER} -o positive=1",
    f"{TRAIN_NER} -s learning_rate=1e-3",
    f"{TRAIN_NER} -s trainer.learning_rate=nan",
    f"{TRAIN_NER} -s trainer.num_train_epochs=0",
    f"{TRAIN_NER} -s trainer.per_device_train_batch_size=1.5",
    f"{TRAIN_NER} -s trainer.output_dir=x",
    f"{TRAIN_NER} -s trainer.lerning_rate=1",
    f"{TRAIN_NER} -s trainer.eval_strategy=no",
    f"{TRAIN_NER} -s trainer.save_total_limit=1",
    f"{TRAIN_NER} -s trainer.optim=adamx",
    f"{TRAIN_NER} -s trainer.report_to=comet_ml",
    f"{TRAIN_NER} -s hard_negatives=0",
    f"{TRAIN_NER} -s hard_negatives=nan",
    f"{TRAIN_NER} -s prior_bias=maybe",
    f"{TRAIN_NER} -s out.x=1",
    f"{TRAIN_NER} --out stranger",
    f"{TRAIN_NER} --out ner.conll",
    f"{TRAIN_NER} --out ner.conll/below",
    f"{TRAIN_NER} --out /proc/none/out",
    f"{TRAIN_TEXT} -o positive=2",
    f"{TRAIN_TEXT} -o label_column=lable",
    f"{TRAIN_TEXT} -o text_column=9",
    f"{TRAIN_TEXT} -o metric=f2",
    f"{TRAIN_TEXT} -o label_names=none.txt",
    f"{TRAIN_TEXT} -s trainer.report_to=wandb",
    "train pair --train text.tsv --dev text.tsv --model model --out out",
    "train qa --train ner.conll --dev ner.conll --model model --out out",
    "train mrc-ner --train ner.conll --dev ner.conll --model model --out out -o queries=none",
    "train multilabel --train multi.csv --dev multi.csv --model model --out out -o metric=f1",
    "train seg-pos --train ner.conll --dev ner.conll --model model --out out -o scheme=io",
    "evaluate",
    "evaluate none.tsv",
    "evaluate empty",
    "evaluate model",
    "evaluate empty ner.conll",
    "evaluate stranger ner.conll",
    "evaluate ner.conll",
    "evaluate ner.conll --task nre",
    "evaluate ner.conll --format xml",
    "evaluate ner.conll --gold-format conll",
    "evaluate ner.conll --decision argmax",
    "evaluate ner.conll --split dev",
    "evaluate text.tsv text.tsv --task text -o predicted_column=guess",
    "evaluate scores.jsonl --task text",
    "evaluate qa.json --task qa",
    "evaluate qa.json ner.conll --task qa",
    "evaluate ner.conll qa.json --task qa",
    "predict",
    "predict model",
    "predict none --text a",
    "predict empty --text a",
    "predict stranger --text a",
    "predict ner.conll --text a",
    "predict model words.txt --out none/out.txt",
    "predict model words.txt --out empty",
    "predict model words.txt --task nre",
    "tune",
    "tune none",
    "tune empty",
    "tune model",
    "tune stranger",
    "tune ner.conll",
    "tune --scores none.jsonl",
    "tune --scores empty",
    "tune --scores ner.conll",
    "tune --scores scores.jsonl --gold none.jsonl",
    "tune --scores scores.jsonl --kind labels",
    "tune --scores scores.jsonl --positive c",
    "tune --scores scores.jsonl --objective f2",
    "tune --scores scores.jsonl --objective fbeta:-1",
    "tune --scores scores.jsonl --objective precision@recall:1.5",
    "tune --scores scores.jsonl --objective logit-adjustment:x",
    "tune --scores scores.jsonl --folds 1",
    "tune --scores scores.jsonl --out none/rule.json",
    "tune empty --scores scores.jsonl",
    "inspect",
    "inspect none.conll",
    "inspect empty",
    "inspect ner.conll --task nre",
    "inspect ner.conll --model none",
    "inspect ner.conll --format xml",
    "inspect ner.conll -o scheme=iob3",
    "inspect ner.conll -o stride=3",
    "inspect ner.conll -o format=conll",
    "inspect text.tsv --task pair --model model",
    "inspect ner.conll --task qa --model model",
    "compare",
    "compare --out empty",
    "compare --out stranger",
    "compare --out ner.conll",
    f"compare ner {NER_FILES} --out out --model model",
    f"{COMPARE} --loss dcie",
    f"{COMPARE} --loss ce --loss ce",
    f"{COMPARE} --seeds 0",
    f"{COMPARE} --seeds 1,1",
    f"{COMPARE} --seeds many",
    f"{COMPARE} --seeds -1,2",
    f"{COMPARE} --baseline focal",
    f"{COMPARE} --predictions ner.conll",
    f"{COMPARE} --predictions own=none.conll",
    f"{COMPARE} --predictions ../own=ner.conll",
    f"{COMPARE} -s seed=3",
    f"{COMPARE} -s trainer.output_dir=x",
    f"{COMPARE} --out stranger",
    f"{COMPARE} --out ner.conll/below",
    "compare --from none --out out",
    "compare --from empty --out out",
    "compare --from stranger --out out",
    "compare --from stranger --out out --seeds 3",
    "report",
    "report none",
    "report empty",
    "report stranger",
    "report ner.conll",
    "tasks nre",
    "losses dice",
    "trian",
    "train --no-such-flag",
]

# command line with FILE, content of the file
BOMB = gzip.compress(b"\0" * 3_000_000)
ALIASES = "a: &a [1, 1]\nb: [*a, *a]\n"
TRAIN_ON = f"{TRAIN} --train {FILE} --dev ner.conll"
CONFIG = f"train ner --config {FILE} --out out --model model"
QA_ON = f"inspect {FILE} --task qa --model model"
SCORES_OF = f"tune --scores {FILE}"
FILES = [
    *(
        (line, raw)
        for line in (
            TRAIN_ON,
            f"inspect {FILE} --model model",
            f"inspect {FILE} --task text --model model",
            f"inspect {FILE} --task multilabel --model model",
            f"inspect {FILE} --task mrc-ner --model model",
            QA_ON,
            f"evaluate {FILE}",
            f"evaluate {FILE} qa.json --task qa",
            SCORES_OF,
            CONFIG,
        )
        for raw in (b"", b"\xff\xfe\0", b"caf\xe9\tO\n", b"\x1f\x8bdamaged", BOMB, b"\0\0\0\0")
    ),
    (TRAIN_ON, "a O\nb O\n"),
    (TRAIN_ON, "a B-X\nb I-X O\n"),
    (TRAIN_ON, "a B-X\nb Q-X\n\nc O\n"),
    (TRAIN_ON, "a B-X|B-Y\nb I-X|I-Y\nc O\n"),
    (TRAIN_ON, "the O\nQuay B-DOCK\n"),
    (TRAIN_ON, '{"tokens": ["a"], "tags": ["O", "O"]}\n'),
    (TRAIN_ON, '{"tokens": ["a"], "tags": [0]}\n'),
    (TRAIN_ON, '[{"tokens": ["a"], "tags": ["O"]}]\n'),
    (f"inspect {FILE} --task text --model model", "text\tlabel\na\tb\tc\n"),
    (f"inspect {FILE} --task text --model model", '{"text": 1, "label": "a"}\n'),
    (f"inspect {FILE} --task text --model model", '{"text": "a", "label": null}\n'),
    (f"inspect {FILE} --task pair --model model", "a\tb\tlabel\nx\ty\n"),
    (f"inspect {FILE} --task multilabel --model model", 'text,labels\na,"[0, 1]"\nb,"[1, 0]"\n'),
    (f"inspect {FILE} --task multilabel --model model", '{"text": "a", "labels": [0, 1, 1]}\n'),
    (QA_ON, "{}"),
    (QA_ON, "[]"),
    (QA_ON, '{"data": 1}'),
    (QA_ON, '{"data": [{"paragraphs": [{"context": 1, "qas": []}]}]}'),
    (QA_ON, qa(answers=[{"text": "pump", "answer_start": "four"}])),
    (QA_ON, qa(answers=[{"text": "valve", "answer_start": 4}])),
    (QA_ON, qa(answers=[{"text": "pump", "answer_start": 10**30}])),
    (QA_ON, qa(answers="pump")),
    (QA_ON, qa(id=None)),
    (QA_ON, qa(question=7)),
    (QA_ON, "[" * 3000),
    (f"evaluate {FILE} qa.json --task qa", '{"q1": 1}'),
    (f"evaluate {FILE} qa.json --task qa", '{"q9": "a"}'),
    (f"evaluate {FILE} qa.json --task qa", "[1]"),
    (f"evaluate {FILE}", "a O O\nb O\n"),
    (f"evaluate {FILE}", "a O\nb B-X\n"),
    (f"evaluate {FILE} text.tsv --task text", "9\n8\n7\n6\n"),
    (f"evaluate {FILE} text.tsv --task text", "1\n0\n"),
    (f"evaluate {FILE} --task text", '{"gold": "a", "predicted": null}\n'),
    (CONFIG, "task: [ner\n"),
    (CONFIG, "- ner\n"),
    (CONFIG, "task: ner\ntrain: 2024-99-99\n"),
    (CONFIG, "task: ner\ntrain: 0x_\n"),
    (CONFIG, "task: !!int x\n"),
    (CONFIG, "task: !!python/object/apply:os.system ['true']\n"),
    (CONFIG, "a: " + "[" * 3000),
    (CONFIG, ALIASES),
    (CONFIG, "note: " + "x" * 1_100_000),
    (CONFIG, "tsk: ner\n"),
    (CONFIG, "task: ner\ntrain: ner.conll\ndev: ner.conll\nseed: ten\n"),
    (CONFIG, "task: ner\ntrain: ner.conll\ndev: ner.conll\ntrainer: 3\n"),
    (CONFIG, "task: ner\ntrain: ner.conll\ndev: ner.conll\nlearning_rate: 3\n"),
    (SCORES_OF, "{}\n"),
    (SCORES_OF, "[]\n"),
    (SCORES_OF, '{"id": "1", "gold": "a"}\n'),
    (SCORES_OF, '{"id": "1", "gold": "a", "log_probabilities": {}}\n'),
    (SCORES_OF, '{"id": "1", "gold": "a", "log_probabilities": {"a": "x", "b": 0}}\n'),
    (SCORES_OF, '{"id": "1", "gold": "a", "log_probabilities": {"a": NaN, "b": 0}}\n'),
    (SCORES_OF, lines([*SCORES, SCORES[0]])),
    (SCORES_OF, lines([*SCORES, {"id": "x", "gold": "c", "log_probabilities": {"a": 0, "b": 0}}])),
    (SCORES_OF, lines([*SCORES, {"id": "x", "gold": "a", "log_probabilities": {"a": 0, "c": 0}}])),
    (
        SCORES_OF,
        lines([*SCORES, {"id": "x", "gold": ["a"], "log_probabilities": {"a": 0, "b": 0}}]),
    ),
    (f"tune --scores scores.jsonl --objective f1 --gold {FILE}", '{"id": "other", "gold": "a"}\n'),
    (f"train mrc-ner {NER_FILES} --model model --out out -o queries={FILE}", "- 1\n"),
    (f"train mrc-ner {NER_FILES} --model model --out out -o queries={FILE}", "DOCK: where?\n"),
    (f"{TRAIN_TEXT} -o label_names={FILE}", "a\na\n"),
]

# with one of the finished runs
RUNS = [
    "evaluate tagger",
    "evaluate tagger none.conll",
    "evaluate tagger text.tsv",
    "evaluate tagger ner.conll --task pos",
    "evaluate tagger ner.conll --split dev",
    "evaluate tagger ner.conll --gold-format conll",
    "evaluate tagger ner.conll --decision tuned",
    "evaluate tagger ner.conll --decision none.json",
    "evaluate tagger ner.conll --decision ner.conll",
    "evaluate tagger ner.conll -o form=sigmoid",
    "evaluate classifier ner.conll",
    "evaluate classifier text.tsv -o label_column=5",
    "evaluate classifier/predictions.jsonl --split test --task text",
    "predict tagger",
    "predict tagger words.txt --text a",
    "predict tagger none.txt",
    "predict tagger --question a",
    "predict tagger --text a --text-b b",
    "predict tagger --text a --format conll",
    "predict tagger --text a --out-format xml",
    "predict tagger --text a -o scheme=io",
    "predict tagger --text a --decision tuned",
    "predict tagger words.txt --out none/x",
    "predict tagger words.txt --out empty",
    "predict classifier --context a",
    "predict classifier --text a --out /dev/full",
    "tune tagger --objective mcc",
    "tune tagger --positive B-SITE",
    "tune tagger --kind spans",
    "tune tagger --gold scores.jsonl",
    "tune tagger --out rule.json",
    "tune tagger --folds 0",
    "tune classifier --objective f1 --folds 1",
    "compare --from tagger --from classifier --out out",
    "compare --from tagger --out tagger",
    f"{TRAIN_NER} --out tagger",
    f"{TRAIN_NER} --out tagger --resume",
]


def check(capfd, line):
    """The command line is refused in one short message, and nothing is left in ``--out``."""
    code = run(line)
    out, said = capfd.readouterr()
    # what the library says in colours of its own, where it was imported before the command
    said = "".join(line for line in said.splitlines(True) if "[transformers]" not in line)
    assert code == 2, (code, out, said)
    assert "Traceback" not in said
    assert "Warning" not in said
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", said.replace("\x1b", "", 0))
    message = said.strip()
    if not re.search(r"^Usage: ", message, re.M):  # typer's own words for flags it does not know
        *_notes, message = [part for part in message.split("dicetune: ") if part.strip()]
        assert len(message) < 1500, len(message)
        assert re.search(
            r"expected|unknown|cannot|no such|damaged|mixture|does not|several", message
        ), message


@pytest.mark.parametrize("line", FLAGS)
def test_flags(line, capfd):
    check(capfd, line)


@pytest.mark.parametrize(
    ("line", "content"), FILES, ids=[f"{n}-{line[:40]}" for n, (line, _) in enumerate(FILES)]
)
def test_files(line, content, capfd, place):
    (place / FILE).write_bytes(content if isinstance(content, bytes) else content.encode())
    check(capfd, line)


@pytest.mark.parametrize("line", RUNS)
def test_runs(line, capfd, runs):
    check(capfd, line)


def test_the_table_is_large():
    assert len(FLAGS) + len(FILES) + len(RUNS) >= 250
