"""A tiny tagger that has learnt its few words, for everything that takes a finished run."""

import pytest

from dicetune.training import RunConfig, run
from tiny import tiny_bert

TRAIN = "the O\npump O\nat O\nQuay B-SITE\nNine I-SITE\nis O\ndown O\n\nall O\nquiet O\n\n" * 8
DEV = "pump O\nat O\nQuay B-SITE\nNine I-SITE\n\nall O\nquiet O\n"


@pytest.fixture(scope="session")
def trained_ner(tmp_path_factory):
    """The folder of the run, and a file with gold."""
    place = tmp_path_factory.mktemp("trained")
    (place / "train.conll").write_text(TRAIN, encoding="utf-8")
    (place / "dev.conll").write_text(DEV, encoding="utf-8")
    train, dev = (str(place / f"{name}.conll") for name in ("train", "dev"))
    trainer = {"max_steps": 200, "learning_rate": 5e-3, "per_device_train_batch_size": 4}
    for what in ("save", "eval"):
        trainer |= {f"{what}_strategy": "steps", f"{what}_steps": 100}
    run(
        RunConfig(
            task="ner", train=train, dev=dev, test=dev, model=tiny_bert(place / "model"),
            loss="ce+dice", out=str(place / "run"), trainer={**trainer, "use_cpu": True},
        )
    )  # fmt: skip
    return place / "run", dev
