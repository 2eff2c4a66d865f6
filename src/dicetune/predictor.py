"""Predictor: a model with its task. Texts in, answers out; ``load`` makes one from a folder."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dicetune.data import log_notes
from dicetune.decide import DecisionRule
from dicetune.decide.named import AUTO, chosen_rule
from dicetune.errors import InputError, listed, quoted
from dicetune.onnx_model import EXPORT_FILE, OnnxFolder
from dicetune.problems import PROBLEMS
from dicetune.records import DEFAULT, RUN_FILE, members_of, silent_log
from dicetune.tasks import Data, Encoded, Scores, Task, Trained, Use, build_options
from dicetune.tasks.encoded import Batches

CPU_POSITIONS = 512
"""Sub-words of a batch on a CPU: larger batches fall out of its cache, and take longer a text."""

_log = logging.getLogger(__name__)
_ANSWERED = 1024  # examples whose answers are made at once: an answer takes 6 kB
HUB = "hf:"
"""Before the name of a model of the Hub; nothing is fetched for any other name."""

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
PUSHED = (
    *("model*.safetensors", "model.safetensors.index.json", "config.json", "model.onnx"),
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt"),
    *("*.model", "dicetune.json", "decision.json", "decision.*.json", "decisions.json"),
)
"""Files of a model that go to the Hub as they are; ``run.json`` is written anew."""

_GIVE = "give the --out folder of `dicetune train`, or of `dicetune export`"


class Runtime(Protocol):
    """A model at work with its tokenizer: ``TorchModel``, or ``OnnxModel`` without torch."""

    tokenizer: Any

    @property
    def labels(self) -> list[str]:
        """The names of the outputs."""

    @property
    def on_cpu(self) -> bool:
        """Whether small batches are faster."""

    def window_length(self, wanted: int | None) -> int:
        """Longest window in sub-words: ``wanted``, else by the model."""

    def outputs(self, features: Sequence[dict[str, Any]], task: Task) -> Any:
        """Arrays of ``Task.preprocess_logits`` for some windows: one, or a tuple of several."""


class Predictor:
    """A saved model with its task: texts in, answers out.

    ``options`` are for reading files, ``trained`` says how the model was trained, and ``decision``
    is a rule in place of the task's default; reported probabilities are the model's, or those of
    the rule's calibration.
    An ensemble has ``others``, whose scores are averaged with those of the model.
    """

    others: Sequence[Predictor] = ()

    def __init__(
        self,
        model: Runtime,
        task: Task,
        batch_size: int,
        max_length: int,
        options: Any = None,
        trained: Trained | None = None,
        decision: DecisionRule | None = None,
    ) -> None:
        self.model = model
        self.task = task
        self.batch_size = batch_size
        self.max_length = max_length
        self.options = task.Options() if options is None else options
        self.trained = trained
        self.decision = decision
        self.track: Callable[[Iterable[int]], Iterable[int]] = iter  # shows progress over batches

    def __repr__(self) -> str:
        labels = quoted(list(self.task.labels))
        rule = None if self.decision is None else self.decision.told()
        number = f", models={1 + len(self.others)}" if self.others else ""
        return f"Predictor(task={self.task.name!r}, labels={labels}, decision={rule!r}{number})"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    def __call__(self, *values: Any, **named: Any) -> list[Any]:
        """The list of answers for texts, by the order or the names of the task's ``inputs``.

        Each input (such as ``question`` and ``context``) takes one text or a list of texts; the
        input of a tagger also takes lists of words.
        """
        return self.answer(self.ask(*values, **named))

    def ask(self, *values: Any, **named: Any) -> Data:
        """Examples without gold from texts, as a call takes them."""
        return self.task.ask(self._named(values, named))

    def read(self, path: str | Path, *, format: str = "auto", gold: bool = True) -> Data:
        """Examples of a file, by the given options or else by the options of the training."""
        data = self.task.read(path, self.options, format=format, gold=gold, trained=self.trained)
        log_notes(data.notes)
        return data

    def answer(self, data: Data) -> list[Any]:
        """Answers for examples of ``read`` or ``ask``."""
        return [answer for _, answers in self.answered(data) for answer in answers]

    def answered(self, data: Data) -> Iterator[tuple[Data, list[Any]]]:
        """The examples in parts, each with its answers as soon as they are decoded."""
        for part in self._parts(data):
            scores = self.scores(part)
            shown = scores if self.decision is None else self.decision.calibrated(scores)
            decided = self.decide(scores, part)
            for at in range(0, len(part), _ANSWERED):
                end = at + _ANSWERED
                some = part.part(at, end)
                yield some, self.task.answers(some, decided[at:end], shown[at:end])

    def decide(self, scores: Sequence[np.ndarray], data: Data) -> list[Any]:
        """Predictions by the decision rule, or by the default decision without a rule."""
        if self.decision is None:
            return self.task.predict(scores, data)
        return self.task.predict(
            self.decision.calibrated(scores), data, self.decision.apply(scores)
        )

    def scores(self, data: Any) -> list[np.ndarray]:
        """Scores of each example, as ``scores.safetensors`` holds them; gold is ignored."""
        if not len(data):
            return []
        encoded = self.task.encode(data, self.model.tokenizer, self.max_length)
        for note in encoded.notes:
            _log.info(note)
        own = self.task.decode(self._outputs(encoded), encoded)
        if not self.others:
            return own
        with silent_log():  # every model would say the same of the data
            return self.task.problem().average([own, *(one.scores(data) for one in self.others)])

    def together_with(
        self, others: Sequence[Predictor], decision: DecisionRule | None
    ) -> Predictor:
        """This model as an ensemble with others, whose averaged scores a rule decides.

        Raises:
            InputError: another task or other labels, a type whose scores have no mean, or a rule
                for another model.
        """
        problem = self.task.problem()
        for other in others:
            names = [(one.task.name, *one.task.labels) for one in (self, other)]
            if names[0] != names[1]:
                raise InputError(
                    f"expected models of one task with the same labels, got {quoted(names[0])} and "
                    f"{quoted(names[1])}"
                )
        if problem.apart is not None:
            raise InputError(f"expected scores with a mean, got {problem.kind}: {problem.apart}")
        if decision is not None:
            decision.check(problem)
        self.others, self.decision = tuple(others), decision
        return self

    def evaluate(self, data: Any) -> Scores:
        """Scores on data with gold, as fractions; with a rule also the scores of "argmax"."""
        self.task.check(data)
        decided, default = list[Any](), list[Any]()
        for part in self._parts(data):
            scores = self.scores(part)
            decided += map(self.task.bare, self.decide(scores, part))
            if self.decision is not None:
                default += map(self.task.bare, self.task.predict(scores, part))
            del scores  # before those of the next part
        found = self.task.score(data, decided)
        if self.decision is not None:
            found[DEFAULT] = self.task.score(data, default)
        return found

    def _parts(self, data: Data) -> Iterable[Data]:
        """The data in parts: encodings and scores then take as much memory for any size."""
        most = self.task.at_once
        return (data.part(at, at + most) for at in range(0, len(data), most))

    def _named(self, values: Sequence[Any], named: Mapping[str, Any]) -> dict[str, list[Any]]:
        inputs = self.task.inputs
        if len(values) > len(inputs):
            raise InputError(
                f"expected {' and '.join(inputs)}, got {len(values)} values: a list of texts is "
                "one value"
            )
        given = dict(zip(inputs, values, strict=False))
        for name, value in named.items():
            if name not in inputs:
                raise InputError(
                    f"expected {' and '.join(inputs)}, which a model of task "
                    f"{quoted(self.task.name)} takes, got {name}"
                )
            given[name] = value
        if missing := [name for name in inputs if name not in given]:
            raise InputError(f"expected {' and '.join(inputs)}, got no {' and no '.join(missing)}")
        texts = {name: _listed(name, value) for name, value in given.items()}
        if len({len(column) for column in texts.values()}) > 1:
            counts = ", ".join(f"{len(column)} of {name}" for name, column in texts.items())
            raise InputError(f"expected equally many of {' and '.join(inputs)}, got {counts}")
        return texts

    def _begins(self, encoded: Encoded) -> list[int]:
        """Where each batch begins, and the number of windows: on a CPU few long windows at once."""
        begins, count = [0], len(encoded.features)
        while begins[-1] < count:
            rows = self.batch_size
            if self.model.on_cpu:  # the longest window is first
                longest = len(encoded.features[begins[-1]]["input_ids"])
                rows = min(rows, max(1, CPU_POSITIONS // longest))
            begins.append(min(begins[-1] + rows, count))
        return begins

    def _outputs(self, encoded: Encoded) -> Any:
        """Outputs of all windows, as the trainer's evaluation gives them."""
        task = self.task
        batches: list[Any] = []
        begins = self._begins(encoded)
        for number in self.track(range(len(begins) - 1)):
            begin, end = begins[number : number + 2]
            features = [
                {name: value for name, value in feature.items() if name not in task.targets}
                for feature in encoded.features[begin:end]
            ]
            batches.append(self.model.outputs(features, task))
        if not batches:
            return np.zeros((0, 0, max(len(task.labels), 1)), dtype=np.float32)
        return Batches.of(batches)


