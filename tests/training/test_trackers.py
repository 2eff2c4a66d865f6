"""Trackers: what report_to sends is found in TensorBoard's files and in MLflow's SQLite store."""

import pytest

from dicetune.errors import InputError
from dicetune.records import read_json
from dicetune.training import RunConfig, run
from tiny import tiny_bert


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("model"))


def config(model, out, tracker, **trainer):
    return RunConfig.from_mapping(
        {
            **{"task": "ner", "train": "sample", "max_train": 4, "max_dev": 2, "max_test": 2},
            **{"model": model, "loss": "ce", "out": str(out)},
            "trainer": {
                "report_to": tracker,
                "max_steps": 2,
                "logging_steps": 1,
                "per_device_train_batch_size": 2,
                "use_cpu": True,
                **trainer,
            },
        }
    )


def test_tensorboard(model, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    record = run(config(model, tmp_path / "run", "tensorboard"))
    found = EventAccumulator(str(tmp_path / "board")).Reload()
    tags = found.Tags()["scalars"]
    assert {"train/loss", "eval/f1", "eval/f1_tuned", "eval/loss"} <= set(tags)
    (scored,) = [event for event in found.Scalars("eval/f1_tuned") if event.step == 2]
    assert scored.value == pytest.approx(record.training["history"][-1]["eval_f1_tuned"])
    assert (
        read_json(tmp_path / "run" / "run.json")["config"]["trainer"]["report_to"] == "tensorboard"
    )


def test_mlflow(model, tmp_path, monkeypatch):
    import mlflow

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "sample")
    monkeypatch.chdir(tmp_path)
    try:
        record = run(config(model, tmp_path / "run", "mlflow"))
        client = mlflow.MlflowClient(store)
        experiment = client.get_experiment_by_name("sample")
        (found,) = client.search_runs([experiment.experiment_id])
    finally:
        mlflow.end_run()
        mlflow.set_tracking_uri(None)
    assert found.data.params["max_steps"] == "2"
    assert found.data.metrics["eval_f1"] == record.training["history"][-1]["eval_f1"]
    assert "loss" in found.data.metrics


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_that_is_not_installed_is_refused(name, model, tmp_path):
    with pytest.raises(InputError, match=f"got '{name}' .*pip install {name}"):
        run(config(model, tmp_path / "run", name))
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_is_refused(model, tmp_path):
    with pytest.raises(InputError, match="got 'tensorbord'"):
        run(config(model, tmp_path / "run", "tensorbord"))


def test_an_optimizer_of_a_missing_package_is_refused(model, tmp_path):
    with pytest.raises(InputError, match=r"(?i)expected trainer keys .*bitsandbytes"):
        run(config(model, tmp_path / "run", "none", optim="adamw_8bit"))
    assert not (tmp_path / "run").exists()
