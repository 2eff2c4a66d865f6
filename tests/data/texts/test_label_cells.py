"""How files of any number of labels a text write them: told from the whole column, or refused."""

import json

import pytest

from dicetune.data import TextColumns, TextLayout, read_text_predictions, read_texts
from dicetune.errors import DataError

PLACES = TextLayout(TextColumns(labels=("anger", "fear", "joy")))
WANTED = [("joy",), ("anger", "fear"), (), ("joy", "fear")]


@pytest.fixture
def column(tmp_path):
    """A file of one text a row, whose labels are written as given."""

    def write(values, format="csv"):
        path = tmp_path / f"a.{format}"
        if format == "csv":
            cells = (str(value).replace('"', '""') for value in values)
            lines = ["text,labels", *(f'"text {n}","{cell}"' for n, cell in enumerate(cells))]
        else:
            lines = [json.dumps({"text": f"t{n}", "labels": v}) for n, v in enumerate(values)]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def labels(corpus):
    return [example.labels for example in corpus]


def notes(corpus):
    return " ".join(str(note) for note in corpus.notes)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (["['joy']", "['anger', 'fear']", "[]", "['joy', 'fear']"], "read as lists (4;"),
        (['["joy"]', '["anger", "fear"]', "[]", '["joy", "fear"]'], "read as lists (4;"),
        (["['joy']", "['anger' 'fear']", "[]", "['joy'\n 'fear']"], "read as lists (4;"),
        *(
            (["joy", f"anger{one}fear", "", f"joy{one}fear"], f"joined by {one!r}: parted")
            for one in (",", ", ", "|", " | ", ";", "#")
        ),
    ],
)
def test_a_column_is_read_as_it_is_written(column, values, note):
    corpus = read_texts(column(values), several=True)
    assert labels(corpus) == WANTED
    assert note.replace(" | ", "|").replace(", '", ",'") in notes(corpus)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # a rare separator parts where all parts stand alone, else it is in the name
        (["joy", "fear", "joy fear"], [("joy",), ("fear",), ("joy", "fear")]),
        (["joy", "fear", "joy/fear"], [("joy",), ("fear",), ("joy", "fear")]),
        (["bad", "very bad", "good"], [("bad",), ("very bad",), ("good",)]),
        (["C", "C#", "C++"], [("C",), ("C#",), ("C++",)]),
        (["[a", "b]", "[c] d"], [("[a",), ("b]",), ("[c] d",)]),
        (["0", "3", "0,3"], [("0",), ("3",), ("0", "3")]),
        (["0", "1", "0,1"], [("0",), ("1",), ("0", "1")]),
        (["1", "0", "1"], [("1",), ("0",), ("1",)]),
    ],
)
def test_names_that_look_parted(column, values, expected):
    assert labels(read_texts(column(values), several=True)) == expected


@pytest.mark.parametrize(
    ("values", "options", "line", "message"),
    [
        (["x;y", "x;y", "z;w"], {}, 2, r"whether ';' .* 'x;y': give -o separator=';' .*=none"),
        (["joy,fear|anger", "joy", "anger"], {}, 2, "whether"),
        (["['joy']", "joy"], {}, 3, r"all cells or in none, got 'joy' here .* line 2.*separator"),
        (["['joy'", "joy]", "['joy', fear]"], {}, 2, "all cells or in none"),
        (["['joy', fear]"], {}, 2, r"such as \['a', 'b'\], got"),
        (["[0, 0, 1]", "[1, 1, 0]"], {}, 2, r"0 and 1.*3 places, -o label_columns=a,b,c"),
        (["0,0,1", "1,1,0"], {}, 2, r"0 and 1.*3 places"),
        (["0 0 1", "1 1 0"], {}, 2, r"0 and 1.*3 places"),
        (["[0 0 1]", "[1 0 1]"], {}, 2, r"0 and 1.*3 places"),
        (["[0, 0, 1]", "[0, 1]"], {"wanted": PLACES}, 3, r"each of the 3 labels .*, got 2"),
        (["joy", "fear"], {"wanted": PLACES}, None, "got neither"),
    ],
)
def test_what_cannot_be_told_is_refused(column, values, options, line, message):
    with pytest.raises(DataError, match=message) as caught:
        read_texts(column(values), several=True, **options)
    assert caught.value.line == line


