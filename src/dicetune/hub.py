"""The Hub: what of a run goes there, with which card, and a model that comes from there.

A model of the Hub is named ``hf:OWNER/NAME``. Nothing is fetched for any other name. Rows of data,
scores of rows, checkpoints and optimizer states never go: ``PUSHED`` lists what does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.decide import DecisionRule
from dicetune.decide.named import chosen_rule
from dicetune.errors import InputError, listed, quoted
from dicetune.predictor import HUB, HUB_NAME, PUSHED
from dicetune.records import (
    ENSEMBLE_FILE,
    METRICS_FILE,
    RUN_FILE,
    RunRecord,
    by_decision,
    file_of_run,
    read_json,
)
from dicetune.tasks import task_named
from dicetune.terminal import Printed, escape

CARD = "README.md"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
# the folders of a path that begins at a root, at home, or here
_PLACE = re.compile(r"""(?<![\w.:/-])(?:~|\.\.?)?/(?:[^\s'"/]+/)*(?=[^\s'"/])""")
_MODEL_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True)
class Described:
    """What a card says and no record knows.

    Args:
        language: codes of the texts' languages, such as "en".
        licence: of the model, such as "apache-2.0".
        datasets: ids of the data sets on the Hub.
    """

    language: Sequence[str] = ()
    licence: str | None = None
    datasets: Sequence[str] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not said."""
        return tuple(name for name, value in vars(self).items() if not value)


def pushed_files(folder: Path, name: str, said: Described) -> dict[str, Path | str]:
    """What goes to the Hub: each name with its file, or its text.

    Args:
        folder: of a finished run.
        name: ``OWNER/NAME`` on the Hub.
        said: for the card.

    Raises:
        InputError: no finished run, an ensemble, or a name of another form.
    """
    if not HUB_NAME.fullmatch(name):
        raise InputError(f"expected a name on the Hub, such as me/my-model, got {quoted(name)}")
    if (folder / ENSEMBLE_FILE).is_file():
        raise InputError(
            f"expected the folder of one model, got the ensemble {quoted(folder)}: push one of "
            "its members"
        )
    file_of_run(folder, RUN_FILE)
    record, metrics = RunRecord.load(folder), read_json(file_of_run(folder, METRICS_FILE))
    files: dict[str, Path | str] = {
        path.name: path for kind in PUSHED for path in sorted(folder.glob(kind)) if path.is_file()
    }
    if not any(file.endswith(".safetensors") for file in files):
        raise InputError(f"expected weights in {quoted(folder)}, got none: train the run again")
    files[CARD] = card_of(record, metrics, name, said, chosen_rule(folder, "auto"))
    files[RUN_FILE] = json.dumps(_without_places(vars(record)), ensure_ascii=False, indent=2)
    files[METRICS_FILE] = json.dumps(metrics, ensure_ascii=False, indent=2)
    return dict(sorted(files.items()))


def upload(files: Mapping[str, Path | str], name: str, private: bool) -> str:
    """Make the model on the Hub, with one commit of all files; its address."""
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        added = [
            CommitOperationAdd(file, value.encode() if isinstance(value, str) else str(value))
            for file, value in files.items()
        ]
        done = api.create_commit(name, added, commit_message="Model of dicetune")
    except Exception as error:  # of the Hub, the network or the token
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"expected the Hub to take {quoted(name)}, got: {reason}; sign in with `hf auth login`"
        ) from None
    return str(done.commit_url)


def _without_places(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record without the folders of the machine that made it."""

    def cut(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: cut(one) for key, one in value.items()}
        if isinstance(value, list):
            return [cut(one) for one in value]
        return _PLACE.sub("", value) if isinstance(value, str) else value

    found: dict[str, Any] = cut(values)
    found["config"] |= {"out": None}
    return found


