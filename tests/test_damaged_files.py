"""Damaged files of a finished run: each command that reads one refuses and names it."""

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from commands import command
from dicetune.decide.folder import tune_folder
from dicetune.records import (
    DECISION_FILE,
    PREDICTIONS_FILE,
    PROBLEM_KEY,
    RUN_FILE,
    SCORES_FILE,
    read_json,
    read_json_lines,
    write_json,
    write_json_lines,
)
from dicetune.training import RunConfig, run
from tiny import tiny_bert

TAGGED = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n"
READERS = {
    RUN_FILE: ("predict", "evaluate"),
    "config.json": ("predict",),
    "model.safetensors": ("predict", "evaluate"),
    "tokenizer.json": ("predict",),
    "tokenizer_config.json": ("predict",),
    DECISION_FILE: ("predict", "evaluate"),
    SCORES_FILE: ("tune",),
    PREDICTIONS_FILE: ("tune",),
}
DAMAGES = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "binary": lambda data: b"\xff\xfe\0",
    "null": lambda data: b"null",
    "list": lambda data: b"[1]",
    "digits": lambda data: b"1" * 5000,
    "deep": lambda data: b"[" * 100_000,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A finished run of one step with its decision rule, and files to use it on."""
    folder = tmp_path_factory.mktemp("damaged")
    tiny_bert(folder / "model")
    (folder / "gold.conll").write_text(TAGGED * 4, encoding="utf-8")
    (folder / "words.txt").write_text("the pump\n", encoding="utf-8")
    gold = str(folder / "gold.conll")
    trainer = {"max_steps": 1, "use_cpu": True}
    out = str(folder / "run")
    run(RunConfig("ner", gold, gold, out=out, model=str(folder / "model"), trainer=trainer))
    tune_folder(out)
    return folder


@pytest.fixture
def refused(place, capfd):
    """Function that runs a command on the run and gives the message with which it refuses."""

    def call(verb):
        more = {"predict": ["words.txt"], "evaluate": ["gold.conll"], "tune": []}[verb]
        code = command(verb, place / "run", *(place / name for name in more))
        said = capfd.readouterr().err.strip()
        assert code == 2, said
        assert said.startswith("dicetune: ")
        assert len(said.splitlines()) == 1, said
        return said

    return call


@pytest.fixture
def restored(place):
    """Function that gives a file of the run, which is as it was after the test."""
    before = {path: path.read_bytes() for path in (place / "run").iterdir()}
    yield lambda name: place / "run" / name
    for path, data in before.items():
        if path.read_bytes() != data:
            path.write_bytes(data)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named(restored, refused, name, damage):
    path = restored(name)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for verb in READERS[name]:
        said = refused(verb)
        # the library reads the weights, and names the folder
        assert (path.parent.name if name == "model.safetensors" else str(path)) in said


FIELDS = [
    (RUN_FILE, "config", 7),
    (RUN_FILE, "config", {"task": "ner"}),
    (RUN_FILE, "config", {"task": 7, "train": "a", "seed": 1, "options": {}, "trainer": {}}),
    (RUN_FILE, "labels", None),
    (RUN_FILE, "labels", [1]),
    (RUN_FILE, "settings", []),
    (RUN_FILE, "training", {}),
    (RUN_FILE, "record_version", "2"),
    ("config.json", "hidden_size", "wide"),
    ("config.json", "id2label", {"a": 1}),
    ("config.json", "model_type", []),
    ("tokenizer.json", "model", 7),
    ("tokenizer.json", "added_tokens", None),
    ("tokenizer_config.json", "model_input_names", []),
    ("tokenizer_config.json", "pad_token", 7),
    (DECISION_FILE, "kind", []),
    (DECISION_FILE, "labels", [1]),
    (DECISION_FILE, "biases", {"O": "x"}),
    (DECISION_FILE, "biases", {"O": int("9" * 400)}),
    (DECISION_FILE, "evidence", "x"),
    (DECISION_FILE, "version", None),
]


@pytest.mark.parametrize(("name", "key", "value"), FIELDS)
def test_a_value_of_another_type_is_named(restored, refused, name, key, value):
    path = restored(name)
    write_json(path, {**read_json(path), key: value})
    said = refused("predict")
    assert "run" in said
    if name in (RUN_FILE, DECISION_FILE):
        assert str(path) in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("gold", bad) for bad in (None, 7, "O", [1], [[]], {"a": 1})),
        *(("split", bad) for bad in (None, [1], {"a": 1}, "train")),
    ],
)
def test_a_row_of_predictions_is_named_with_its_line(restored, refused, key, value):
    path = restored(PREDICTIONS_FILE)
    rows = list(read_json_lines(path))
    rows[1][key] = value
    write_json_lines(path, rows)
    assert f"{path}:2: " in refused("tune") or "line 2" in refused("tune")


@pytest.mark.parametrize("problem", ["{", "[" * 100_000, "[]", "{}", '{"kind": []}', "7"])
def test_scores_whose_problem_is_damaged(restored, refused, problem):
    path = restored(SCORES_FILE)
    with safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, path, metadata={PROBLEM_KEY: problem})
    assert str(path) in refused("tune")


@pytest.mark.parametrize("lengths", [None, [1], [[1]], []])
def test_scores_whose_lengths_do_not_fit(restored, refused, lengths):
    path = restored(SCORES_FILE)
    with safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    del arrays["dev.lengths"]
    if lengths is not None:
        arrays["dev.lengths"] = np.array(lengths, dtype=np.int64)
    save_file(arrays, path, metadata=metadata)
    assert f"{path}: expected dev.lengths that add up to dev" in refused("tune")


def test_a_full_disk_is_one_message(place, capfd):
    assert command("predict", place / "run", "--text", "a", "--out", "/dev/full") == 2
    said = capfd.readouterr().err
    assert "dicetune: " in said
    assert "Traceback" not in said
