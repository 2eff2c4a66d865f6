r"""Export: a folder for other tools, or for use without torch, with the decision of the run.

*Baked.* A rule goes into the biases of the head (``DecisionRule.output_biases``): the arg-max of a
softmax, or one half of a sigmoid, on :math:`z_c + b_c` is the decision of the rule on :math:`z_c`.
The probabilities are moved with the decisions. Near ties may differ: dicetune adds the biases in
float64, the baked model in float32, whose rounding moves a log-odds of 10 by up to 1e-6. Candidate
spans of ``mrc-ner`` are ranked by the moved logits, which changes the choice in windows with more
spans than candidates.

*ONNX.* The graph has the task's own last step. It is made by ``torch.export`` (the classic exporter
traces masks wrongly and silently: log-probabilities of a BERT were off by up to 0.26). Batch and
length are free. The outputs are compared with those of torch before the folder appears.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCard
from torch import nn

from dicetune.decide.named import AUTO, chosen_rule
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError, of_extra, quoted
from dicetune.models import quiet_loading
from dicetune.onnx_model import GRAPH, TOKENIZER, ExportRecord, OnnxFolder, PlainTokenizer
from dicetune.predictor import Predictor, load
from dicetune.records import (
    DEFAULT,
    ENSEMBLE_FILE,
    RUN_FILE,
    RunRecord,
    members_of,
    new_folder,
    replace_text,
)
from dicetune.tasks import Task
from dicetune.torch_model import TorchModel, of_transformers
from dicetune.training.folder import follow_umask

CARD = "README.md"
CLOSE = 1e-3
"""Difference of outputs between torch and the graph, also relative; rounding makes 1e-6."""

_TEXTS = ("A pump at Quay Nine is down .", "Nobody knows why , and all the rest is quiet again .")


# the rule in the head


def bake_rule(
    folder: str | Path, out: str | Path, decision: str | Path = AUTO, task: str | None = None
) -> DecisionRule:
    """Write a model with a rule in the biases of its head; the rule that was baked.

    Args:
        folder: of a run, or of any saved model; it is not changed.
        out: new folder.
        decision: the rule, as ``predict`` takes it.
        task: of a model that dicetune did not train.

    Raises:
        InputError: a rule that no biases express, no rule, an ensemble, or a head without biases.
    """
    folder = Path(folder)
    if members_of(folder):
        raise InputError(
            f"expected a single model, got the ensemble {quoted(folder)}: the mean of several "
            "models has no head; choose one of its folders"
        )
    rule = chosen_rule(folder, decision)
    if rule is None or rule.is_default:
        raise InputError(
            f"expected a decision rule in {quoted(folder)} that moves something, got the default "
            "decision: other tools decide by it already; use the folder as it is"
        )
    added = rule.output_biases()
    predictor = load(folder, task=task, decision=rule)
    whole = of_transformers(predictor.model, folder)
    heads = predictor.task.head_biases(whole.model)
    with torch.no_grad():
        for bias, more in zip(heads.values(), added, strict=True):
            bias += torch.as_tensor(more, dtype=bias.dtype)
    said = f"the decision rule {rule.told(most=8)} is in the biases of the head"
    with new_folder(out) as part, quiet_loading():
        whole.model.save_pretrained(part)
        whole.tokenizer.save_pretrained(part)
        follow_umask(part)
        replace_text(part / CARD, _card(folder, Path(out).name, rule))
        if (folder / RUN_FILE).is_file():
            record = RunRecord.load(folder)
            config = record.config | {"out": None, "decision": DEFAULT}
            replace(record, config=config, notes=[*record.notes, said]).save(part)
    return rule


def _card(folder: Path, name: str, rule: DecisionRule) -> str:
    """The card of the run with another section on its decision."""
    section = f"""## Decision

The decision rule {rule.told(most=len(rule.labels))} is in the biases of the head. So the arg-max \
of this model's outputs (of independent labels: a probability over one half) is that decision, in \
every tool. It was fitted for {rule.objective} on dev. The probabilities are moved with the \
decisions. Of the scores in this card, those of `{rule.name}` are of this decision, if the rule is \
the one of the training.

