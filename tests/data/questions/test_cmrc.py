"""CMRC 2018 as first published: paragraphs of a list, answers without offsets."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import inspect_questions, read_questions
from dicetune.data.questions.corpus import AMBIGUOUS, NOWHERE, RESPELLED, UNPLACED
from dicetune.data.questions.read import BLANK_ANSWER
from dicetune.errors import DataError

NAME = "a.json"
CONTEXT = "九号码头的泵站停了。九名工人在等\u3000水泵。"


def asked(name="TRIAL_0_QUERY_0", answers=("九号码头",)):
    return {"query_id": name, "query_text": "泵站在哪里？", "answers": list(answers)}


def paragraph(*qas, name="TRIAL_0", context=CONTEXT, **more):
    return {"context_id": name, "context_text": context, "qas": list(qas), **more}


def rules(corpus):
    return {note.rule: note.count for note in corpus.notes}


def test_a_list_of_paragraphs(file):
    path = file([paragraph(asked(), title="码头"), paragraph(asked("Q2", ["泵站", "泵"]))])
    corpus = read_questions(path)
    first, second = corpus
    assert (first.id, first.question, first.context) == ("TRIAL_0_QUERY_0", "泵站在哪里？", CONTEXT)
    assert (first.title, second.title, first.line) == ("码头", None, None)
    assert [(a.text, a.start, a.end) for a in first.answers] == [("九号码头", 0, 4)]
    assert [(a.text, a.start, a.end) for a in second.answers] == [("泵站", 5, 7), ("泵", 5, 6)]
    assert corpus.place_of(second) == f"{path}: [1].qas[0]"
    assert (corpus.format, corpus.gold) == ("cmrc", True)
    assert rules(corpus) == {UNPLACED: 2, AMBIGUOUS: 1}


def test_the_format_may_be_named_and_the_list_may_go_over_lines(file):
    content = [paragraph(asked())]
    plain = read_questions(file(content), format="cmrc")
    pretty = read_questions(file(json.dumps(content, indent=1), "b.json"))
    assert plain.questions == pretty.questions
    assert pretty.format == "cmrc"


def test_json_lines_of_paragraphs(file):
    rows = [paragraph(asked("Q1"), asked("Q2")), paragraph(asked("Q3"), title="码头")]
    corpus = read_questions(file("\n".join(map(json.dumps, rows)), "a.jsonl"))
    assert [(q.id, q.line, q.title) for q in corpus] == [
        ("Q1", 1, None),
        ("Q2", 1, None),
        ("Q3", 2, "码头"),
    ]
    assert corpus.format == "jsonl"


def test_the_input_stream(monkeypatch):
    text = json.dumps([paragraph(asked())])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    corpus = read_questions("-")
    assert (corpus.format, corpus.source, len(corpus)) == ("cmrc", "<stdin>", 1)


def test_without_gold_answers_are_not_read(file):
    row = asked()
    del row["answers"]
    corpus = read_questions(file([paragraph(row)]), gold=False)
    assert (corpus.questions[0].answers, corpus.questions[0].impossible) == ((), False)
    assert not corpus.notes


def test_each_case_is_counted(file):
    answers = ["九号码头", "九", "等 水泵", "十号码头", " "]
    corpus = read_questions(file([paragraph(asked(answers=answers), asked("Q2", []))]))
    found = {answer.text: (answer.start, answer.end) for answer in corpus.questions[0].answers}
    assert found == {
        "九号码头": (0, 4),
        "九": (0, 1),
        "等 水泵": (15, 19),
        "十号码头": (None, None),
    }
    assert rules(corpus) == {UNPLACED: 1, AMBIGUOUS: 1, RESPELLED: 1, NOWHERE: 1, BLANK_ANSWER: 1}
    assert corpus.notes[0].places[0].endswith("a.json: [0].qas[0]")
    assert corpus.questions[1].impossible


def test_an_answer_that_was_placed_is_no_offset_that_does_not_fit(file):
    corpus = read_questions(file([paragraph(asked(answers=["九号码头", "九", "十号码头"]))]))
    facts = inspect_questions({"train": corpus}).splits[0].facts
    assert (facts["answers"], facts["offsets that do not fit"]) == (3, 1)


def test_a_row_of_squad_may_name_its_context(file):
    answers = [{"text": "九号码头", "answer_start": 0}]
    row = {"context_id": 7, "context": CONTEXT, "question": "泵站在哪里？", "answers": answers}
    paragraph = {"context_id": 7, "context": CONTEXT, "qas": [{**row, "id": "q"}]}
    for number, content in enumerate((row, [row], [paragraph])):
        corpus = read_questions(file(content, f"{number}.json"))
        assert (corpus.questions[0].answers[0].end, corpus.notes) == (4, ())


@given(st.text(min_size=1, max_size=20).filter(str.strip), st.data())
def test_an_answer_is_placed_where_its_text_stands(tmp_path_factory, context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    answer = context[start : data.draw(st.integers(start + 1, len(context)))]
    path = tmp_path_factory.getbasetemp() / "drawn.json"
    path.write_text(json.dumps([paragraph(asked(answers=[answer, context]), context=context)]))
    corpus = read_questions(path)
    for gold in corpus.questions[0].answers:
        if gold.text == answer:
            assert (gold.start, gold.end) == (
                context.index(answer),
                context.index(answer) + len(answer),
            )


BAD = [
    ('[{"context_id": "1",\n"qas": [}]', r"a.json:2: .*SQuAD's or CMRC's layout.* got no JSON"),
    ([paragraph(asked()), 3], r"\[1\]: expected an object, got 3"),
    ([{"context_id": "1", "qas": [asked()]}], r"\[0\]: expected 'context_text', got the keys"),
    ([{"context_id": "1", "context_text": CONTEXT}], r"\[0\]: expected 'qas', got the keys"),
    ([paragraph(asked()), {"title": "x"}], r"\[1\]: expected 'qas', got the keys title"),
    ([paragraph(asked(), context=3)], "expected a text under 'context_text', got 3"),
    ([paragraph(asked(), context=" ")], r"\[0\]: expected a context, got an empty text"),
    ([paragraph(3)], r"\[0\].qas\[0\]: expected an object, got 3"),
    ([paragraph({"query_id": "1", "answers": []})], r"qas\[0\]: expected 'query_text', got"),
    ([paragraph({"query_id": "1", "query_text": "?"})], r"qas\[0\]: expected 'answers', got"),
    ([paragraph({**asked(), "answers": "九"})], "expected a list of answers, got '九'"),
    ([paragraph({**asked(), "answers": {"text": ["九"]}})], "expected a list of answers, got {"),
    ([paragraph(asked(answers=["九", 9]))], r"answers\[1\]: expected a text .*, got 9"),
    (
        [paragraph(asked(answers=[{"text": "九", "answer_start": 0}]))],
        r"answers\[0\]: expected a text of whole characters, got {'text'",
    ),
    (json.dumps([paragraph(asked(answers=["\ud83d"]))]), r"expected a text of whole characters"),
    ([paragraph(asked(), asked())], r"qas\[1\]: expected each id once, got 'TRIAL_0_QUERY_0'"),
    (
        [paragraph(asked(), {**asked(), "query_id": None})],
        "a text or a whole number under 'query_id', got None",
    ),
    ([paragraph()], "expected questions, got none"),
    ([paragraph(asked(answers=[]))], "expected gold answers, got none in 1 questions"),
    (json.dumps(paragraph(asked())) + "\n{}", r"a.json:2: expected 'paragraphs'"),
    (
        json.dumps(paragraph(asked())) + '\n{"context_text": "x"}',
        r"a.json:2: expected 'qas', got the keys context_text",
    ),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=range(len(BAD)))
def test_bad_files_are_refused_with_their_place(file, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_questions(file(content))
    assert caught.value.path.endswith("a.json")


def test_the_format_that_was_named_is_the_one_that_is_read(file):
    document = {"data": [{"paragraphs": [paragraph(asked())]}]}
    with pytest.raises(DataError, match=r"expected CMRC's layout .*, got {'data'"):
        read_questions(file(document), format="cmrc")
    with pytest.raises(DataError, match=r"\[0\].qas\[0\]: expected 'question', got the keys"):
        read_questions(file([paragraph(asked())]), format="squad")
