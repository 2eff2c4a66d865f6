"""Spans of characters to spans of words: offsets, borders, overlaps; what was changed is told."""

import pytest

from dicetune.data import read_entities, read_tokens
from dicetune.data.entities.corpus import TWICE
from dicetune.data.exports.align import COUNTED, MET, MOVED, NO_WORD, TRIMMED, UTF_16, WIDENED
from dicetune.data.tagged.corpus import cut_words
from dicetune.errors import DataError
from dicetune.tasks import TASKS
from exports import found_spans, utf_16, write_json, write_lines

EMOJI = "🚢🚢 Quay Nine and 👍🏽 Ada"


def doccano(folder, *rows):
    return write_lines(
        folder / "a.jsonl",
        [
            {"id": n, "text": text, "label": [[*s] for s in spans]}
            for n, (text, spans) in enumerate(rows)
        ],
    )


def studio(folder, text, *spans):
    """A task of Label Studio: spans with their own text."""
    results = [
        {
            "type": "labels",
            "from_name": "l",
            "value": dict(zip(("start", "end", "text"), span[1:], strict=True), labels=[span[0]]),
        }
        for span in spans
    ]
    tasks = [
        {"id": 5, "data": {"text": text}, "annotations": [{"completed_by": 1, "result": results}]}
    ]
    return write_json(folder / "a.json", tasks)


def rules(corpus):
    return {note.rule: (note.count, *note.places) for note in corpus.notes}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Quay's 2.5 km, it’s U.S.-made.", "Quay 's 2.5 km , it ’s U.S . - made ."),
        ("上海の港 is", "上 海 の 港 is"),
        ("cafe\u0301 हिन्दी", "cafe\u0301 हिन्दी"),
        ("ok👍🏽 👩\u200d🚒!\r\nend", "ok 👍🏽 👩\u200d🚒 ! end"),
        ("'s-Hertogenbosch rock-'n'-roll", "' s-Hertogenbosch rock - ' n ' - roll"),
    ],
)
def test_words_by_hand(text, words):
    assert " ".join(text[a:b] for a, b in cut_words(text)) == words


def test_a_span_inside_a_word_is_widened_and_shown(tmp_path):
    corpus = read_tokens(doccano(tmp_path, ("at Northgate now", [(3, 8, "SITE")]), ("x", [])))
    assert found_spans(corpus) == [[("SITE", "Northgate")], []]
    place = f"{tmp_path}/a.jsonl:1: id 0: 'North' as 'Northgate'"
    assert rules(corpus)[WIDENED] == (1, place)


def test_white_space_is_cut_off_and_a_span_of_nothing_else_left_out(tmp_path):
    path = doccano(tmp_path, ("at Quay  Nine .", [(2, 9, "SITE"), (7, 9, "X"), (4, 4, "Y")]))
    corpus = read_tokens(path)
    assert found_spans(corpus) == [[("SITE", "Quay")]]
    assert rules(corpus)[TRIMMED][0] == 2
    assert rules(corpus)[NO_WORD][0] == 2


def test_spans_that_meet_in_a_word_and_spans_that_overlap(tmp_path):
    """A word that both touch is the first one's; what overlaps in the tool needs mrc-ner."""
    path = doccano(tmp_path, ("from Rhein-Main area", [(5, 10, "A"), (11, 20, "B")]))
    corpus = read_tokens(path)
    assert found_spans(corpus) == [[("A", "Rhein-Main"), ("B", "area")]]
    assert rules(corpus)[MET][0] == 1
    both = read_entities(path).sentences[0].spans
    assert [(s.type, s.start, s.end) for s in both] == [("A", 1, 2), ("B", 1, 3)]
    alone = read_tokens(doccano(tmp_path, ("Rhein-Main", [(0, 5, "A"), (6, 10, "B")])))
    assert found_spans(alone) == [[("A", "Rhein-Main")]]
    nested = doccano(
        tmp_path, ("a b", [(0, 1, "C")]), ("Bank of Bonn", [(0, 12, "ORG"), (8, 12, "LOC")])
    )
    with pytest.raises(
        DataError,
        match=r"a.jsonl:2: .*'Bank of Bonn' \(ORG\).*'Bonn' \(LOC\).* overlap: task mrc-ner",
    ):
        read_tokens(nested)
    assert len(read_entities(nested).sentences[1].spans) == 2


