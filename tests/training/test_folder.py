"""A run's folder: gone on with after a kill at any stage, and nothing of another's deleted."""

import errno
import shutil

import pytest

from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.records import (
    LOCK_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SCORES_FILE,
    locked,
    read_json,
)
from dicetune.scoring import evaluate
from dicetune.training import RunConfig, run
from dicetune.training.folder import (
    CHECKPOINTS,
    CONFIG_FILE,
    check_place,
    checkpoint_to_resume,
    drop_checkpoints,
    last_checkpoint,
)
from dicetune.tuning import tune
from tiny import tiny_bert

TAGGED = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n\n"
STATE = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Six steps, with a checkpoint after every second one."""
    folder = tmp_path_factory.mktemp("folder")
    tiny_bert(folder / "model")
    (folder / "a.conll").write_text(TAGGED * 6, encoding="utf-8")
    settings = {
        "max_steps": 6,
        "per_device_train_batch_size": 2,
        "save_total_limit": 9,
        "learning_rate": 0.01,
        "use_cpu": True,
        **{f"{what}_strategy": "steps" for what in ("save", "eval")},
        **{f"{what}_steps": 2 for what in ("save", "eval")},
    }
    return RunConfig(
        task="ner",
        train=str(folder / "a.conll"),
        dev=str(folder / "a.conll"),
        model=str(folder / "model"),
        loss="ce",
        keep_checkpoints=True,
        trainer=settings,
    )


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    run(config.updated({"out": str(out)}))
    return out


@pytest.fixture
def out(whole, tmp_path):
    """The same folder, in a place of its own."""
    return shutil.copytree(whole, tmp_path / "run")


def cut(path):
    """Half of a file, as a kill leaves it."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def unfinish(out, *, checkpoints=(2, 4, 6)):
    """Leave of a finished run what is there before its results are written."""
    for path in out.iterdir():
        if path.name not in (CONFIG_FILE, CHECKPOINTS):
            path.unlink()
    for path in (out / CHECKPOINTS).glob("checkpoint-*"):
        if int(path.name.split("-")[1]) not in checkpoints:
            shutil.rmtree(path)


def before_the_configuration(out):
    unfinish(out, checkpoints=())
    (out / CONFIG_FILE).rename(out / f"{CONFIG_FILE}.part")
    (out / LOCK_FILE).touch()


def before_the_fingerprints(out):
    unfinish(out, checkpoints=())
    (out / CHECKPOINTS / "data.json").unlink()


def before_any_checkpoint(out):
    unfinish(out, checkpoints=())


def in_the_first_checkpoint(out):
    unfinish(out, checkpoints=(2,))
    (out / CHECKPOINTS / "checkpoint-2" / "trainer_state.json").unlink()
    cut(out / CHECKPOINTS / "checkpoint-2" / "optimizer.pt")


def in_a_later_checkpoint(out):
    unfinish(out, checkpoints=(2, 4))
    cut(out / CHECKPOINTS / "checkpoint-4" / "model.safetensors")


def after_the_last_step(out):
    unfinish(out)


def in_the_results(out):
    for path in (out / RUN_FILE, out / METRICS_FILE):
        path.unlink()
    cut(out / "model.safetensors")
    (out / f"{PREDICTIONS_FILE}.part").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("kill", "said"),
    [
        (before_the_configuration, "starting with the first step"),
        (before_the_fingerprints, "starting with the first step"),
        (before_any_checkpoint, "starting with the first step"),
        (in_the_first_checkpoint, "checkpoint-2 is ignored: trainer_state.json is missing"),
        (in_a_later_checkpoint, "checkpoint-4 is ignored: model.safetensors is damaged"),
        (after_the_last_step, "resuming from checkpoint-6"),
        (in_the_results, "resuming from checkpoint-6"),
    ],
)
def test_a_run_that_was_killed_ends_as_one_that_was_not(config, whole, out, kill, said, log):
    kill(out)
    run(config.updated({"out": str(out)}), resume=True)
    assert said in "\n".join(log.messages)
    for name in ("model.safetensors", SCORES_FILE, PREDICTIONS_FILE):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert read_json(out / METRICS_FILE) == read_json(whole / METRICS_FILE)
    training, resumed = (read_json(folder / RUN_FILE)["training"] for folder in (whole, out))
    for name in ("steps", "best_step"):
        assert resumed[name] == training[name]
    assert [row["eval_loss"] for row in resumed["history"]] == [
        row["eval_loss"] for row in training["history"]
    ]
    assert not list(out.glob(f"*{LOCK_FILE}"))


