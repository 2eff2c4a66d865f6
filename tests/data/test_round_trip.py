"""Whatever a task writes, its readers read back the same, or it is refused before it is written.

Formats for people alone are no part of this: marked text (ner), and answers one a line (qa).
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import (
    Corpus,
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    GoldAnswer,
    Question,
    QuestionCorpus,
    Sentence,
    TextColumns,
    TextCorpus,
    TextExample,
    TextLayout,
    read_answers,
    read_entities,
    read_null_odds,
    read_span_predictions,
    read_text_predictions,
    read_texts,
    to_characters,
)
from dicetune.errors import InputError
from dicetune.tasks import TASKS
from dicetune.tasks.mrc_ner import FoundEntities
from dicetune.tasks.qa_answers import AnswerSpan, Prediction, QaAnswer
from dicetune.tasks.sequence import Classified, Decision, Labelled
from dicetune.tasks.token import Entity, Tagged

ODD = " ,\t\"'\n\r|;#/[]{}()<>_-\\.:0 1aé泵\u00a0\u2028\u3000\ufeff"
CHARACTERS = st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, min_size=1, max_size=7).filter(str.strip)
"""With something to see: an empty text is no text and an empty label no label."""

# "-1" in every row says that labels are held back
LABELS = TEXTS.filter(lambda name: name.strip(" \t") != "-1")
NAMES = st.lists(LABELS, min_size=2, max_size=4, unique_by=lambda name: name.strip(" \t"))


@st.composite
def texts(draw, task):
    """A corpus of texts with their labels, and what a model would say that gives just these."""
    names = tuple(draw(NAMES))
    several = TASKS[task].several
    kept = st.sets(st.sampled_from(names)) if several else st.sampled_from(names).map(lambda n: {n})
    ids = st.none() | TEXTS
    rows = draw(
        st.lists(
            st.tuples(TEXTS, TEXTS if task == "pair" else st.none(), kept, ids),
            min_size=1,
            max_size=4,
        )
    )
    data = TextCorpus(
        tuple(
            TextExample(text, pair, tuple(sorted(labels)), None, name)
            for text, pair, labels, name in rows
        ),
        "gold",
        names=names,
    )
    chances = tuple(1 / (2 + number) for number in range(len(names)))
    say = Labelled.of if several else Classified.of
    return data, [say(names, Decision(example.labels, chances)) for example in data]


@pytest.mark.parametrize("form", ["jsonl", "tsv", "csv"])
@pytest.mark.parametrize("task", ["text", "pair", "multilabel"])
def test_texts(task, form, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / f"own.{form}"
    several = TASKS[task].several

    @given(texts(task))
    def holds(made):
        data, answers = made
        writer = TASKS[task](("a", "b"), metric="macro_f1")
        path.write_bytes(writer.render(data, answers, form).encode())
        column = "predicted" if form != "jsonl" else "labels" if several else "label"
        pair = "text_b" if task == "pair" else None
        wanted = TextLayout(
            TextColumns("text", pair, column), pair=task == "pair", labels=data.names
        )
        read = read_texts(path, wanted, several=several)
        assert [(e.texts, e.id) for e in read] == [(e.texts, e.id) for e in data]
        assert [set(e.labels) for e in read] == [set(e.labels) for e in data]
        given = "csv" if form == "csv" else "auto"
        found = read_text_predictions(path, data, several=several, format=given)
        assert [set(one) for one in found.predicted] == [set(e.labels) for e in data]
        if several:  # nobody knows the names: spaces around one are no part of it
            read = read_texts(path, TextLayout(TextColumns("text", None, column)), several=True)
            plain = [{label.strip(" \t") for label in e.labels} for e in data]
            assert [set(e.labels) for e in read] == plain

    holds()


WORDS = st.lists(TEXTS, min_size=1, max_size=4)


@st.composite
def tagged(draw, task):
    """Sentences with tags that their scheme allows, and the answers that say the same."""
    kinds = draw(NAMES)
    sentences = []
    for words in draw(st.lists(WORDS, min_size=1, max_size=3)):
        if task == "ner":
            tags: list[str] = []
            for _ in words:
                kind = draw(st.sampled_from(kinds))
                may = [
                    "O",
                    f"B-{kind}",
                    *([f"I-{tags[-1][2:]}"] if tags and tags[-1] != "O" else []),
                ]
                tags.append(draw(st.sampled_from(may)))
        else:
            tags = [draw(st.sampled_from(kinds)) for _ in words]
        sentences.append(Sentence(tuple(words), tuple(tags)))
    scheme = "iob2" if task == "ner" else None
    data = Corpus(tuple(Sentence(s.tokens) for s in sentences), "gold", scheme)
    answers = [Tagged(list(s.tokens), list(s.tags), [0.5] * len(s.tokens)) for s in sentences]
    return data, sentences, answers


def write_rows(path, rows):
    path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode())


@pytest.mark.parametrize(
    ("task", "form"),
    [
        *((task, form) for task in ("ner", "pos") for form in ("jsonl", "conll", "same")),
        *(("seg-pos", form) for form in ("jsonl", "word_tag")),
    ],
)
def test_tags(task, form, tmp_path_factory):
    known = TASKS[task]
    path = tmp_path_factory.mktemp("own") / "own"

    @given(tagged(task))
    def holds(made):
        data, sentences, answers = made
        tags = {tag for sentence in sentences for tag in sentence.tags}
        if len(tags) == 1:  # refused as data: there is nothing to score
            return
        rows = to_characters(Corpus(tuple(sentences), "a")) if task == "seg-pos" else sentences
        write_rows(path, ({"tokens": s.tokens, "gold": s.tags, "predicted": s.tags} for s in rows))
        scores = known.score_file(path, None, known.Options())
        assert scores["accuracy" if task == "pos" else "f1"] == 1
        try:
            writer = known(["O", "B-a", "I-a"] if task == "ner" else ["S-a", "S-b"])
            path.write_bytes(writer.render(data, answers, form).encode())
        except InputError:  # what the format cannot hold
            assert form != "jsonl"
            return
        # seg-pos reads characters of the words that it writes, which are those of pos
        reader = TASKS["pos" if task == "seg-pos" else task]
        found = reader.read(path, reader.Options(), format="auto" if form == "same" else form)
        assert [(s.tokens, s.tags) for s in found] == [(s.tokens, s.tags) for s in sentences]

    holds()


@st.composite
def entities(draw):
    """Sentences with spans, which may lie inside one another."""
    kinds = draw(NAMES)
    sentences = []
    for words in draw(st.lists(WORDS, min_size=1, max_size=3)):
        place = st.integers(0, len(words))
        places = draw(st.sets(st.tuples(st.sampled_from(kinds), place, place), max_size=3))
        spans = sorted((s, e, kind) for kind, s, e in places if s < e)
        found = tuple(EntitySpan(kind, start, end) for start, end, kind in spans)
        sentences.append(EntitySentence(tuple(words), found, draw(st.none() | TEXTS)))
    return EntityCorpus(tuple(sentences), "gold")


def test_entities(tmp_path):
    path, known = tmp_path / "own.jsonl", TASKS["mrc-ner"]

    @given(entities())
    def holds(data):
        task = known({"a": "where?"})
        gold = [sentence.spans for sentence in data]
        write_rows(path, task.rows(data, gold))
        assert known.score_file(path, None, known.Options())["f1"] == any(gold)
        answers = [
            FoundEntities(
                list(s.tokens),
                [Entity(k, " ".join(s.tokens[b:e]), b, e, 0.5) for k, b, e in s.spans],
                id=s.id,
            )
            for s in data
        ]
        path.write_bytes(task.render(data, answers, "jsonl").encode())
        found = read_entities(path) if any(gold) else data  # refused: there is nothing to score
        assert [(s.tokens, s.spans, s.id) for s in found] == [
            (s.tokens, s.spans, s.id) for s in data
        ]
        assert read_span_predictions(path, data).predicted == tuple(gold)

    holds()


@st.composite
def questions(draw):
    """Questions with an answer of their context, or none."""
    found = []
    for name in draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True)):
        context = draw(TEXTS)
        first = draw(st.integers(0, len(context) - 1))
        text = draw(st.sampled_from(["", context[first:], context[: first + 1]]))
        found.append((name, draw(TEXTS), context, text))
    return found


def test_answers(tmp_path):
    path, known = tmp_path / "own.json", TASKS["qa"]

    @given(questions())
    def holds(made):
        answers, asked = [], []
        for number, (name, question, context, text) in enumerate(made):
            span = () if not text else (AnswerSpan(text, 0, len(text), 1.0, 0.5),)
            prediction = Prediction(text, None, None, 0.1 * number, 0.5, 0.3, span)
            gold = (GoldAnswer(text),) if text else ()
            answers.append(QaAnswer(name, question, prediction))
            asked.append(Question(name, question, context, gold, not text))
        data = QuestionCorpus(tuple(asked), "gold")
        task = known(known.Options(), null=True)
        expected = {name: text for name, _, _, text in made}
        for form in ("jsonl", "squad"):
            path.write_bytes(task.render(data, answers, form).encode())
            assert {row.id: row.text for row in read_answers(path)} == expected
        path.write_bytes(task.render(data, answers, "squad-null-odds").encode())
        odds = {answer.id: answer.prediction.null_odds for answer in answers}
        assert read_null_odds(path) == odds
        write_rows(path, task.rows(data, [answer.prediction for answer in answers]))
        assert {row.id: row.gold for row in read_answers(path)} == {
            name: (text,) if text else () for name, text in expected.items()
        }

    holds()


def test_every_task_and_format_is_here():
    here = {
        *(
            (task, form)
            for task in ("text", "pair", "multilabel")
            for form in ("jsonl", "tsv", "csv")
        ),
        *((task, form) for task in ("ner", "pos") for form in ("jsonl", "conll", "same")),
        *(("seg-pos", form) for form in ("jsonl", "word_tag")),
        ("mrc-ner", "jsonl"),
        *(("qa", form) for form in ("jsonl", "squad", "squad-null-odds")),
        ("qa", "text"),  # for people: one answer a line
        # for spreadsheets: tests/tasks/test_tables.py reads them back
        *((t, f) for t in ("ner", "pos", "seg-pos", "mrc-ner", "qa") for f in ("csv", "tsv")),
    }
    assert here == {(name, form) for name, task in TASKS.items() for form in task.out_formats}