MARKS = [[0, 0, 1], [1, 1, 0], [0, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("kind", [int, float, bool])
def test_lists_of_0_and_1_are_read_by_place(column, tmp_path, format, kind):
    path = column([[kind(mark) for mark in row] for row in MARKS], format)
    wanted = [("joy",), ("anger", "fear"), (), ("fear", "joy")]
    corpus = read_texts(path, PLACES, several=True)
    assert labels(corpus) == wanted
    assert "by their places, anger, fear, joy" in notes(corpus)
    (tmp_path / "names").write_text("anger\nfear\njoy\n")
    assert labels(read_texts(path, several=True, label_names=tmp_path / "names")) == wanted
    with pytest.raises(DataError, match="0 and 1"):
        read_texts(path, several=True)


def test_strings_in_a_list_are_names(column):
    path = column([["0", "1"], ["1", "0"]], "jsonl")
    assert labels(read_texts(path, several=True)) == [("0", "1"), ("1", "0")]


def test_a_data_set_names_the_places_of_its_lists(tmp_path):
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["anger", "fear", "joy"])
    for name, rows, feature, expected in [
        ("marks", MARKS, names, [("joy",), ("anger", "fear"), (), ("fear", "joy")]),
        (
            "numbers",
            [[2], [0, 1], [], [1, 2]],
            names,
            [("joy",), ("anger", "fear"), (), ("fear", "joy")],
        ),
    ]:
        features = datasets.Features(
            {"text": datasets.Value("string"), "labels": datasets.Sequence(feature)}
        )
        data = {"text": list("abcd"), "labels": rows}
        datasets.Dataset.from_dict(data, features=features).save_to_disk(tmp_path / name)
        assert labels(read_texts(tmp_path / name, several=True)) == expected


def test_separator(column):
    path = column(["x;y", "x;y", "z;w"])
    for separator, first in ((";", ("x", "y")), ("none", ("x;y",)), (",", ("x;y",))):
        corpus = read_texts(path, TextLayout(separator=separator), several=True)
        assert corpus.examples[0].labels == first
    path = column(["[a]", "b"])
    assert labels(read_texts(path, TextLayout(separator="none"), several=True)) == [
        ("[a]",),
        ("b",),
    ]


@pytest.mark.parametrize("pair", [False, True])
def test_one_label_a_text_is_no_list(tmp_path, pair):
    path = tmp_path / "a.csv"
    wanted = TextLayout(pair=pair)
    for cells, message in (
        (["['joy']", "x"], r"got the list .* task multilabel"),
        (["[1, 0]"], "got the list"),
    ):
        path.write_text("text,text_b,label\n" + "".join(f'a,b,"{cell}"\n' for cell in cells))
        with pytest.raises(DataError, match=message):
            read_texts(path, wanted)
    path.write_text(
        "text,text_b,label\n" + "".join(f"a,b,{c}\n" for c in ("joy", "fear", "joy|fear"))
    )
    corpus = read_texts(path, wanted)
    assert corpus.label_counts["joy|fear"] == 1
    assert "'joy|fear' hold '|' between labels that also stand alone" in notes(corpus)


COLUMNS = "id,comment,toxic,obscene,threat\na1,fine,0,0,0\na2,bad,1,1,0\na3,come,1,0,1\n"
MARKED = [(), ("toxic", "obscene"), ("toxic", "threat")]


def test_a_column_for_each_label(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(COLUMNS)
    corpus = read_texts(path, several=True)
    assert (labels(corpus), corpus.label_names) == (MARKED, ["toxic", "obscene", "threat"])
    assert "label in each column of 0 and 1: toxic, obscene, threat (3;" in notes(corpus)
    names, *rows = [line.split(",") for line in COLUMNS.strip().split("\n")]
    kinds = [str, str, int, bool, float]
    records = [
        {
            name: kind(float(cell)) if cell in "01" else cell
            for name, cell, kind in zip(names, row, kinds, strict=True)
        }
        for row in rows
    ]
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert labels(read_texts(lines, several=True)) == MARKED
    for chosen, wanted in (
        (("toxic", "threat"), [(), ("toxic",), ("toxic", "threat")]),
        (("2", "4"), [(), ("toxic",), ("toxic", "threat")]),
    ):
        layout = TextLayout(TextColumns(text="comment", labels=chosen))
        assert labels(read_texts(path, layout, several=True)) == wanted


@pytest.mark.parametrize(
    ("text", "columns", "line", "message"),
    [
        (COLUMNS, TextColumns("comment", labels=("toxic", "rude")), None, "got none for rude"),
        (COLUMNS, TextColumns("comment", labels=("toxic", "id")), 2, "0 or 1 .* 'id', got 'a1'"),
        ("a text,0,1\nb text,1,0\n", TextColumns(), None, r"label_columns=N,N,N"),
    ],
)
def test_columns_that_cannot_be_read(tmp_path, text, columns, line, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_texts(tmp_path / "a.csv", TextLayout(columns), several=True, format="csv")
    assert caught.value.line == line


def test_one_label_a_text_never_says_that_there_is_no_header(tmp_path):
    (tmp_path / "a.csv").write_text(COLUMNS)
    with pytest.raises(DataError, match=r"a column for the label .*-o label_column=NAME"):
        read_texts(tmp_path / "a.csv", TextLayout(TextColumns("comment")))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("joy\nanger|fear\n\njoy|fear\n", {}),
        ("['joy']\n['anger', 'fear']\n[]\n['fear', 'joy']\n", {}),
        ("joy\nanger;fear\n\njoy;fear\n", {"separator": ";"}),
        ("id,anger,fear,joy\n1,0,0,1\n2,1,1,0\n3,0,0,0\n4,0,1,1\n", {}),
        ("anger\tfear\tjoy\n0\t0\t1\n1\t1\t0\n0\t0\t0\n0\t1\t1\n", {}),
        (
            'predicted\n"[0, 0, 1]"\n"[1, 1, 0]"\n"[0, 0, 0]"\n"[0, 1, 1]"\n',
            {"label_columns": ("anger", "fear", "joy")},
        ),
        (
            '{"pred": [0, 0, 1]}\n{"pred": [1, 1, 0]}\n{"pred": []}\n{"pred": [0, 1, 1]}\n',
            {"label_columns": ("anger", "fear", "joy")},
        ),
    ],
)
def test_files_of_predictions(tmp_path, column, text, options):
    gold = read_texts(column(["joy", "anger,fear", "", "joy,fear"]), several=True)
    (tmp_path / "own").write_text(text)
    found = read_text_predictions(tmp_path / "own", gold, several=True, **options)
    assert [set(labels) for labels in found.predicted] == [set(labels) for labels in WANTED]


@pytest.mark.parametrize(
    "values",
    [
        ["joy|", "anger|fear|", "", "joy|fear|"],
        ["#joy", "#anger #fear", "", "#joy #fear"],
        ["joy\n", "anger\nfear\n", "", "joy\nfear\n"],
    ],
)
def test_a_separator_at_an_end_is_no_label(column, values):
    assert labels(read_texts(column(values), several=True)) == WANTED


def test_a_list_of_one_number_is_a_label(column):
    found = read_texts(column([[0], [1], [], [1]], "jsonl"), several=True)
    assert labels(found) == [("0",), ("1",), (), ("1",)]
