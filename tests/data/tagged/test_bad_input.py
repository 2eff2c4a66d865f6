"""Bad input: the file, the line, what was expected, what came, what to do."""

import gzip
import re

import pytest

from dicetune.data import Corpus, Sentence, check_labels, label_names, read_predictions, read_tokens
from dicetune.data.tagged.corpus import NO_ENTITY, ONE_LABEL
from dicetune.errors import DataError, InputError

GOOD = b"in\tO\nBonn\tB-LOC\n"
NAME = "a.conll"


def fails(path, message, line=None, **options):
    with pytest.raises(DataError) as caught:
        read_tokens(path, **options)
    where = str(path) if line is None else f"{path}:{line}"
    assert str(caught.value).startswith(where + ": "), str(caught.value)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert caught.value.line == line


def test_missing_file(tmp_path):
    fails(tmp_path / "no.conll", "no such file: check the path .* NAME:SPLIT")
    fails(tmp_path / "no.conll", "no such file: check the path", format="conll")


def test_directory(tmp_path):
    fails(tmp_path, "expected a file, got a directory: name one file in it")


@pytest.mark.parametrize("raw", [b"", b"\n\n  \n", "\ufeff".encode(), gzip.compress(b"", mtime=0)])
def test_empty_file(file, raw):
    fails(file(raw), "expected text, got an empty file")


def test_no_sentence_in_it(file):
    fails(file(b"-DOCSTART- O\n\n"), "expected rows of a word and its tag, got none")
    fails(file(b'{"tokens": [], "tags": []}\n'), "expected sentences, got none")


def test_not_utf8(file):
    raw = GOOD + "caf\u00e9\tO\n".encode("latin-1")
    fails(file(raw), "expected UTF-8, got the byte 0xe9 at byte 4 of the line: .*iconv", line=3)
    fails(file("in\tO\n".encode("utf-16")), "expected UTF-8, got UTF-16", line=1)


def test_damaged_gzip(file):
    fails(file(gzip.compress(GOOD)[:-9]), "expected a whole gzip file, got a damaged one")


def test_carriage_returns_alone(file):
    fails(file(GOOD.replace(b"\n", b"\r")), r"expected lines that end in LF .* got CR alone: .*tr")


def test_ragged_rows(file):
    fails(
        file(GOOD + b"Ada Lovelace\n"),
        "expected 2 columns separated by tabs, as in most rows, got 1 in 'Ada Lovelace': mend",
        line=3,
    )
    fails(file(b"a X O\n" * 3 + b"b O\n"), "expected 3 columns separated by spaces.*got 2", line=4)
    fails(file(b"b O\n" + b"a X O\n" * 3), "expected 3 columns", line=1)


@pytest.mark.parametrize("start", ['{"tokens": ["a"', '[{"tokens": ["a"', ' { "tokens" : b}'])
def test_damaged_json_is_no_table(file, start):
    for spans in (True, False):
        fails(file(f"{start} O\n{start} X\n".encode(), "a.txt"), "expected JSON", 1, spans=spans)
    assert read_tokens(file(f"{start}\tO\nb\tB-X\n".encode())).sentences[0].tokens[0] == start


def test_empty_tag(file):
    fails(file(b'{"tokens": ["a", "b"], "tags": ["X", " "]}\n'), "got an empty one", 1, spans=False)
    fails(file(GOOD + b"x\t\n"), "expected a tag, got an empty one", line=3)


def test_format_that_cannot_be_told(file):
    text = b"It was late.\nNobody came to see the dam, as they had said.\nSo what\nA b c d\n"
    fails(file(text), "the format cannot be told: expected JSON lines, CoNLL-U or one word a line")
    fails(file(b"in,O\nBonn,LOC\n"), "expected at least 2 columns", line=1)
    fails(file(b"word,tag\nBonn,LOC\n"), "names the columns: .* part the columns by tabs", line=1)


