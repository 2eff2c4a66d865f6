"""Files with entities: the MRC layout, JSON lines, columns; oddities noted, bad input refused."""

import io
import json

import pytest

from dicetune.data import (
    EntitySpan,
    parse_contexts,
    read_entities,
    read_lines,
    read_span_predictions,
)
from dicetune.data.tagged.corpus import NO_ENTITY
from dicetune.errors import DataError, InputError
from dicetune.tasks.mrc_ner import MrcNerTask

QUESTION = {
    "context": "Bank of Bonn said",
    "entity_label": "ORG",
    "query": "Find organizations.",
    "qas_id": "0.1",
    "impossible": False,
    "start_position": [0],
    "end_position": [2],
    "span_position": ["0;2"],
}
PLACE = QUESTION | {
    "entity_label": "LOC",
    "query": "Find places.",
    "qas_id": "0.2",
    "start_position": [2],
    "end_position": [2],
    "span_position": ["2;2"],
}
NESTED = (EntitySpan("ORG", 0, 3), EntitySpan("LOC", 2, 3))


def without(record, *keys):
    return {key: value for key, value in record.items() if key not in keys}


@pytest.fixture
def file(tmp_path):
    def write(*records, name="a.json", lines=False):
        path = tmp_path / name
        texts = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        text = "\n".join(texts) if lines else "[\n" + ",\n".join(texts) + "\n]"
        path.write_text(text + "\n", encoding="utf-8", newline="")
        return path

    return write


@pytest.mark.parametrize("lines", [False, True])
def test_questions_of_a_sentence_are_put_together(file, lines):
    path = file(QUESTION, PLACE, QUESTION | {"qas_id": "1.1"}, lines=lines)
    corpus = read_entities(path)
    assert [(s.tokens, s.spans, s.id) for s in corpus] == [
        (("Bank", "of", "Bonn", "said"), NESTED, "0"),
        (("Bank", "of", "Bonn", "said"), NESTED[:1], "1"),
    ]
    assert [s.line for s in corpus] == ([1, 3] if lines else [2, 4])
    assert corpus.queries == {"ORG": "Find organizations.", "LOC": "Find places."}
    assert corpus.types == ["LOC", "ORG"]
    assert [note.rule.split(":")[0] for note in corpus.notes] == [
        "sentences that are not asked for every type"
    ]


def test_a_list_on_one_line_and_without_names(file):
    path = file(json.dumps([without(QUESTION, "qas_id"), without(PLACE, "qas_id")]), lines=True)
    (sentence,) = read_entities(path)
    assert (sentence.spans, sentence.id, sentence.line) == (NESTED, None, 1)


@pytest.mark.parametrize("left_out", ["span_position", "start_position", "end_position"])
def test_either_way_of_writing_spans_is_enough(file, left_out):
    path = file(without(QUESTION, left_out), without(PLACE, left_out))
    assert read_entities(path).sentences[0].spans == NESTED


def test_a_type_without_an_entity_is_a_type_too(file):
    nothing = {"start_position": [], "end_position": [], "span_position": [], "impossible": True}
    corpus = read_entities(file(QUESTION, PLACE | nothing))
    assert corpus.types == ["LOC", "ORG"]
    assert not corpus.notes


def test_a_repeated_mention_keeps_its_own_place(file):
    repeated = {"context": "Bonn and Bonn", "span_position": ["2;2"]}
    path = file(without(QUESTION, "start_position", "end_position") | repeated)
    assert read_entities(path).sentences[0].spans == (EntitySpan("ORG", 2, 3),)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"span_position": ["0;3"]}, "span_position and start_position/end_position name diff"),
        ({"impossible": True}, "questions marked impossible that have spans"),
        ({"context": "Bank  of Bonn"}, "contexts with several spaces in a row"),
        ({"span_position": ["0;2", "0;2"]}, "spans given twice: counted once"),
    ],
)
def test_oddities_are_noted(file, change, rule):
    corpus = read_entities(file(QUESTION | change))
    assert [note.rule.startswith(rule) for note in corpus.notes] == [True]
    assert corpus.notes[0].count == 1


def test_two_queries_of_a_type(file):
    corpus = read_entities(file(QUESTION, QUESTION | {"qas_id": "1.1", "query": "Other?"}))
    assert corpus.queries == {"ORG": "Find organizations."}
    assert corpus.notes[0].rule == "types with more than one query: the first was taken"


def test_a_question_asked_again_is_noted(file):
    corpus = read_entities(file(QUESTION, QUESTION))
    assert (len(corpus), len(corpus.sentences[0].spans)) == (1, len(set(corpus.sentences[0].spans)))
    assert any("questions asked again of the same words" in n.rule for n in corpus.notes)