@pytest.mark.parametrize("traces", [(CONFIG_FILE,), (CHECKPOINTS,), (CONFIG_FILE, CHECKPOINTS)])
def test_what_a_killed_run_left_is_not_taken_for_its_result(out, traces):
    data = str(out / "a.conll")
    (out / RUN_FILE).unlink()
    for name in {CONFIG_FILE, CHECKPOINTS} - {*traces}:
        (out / name).rename(out.parent / name)
    for use in (load, tune, lambda folder: evaluate(folder, data)):
        with pytest.raises(
            InputError, match=r"without run\.json, .*config\.yaml --out .* --resume"
        ):
            use(out)


def test_a_model_beside_which_no_run_left_anything_is_taken(out):
    (out / RUN_FILE).unlink()
    shutil.rmtree(out / CHECKPOINTS)
    (out / CONFIG_FILE).write_text("seed: 1\n", encoding="utf-8")
    assert load(out)("the pump")


@pytest.mark.parametrize("name", STATE)
def test_a_damaged_checkpoint_is_left_out(out, name, log):
    path = out / CHECKPOINTS / "checkpoint-6" / name
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:-2], b"", b"\0" * len(data), None):
        path.unlink(missing_ok=True)
        if damaged is not None:
            path.write_bytes(damaged)
        log.clear()
        found = checkpoint_to_resume(out)
        assert found == last_checkpoint(out)
        assert found == out / CHECKPOINTS / "checkpoint-4", (name, damaged and len(damaged))
        what = "missing" if damaged is None else "damaged"
        assert log.messages == [
            f"checkpoint-6 is ignored: {name} is {what}",
            "resuming from checkpoint-4",
        ]


def test_a_checkpoint_whose_best_one_is_gone_is_left_out(out):
    state = read_json(out / CHECKPOINTS / "checkpoint-6" / "trainer_state.json")
    best = state["best_model_checkpoint"].split("-")[-1]
    cut(out / CHECKPOINTS / f"checkpoint-{best}" / "model.safetensors")
    found = last_checkpoint(out)
    assert found is None or int(found.name.split("-")[1]) < int(best)


def test_a_moved_folder_ends_with_its_own_best_checkpoint(config, whole, out):
    # at this learning rate the last step is worse than the best one
    unfinish(out)
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    run(config.updated({"out": str(out)}), resume=True)
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    state = read_json(out / CHECKPOINTS / "checkpoint-6" / "trainer_state.json")
    assert state["best_model_checkpoint"].startswith(str(out))
    assert before == {path: path.stat().st_mtime_ns for path in whole.rglob("*")}


STRANGERS = [
    {"config.yaml": "mine: 1\n"},
    {"config.yaml": "task: ner\ntrain: a\ndev: b\n"},  # written by hand
    {"config.json": "{}", "model.safetensors": "mine", "tokenizer.json": "{}"},
    {"README.md": "mine"},
    {"run.json": "{}"},
    {"checkpoints/checkpoint-5/model.safetensors": "mine"},
    {".lock": "", "README.md": "mine"},
    {"notes/a.txt": "mine"},
]


@pytest.mark.parametrize("files", STRANGERS, ids=[next(iter(names)) for names in STRANGERS])
@pytest.mark.parametrize("how", ["overwrite", "resume"])
def test_a_folder_of_another_is_left_alone(config, tmp_path, files, how):
    out = tmp_path / "mine"
    for name, text in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
    before = sorted((path, path.stat().st_mtime_ns) for path in out.rglob("*"))
    with pytest.raises(InputError):
        run(config.updated({"out": str(out)}), **{how: True})
    assert sorted((path, path.stat().st_mtime_ns) for path in out.rglob("*")) == before


NAMES = ["notes.txt", "checkpoints/notes.txt", "notes/a.txt", "checkpoints/2024/a.txt"]


@pytest.mark.parametrize("name", [*NAMES, "my_vectors.model"])
def test_a_file_of_another_in_a_run_is_kept_and_named(config, out, name):
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine", encoding="utf-8")
    drop_checkpoints(out)
    assert (out / name).is_file()
    with pytest.raises(InputError, match=rf"which holds {name.replace('/a.txt', '')} too"):
        run(config.updated({"out": str(out)}), overwrite=True)
    assert (out / name).read_text(encoding="utf-8") == "mine"
    assert (out / RUN_FILE).is_file()