"""
    path = folder / CARD
    if not path.is_file():
        return str(ModelCard(f"---\ntags:\n- dicetune\n---\n\n# {name}\n\n{section}"))
    text = path.read_text(encoding="utf-8")
    text = re.sub(rf"^# {re.escape(folder.name)}$", f"# {name}", text, count=1, flags=re.MULTILINE)
    text = text.replace(f'"{folder.name}"', f'"{name}"')
    rest = re.sub(r"^## Decision\n.*?(?=^## )", "", text, flags=re.DOTALL | re.MULTILINE)
    place = re.search(r"^## Training$", rest, flags=re.MULTILINE)
    at = len(rest) if place is None else place.start()
    return f"{rest[:at]}{section}{rest[at:]}"


# ONNX


def export_onnx(
    folder: str | Path, out: str | Path, *, int8: bool = False, task: str | None = None
) -> str:
    """Write a model as ONNX; what was written, in a sentence.

    Args:
        folder: of a run, an ensemble, or any saved model; it is not changed.
        out: new folder. An ensemble has a folder in it for each member.
        int8: quantize the weights of embeddings and linear layers to 8 bits.
        task: of a model that dicetune did not train.

    Raises:
        InputError: a model that the exporter does not take, or a slow tokenizer.
    """
    folder = Path(folder)
    of_extra("onnxscript", "onnx", "export --to onnx")
    members = members_of(folder)
    with new_folder(out) as part:
        for member in members or [folder]:
            place = part / member.name if members else part
            place.mkdir(exist_ok=True)
            predictor = load(member, task=task, decision=DEFAULT)
            _export(predictor, of_transformers(predictor.model, member), place, int8)
        rules = [*folder.glob("decision*.json"), *folder.glob(ENSEMBLE_FILE)]
        for path in rules:
            shutil.copyfile(path, part / path.name)
    several = f", {len(members)} models" if members else ""
    return f"{out}: {GRAPH}{' in 8 bits' if int8 else ''}, {TOKENIZER} and the rules{several}"


class _Graph(nn.Module):
    """A model with the last step of its task, by positions."""

    def __init__(self, whole: TorchModel, task: Task, names: list[str]) -> None:
        super().__init__()
        self.whole, self.model, self.task, self.names = whole, whole.model, task, names

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Tensors of ``Task.preprocess_logits``."""
        return self.whole.shrunk(dict(zip(self.names, inputs, strict=True)), self.task)


def _export(predictor: Predictor, whole: TorchModel, part: Path, int8: bool) -> None:
    """Write the graph, the tokenizer and the record of one model, and try them."""
    task, tokenizer = predictor.task, whole.tokenizer
    if not tokenizer.is_fast:
        raise InputError(
            f"expected a model with a fast tokenizer, got {type(tokenizer).__name__}: only a "
            f"{TOKENIZER} can be exported; train another encoder"
        )
    data = task.ask({name: list(_TEXTS) for name in task.inputs})
    windows = task.encode(data, tokenizer, predictor.max_length).features
    features = [{k: v for k, v in one.items() if k not in task.targets} for one in windows]
    batch = whole.batch(features, task)
    names = list(batch)
    with _quiet():
        try:
            free = tuple({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for _ in names)
            torch.onnx.export(
                _Graph(whole, task, names),
                tuple(batch.values()),
                str(part / GRAPH),
                input_names=names,
                dynamic_shapes=(free,),
                dynamo=True,
                external_data=False,  # one file
                verbose=False,
            )
        except Exception as error:  # the exporter raises errors of any class
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise InputError(
                f"expected a model that torch.onnx can export, got {type(whole.model).__name__}, "
                f"on which it fails ({type(error).__name__}: {reason}): export another encoder"
            ) from error
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.save(str(part / TOKENIZER))
    given = {"input_ids": tokenizer.pad_token_id, "attention_mask": 0}
    given |= {"token_type_ids": tokenizer.pad_token_type_id, **task.extra_inputs}
    record = ExportRecord(
        task.name,
        list(task.labels),
        task.settings(),
        None if predictor.trained is None else dict(predictor.trained.options),
        predictor.max_length,
        {name: given[name] for name in names},
        PlainTokenizer.facts(tokenizer),
        int8,
    )
    record.save(part)
    _try(predictor, part, features)
    if int8:
        _quantize(part / GRAPH)


def _try(predictor: Predictor, part: Path, features: list[dict[str, Any]]) -> None:
    """Refuse a graph whose outputs are not those of the model, alone and in a batch."""
    graph = OnnxFolder(part, None).load("cpu")
    for some in (features, features[-1:]):
        found, right = (
            _joined(one.outputs(some, predictor.task)) for one in (graph, predictor.model)
        )
        if not np.allclose(found, right, rtol=CLOSE, atol=CLOSE):
            apart = np.abs(found - right).max()
            raise InputError(
                f"expected the outputs of the model from its graph, got others by {apart:.2g}: "
                "torch.onnx does not export this model rightly; export another encoder"
            )


def _joined(outputs: Any) -> np.ndarray:
    return np.stack(outputs) if isinstance(outputs, tuple) else np.asarray(outputs)


def _quantize(path: Path) -> None:
    """Weights of embeddings and linear layers in 8 bits, in place of a graph.

    Each output of a layer has a scale of its own: one scale a layer errs about three times as much.
    """
    quantization = of_extra("onnxruntime.quantization", "onnx", "--int8")
    whole = path.with_name("float.onnx")
    path.rename(whole)
    with _quiet():
        quantization.quantize_dynamic(
            str(whole), str(path), weight_type=quantization.QuantType.QInt8, per_channel=True
        )
    whole.unlink()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the exporter prints is about itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
