"""Questions: every layout, answers aligned, and what each mistake is told."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import read_questions
from dicetune.data.questions.corpus import (
    AMBIGUOUS,
    ELSEWHERE,
    NOWHERE,
    RESPELLED,
    UNPLACED,
    OffsetRule,
    align_answer,
)
from dicetune.data.questions.read import BLANK_ANSWER, FLAGGED, NO_QUESTION, UNFLAGGED
from dicetune.errors import DataError, InputError

NAME = "a.json"
CONTEXT = "The pump at Quay Nine is down. Nine men wait."


def answer(text="Quay Nine", start=12):
    return {"text": text, "answer_start": start}


def asked(name="q1", answers=(), **more):
    return {"id": name, "question": "Where is the pump?", "answers": list(answers), **more}


def document(*qas, context=CONTEXT):
    return {
        "version": "v2.0",
        "data": [{"title": "Port", "paragraphs": [{"context": context, "qas": list(qas)}]}],
    }


def rules(corpus):
    return {note.rule: note.count for note in corpus.notes}


def test_a_squad_document(file):
    path = file(document(asked(answers=[answer()]), asked("q2", is_impossible=True)))
    corpus = read_questions(path)
    first, second = corpus
    assert (first.id, first.title, first.context) == ("q1", "Port", CONTEXT)
    assert [(a.text, a.start, a.end) for a in first.answers] == [("Quay Nine", 12, 21)]
    assert not first.impossible
    assert second.impossible
    assert corpus.place_of(second) == f"{path}: data[0].paragraphs[0].qas[1]"
    assert (corpus.format, corpus.gold, corpus.notes) == ("squad", True, ())
    assert len(corpus.first(1)) == 1


def test_a_pretty_document_and_a_list_of_articles_read_alike(file):
    content = document(asked(answers=[answer()]))
    plain = read_questions(file(content))
    pretty = read_questions(file(json.dumps(content, indent=1), "b.json"))
    articles = read_questions(file(content["data"], "c.json"))
    assert plain.questions == pretty.questions == articles.questions


def test_json_lines_of_questions_in_both_spellings_of_answers(file):
    row = {"context": CONTEXT, **asked(answers=[answer()])}
    spelled = {**row, "id": "q2", "answers": {"text": ["Quay Nine"], "answer_start": [12]}}
    none = {**row, "id": "q3", "answers": {"text": [], "answer_start": []}}
    corpus = read_questions(file("\n".join(map(json.dumps, (row, spelled, none))), "a.jsonl"))
    assert [q.answers == corpus.questions[0].answers for q in corpus] == [True, True, False]
    assert [q.line for q in corpus] == [1, 2, 3]
    assert [q.impossible for q in corpus] == [False, False, True]


def test_json_lines_of_articles(file):
    articles = [
        document(asked("q1", [answer()]))["data"][0],
        document(asked("q2", [answer()]))["data"][0],
    ]
    corpus = read_questions(file("\n".join(map(json.dumps, articles)) + "\n", "a.jsonl"))
    assert corpus.place_of(corpus.questions[1]).endswith("a.jsonl:2")
    assert corpus.format == "jsonl"


def test_gzip(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document(asked(answers=[answer()]))).encode()))
    assert len(read_questions(path)) == 1


def test_a_saved_data_set(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {
        "id": ["a", "b"],
        "title": ["t", "t"],
        "context": [CONTEXT, CONTEXT],
        "question": ["Where?", "When?"],
        "answers": [
            {"text": ["Quay Nine"], "answer_start": [12]},
            {"text": [], "answer_start": []},
        ],
    }
    datasets.DatasetDict({"dev": datasets.Dataset.from_dict(rows)}).save_to_disk(tmp_path / "set")
    corpus = read_questions(f"{tmp_path / 'set'}:dev")
    assert [q.impossible for q in corpus] == [False, True]
    assert corpus.format == "hub"
    assert len(read_questions(f"{tmp_path / 'set'}:dev", format="hub")) == 2


def test_ids_may_be_numbers_or_absent(file):
    assert read_questions(file(document(asked(7, [answer()])))).questions[0].id == "7"
    rows = [asked(answers=[answer()]) for _ in range(2)]
    for row in rows:
        del row["id"]
    assert [q.id for q in read_questions(file(document(*rows)))] == ["1", "2"]


def test_without_gold_nothing_but_question_and_context_is_read(file):
    row = {"id": "q1", "question": "Where?", "context": CONTEXT, "answers": "none yet"}
    corpus = read_questions(file(row, "a.jsonl"), gold=False)
    assert not corpus.gold
    assert corpus.questions[0].answers == ()
    assert not corpus.questions[0].impossible


@pytest.mark.parametrize(
    ("text", "start", "found", "rule"),
    [
        ("Quay Nine", 12, (12, 21), None),
        ("Nine", 30, (31, 35), ELSEWHERE),  # the nearest of two
        ("Nine", 15, (17, 21), ELSEWHERE),
        ("Nine", None, (17, 21), AMBIGUOUS),  # without an offset the first
        ("Quay", None, (12, 16), UNPLACED),
        ("Quay  Nine ", 12, (12, 21), RESPELLED),
        ("Ｑuay\u00a0Ni\u200bne", 12, (12, 21), RESPELLED),
        ("Quay Ten", 12, None, None),
        ("\u200b", 12, None, None),
    ],
)
def test_alignment(text, start, found, rule):
    aligned = align_answer(text, start, CONTEXT)
    assert (aligned and aligned[:2]) == found
    assert aligned is None or aligned[2] == rule


def test_alignment_across_composed_and_expanded_characters():
    assert align_answer("cafe\u0301", 0, "the café is open")[:2] == (4, 8)
    assert align_answer("café", 0, "the cafe\u0301 is open")[:2] == (4, 9)
    assert align_answer("office", 0, "the oﬃce is open")[:2] == (4, 8)
    # half of an expanded character is no place
    assert align_answer("of", 0, "the oﬃce is open") is None


@given(context=st.text(min_size=1, max_size=30), data=st.data())
def test_what_stands_there_is_found_where_it_stands(context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    assert align_answer(context[start:end], start, context) == (start, end, None)
    first, last, _ = align_answer(context[start:end], None, context)
    assert context[first:last] == context[start:end]


def test_each_case_is_counted(file):
    corpus = read_questions(
        file(
            document(
                asked("q1", [answer("Nine", 3), answer("Quay Ten", -1)]),
                asked("q2", [answer("Quay Ten", 12)]),
                asked("q3", [answer("Quay\tNine", 12)]),
                asked("q4", [answer(" ", 3)], is_impossible=False),
                asked("q5", [answer()], is_impossible=True),
                {**asked("q6", [answer()]), "question": " "},
            )
        )
    )
    assert rules(corpus) == {
        ELSEWHERE: 1,
        NOWHERE: 2,
        RESPELLED: 1,
        BLANK_ANSWER: 1,
        UNFLAGGED: 1,
        FLAGGED: 1,
        NO_QUESTION: 1,
    }
    assert corpus.notes[1].places[0].endswith("a.json: data[0].paragraphs[0].qas[0]")
    second, fourth, fifth = (corpus.questions[n] for n in (1, 3, 4))
    assert (second.answers[0].start, second.impossible) == (None, False)
    assert (fourth.impossible, fifth.impossible) == (True, False)


GOOD = asked(answers=[answer()])
BAD = [
    ('{"data": [\n{"title": 1,]}', r"a.json:2: .*got no JSON"),
    ({"items": []}, r"expected 'paragraphs' \(an article\) or 'question'"),
    ({"version": 1, "data": {}}, "expected a list under 'data'"),
    ([3], r"\[0\]: expected an object, got 3"),
    ({"data": [{"title": "Port"}]}, r"data\[0\]: expected 'paragraphs'"),
    ({"data": [{"paragraphs": [{"context": CONTEXT}]}]}, r"paragraphs\[0\]: expected 'qas'"),
    (document({"id": "1", "answers": []}), r"qas\[0\]: expected 'question', got the keys"),
    (document({"id": "1", "question": "Where?"}), r"qas\[0\]: expected 'answers'"),
    (document(asked(answers=[{"text": "Nine"}])), r"answers\[0\]: expected 'answer_start'"),
    (document(asked(answers=[answer(start="12")])), "expected a whole number under 'answer_start'"),
    (document(asked(answers=[answer(start=True)])), "expected a whole number under 'answer_start'"),
    (document(asked(answers=[answer(text=None)])), "expected a text under 'text', got None"),
    (document(asked(answers=["Quay Nine"])), r"answers\[0\]: expected an object"),
    (document({**GOOD, "answers": "Nine"}), "expected a list of answers, got 'Nine'"),
    (
        document({**GOOD, "answers": {"text": ["a"], "answer_start": []}}),
        "got 1 texts and 0 offsets",
    ),
    (document(asked(answers=[answer(start=500)])), "inside the context's 45 characters .* got 500"),
    (document(GOOD, GOOD), r"qas\[1\]: expected each id once, got 'q1' again, first at .*qas\[0\]"),
    (document(GOOD, {**GOOD, "id": None}), "a text or a whole number under 'id', got None"),
    (document({**GOOD, "id": None}), "a text or a whole number under 'id', got None"),
    (document({**GOOD, "id": [1]}), r"a text or a whole number under 'id', got \[1\]"),
    (
        document({name: value for name, value in GOOD.items() if name != "id"}, GOOD),
        "expected 'id' in every question or in none",
    ),
    (document(asked(answers=[answer("valve", 4)])), "got none among 1 .*'valve'"),
    (document(GOOD, context=" \n"), r"paragraphs\[0\]: expected a context, got an empty text"),
    (document(), "expected questions, got none"),
    (document(asked(), asked("q2")), "expected gold answers, got none in 2 questions"),
    (json.dumps({**GOOD, "context": CONTEXT}) + "\n{}", r"a.json:2: expected 'paragraphs'"),
    (json.dumps({**GOOD, "context": CONTEXT}) + "\n{", r"a.json:2: .*got no JSON"),
    (json.dumps({**GOOD, "context": "\ud800"}), "expected whole characters under 'context'"),
    ("hello", "got no JSON"),
    ("3", "expected SQuAD's layout"),
    ('{"question": "Where?", "context": ["a"]}', "a.json:1: expected a text under 'context'"),
    ("[" * 100_000, "nested too deep|no JSON"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=range(len(BAD)))
def test_bad_files_are_refused_with_their_place(file, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_questions(file(content))
    assert caught.value.path.endswith("a.json")


def test_a_file_of_unanswerable_questions_is_gold_where_it_says_so(file):
    (question,) = read_questions(file(document(asked(is_impossible=True)))).questions
    assert question.impossible


def test_an_empty_question_is_refused_where_it_is_to_be_answered(file):
    with pytest.raises(DataError, match="expected a question, got an empty text"):
        read_questions(file(document({**GOOD, "question": ""})), gold=False)


def test_unknown_formats_and_files(file):
    path = file(document(GOOD))
    with pytest.raises(InputError, match="did you mean 'squad'"):
        read_questions(path, format="squat")
    with pytest.raises(DataError, match="no such file"):
        read_questions(path.with_name("absent.json"))


UTF_16 = OffsetRule("UTF-16 code units", "utf-16-le").note
REAL = [
    ("squad11/train-v1.1.first-articles.json", 4370, 0, {}),
    ("squad20/cs224n-dev-v2.0.json", 6078, 3168, {}),
    ("squad20/dev-v2.0.rebuilt.json", 11873, 5945, {}),
    ("covidqa/200423_covidQA.json", 1380, 0, {ELSEWHERE: 234}),
    ("cmrc2018/cmrc2018_dev.json", 3219, 0, {NOWHERE: 193, UTF_16: 7}),
    ("cmrc2018/cmrc2018_trial.json", 1002, 0, {UTF_16: 5, NO_QUESTION: 2}),
]


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "count", "impossible", "notes"), REAL, ids=[r[0] for r in REAL])
def test_published_files(real_data, file, count, impossible, notes):
    corpus = read_questions(real_data(file))
    assert (len(corpus), sum(q.impossible for q in corpus)) == (count, impossible)
    assert rules(corpus) == notes
    for question in corpus:
        for gold in question.answers:
            if gold.start is not None:
                assert question.context[gold.start : gold.end] == gold.text
