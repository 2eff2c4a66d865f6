"""brat's folders, spaCy's DocBin, and INCEpTION's columns, which need no reader of their own."""

import contextlib
import random
import zlib

import pytest

from dicetune.data import read_entities, read_texts, read_tokens
from dicetune.data.exports.brat import ALONE, BROKEN, OTHER
from dicetune.data.exports.docbin import SOME_MISSING
from dicetune.data.exports.read import IN_SPAN, UNMARKED
from dicetune.errors import DataError, DicetuneError
from exports import SPANS, docbin, found_spans, write_brat
from mutations import spoilt_bytes


def rules(corpus):
    return {note.rule: note.count for note in corpus.notes}


def brat(folder, name, text, *annotations):
    file = folder / f"{name}.ann"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".txt").write_bytes(text.encode())
    file.write_text("".join(line + "\n" for line in annotations), encoding="utf-8")
    return file


def test_a_folder_with_folders_and_one_file(tmp_path):
    write_brat(tmp_path / "a")
    brat(tmp_path, "b/c", "Bonn\r\nUlm 🚢 Köln", "T1\tLOC 6 9\tUlm", "T2\tLOC 12 16\tKöln")
    corpus = read_tokens(tmp_path)
    assert [s.id for s in corpus] == ["a/11", "a/12", "a/13", "a/14", "b/c"]
    assert found_spans(corpus) == [*SPANS, [("LOC", "Ulm"), ("LOC", "Köln")]]
    alone = read_tokens(tmp_path / "b" / "c.ann")
    assert (alone.sentences[0].id, found_spans(alone)[0]) == ("c", found_spans(corpus)[-1])
    assert found_spans(read_tokens(tmp_path / "b" / "c.txt", format="brat")) == found_spans(alone)


def test_a_text_without_annotations_is_left_out_and_noted(tmp_path):
    brat(tmp_path, "a", "at Bonn", "T1\tLOC 3 7\tBonn")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "README.txt").write_text("who marked what", encoding="utf-8")
    corpus = read_tokens(tmp_path)
    assert (len(corpus), rules(corpus)) == (1, {ALONE: 1})
    assert any("b/README.txt" in str(note) for note in corpus.notes)
    assert rules(read_tokens(tmp_path / "a.ann")) == {}


def test_discontinuous_spans_and_other_annotations(tmp_path):
    path = brat(
        tmp_path,
        "a",
        "left and right valve of New\nYork",
        "T1\tPART 0 4;15 20\tleft valve",
        "T2\tPART 9 20\tright valve",
        "T3\tLOC 24 27;28 32\tNew York",
        "R1\tHas Arg1:T1 Arg2:T2",
        "#1\tAnnotatorNotes T1\tx",
        "A1\tNegated T1",
        "*\tEquiv T1 T2",
    )
    corpus = read_tokens(path)
    assert found_spans(corpus) == [[("PART", "right valve"), ("LOC", "New York")]]
    assert (rules(corpus)[BROKEN], rules(corpus)[OTHER]) == (1, 4)


def test_what_is_wrong_in_brat_is_refused_with_its_place(tmp_path):
    path = brat(tmp_path, "a", "at Bonn", "T1 LOC 3 7 Bonn")
    with pytest.raises(DataError, match=r"a.ann:1: expected an annotation such as"):
        read_tokens(path)
    assert len(read_tokens(path, require_tags=False)) == 1
    path.with_suffix(".txt").unlink()
    with pytest.raises(DataError, match=r"a.ann: expected its text in .*a.txt"):
        read_tokens(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="got none in the folder"):
        read_tokens(tmp_path / "empty", format="brat")


def test_groups_of_spans_sentences_and_missing_entities(tmp_path):
    import spacy

    blank, found = spacy.blank("en"), spacy.tokens.DocBin()
    blank.add_pipe("sentencizer")
    doc = blank("  Ada left. Bank of Bonn rose. ")
    doc.ents = [doc.char_span(2, 5, label="PERSON")]
    doc.spans["sc"] = [doc.char_span(12, 24, label="ORG"), doc.char_span(20, 24, label="LOC")]
    found.add(doc)
    found.to_disk(tmp_path / "a.spacy")
    path = tmp_path / "a.spacy"
    with pytest.raises(DataError, match="got ents, sc: choose one"):
        read_tokens(path)
    corpus = read_tokens(path, tag_column="ents")
    assert [(s.id, s.document) for s in corpus] == [("1.1", "1"), ("1.2", "1")]
    assert found_spans(corpus) == [[("PERSON", "Ada")], []]
    nested = read_entities(path, tag_column="sc")
    assert [len(s.spans) for s in nested] == [0, 2]
    plain = read_tokens(path, require_tags=False)
    assert [
        text[a:b] for text, places in zip(plain.texts, plain.places, strict=True) for a, b in places
    ] == [word for s in corpus for word in s.tokens]
    crossing = blank("Ada left. Bonn rose.")
    crossing.ents = [spacy.tokens.Span(crossing, 1, 4, "X")]
    half = blank("at Bonn")
    half.set_ents([half.char_span(3, 7, label="LOC")], default="missing")
    nobody = blank("unseen")
    spacy.tokens.DocBin(docs=[crossing, half, nobody]).to_disk(path)
    corpus = read_tokens(path)
    assert [len(spans) for spans in found_spans(corpus)] == [1, 1]
    said = rules(corpus)
    assert (said[IN_SPAN], said[SOME_MISSING], said[UNMARKED]) == (1, 1, 1)


@contextlib.contextmanager
def named(path):
    """Errors have to name the file."""
    try:
        yield
    except DicetuneError as error:
        if str(path) not in str(error):
            pytest.fail(str(error))
        raise


def test_a_damaged_docbin_is_refused_with_its_name(tmp_path):
    path, raw, chance = tmp_path / "a.spacy", docbin().to_bytes(), random.Random(1)
    for number in range(40):
        inside = zlib.compress(spoilt_bytes(zlib.decompress(raw), chance))
        path.write_bytes(spoilt_bytes(raw, chance) if number % 2 else inside)
        for read in (read_tokens, read_entities, read_texts):
            with contextlib.suppress(DicetuneError), named(path):
                read(path)


def test_a_docbin_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.spacy"
    path.write_bytes(zlib.compress(bytes(10_000_000)))
    monkeypatch.setenv("DICETUNE_MAX_EXPANDED_MB", "1")
    with pytest.raises(DataError, match="bytes unpacked, got more"):
        read_tokens(path)


@pytest.mark.parametrize(
    "text",
    [
        "Ada B-PER\nByron I-PER\nleft O\n\nBonn B-LOC\n\n",
        "Ada _ _ I-PER\nByron _ _ I-PER\nleft _ _ O\n\nBonn NNP _ I-LOC\n\n",
        "# a note\nAda _ _ I-PER\nByron _ _ I-PER\n# text = x\nleft _ _ O\n\nBonn _ _ I-LOC\n",
    ],
    ids=["CoNLL 2002", "CoNLL 2003", "with comments"],
)
def test_the_columns_of_inception(tmp_path, text):
    path = tmp_path / "a.conll"
    path.write_text(text, encoding="utf-8")
    assert found_spans(read_tokens(path)) == [[("PER", "Ada Byron")], [("LOC", "Bonn")]]