def test_overwriting_follows_no_link(config, out, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(out / CHECKPOINTS, kept)
    shutil.rmtree(out / CHECKPOINTS)
    (out / CHECKPOINTS).symlink_to(kept)
    with pytest.raises(InputError, match="which holds checkpoints too"):
        check_place(config.updated({"out": str(out)}), overwrite=True)
    (out / CHECKPOINTS).unlink()
    (out / "model.safetensors").rename(tmp_path / "weights")
    (out / "model.safetensors").symlink_to(tmp_path / "weights")
    weights = (tmp_path / "weights").read_bytes()
    run(config.updated({"out": str(out), "seed": 2}), overwrite=True)
    assert not (out / "model.safetensors").is_symlink()
    assert (tmp_path / "weights").read_bytes() == weights
    assert read_json(out / RUN_FILE)["config"]["seed"] == 2


def test_what_appears_after_the_check_is_kept(config, tmp_path, monkeypatch):
    out = tmp_path / "run"
    out.mkdir()

    def write(*line):
        (out / "README.md").write_text("mine", encoding="utf-8")

    monkeypatch.setattr("dicetune.training.prepare._log.info", write)
    for how in ({}, {"overwrite": True}):
        with pytest.raises(InputError, match=r"expected (a new or empty folder|an earlier run)"):
            run(config.updated({"out": str(out)}), **how)
        assert [path.name for path in out.iterdir()] == ["README.md"]
        (out / "README.md").unlink()


@pytest.mark.parametrize("name", ["model", "train"])
def test_what_the_run_reads_is_not_deleted_for_it(config, out, name):
    source = {"model": out, "train": out / PREDICTIONS_FILE}[name]
    changes = {"out": str(out), name: str(source)}
    with pytest.raises(InputError, match=f"from which it reads its {name}"):
        run(config.updated(changes), overwrite=True)
    assert (out / "model.safetensors").is_file()


def test_without_its_checkpoints_an_unfinished_run_begins_anew(config, out, log):
    unfinish(out)
    shutil.rmtree(out / CHECKPOINTS)
    run(config.updated({"out": str(out)}), resume=True)
    assert any("starting with the first step" in line for line in log.messages)
    assert (out / RUN_FILE).is_file()


def test_reports_of_an_earlier_try_are_not_in_the_way_and_stay(config, tmp_path):
    out = tmp_path / "run"
    (out / CHECKPOINTS / "runs").mkdir(parents=True)
    (out / CHECKPOINTS / "runs" / "a").write_text("reported", encoding="utf-8")
    run(config.updated({"out": str(out), "keep_checkpoints": False}))
    assert (out / CHECKPOINTS / "runs" / "a").is_file()
    assert [path.name for path in (out / CHECKPOINTS).iterdir()] == ["runs"]


def test_a_file_system_without_locks_has_none(config, tmp_path, monkeypatch):
    import fcntl

    def refuse(file, how):
        raise OSError(errno.ENOSYS, "not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path) as descriptors:
        assert descriptors == []


def test_one_run_at_a_time_in_a_folder(config, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    with (
        locked(out),
        pytest.raises(InputError, match=r"nobody else works in.*another `dicetune train`"),
    ):
        run(config.updated({"out": str(out)}))


@pytest.mark.parametrize("below", ["", "below/it"])
def test_a_file_in_the_way(config, tmp_path, below):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"expected a folder for the run, got the file '.*file'"):
        check_place(config.updated({"out": str(tmp_path / "file" / below)}))


def test_the_folder_of_an_unfinished_run_of_an_earlier_version_is_known(config, out):
    """Its configuration has no decision, set and precision."""
    (out / RUN_FILE).unlink()
    text = (out / CONFIG_FILE).read_text(encoding="utf-8")
    for line in ("decision: tuned\n", "set: batch\n", "precision: fp32\n"):
        assert line in text
        text = text.replace(line, "")
    (out / CONFIG_FILE).write_text(text, encoding="utf-8")
    place = config.updated({"out": str(out)})
    assert check_place(place, overwrite=True) == check_place(place, resume=True) == out
    (out / CONFIG_FILE).write_text("task: ner\ntrain: a\ndev: b\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected an earlier run to overwrite"):
        check_place(place, overwrite=True)