def test_words_hold_every_space_but_the_plain_one(file):
    path = file(QUESTION | {"context": "a\u00a0b \u200b c\u2028d"})
    assert read_entities(path).sentences[0].tokens == ("a\u00a0b", "\u200b", "c\u2028d")


def test_contexts_alone(file):
    path = file({"context": "Bank of Bonn"}, {"context": "x"})
    corpus = parse_contexts(read_lines(path), path)
    assert [s.tokens for s in corpus] == [("Bank", "of", "Bonn"), ("x",)]
    assert not corpus.has_gold
    with pytest.raises(InputError, match="no token_column for questions of the MRC layout, which"):
        parse_contexts(read_lines(path), path, 0)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", r"a.json:4: expected a list of JSON objects, got no JSON"),
        ("[" * 100000, r"a.json:3: expected a list of JSON objects, got no JSON"),
        ("3", r"a.json:3: expected a list of JSON objects, got a int"),
        (json.dumps(QUESTION) + ' {"x": 1}', r"a.json:3: expected ',' or '\]' behind .* damaged"),
        (without(QUESTION, "context"), r"a.json:3: expected text under 'context', got nothing"),
        (without(QUESTION, "entity_label"), "expected text under 'entity_label', got nothing"),
        (QUESTION | {"query": " "}, "expected text under 'query', got ' '"),
        (
            without(QUESTION, "span_position", "end_position"),
            "expected span_position, or start_position and end_position, got neither",
        ),
        (
            without(QUESTION, "span_position") | {"end_position": [1, 2]},
            "as many numbers in start_position as in end_position, got 1 and 2",
        ),
        (QUESTION | {"start_position": "0"}, "a list of word numbers under 'start_position'"),
        (QUESTION | {"span_position": ["0-2"]}, r"a list such as \[\"2;4\"\] under 'span_pos"),
        (QUESTION | {"span_position": "0;2"}, r"a list such as \[\"2;4\"\] under 'span_position'"),
        (
            QUESTION | {"span_position": ["2;1"]},
            r"expected a span that ends behind its start, got words 2 to 2 .* of 'ORG'",
        ),
        (
            QUESTION | {"span_position": ["2;4"]},
            r"expected a span of words from 0 to 3, as the sentence has them, got words 2 to 4",
        ),
    ],
)
def test_bad_questions(file, record, message):
    with pytest.raises(DataError, match=message):
        read_entities(file(QUESTION, record))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"context": "a"', "got no JSON"),
        ("[" + json.dumps(QUESTION), "a.json:1: expected ',' or .* got the end of the file"),
        ("[" + json.dumps(QUESTION) + "] x", "nothing behind the list of JSON objects, got 'x'"),
        ("[" + json.dumps(QUESTION) + ",", "got no JSON"),
        ("[]", "expected sentences, got none"),
    ],
)
def test_broken_lists(file, text, message):
    with pytest.raises(DataError, match=message):
        read_entities(file(text, lines=True))


def test_nothing_to_find(file):
    nothing = {"start_position": [], "end_position": [], "span_position": []}
    corpus = read_entities(file(QUESTION | nothing))
    assert [note.rule for note in corpus.notes] == [NO_ENTITY]
    with pytest.raises(InputError, match="expected entities in the 1 training sentences"):
        MrcNerTask.of(corpus)
    found = read_span_predictions(file({"tokens": ["a"], "gold": [], "predicted": []}, lines=True))
    assert [note.rule for note in found.notes] == [NO_ENTITY]


LINE = {
    "id": 7,
    "tokens": ["Bank", "of", "Bonn"],
    "entities": [{"type": "LOC", "start": 2, "end": 3}],
}


def test_lines_with_entities(file):
    labels = LINE | {"entities": [{"label": "ORG", "start": 0, "end": 3}, LINE["entities"][0]]}
    corpus = read_entities(file(LINE, "", labels, name="a.jsonl", lines=True))
    assert [(s.spans, s.id, s.line) for s in corpus] == [(NESTED[1:], "7", 1), (NESTED, "7", 3)]


def test_entities_of_another_form_are_no_tags(file):
    lists = LINE | {"entities": [["LOC", 2, 3]]}
    with pytest.raises(DataError, match=r'a\.jsonl:1: expected an entity such as {"type": "LOC"'):
        read_entities(file(lists, LINE, name="a.jsonl", lines=True))


