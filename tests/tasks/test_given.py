"""Files of what is given: one file, tables in memory, a data set with its splits."""

from pathlib import Path

import datasets
import pandas
import pytest

import dicetune
from dicetune.errors import DataError, InputError
from dicetune.records import sha256
from dicetune.tasks import TASKS
from dicetune.tasks.given import SplitRequest, files_of
from families import save_family

FRAME = pandas.DataFrame(
    {
        "text": [f"the pump {n} is {('fine', 'down')[n % 2]}" for n in range(60)],
        "label": ["ab"[n % 2] for n in range(60)],
    }
)
NONE = SplitRequest()


@pytest.fixture
def given(tmp_path):
    """Function from values, data and a request to the files beside ``tmp_path/run``."""

    def find(values, data=None, request=NONE, **how):
        return files_of(TASKS["text"], values, data, tmp_path / "run.data", request, **how)

    return find


def rows(*paths):
    task = TASKS["text"]
    found = [row for path in paths for row in task.read(path, task.Options())]
    return sorted((row.text, *row.labels) for row in found)


@pytest.mark.parametrize("make", [FRAME.copy, lambda: datasets.Dataset.from_pandas(FRAME)])
def test_a_table_in_memory_is_split(given, make):
    found = given({}, make())
    assert rows(*(found[name] for name in ("train", "dev", "test"))) == rows_of_frame()
    assert found["note"].startswith("split of ")
    assert given({}, make()) == found
    with pytest.raises(InputError, match="expected the same table as in"):
        given({}, FRAME[:50])
    assert len(rows(given({}, FRAME[:50], overwrite=True)["train"])) == 40


def rows_of_frame():
    return sorted(FRAME.itertuples(index=False, name=None))


def test_tables_for_train_and_dev_are_written_with_their_digest(given):
    found = given({"train": FRAME, "dev": FRAME[:10]})
    assert rows(found["train"]) == rows_of_frame()
    assert len(rows(found["dev"])) == 10
    assert sha256(found["train"]) == sha256(given({"train": FRAME})["train"])
    assert "note" not in found


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_data_set_has_its_own_splits(given, tmp_path, on_disk):
    table = datasets.Dataset.from_pandas(FRAME)
    data = datasets.DatasetDict({"train": table, "validation": table.select(range(20))})
    if on_disk:
        data.save_to_disk(tmp_path / "saved")
        data = str(tmp_path / "saved")
    found = given({}, data)
    assert [len(rows(found[name])) for name in ("train", "dev")] == [60, 20]
    assert "test" not in found


def test_beside_a_test_file_one_file_gives_train_and_dev(given, tmp_path):
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    path = str(tmp_path / "a.csv")
    found = given({"test": path}, path)
    assert (found["test"], len(rows(found["train"])), len(rows(found["dev"]))) == (path, 54, 6)
    with pytest.raises(InputError, match="expected shares of train and dev, such as 90/10"):
        given({"test": path}, path, SplitRequest("80/10/10"))


def test_what_is_not_used_is_refused(given):
    with pytest.raises(InputError, match="got --data beside --train"):
        given({"train": "a.csv"}, FRAME)
    with pytest.raises(InputError, match="expected group beside one file that is split"):
        given({"train": FRAME, "dev": FRAME}, None, SplitRequest(group="user"))
    with pytest.raises(DataError, match="no such file"):
        given({}, "none.tsv")


def test_several_processes_do_not_split_the_same_file(given, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"run `dicetune split FILE --out DIR` first"):
        given({}, FRAME)


def test_train_takes_a_frame_and_its_record_names_the_split(tmp_path):
    out, model = tmp_path / "run", save_family("bert", "sequence", tmp_path / "model")
    run = dicetune.train(
        "text",
        data=FRAME,
        split="60/20/20",
        split_seed=3,
        out=str(out),
        model=str(model),
        loss="ce",
        settings={"trainer.max_steps": 2, "trainer.use_cpu": True},
    )
    record = run.record
    assert [record.data[name]["examples"] for name in ("train", "dev", "test")] == [36, 12, 12]
    assert "with seed 3, stratified by label: train 36, dev 12, test 12" in record.config["note"]
    assert Path(record.config["dev"]) == tmp_path / "run.data" / "dev.parquet"