def test_single_class(file):
    """To be scored, not to be learnt from (the task refuses that), which a note says."""
    rules = {"O": (True, NO_ENTITY), "X": (False, ONE_LABEL.format(label="'X'"))}
    for label, (spans, rule) in rules.items():
        found = read_tokens(file(f"a\t{label}\nb\t{label}\n".encode()), spans=spans)
        assert [note.rule for note in found.notes] == [rule]
        found = read_predictions(file(f"a\t{label}\tB-Y\n".encode()), spans=spans)
        assert [note.rule for note in found.notes] == [rule]
    for spans in (True, False):
        assert not read_tokens(file(GOOD), spans=spans).notes
    assert not read_tokens(file(b"a\tO\nb\tO\n"), require_tags=False).notes


def test_mixture_of_schemes(file):
    fails(file(b"a\tB-X\nb\tM-X\nc\tE-X\n\nd\tI-X\n"), "a mixture of schemes", line=5)


def test_unknown_names(file):
    with pytest.raises(InputError, match="unknown data format 'conl': did you mean 'conll'"):
        read_tokens(file(GOOD), format="conl")
    with pytest.raises(InputError, match="unknown tag scheme 'iob3'"):
        read_tokens(file(GOOD), scheme="iob3")


def corpus(tags, source="train.conll", scheme="iob2", lines=()):
    words = tuple("w" for _ in tags)
    return Corpus((Sentence(words, tuple(tags), 1, lines=lines),), source, scheme, scheme)


def test_label_absent_from_training():
    known = label_names(corpus(["O", "B-LOC"]))
    check_labels(known, corpus(["O", "I-LOC"]), "iob2")  # the type is known: so is every letter
    other = corpus(["O", "O", "B-PER", "B-PER"], "dev.conll", lines=(1, 2, 3, 4))
    with pytest.raises(DataError) as caught:
        check_labels(known, other, "iob2")
    assert str(caught.value) == (
        "dev.conll:3: expected labels that the model knows (O, B-LOC, I-LOC), got 'B-PER' "
        "(2 in this file): a model cannot predict what it was never shown. Add training "
        "sentences with it, or remove or rename it here"
    )
    with pytest.raises(DataError, match="got 'X'"):
        check_labels(["NOUN"], corpus(["NOUN", "X"], scheme=None))


def test_schemes_that_differ():
    with pytest.raises(
        DataError, match=r"expected tags of the scheme iob2, which the model knows, got iobes"
    ):
        check_labels(["O", "B-X"], corpus(["S-X"], "dev", "iobes"), "iob2")
    check_labels(["O", "S-X"], corpus(["O"], "dev", "iob2"), "iobes")  # no entity: no scheme


def test_label_names():
    assert label_names(corpus(["B-b", "B-a"])) == ["O", "B-a", "I-a", "B-b", "I-b"]
    assert label_names(corpus(["O", "S-a"], scheme="iobes")) == ["O", "B-a", "I-a", "E-a", "S-a"]
    assert label_names(corpus(["X", "NOUN"], scheme=None)) == ["NOUN", "X"]


@pytest.mark.parametrize(
    "header",
    [
        "token\ttag",
        "word\tpos\tner",
        "Token Label",
        "Sentence #,Word,POS,Tag",
        "word gold predicted",
        "sentence_idx\tword\ttag",
        "text\tlabels",
        '"token","ner_tags"',
        "Token\tNE-COARSE-LIT\tNE-FINE",
    ],
)
@pytest.mark.parametrize("spans", [True, False])
def test_names_of_columns_are_no_words(file, header, spans):
    row = "Bonn\tB-LOC\tO\n" if "\t" in header else "Bonn B-LOC O\n"
    raw = f"{header}\n{row}in X O\n".encode()
    fails(file(raw), "which names the columns: remove the line", line=1, spans=spans)
    with pytest.raises(DataError, match="which names the columns"):
        read_predictions(file(raw), spans=spans)