def test_rows_of_our_own_predictions_are_read_as_gold(file):
    row = {"id": "0", "tokens": ["in", "Bonn"], "gold": [], "predicted": []}
    other = row | {"gold": [{"type": "LOC", "start": 1, "end": 2}]}
    corpus = read_entities(file(row, other, name="a.jsonl", lines=True))
    assert [s.spans for s in corpus] == [(), (EntitySpan("LOC", 1, 2),)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "a.jsonl:2: expected one JSON object a line, got no JSON"),
        (without(LINE, "tokens"), "expected a list of strings under 'tokens', got nothing"),
        (without(LINE, "entities"), "a.jsonl:2: expected a list of entities under 'entities', got"),
        (LINE | {"entities": {}}, "expected a list of entities under 'entities', got dict"),
        (LINE | {"entities": [["LOC", 2, 3]]}, 'expected an entity such as {"type": "LOC"'),
        (LINE | {"entities": [{"start": 2, "end": 3}]}, r"expected a type \(type or label\)"),
        (
            LINE | {"entities": [{"type": "LOC", "start": True, "end": 3}]},
            "expected the number of a word under 'start'",
        ),
        (
            LINE | {"entities": [{"type": "LOC", "start": 2}]},
            "expected the number of a word under 'end'",
        ),
        (
            LINE | {"entities": [{"type": "LOC", "start": 2, "end": 2}]},
            r"ends behind its start, got words 2 to 2 \(end exclusive\)",
        ),
        (
            LINE | {"entities": [{"type": "LOC", "start": 2, "end": 4}]},
            "expected a span of words from 0 to 2",
        ),
        (
            LINE | {"entities": [{"type": "LOC", "start": -1, "end": 1}]},
            "expected a span of words from 0 to 2",
        ),
    ],
)
def test_bad_lines(file, record, message):
    with pytest.raises(DataError, match=message):
        read_entities(file(LINE, record, name="a.jsonl", lines=True))


def test_columns_and_tagged_lines(file, tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("in\tO\nBonn\tB-LOC\n\n[\tO\n{\tO\n")
    corpus = read_entities(path)
    assert [s.spans for s in corpus] == [(EntitySpan("LOC", 1, 2),), ()]
    tagged = {"tokens": ["in", "Bonn"], "tags": ["O", "S-LOC"]}
    again = read_entities(file(tagged, name="b.jsonl", lines=True))
    assert again.sentences[0].spans == corpus.sentences[0].spans


def test_unknown_format(file):
    with pytest.raises(InputError, match="unknown data format 'mcr': did you mean 'mrc'"):
        read_entities(file(QUESTION), format="mcr")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"scheme": "bmes"}, "no scheme for questions of the MRC layout, which have no tags, got"),
        ({"token_column": 0}, "no token_column for questions of the MRC layout, which have no col"),
        ({"tag_column": "x"}, "no tag_column for questions of the MRC layout, .* got 'x'"),
    ],
)
@pytest.mark.parametrize("format", ["auto", "mrc"])
def test_options_that_mean_nothing_for_questions(file, option, message, format):
    with pytest.raises(InputError, match=f"expected {message}"):
        read_entities(file(QUESTION), format=format, **option)


@pytest.mark.parametrize("format", ["auto", "entities"])
def test_lines_with_entities_have_keys_but_no_scheme(file, format):
    path = file(LINE | {"words": ["a"], "gold": []}, name="a.jsonl", lines=True)
    with pytest.raises(InputError, match="expected no scheme for JSON lines with entities, which"):
        read_entities(path, format=format, scheme="iob2")
    chosen = read_entities(path, format=format, token_column="tokens", tag_column="entities")
    assert chosen.sentences[0].spans == NESTED[1:]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([QUESTION, PLACE]),
        json.dumps([QUESTION, PLACE], indent=1),
        json.dumps(QUESTION) + "\n" + json.dumps(PLACE),
    ],
)
def test_questions_on_the_input_stream(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    corpus = read_entities("-")
    assert (corpus.sentences[0].spans, corpus.source) == (NESTED, "<stdin>")


def test_first_sentences(file):
    corpus = read_entities(file(QUESTION, PLACE | {"qas_id": "5.0"}))
    assert len(corpus.first(1)) == 1
    assert corpus.first(1).queries == corpus.queries


def test_inspection(file):
    from dicetune.data import inspect_entities

    corpus = read_entities(file(QUESTION, PLACE, QUESTION | {"qas_id": "1.1"}))
    found = inspect_entities({"train": corpus, "test": corpus.first(1)}, lambda words: (9, 1))
    facts = found.splits[0].facts
    assert (facts["entities"], facts["nested"], facts["crossing"]) == (3, 1, 0)
    assert facts["questions without an entity"] == 0.25
    assert facts["query of LOC"] == "Find places."
    assert found.splits[0].labels == {"ORG": 2, "LOC": 1}
    assert (found.splits[0].ratio.many, found.splits[0].ratio.few) == (2, 6)
    assert found.leaks[0].count == 1
    assert found.conflict_examples[0].differences == "'Bonn' LOC / none"
    assert facts["unknown sub-words"] == pytest.approx(1 / 9)
