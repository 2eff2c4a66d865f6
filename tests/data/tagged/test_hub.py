"""Data sets of the ``datasets`` library, saved in folders; nothing here opens a connection."""

import subprocess
import sys

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value

from dicetune.data import read_tokens
from dicetune.errors import DataError

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
    corpus = read_tokens(folder, split="train")
    assert [(s.tokens, s.tags, s.id) for s in corpus] == [
        (("in", "New", "York"), ("O", "B-LOC", "I-LOC"), "a"),
        (("hi",), ("O",), "b"),
    ]
    assert len(read_tokens(folder, split="test")) == 1
    assert read_tokens(folder, split="test", require_tags=False).sentences[0].tags == ()


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
        read_tokens(folder, split="dev")
    with pytest.raises(DataError, match=r"expected the key 'pos' for the tags, got id, ner_tags"):
        read_tokens(folder, split="train", tag_column="pos")


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


def test_reading_files_loads_no_heavy_library():
    code = (
        "import sys, dicetune.data\n"
        "heavy = {'torch', 'transformers', 'datasets', 'sklearn', 'seqeval', 'numpy'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
