r"""Bake a decision rule into the biases of a model's head: every tool then decides by it.

The arg-max of a softmax, or one half of a sigmoid, on the outputs :math:`z_c + b_c` is the decision
of the rule on :math:`z_c` (``DecisionRule.output_biases``). The new folder has no rule. Its
probabilities are moved with its decisions: they are those of the model times a factor for each
label, and are no longer calibrated.

Decisions are the same but for near ties: dicetune adds the biases in float64, the baked model in
float32, whose rounding moves a log-odds of 10 by up to 1e-6. Candidate spans of ``mrc-ner`` are
ranked by the moved logits, which changes the choice in windows with more spans than candidates.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
from huggingface_hub import ModelCard

from dicetune.decide.named import AUTO, chosen_rule
from dicetune.decide.rule import DecisionRule
from dicetune.errors import InputError, quoted
from dicetune.models import quiet_loading
from dicetune.predictor import load
from dicetune.records import DEFAULT, RUN_FILE, RunRecord, members_of, new_folder, replace_text
from dicetune.training.folder import follow_umask

CARD = "README.md"


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
    heads = predictor.task.head_biases(predictor.model)
    with torch.no_grad():
        for bias, more in zip(heads.values(), added, strict=True):
            bias += torch.as_tensor(more, dtype=bias.dtype)
    said = f"the decision rule {rule.told(most=8)} is in the biases of the head"
    with new_folder(out) as part, quiet_loading():
        predictor.model.save_pretrained(part)
        predictor.tokenizer.save_pretrained(part)
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