def test_one_span_given_twice_counts_once(tmp_path):
    path = doccano(tmp_path, ("at Bonn", [(3, 7, "LOC"), (3, 7, "LOC")]))
    assert found_spans(read_tokens(path)) == [[("LOC", "Bonn")]]
    assert rules(read_tokens(path))[TWICE][0] == 1
    assert len(read_entities(path).sentences[0].spans) == 1


@pytest.mark.parametrize("count", [utf_16, lambda text, place: place], ids=["utf-16", "characters"])
def test_the_own_text_tells_what_offsets_count(tmp_path, count):
    spans = []
    for kind, own in (("SITE", "Quay Nine"), ("PERSON", "Ada")):
        a = EMOJI.index(own)
        spans.append((kind, count(EMOJI, a), count(EMOJI, a + len(own)), own))
    corpus = read_tokens(studio(tmp_path, EMOJI, *spans))
    assert found_spans(corpus) == [[("SITE", "Quay Nine"), ("PERSON", "Ada")]]
    assert (COUNTED.format(name=UTF_16.name) in rules(corpus)) == (count is utf_16)


@pytest.mark.parametrize("count", [utf_16, lambda text, place: place], ids=["utf-16", "characters"])
def test_without_own_text_the_borders_of_words_tell(tmp_path, count):
    a = EMOJI.index("Quay Nine")
    path = doccano(tmp_path, (EMOJI, [(count(EMOJI, a), count(EMOJI, a + 9), "SITE")]))
    assert found_spans(read_tokens(path)) == [[("SITE", "Quay Nine")]]


def test_where_nothing_tells_what_offsets_count_the_user_does(tmp_path):
    # the first letter of "ab" by characters, a space by UTF-16: neither lies on borders of words
    path = doccano(tmp_path, ("🚢 ab cd ef", [(2, 3, "X")]))
    with pytest.raises(DataError, match=r"what offsets count.*offsets=characters or -o offsets="):
        read_tokens(path)
    for offsets, word in (("characters", "ab"), ("utf-16", None)):
        options = TASKS["ner"].Options(offsets=offsets)
        found = found_spans(TASKS["ner"].read(path, options))
        assert found == [[("X", word)] if word else []]


def test_line_ends_and_marks_survive(tmp_path):
    """CR LF inside a text, which browsers count as one, and accents written as marks."""
    text = "one\r\ntwo\r\nQuay Nine, cafe\u0301 Ada"
    shown = text.replace("\r\n", "\n")
    spans = [
        (k, shown.index(own), shown.index(own) + len(own), own)
        for k, own in (("S", "Quay Nine"), ("P", "cafe\u0301"))
    ]
    corpus = read_tokens(studio(tmp_path, text, *spans))
    assert found_spans(corpus) == [[("S", "Quay Nine"), ("P", "cafe\u0301")]]


def test_a_span_beside_its_own_text_is_moved_or_refused(tmp_path):
    corpus = read_tokens(
        studio(tmp_path, "Bonn is not Bonn.", ("LOC", 11, 15, "Bonn"), ("LOC", 0, 4, "Bonn"))
    )
    assert found_spans(corpus) == [[("LOC", "Bonn"), ("LOC", "Bonn")]]
    assert rules(corpus)[MOVED] == (1, f"{tmp_path}/a.json:1: task 5: ' Bon' as 'Bonn'")
    with pytest.raises(DataError, match=r"task 5: expected 'Köln'.*nowhere else"):
        read_tokens(studio(tmp_path, "Bonn is here", ("LOC", 0, 4, "Köln")))
    lines = read_tokens(studio(tmp_path, "New\nYork is", ("LOC", 0, 8, "New\\nYork")))
    assert found_spans(lines) == [[("LOC", "New York")]]


def test_a_span_outside_the_text_is_refused(tmp_path):
    for span in ((3, 9, "X"), (-1, 2, "X"), (3, 1, "X"), (0, 1, ""), (0, 1, 7), ("a", 1, "X")):
        with pytest.raises(DataError, match=r"a.jsonl:1: id 0: expected"):
            read_tokens(doccano(tmp_path, ("at Bonn", [span])), format="doccano")