def _listed(name: str, value: Any) -> list[Any]:
    """One text or several as a list; half a character is refused, as no tokenizer takes it."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Iterable):
        raise InputError(f"expected a text or a list of texts as {name}, got {quoted(value)}")
    values = list(value)
    for number, text in enumerate(values, 1):
        if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InputError(
                f"expected whole characters in {name} {number}, got half of a pair in "
                f"{quoted(text)}: read it as UTF-8"
            )
    return values


# loading


def load(
    folder: str | Path,
    *,
    batch_size: int = 32,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
    task: str | None = None,
    use: Use = "predict",
    decision: str | Path | DecisionRule = AUTO,
) -> Predictor:
    """Load a finished run's folder for prediction; nothing is fetched but a model of the Hub.

    Args:
        folder: the ``--out`` folder of ``dicetune train``, ``best`` of a comparison, any saved
            model with a head for tokens, sequences or answers, an export to ONNX, or
            ``hf:OWNER/NAME``, a model of the Hub.
        batch_size: windows that run through the model at once.
        device: "cpu", "cuda", …
        options: options of the task, in place of the options of the training.
        task: task of a model that dicetune did not train; by default the first task of ``dicetune
            tasks`` that fits its head and labels (``text`` for a classifier, not ``pair``).
        use: what the options are for: "predict", or "evaluate", which reads files with gold.
        decision: "auto" (use the default rule of the folder, if there is one), "argmax" (ignore
            it), the name of a rule of the folder ("tuned" has no other), a file, or a rule.

    Raises:
        InputError: where the folder is no saved model, has no trained head, or belongs to an
            unfinished run or another task; for an option that the task does not have in this use;
            for a decision rule that does not fit the model.
    """
    folder = _fetched(str(folder)) if str(folder).startswith(HUB) else Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"expected the folder of a saved model, got {quoted(folder)}, which is no folder: "
            f"{_GIVE}"
        )
    if members := members_of(folder):
        how: dict[str, Any] = {"batch_size": batch_size, "device": device, "options": options}
        first, *others = (
            load(member, **how, task=task, use=use, decision=DEFAULT) for member in members
        )
        return first.together_with(others, _rule(folder, decision, options or {}))
    saved = _saved(folder, task)
    chosen = build_options(saved.task_class.Options, options or {}, use=use)
    model = saved.load(device)
    trained = None if saved.options is None else Trained(saved.options, tuple(model.labels))
    restored = saved.task_class.restore(model.labels, {**saved.settings, **(options or {})})
    rule = _rule(folder, decision, options or {})
    if rule is not None:
        rule.check(restored.problem())
    length = model.window_length(saved.max_length)
    return Predictor(model, restored, batch_size, length, chosen, trained, rule)


def _fetched(name: str) -> Path:
    """The folder of a model of the Hub, from its cache or fetched."""
    model = name.removeprefix(HUB)
    if not HUB_NAME.fullmatch(model):
        raise InputError(f"expected {HUB}OWNER/NAME, got {quoted(name)}")
    from huggingface_hub import snapshot_download

    wanted = [*PUSHED, RUN_FILE]
    try:
        return Path(snapshot_download(model, allow_patterns=wanted))
    except Exception as error:  # of the Hub, the network or the cache
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"expected a model of the Hub that can be reached or is cached, got {quoted(model)}: "
            f"{reason}"
        ) from None


def _saved(folder: Path, task: str | None) -> Any:
    """The folder of an exported model, or of a model of transformers, which needs torch."""
    if (folder / EXPORT_FILE).is_file():
        return OnnxFolder(folder, task)
    from dicetune.torch_model import TorchFolder

    return TorchFolder(folder, task)


def _rule(
    folder: Path, decision: str | Path | DecisionRule, options: Mapping[str, Any]
) -> DecisionRule | None:
    """The decision rule to apply; ``None`` where the default decides."""
    if isinstance(decision, DecisionRule):
        rule: DecisionRule | None = decision
    else:
        rule = chosen_rule(folder, decision)
    if rule is not None and (both := PROBLEMS[rule.kind].ruled_options & options.keys()):
        raise InputError(
            f"expected {listed(both)} or a tuned decision, got both: leave the option out, or "
            "ignore the decision with --decision argmax"
        )
    return rule
