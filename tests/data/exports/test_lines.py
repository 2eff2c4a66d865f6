"""doccano and Prodigy: forms of lines, answers, words of the tool."""

import pytest

from dicetune.data import read_entities, read_texts, read_tokens
from dicetune.data.exports.documents import ExportChoice
from dicetune.data.exports.lines import RELATIONS, SUGGESTIONS
from dicetune.errors import DataError
from exports import SPANS, TEXTS, found_spans, marks, prodigy, write_lines


def lines(folder, *rows):
    return write_lines(folder / "a.jsonl", rows)


def rules(corpus):
    return {note.rule: note.count for note in corpus.notes}


def test_entities_with_relations(tmp_path):
    text = TEXTS[1]
    entities = [
        {"id": n, "label": k, "start_offset": a, "end_offset": b}
        for n, (k, a, b, _) in enumerate(marks(1))
    ]
    row = {"id": 4, "text": text, "entities": entities, "relations": [{"from_id": 0, "to_id": 1}]}
    corpus = read_tokens(lines(tmp_path, row))
    assert (found_spans(corpus), rules(corpus)[RELATIONS]) == (SPANS[1:2], 1)


def test_intents_have_spans_and_labels(tmp_path):
    rows = [
        {"text": "from Bonn to Ulm", "entities": [[5, 9, "CITY"]], "cats": ["flight"]},
        {"text": "which airports", "entities": [], "cats": ["airport"]},
    ]
    path = lines(tmp_path, *rows)
    assert found_spans(read_tokens(path)) == [[("CITY", "Bonn")], []]
    assert [e.labels for e in read_texts(path)] == [("flight",), ("airport",)]


def test_a_text_that_comes_twice_in_doccano_is_refused(tmp_path):
    rows = [
        {"id": 1, "text": "at Bonn", "label": label} for label in ([[3, 7, "LOC"]], [[0, 2, "X"]])
    ]
    with pytest.raises(DataError, match=r"a.jsonl:2: id 1: .*export one annotator alone"):
        read_tokens(lines(tmp_path, *rows))


def test_spans_and_labels_are_not_mixed(tmp_path):
    rows = [{"text": "at Bonn", "label": [[3, 7, "LOC"]]}, {"text": "b", "label": ["x"]}]
    with pytest.raises(DataError, match="expected spans under label, got labels"):
        read_tokens(lines(tmp_path, *rows))
    with pytest.raises(DataError, match=r"a.jsonl:1: expected a span such as"):
        read_tokens(
            lines(tmp_path, {"text": "at Bonn", "label": [[3, 7, "LOC"], "x"]}), format="doccano"
        )


def test_a_line_that_says_nothing_is_refused(tmp_path):
    for wrong in ({}, {"label": None}, {"label": 3}, {"entities": {}}):
        path = lines(tmp_path, {"text": "a", "label": ["x"]}, {"text": "b", **wrong})
        for read in (read_texts, read_tokens):
            with pytest.raises(DataError, match=r"a.jsonl:2: expected|labels of whole"):
                read(path)


def test_pairs_of_sequences_are_texts(tmp_path):
    """The second text of a pair of sequences is no label of it: it is chosen by its column."""
    rows = [{"text": "Hello!", "label": ["Hallo!"]}, {"text": "See you.", "label": ["Bis bald."]}]
    assert [e.labels for e in read_texts(lines(tmp_path, *rows))] == [("Hallo!",), ("Bis bald.",)]


def test_only_accepted_answers_are_gold(tmp_path):
    rows = prodigy()
    rows[0]["answer"], rows[1]["answer"] = "reject", "ignore"
    path = lines(tmp_path, *rows)
    corpus = read_tokens(path)
    assert found_spans(corpus) == SPANS[2:]
    assert {"answers 'reject': left out", "answers 'ignore': left out"} <= rules(corpus).keys()
    assert [e.labels for e in read_texts(path)] == [("quiet",), ("fault",)]
    assert len(read_tokens(path, require_tags=False)) == 4


def test_the_words_are_those_of_prodigy(tmp_path):
    text = "New York-based"
    tokens = [
        {"text": w, "start": a, "end": a + len(w)}
        for w, a in (("New", 0), ("York", 4), ("-", 8), ("based", 9))
    ]
    row = {
        "text": text,
        "tokens": tokens,
        "spans": [{"start": 0, "end": 8, "label": "LOC"}],
        "answer": "accept",
    }
    corpus = read_tokens(lines(tmp_path, row))
    assert corpus.sentences[0].tokens == ("New", "York", "-", "based")
    assert found_spans(corpus) == [[("LOC", "New York")]]
    for wrong in ({"start": 3}, {"end": 20}, {"text": "Yark"}, {"start": None}):
        row["tokens"] = [tokens[0], {**tokens[1], **wrong}]
        with pytest.raises(DataError, match=r"a.jsonl:1: expected .*word"):
            read_tokens(lines(tmp_path, row))


def test_annotators_of_prodigy(tmp_path):
    rows = [{**row, "_annotator_id": f"set-{who}"} for row in prodigy() for who in ("ann", "bob")]
    rows[1]["spans"] = []
    path = lines(tmp_path, *rows)
    with pytest.raises(DataError, match=r"several .*set-ann \(4 texts\), set-bob \(4 texts\)"):
        read_tokens(path)
    assert found_spans(read_tokens(path, choice=ExportChoice("set-ann"))) == SPANS
    assert found_spans(read_entities_as_tags(path)) == [[], *SPANS[1:]]


def read_entities_as_tags(path):
    corpus = read_tokens(path, choice=ExportChoice("set-bob"))
    assert len(read_entities(path, choice=ExportChoice("set-bob"))) == len(corpus)
    return corpus


def test_answers_to_single_labels_are_joined(tmp_path):
    asked = [
        ("a", "X", "accept"),
        ("a", "Y", "accept"),
        ("b", "X", "reject"),
        ("b", "Y", "accept"),
        ("c", "X", "reject"),
    ]
    rows = [{"text": t, "label": label, "answer": said} for t, label, said in asked]
    several = read_texts(lines(tmp_path, *rows), several=True)
    assert [(e.text, e.labels) for e in several] == [("a", ("X", "Y")), ("b", ("Y",)), ("c", ())]
    one = read_texts(lines(tmp_path, *(row for row in rows if row["label"] == "X")))
    assert [(e.text, e.labels[0]) for e in one] == [("a", "X"), ("b", "not X"), ("c", "not X")]


def test_answers_to_single_suggestions_are_told(tmp_path):
    row = {"text": "at Bonn", "spans": [{"start": 3, "end": 7, "label": "LOC"}], "label": "LOC"}
    corpus = read_tokens(lines(tmp_path, {**row, "answer": "accept", "_view_id": "ner"}))
    assert (found_spans(corpus), rules(corpus)[SUGGESTIONS]) == ([[("LOC", "Bonn")]], 1)
