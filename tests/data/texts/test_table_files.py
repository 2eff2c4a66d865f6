"""Tables beyond CSV: any separator, Excel, Parquet; what has two readings is refused."""

import datasets
import pandas
import pytest

from dicetune.data import TextLayout, read_texts, read_tokens
from dicetune.errors import DataError, InputError
from dicetune.tasks import TASKS, build_options
from dicetune.tasks.digest import data_digest

FRAME = pandas.DataFrame({"text": ["a b", "c", "NA", "1"], "label": ["x", "y", "x", "y"]})
ROWS = [("a b", "x"), ("c", "y"), ("NA", "x"), ("1", "y")]


def rows(corpus):
    return [(example.text, *example.labels) for example in corpus]


@pytest.mark.parametrize(
    ("name", "write", "first"),
    [
        ("a.parquet", lambda path: FRAME.to_parquet(path), 1),
        ("a.data", lambda path: FRAME.to_parquet(path), 1),
        ("a.xlsx", lambda path: FRAME.to_excel(path, index=False), 2),
        ("a.csv", lambda path: FRAME.to_csv(path, sep="|", index=False, encoding="utf-8-sig"), 2),
        ("a.txt", lambda path: FRAME.to_csv(path, sep=";", index=False), 2),
    ],
)
def test_one_table_in_five_files(tmp_path, name, write, first):
    write(tmp_path / name)
    corpus = read_texts(tmp_path / name)
    assert rows(corpus) == ROWS
    assert [example.line for example in corpus] == list(range(first, first + 4))


def test_a_cell_of_excel_that_cannot_be_read_is_named_by_its_row(tmp_path):
    path = tmp_path / "a.xlsx"
    FRAME.assign(text=["a", "b", "", "d"]).to_excel(path, index=False)
    with pytest.raises(DataError, match=r"a\.xlsx:4: expected a text, got an empty one"):
        read_texts(path)


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "a.xlsx"
    with pandas.ExcelWriter(path) as book:
        FRAME.to_excel(book, sheet_name="one", index=False)
        FRAME[:3].to_excel(book, sheet_name="two & more", index=False)
        FRAME[:0].to_excel(book, sheet_name="empty", index=False, header=False)
    return path


def test_two_sheets_are_a_question(book):
    message = r"expected one sheet with rows, got 2 \(one, two & more\): .*such as 'a.xlsx#one'"
    with pytest.raises(DataError, match=message):
        read_texts(book)


def test_a_sheet_is_named_behind_the_file(book):
    assert rows(read_texts(f"{book}#one")) == ROWS
    corpus = read_texts(f"{book}#two & more")
    assert rows(corpus) == ROWS[:3]
    assert corpus.place_of(next(iter(corpus))) == f"{book}#two & more:2"
    with pytest.raises(InputError, match=r"unknown sheet of '.*a\.xlsx' 'two & mor': did you mean"):
        read_texts(f"{book}#two & mor")
    with pytest.raises(DataError, match="expected rows in the sheet, got none"):
        read_texts(f"{book}#empty")
    with pytest.raises(DataError, match="no such file"):
        read_texts(f"{book}s#one")


def test_a_name_with_the_sign_of_sheets_is_a_file(tmp_path):
    FRAME.to_excel(tmp_path / "a.xlsx#b.xlsx", index=False)
    assert rows(read_texts(tmp_path / "a.xlsx#b.xlsx")) == ROWS
    with pandas.ExcelWriter(tmp_path / "b.XLSX".lower()) as book:
        FRAME.to_excel(book, sheet_name="a#1", index=False)
        FRAME[:2].to_excel(book, sheet_name="a", index=False)
    assert rows(read_texts(tmp_path / "b.xlsx#a#1")) == ROWS
    (tmp_path / "c#d").mkdir()
    (tmp_path / "b.xlsx").rename(tmp_path / "c#d" / "b.xlsx")
    assert rows(read_texts(tmp_path / "c#d" / "b.xlsx#a")) == ROWS[:2]


def test_a_sheet_has_a_digest_of_its_own(book):
    digests = [data_digest(path) for path in (book, f"{book}#one", f"{book}#two & more")]
    assert len({*digests}) == 3
    assert data_digest(f"{book}s#one") is None
    FRAME[:2].to_excel(book, sheet_name="one", index=False)
    assert data_digest(f"{book}#one") not in digests


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx"])
def test_a_damaged_file_says_what_it_should_be(tmp_path, name):
    path = tmp_path / name
    (FRAME.to_parquet if name.endswith("parquet") else FRAME.to_excel)(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match="got a damaged one"):
        read_texts(path)


def test_excel_is_named_where_text_is_expected(tmp_path):
    FRAME.to_excel(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="got an Excel or zip file"):
        read_tokens(tmp_path / "a.xlsx")


def test_two_separators_are_a_question(file):
    decimals = file("at 1,5;ham\nat 2,5;spam\nat 3,5;ham\n", "a.csv")
    with pytest.raises(DataError, match=r"got 2 that part all rows alike, ',', ';': choose one"):
        read_texts(decimals)
    assert rows(read_texts(decimals, TextLayout(delimiter=";")))[0] == ("at 1,5", "ham")


def test_the_option_of_the_task_names_any_separator(file):
    task = TASKS["text"]
    path = file("ham^at one\nspam^win two\nham^on three\n")
    options = build_options(task.Options, {"delimiter": "^"}, use="train")
    assert rows(task.read(path, options))[1] == ("win two", "spam")
    with pytest.raises(InputError, match="unknown delimiter 'tabs': did you mean 'tab'"):
        task.read(path, build_options(task.Options, {"delimiter": "tabs"}, use="train"))


def test_parquet_of_tokens_has_names_of_labels(tmp_path):
    labels = datasets.List(datasets.ClassLabel(names=["O", "B-X"]))
    features = {"tokens": datasets.List(datasets.Value("string")), "ner_tags": labels}
    columns = {"tokens": [["a", "b"], ["c"]], "ner_tags": [[0, 1], [0]]}
    data = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    data.to_parquet(tmp_path / "a.parquet")
    assert [sentence.tags for sentence in read_tokens(tmp_path / "a.parquet")] == [
        ("O", "B-X"),
        ("O",),
    ]
