"""Records of words and tags: JSON lines, and data sets saved in folders (no connection opens)."""

import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value

from dicetune.data import read_tokens
from dicetune.errors import DataError


@pytest.fixture
def file(tmp_path):
    def write(*records, name="a.jsonl"):
        path = tmp_path / name
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
        return path

    return write


GOOD = {"id": 7, "tokens": ["in", "Bonn"], "tags": ["O", "B-LOC"]}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.data"])
def test_by_hand(file, name):
    corpus = read_tokens(file(GOOD, "", GOOD, name=name))
    assert [(s.tokens, s.tags, s.line, s.id) for s in corpus] == [
        (("in", "Bonn"), ("O", "B-LOC"), 1, "7"),
        (("in", "Bonn"), ("O", "B-LOC"), 3, "7"),
    ]


def test_keys_are_found_or_chosen(file):
    path = file({"words": ["in", "Bonn"], "pos_tags": ["IN", "NNP"], "ner_tags": ["O", "I-LOC"]})
    assert read_tokens(path).sentences[0].tags == ("O", "B-LOC")
    assert read_tokens(path, spans=False).sentences[0].tags == ("IN", "NNP")
    assert read_tokens(path, spans=False, tag_column="ner_tags").sentences[0].tags == ("O", "I-LOC")
    with pytest.raises(
        DataError, match=r"a.jsonl:1: expected the key 'x' for the tags, got pos_tag"
    ):
        read_tokens(path, tag_column="x")
    with pytest.raises(DataError, match="expected the key 'x' for the words"):
        read_tokens(path, token_column="x")


def test_text_without_tags(file):
    corpus = read_tokens(file({"tokens": ["a\u2028b", "\u00a0"]}), require_tags=False)
    assert corpus.sentences[0].tokens == ("a\u2028b", "\u00a0")
    assert corpus.sentences[0].tags == ()


def test_sentences_without_words_are_counted(file):
    corpus = read_tokens(file(GOOD, {"tokens": [], "tags": []}))
    assert len(corpus) == 1
    assert corpus.notes[0].rule == "sentences without words: skipped"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "expected one JSON object a line, got no JSON"),
        ({"tokens": ["a"]}, "expected a list of strings under 'tags', got nothing"),
        ({"tokens": "a b", "tags": []}, "expected a list of strings under 'tokens', got str"),
        (
            {"tokens": ["a"], "tags": ["O", "O"]},
            "expected one tag for each word, got 1 in 'tokens' and 2 in 'tags'",
        ),
        (
            {"tokens": ["a"], "tags": [3]},
            "expected strings under 'tags', got the number 3: write the label names",
        ),
    ],
)
def test_bad_records(file, record, message):
    with pytest.raises(DataError, match=f"a.jsonl:2: {message}"):
        read_tokens(file(GOOD, record))


def test_no_known_key(file):
    with pytest.raises(DataError, match=r"a.jsonl:1: expected a key for the tags \(tags, .*got id"):
        read_tokens(file({"id": "1", "tokens": ["a"]}))


@pytest.mark.parametrize("lines", [["["], ['[{"tokens": []}]'], ["{"]])
def test_json_that_is_no_json_lines(file, lines):
    with pytest.raises(DataError, match=r"a.json:1: expected JSON lines, .*jq -c"):
        read_tokens(file(*lines, name="a.json"))


def test_a_name_that_promises_json(file):
    with pytest.raises(
        DataError, match=r"a.jsonl:1: expected JSON lines, one object a line, got 'x"
    ):
        read_tokens(file("x\tO", name="a.jsonl"))


NAMES = ["O", "B-LOC", "I-LOC"]


@pytest.fixture
def data():
    features = Features(
        {
            "id": Value("string"),
            "tokens": Sequence(Value("string")),
            "ner_tags": Sequence(ClassLabel(names=NAMES)),
        }
    )
    return Dataset.from_dict(
        {"id": ["a", "b"], "tokens": [["in", "New", "York"], ["hi"]], "ner_tags": [[0, 1, 2], [0]]},
        features=features,
    )


@pytest.fixture
def folder(data, tmp_path):
    DatasetDict(train=data, test=data.select([0])).save_to_disk(tmp_path / "set")
    return tmp_path / "set"


def test_label_numbers_become_their_names(folder):
    corpus = read_tokens(f"{folder}:train")
    assert [(s.tokens, s.tags, s.id) for s in corpus] == [
        (("in", "New", "York"), ("O", "B-LOC", "I-LOC"), "a"),
        (("hi",), ("O",), "b"),
    ]
    assert len(read_tokens(f"{folder}:test")) == 1
    assert read_tokens(f"{folder}:test", require_tags=False).sentences[0].tags == ()


def test_one_split_alone(data, tmp_path):
    data.save_to_disk(tmp_path / "one")
    assert len(read_tokens(tmp_path / "one")) == 2


def test_a_folder_of_parquet_files(data, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "p").mkdir()
    data.to_parquet(tmp_path / "p" / "train.parquet")
    assert read_tokens(tmp_path / "p").sentences[0].tags == ("O", "B-LOC", "I-LOC")


def test_splits_and_columns_are_named(folder):
    with pytest.raises(DataError, match=r"expected one of the splits train, test, none was chosen"):
        read_tokens(folder)
    with pytest.raises(DataError, match=r"expected one of the splits train, test, got 'dev'"):
        read_tokens(f"{folder}:dev")
    with pytest.raises(DataError, match=r"expected the key 'pos' for the tags, got id, ner_tags"):
        read_tokens(f"{folder}:train", tag_column="pos")


def test_numbers_without_names(tmp_path):
    Dataset.from_dict({"tokens": [["a"]], "tags": [[0]]}).save_to_disk(tmp_path / "n")
    with pytest.raises(DataError, match=r"numbers with a ClassLabel that names them, got \[0\]"):
        read_tokens(tmp_path / "n")


@pytest.mark.parametrize(
    "options", [{"path": "no/such:train"}, {"path": "no/such", "format": "hub"}]
)
def test_not_reachable(options):
    with pytest.raises(
        DataError, match=r"no/such.*: expected a data set on the Hub or in a folder"
    ):
        read_tokens(**options)


def test_a_split_behind_a_folder(folder, data, tmp_path, monkeypatch):
    assert len(read_tokens(f"{folder}:train")) == 2
    assert len(read_tokens(f"{folder}:test", format="hub")) == 1
    monkeypatch.chdir(folder.parent)
    assert len(read_tokens(f"{folder.name}:test")) == 1
    with pytest.raises(DataError, match=r"expected one of the splits train, test, got 'dev'"):
        read_tokens(f"{folder}:dev")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty:train: expected a data set in the folder"):
        read_tokens(f"{tmp_path}/empty:train")
    with pytest.raises(DataError, match=r"none:train: no such file"):
        read_tokens(f"{tmp_path}/none:train")


def test_a_split_behind_a_folder_of_parquet_files(data, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "p").mkdir()
    data.to_parquet(tmp_path / "p" / "train.parquet")
    data.select([0]).to_parquet(tmp_path / "p" / "test.parquet")
    assert len(read_tokens(f"{tmp_path}/p:test")) == 1