def test_words_that_are_names_of_columns_too(file):
    assert read_tokens(file(b"Word O\nPress B-ORG\n")).sentences[0].tokens == ("Word", "Press")


@pytest.mark.parametrize(
    "line", ["# global.columns = ID FORM UPOS", "#FORMAT=WebAnno TSV 3.3", "T1\tLOC 0 4\tBonn"]
)
def test_another_layout_that_is_declared(file, line):
    raw = f"{line}\n1\tBonn B-LOC\tX\n2\tin O\tX\n".encode()
    for spans in (True, False):
        fails(file(raw), "which declares a layout", line=1, spans=spans)


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        (("1", "2", "1"), "running numbers"),
        (("0", "1", "0"), "running numbers"),
        (("1", "2", "3"), "running numbers"),
        (("1", "1", "2"), "running numbers"),
        (("1-1", "1-2", "2-1"), "running numbers"),
        (("1-2", "1", "1"), "running numbers"),
        (("", "", ""), "an empty cell in every row"),
    ],
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_first_column_without_words(file, numbers, found, separator):
    cells = zip(numbers, ("Bonn B-LOC B-LOC", "in O O\n", "up O O"), strict=True)
    rows = [f"{number} {rest}".replace(" ", separator) for number, rest in cells]
    path = file("\n".join(rows).encode())
    fails(path, f"got {found}.* token_column=1", line=1)
    fails(path, f"got {found}", line=1, require_tags=False)
    with pytest.raises(DataError, match=f"got {found}"):
        read_predictions(path)
    assert read_tokens(path, token_column=1).sentences[0].tokens == ("Bonn", "in")


@pytest.mark.parametrize("end", ["\t", "\t\t", "\t "])
def test_every_row_ends_in_a_tab(file, end):
    path = file(f"Bonn\tB-LOC{end}\nin\tO{end}\n".encode())
    for chosen in (None, 1):
        corpus = read_tokens(path, tag_column=chosen)
        assert corpus.sentences[0].tags == ("B-LOC", "O")
        assert corpus.notes[0].rule.startswith("empty last columns: left out")
    assert read_tokens(path, require_tags=False).sentences[0].tokens == ("Bonn", "in")
    found = read_predictions(file(f"Bonn\tB-LOC\tO{end}\nin\tO\tO{end}\n".encode()))
    assert found.predicted == [("O", "O")]


def test_some_rows_end_in_a_tab(file):
    fails(file(b"Bonn\tB-LOC\tX\nin\tO\t\n"), "expected a tag, got an empty one", line=2)


@pytest.mark.parametrize("joint", "|;,/+& ")
@pytest.mark.parametrize("parts", [("B-PER", "B-ORG"), ("O", "I-ORG"), ("S-a", "O", "E-b")])
def test_several_tags_in_one_cell(file, joint, parts):
    tag = joint.join(parts)
    path = file(f"in\tO\nBonn\t{tag}\n".encode())
    fails(path, "several tags in one cell", line=2)
    fails(path, "several tags in one cell", line=2, scheme="iobes")
    with pytest.raises(DataError, match="several tags in one cell"):
        read_predictions(file(f"in\tO\tO\nBonn\tB-PER\t{tag}\n".encode()))


@pytest.mark.parametrize("tag", ["B-", "-PER", "B_PER", "PER-B", "['B-PER']", '"B-PER"'])
def test_other_spellings_of_tags(file, tag):
    fails(file(f"in\tO\nBonn\t{tag}\n".encode()), "expected tags such as 'B-PER'", line=2)


@pytest.mark.parametrize(
    "kind", ["group/band", "creative-work", "a|b", "a.b", "O/X", "A,O1", "I/O", "R&O"]
)
def test_types_that_hold_marks_are_types(file, kind):
    found = read_tokens(file(f"in\tO\nBonn\tB-{kind}\n".encode()))
    assert found.sentences[0].tags == ("O", f"B-{kind}")
