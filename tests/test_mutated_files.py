"""Damaged files of every kind are read, or refused with their name; no library warns."""

import json
import random
import warnings
from functools import partial

import pytest

from dicetune.data import (
    TextLayout,
    inspect_entities,
    inspect_questions,
    inspect_segmentation,
    inspect_texts,
    inspect_tokens,
    read_entities,
    read_predictions,
    read_queries,
    read_questions,
    read_span_predictions,
    read_text_predictions,
    read_texts,
    read_tokens,
)
from dicetune.decide.score_file import tune_scores
from dicetune.errors import DicetuneError
from dicetune.scoring import evaluate
from dicetune.tasks import TASKS
from dicetune.tasks.base import Source
from dicetune.tasks.segmentation import SegPosTask
from dicetune.tasks.tag_files import read_untagged
from dicetune.training.config import RunConfig
from exports import doccano, doccano_labels, label_studio, label_studio_min, prodigy
from lattice import draw, rows_of
from mutations import mutated, mutated_text

CONTEXT = "The pump at Quay Nine is down 🚢. Nine men wait."
ANSWERS = [{"text": "Quay Nine", "answer_start": 12}, {"text": "Nine", "answer_start": 33}]
QAS = [
    {"id": "q1", "question": "Where?", "answers": ANSWERS, "is_impossible": False},
    {"id": "q2", "question": "Who?", "answers": [], "is_impossible": True},
]
SQUAD = {"data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": QAS}]}]}
CMRC = [
    {
        "context_id": "1",
        "context_text": "九号码头的泵站停了。",
        "qas": [{"query_id": "q1", "query_text": "在哪里？", "answers": ["九号码头", "码头"]}],
    }
]
OFFICIAL = {"q1": "Quay Nine", "q2": ""}
LINES = [
    {"id": "q1", "gold": ["Quay"], "predicted": "Quay", "span": "x", "score": 1, "null_score": 2},
    {"id": "q2", "gold": [], "predicted": "", "span": "pump", "score": -1.5, "null_score": 2.5},
]


def scores_of(kind):
    problem, gold, scores, spans = draw(kind, 3, 6)
    return rows_of(kind, problem, gold, scores, spans, "logits")


TABLE = "id\ttext\tlabel\n1\tpump is down\tbad\n2\tall quiet\tgood\n3\tno news\tgood\n"
PAIRS = "text_a,text_b,label\npump is down,pump failed,1\nall quiet,gate is down,0\nno,news,0\n"
SETS = 'text,labels\n"pump, down","bad,pump"\nall quiet,\ngate is down,bad\nx,pump\n'
PLACES = "text,bad,pump\npump down,1,1\nall quiet,0,0\ngate is down,1,0\n"
TOLD = "id\tgold\tpredicted\n1\tbad\tbad\n2\tgood\tbad\n3\tgood\tgood\n"
RECORDS = [
    {"id": "1", "text": "pump is down", "label": "bad", "labels": ["bad", "pump"]},
    {"id": "2", "text": "all quiet", "label": "good", "labels": []},
]
MRC = [
    {
        "context": "the pump at Quay Nine",
        "entity_label": name,
        "impossible": not start,
        "qas_id": f"0.{number}",
        "query": f"find {name}",
        "start_position": start,
        "end_position": end,
        "span_position": [f"{a};{b}" for a, b in zip(start, end, strict=True)],
    }
    for number, (name, start, end) in enumerate([("SITE", [3], [4]), ("ORG", [], [])], 1)
]
QUERIES = "SITE\tFind the places.\nORG\tFind the companies.\n"
TAGGED = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n"
SPOKEN = "the O O\nQuay B-SITE B-SITE\nNine I-SITE O\n\nall O O\nquiet O B-SITE\n"
TOKENS = [{"tokens": ["at", "Quay"], "tags": ["O", "B-SITE"]}, {"tokens": ["all"], "tags": ["O"]}]
SPANS = [{"tokens": ["a", "b"], "gold": ["O", "B-X"], "predicted": ["O", "O"]}] * 2
INLINE = "the pump at [[Quay Nine|SITE]] is down\nall quiet\n"
TABS = SPOKEN.replace(" ", "\t")
UNIVERSAL = (
    "# text = at Quays\n1-2\tatQuays\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "1\tat\tat\tADP\tIN\t_\t2\tcase\t_\t_\n"
    "2\tQuays\tquay\tNOUN\tNNS\t_\t0\troot\t_\t_\n2.1\tx\t_\tX\tXX\t_\t_\t_\t_\t_\n"
)
ONTONOTES = (
    "#begin document (a/b); part 000\na/b 0 0 at IN (TOP(PP* - - - - * -\n"
    "a/b 0 1 Quay NNP *)) - - - - (FAC) -\n\na/b 0 0 all DT (TOP*) - - - - * -\n\n#end document\n"
)
COMPOUNDS = "19980101-01-001-001/m [中央/n 电台/n]nt ，/w\n19980101-01-001-002/m 迈向/v 中国/ns\n"
TREES = "(S (NP (DT the) (NN pump)) (VP (VBZ is) (RB down)))\n(S (NP (NN x)) (. .))\n"
ENTITIES = [
    {"id": 7, "tokens": ["Bank", "of", "Bonn"], "gold": [{"type": "LOC", "start": 2, "end": 3}]},
    {"id": 8, "tokens": ["all"], "gold": [], "predicted": []},
]
ENTITIES[0]["predicted"] = [{"label": "ORG", "start": 0, "end": 3}]
BRAT = "T1\tSITE 12 21\tQuay Nine\nT2\tPART 4 8;22 24\tpump is\nR1\tHas Arg1:T1 Arg2:T2\n"
CONFIG = "task: ner\ntrain: a\ndev: b\nseed: 3\noptions: {stride: 4}\ntrainer: {max_steps: 2}\n"