def card_of(
    record: RunRecord,
    metrics: Mapping[str, Any],
    name: str,
    said: Described,
    rule: DecisionRule | None,
) -> str:
    """The card: what the model is, its scores, its decision, its use and its limits.

    Args:
        record: of the run.
        metrics: of the run.
        name: of the model on the Hub.
        said: what no record knows.
        rule: that decides where none is asked for.
    """
    from huggingface_hub import EvalResult, ModelCardData

    task = task_named(record.config["task"])
    shown = task.restore(record.labels, record.settings).shown
    base = record.model["name"]
    base = MINILM if base == "minilm" else base
    is_id = _MODEL_ID.fullmatch(base) is not None and not Path(base).exists()
    base = _PLACE.sub("", base)
    split = "test" if "test" in metrics else "dev"
    data = said.datasets[0] if said.datasets else Path(record.data["train"]["source"]).name
    kind = task.pipeline or task.name
    results = [
        EvalResult(
            task_type=kind,
            task_name=task.title,
            dataset_type=data,
            dataset_name=data,
            dataset_split=split,
            metric_type=metric,
            metric_name=metric.replace("_", " "),
            metric_value=metrics[split][metric],
        )
        for metric in shown
        if metric in metrics[split]
    ]
    head = ModelCardData(
        base_model=base if is_id else None,
        language=list(said.language) or None,
        license=said.licence,
        datasets=list(said.datasets) or None,
        library_name="transformers",
        pipeline_tag=task.pipeline,
        tags=["dicetune", task.name],
        model_name=name.rpartition("/")[2],
        eval_results=results,
    )
    rows = "\n".join(
        f"| {row} | "
        + " | ".join(f"{100 * scores[m]:.2f}" if m in scores else "" for m in shown)
        + " |"
        for row, scores in by_decision(metrics).items()
    )
    decided = "The default decision (arg-max, or a probability over one half)."
    if rule is not None:
        decided = (
            f"`dicetune` decides by the rule {rule.told(most=12)}. Other tools decide by default; "
            "`dicetune tune --bake` makes a model on which they decide by the rule."
        )
    inputs = ", ".join(f'"{one} …"' for one in task.inputs)
    examples = {split: values["examples"] for split, values in record.data.items()}
    counts = ", ".join(f"{count} of {one}" for one, count in examples.items())
    notes = "".join(f"- {_PLACE.sub('', note)}\n" for note in record.notes)
    return f"""---
{head.to_yaml()}
---

# {name.rpartition("/")[2]}

A {task.title} model, fine-tuned from `{base}` with `dicetune` for the objective \
`{record.objective["text"]}`. Labels: {listed(record.labels, most=40)}.

## Scores

| split | {" | ".join(one.replace("_", " ") for one in shown)} |
|---|{"|".join("---:" for _ in shown)}|
{rows}

{task.scored} Examples: {counts}. Dev chose the checkpoint and the decision; test was scored once.

## Decision

{decided}

## Intended use and limits

For texts like those of the training data: {data}. On other topics, languages and times the scores \
above do not hold, and neither does the decision rule, which was fitted on dev for \
{"the default" if rule is None else rule.objective}. Rare labels have wide margins of error. The \
model repeats what its training data and its encoder get wrong of people and groups; it was not \
examined for that. Do not let it decide on people alone.
{notes}
## Use

```python
import dicetune
model = dicetune.load("{HUB}{name}")
model({inputs})
```
"""


def sizes_of(files: Mapping[str, Path | str]) -> dict[str, int]:
    """Bytes of each file."""
    return {
        name: len(value.encode()) if isinstance(value, str) else value.stat().st_size
        for name, value in files.items()
    }


@dataclass(frozen=True, repr=False)
class Pushed(Printed):
    """What went to the Hub, or would go: the name, bytes of each file, the card, the address."""

    name: str
    sizes: dict[str, int]
    card: str
    missing: tuple[str, ...]
    url: str | None = None

    def parts(self) -> list[Any]:
        """The files with their sizes, the card where nothing went, and what the card lacks."""
        lines = [f"{size:>12,}  {name}" for name, size in self.sizes.items()]
        done = f"pushed: {self.url}" if self.url else f"would go to {self.name}; nothing went"
        lacks = [f"the card lacks {listed(self.missing)}"] if self.missing else []
        return [*lines, *([] if self.url else [escape(self.card)]), *lacks, done]


def push(
    run: str | Path,
    name: str,
    *,
    dry_run: bool = False,
    private: bool = False,
    language: Sequence[str] = (),
    licence: str | None = None,
    datasets: Sequence[str] = (),
) -> Pushed:
    """Put the model of a run on the Hub: weights, tokenizer, rules, scores and a card, no data.

    Args:
        run: folder of a finished run.
        name: of the model on the Hub, ``OWNER/NAME``.
        dry_run: send nothing, return what would go.
        private: make a private model, where it is new.
        language: codes of the texts' languages, such as "en".
        licence: of the model, such as "apache-2.0".
        datasets: ids of the data sets on the Hub.

    Raises:
        InputError: no finished run, a name of another form, or a Hub that refuses.
    """
    said = Described(tuple(language), licence, tuple(datasets))
    files = pushed_files(Path(run), name, said)
    url = None if dry_run else upload(files, name, private)
    return Pushed(name, sizes_of(files), str(files[CARD]), said.missing, url)
