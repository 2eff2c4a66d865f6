"""Time of the decision rule that is fitted at each evaluation, as a share of the evaluation.

Usage: python benchmarks/choice.py [TASK ...]

Each task is trained for a few steps; then dev is scored by the model and by both decisions.
"""

import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from dicetune.predictor import load
from dicetune.training import RunConfig, run
from dicetune.training.choice import Choice

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DICETUNE_DATA", ROOT.parent / "shared" / "data"))
WNUT = {"train": "wnut17/wnut17train.conll", "dev": "wnut17/emerging.dev.conll"}
SQUAD = dict.fromkeys(("train", "dev"), "squad20/cs224n-dev-v2.0.json")
SMS = dict.fromkeys(("train", "dev"), "sms_spam/SMSSpamCollection")
EWT = {
    name: f"ud_en_ewt/en_ewt-ud-{file}.conllu" for name, file in (("train", "test"), ("dev", "dev"))
}
EMOTIONS = {"train": "goemotions/train.tsv", "dev": "goemotions/dev.tsv"}
CASES = {
    "ner": (WNUT, {}),
    "mrc-ner": (WNUT, {}),
    "text": (SMS, {"label_column": "0", "text_column": "1"}),
    "multilabel": (EMOTIONS, {}),
    "qa": (SQUAD, {}),
    "pos": (EWT, {}),
}
MOST = {"mrc-ner": 200, "qa": 300}
"""Examples of dev, where all of them take minutes."""


def measure(task, folder):
    """Units of dev, seconds of model and default decision, and seconds of the rule."""
    files, options = CASES[task]
    files = {name: str(DATA / file) for name, file in files.items()}
    out = str(folder / task)
    trainer = {"max_steps": 40, "save_strategy": "steps", "eval_strategy": "steps"}
    trainer |= {"save_steps": 40, "eval_steps": 40, "per_device_train_batch_size": 16}
    small = {"max_train": 640, "max_dev": 20, "decision": "argmax"}
    run(RunConfig(task, **files, **small, out=out, options=options, trainer=trainer, loss="ce"))
    model = load(out, use="evaluate")
    data = model.read(files["dev"]).first(MOST.get(task, 10**9))
    begun = perf_counter()
    scores = model.scores(data)
    taken = [perf_counter() - begun]
    for decision in ("argmax", "tuned"):
        begun = perf_counter()
        Choice(model.task, model.task.problem(), data, decision).scores(scores)
        taken.append(perf_counter() - begun)
    network, default, tuned = taken
    return len(data), network + default, tuned - default


def main():
    """Print a row a task."""
    print(f"{'task':12}{'units':>8}{'evaluation, s':>16}{'rule, s':>10}{'share':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for task in sys.argv[1:] or CASES:
            units, evaluation, rule = measure(task, Path(folder))
            print(
                f"{task:12}{units:8,}{evaluation:16.2f}{rule:10.3f}{100 * rule / evaluation:7.1f}%",
                flush=True,
            )


if __name__ == "__main__":
    main()