def answers(path):
    gold = path.with_name("gold.json")
    gold.write_text(json.dumps(SQUAD), encoding="utf-8")
    evaluate(path, gold, task="qa")


def texts(path, wanted=None, several=False):
    inspect_texts({"train": read_texts(path, wanted, several=several)})


def text_predictions(path, several=False):
    found = read_text_predictions(path, several=several)
    assert len(found.gold) == len(found.predicted)


def words(path):
    inspect_tokens({"train": read_tokens(path, spans=True)})


def speech(path):
    """Parts of speech, and the words alone."""
    inspect_tokens({"train": read_tokens(path, spans=False)})
    inspect_segmentation({"train": SegPosTask.read(path, SegPosTask.Options())})
    read_untagged(Source(path), spans=False)


def plain(path):
    for name in ("ner", "mrc-ner", "seg-pos"):
        TASKS[name].read(path, TASKS[name].Options(), gold=False)


def places(path):
    inspect_entities({"train": read_entities(path)})


def questions(path):
    inspect_questions({"train": read_questions(path)})


def marked(path):
    """Spans of an export, side by side and not; its texts alone."""
    inspect_entities({"train": read_entities(path)})
    plain(path)
    words(path)


def labelled(path):
    """Labels of texts in an export: one, and any number."""
    texts(path, several=True)
    texts(path)


def stand_off(path):
    """Annotations of brat beside a text, whatever the name of the damaged file."""
    beside = path.with_suffix(".txt")
    beside.write_text("The pump at Quay Nine is down", encoding="utf-8")
    path.with_suffix(".ann").write_bytes(path.read_bytes())
    try:
        inspect_entities({"train": read_entities(path.with_suffix(".ann"))})
    finally:
        path.with_suffix(".ann").unlink()


tuned = partial(tune_scores, guard=False)
KINDS = ("label", "label_set", "spans", "tags", "answer", "entities")
FILES = {
    **{f"scores of {kind}": (scores_of(kind), True, tuned, 40) for kind in KINDS},
    "squad": (SQUAD, False, questions, 150),
    "squad lines": ([{**asked, "context": CONTEXT} for asked in QAS], True, questions, 75),
    "cmrc": (CMRC, False, questions, 150),
    "official answers": (OFFICIAL, False, answers, 75),
    "lines of answers": (LINES, True, answers, 75),
    "lines with gold": (LINES, True, partial(evaluate, task="qa"), 75),
    "table": (TABLE, None, texts, 100),
    "table of pairs": (PAIRS, None, partial(texts, wanted=TextLayout(pair=True)), 100),
    "table of label sets": (SETS, None, partial(texts, several=True), 100),
    "columns of labels": (PLACES, None, partial(texts, several=True), 100),
    "lines of texts": (RECORDS, True, texts, 75),
    "lines of label sets": (RECORDS, True, partial(texts, several=True), 75),
    "table of predictions": (TOLD, None, text_predictions, 75),
    "table of predicted sets": (TOLD, None, partial(text_predictions, several=True), 75),
    "mrc": (MRC, False, places, 75),
    "queries": (QUERIES, None, read_queries, 75),
    "words": (TAGGED, None, words, 75),
    "words for mrc": (TAGGED, None, places, 75),
    "lines of words": (TOKENS, True, words, 75),
    "tagged predictions": (SPOKEN, None, read_predictions, 75),
    "words by tabs": (TABS, None, words, 40),
    "tagged predictions by tabs": (TABS, None, read_predictions, 40),
    "lines of tagged predictions": (SPANS, True, read_predictions, 40),
    "conllu": (UNIVERSAL, None, speech, 60),
    "conll2012": (ONTONOTES, None, words, 60),
    "words_TAG": (COMPOUNDS, None, speech, 60),
    "trees": (TREES, None, speech, 60),
    "plain text": (INLINE, None, plain, 60),
    "lines of entities": (ENTITIES, True, places, 60),
    "predicted entities": (ENTITIES, True, read_span_predictions, 60),
    "label studio": (label_studio(), False, marked, 100),
    "label studio, minimal": (label_studio_min(), False, marked, 75),
    "doccano": (doccano(), True, marked, 60),
    "doccano labels": (doccano_labels(), True, labelled, 60),
    "label studio labels": (label_studio(), False, labelled, 60),
    "prodigy": (prodigy(), True, marked, 75),
    "prodigy labels": (prodigy(), True, labelled, 60),
    "brat": (BRAT, None, stand_off, 60),
    "configuration": (CONFIG, None, RunConfig.from_yaml, 75),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_read_or_refused_with_its_name(name, tmp_path):
    content, lines, use, count = FILES[name]
    path, chance, refused = tmp_path / "damaged", random.Random(name), []
    for _ in range(count):
        spoilt = mutated_text(content, chance) if lines is None else None
        path.write_bytes(mutated(content, chance, lines=lines) if spoilt is None else spoilt)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                use(path)
        except DicetuneError as error:
            refused.append((str(error), path.read_bytes()))
    assert [said for said in refused if str(path) not in said[0]] == []
    assert 0 < len(refused) < count, "some are refused, some are read"
