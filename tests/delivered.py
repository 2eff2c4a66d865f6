"""Saved tiny models of every task, rules that change many of their decisions, and made-up texts."""

import random

import numpy as np
import torch

from dicetune.decide import DecisionRule
from dicetune.models import load_model, load_tokenizer
from dicetune.tasks import TASKS
from tiny import TEXTS

TIE = 1e-4
WORDS = sorted({word for text in TEXTS for word in text.split()})
LABELS = {
    "ner": ["O", "B-SITE", "I-SITE", "B-ORG", "I-ORG"],
    "pos": ["NN", "VB", "DT"],
    "seg-pos": [f"{letter}-{tag}" for tag in ("NN", "VB") for letter in "BIES"],
    "mrc-ner": ["SITE", "ORG"],
    "qa": None,
    "text": ["bad", "fine", "good"],
    "pair": ["0", "1"],
    "multilabel": ["anger", "fear", "joy"],
}
HEADS = {"ner": "token", "pos": "token", "seg-pos": "token", "mrc-ner": "token", "qa": "question"}


def made_up(count, most=8, seed=0):
    """Texts of words that the tiny tokenizers know."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, most))) for _ in range(count)]


def asked(task, count):
    """Made-up values for each input of a task."""
    found = [made_up(count, seed=seed) for seed, _ in enumerate(TASKS[task].inputs)]
    return [["Where ?"] * count, found[1]] if task == "qa" else found


def save_task(task, family, folder):
    """A tiny model of a task with a head that tells texts apart."""
    labels, kind = LABELS[task], TASKS[task]
    torch.manual_seed(1)
    model = load_model(kind.auto_class, family, labels)
    if task == "mrc-ner":
        names, most = dict(enumerate(labels)), {"candidates_per_window": 64}
        numbers = {b: a for a, b in names.items()}
        model.config.update({"id2label": names, "label2id": numbers, **most})
    model.config.update(dict(kind.model_config))
    with torch.no_grad():  # a random head says nearly the same of each text
        for name, weight in model.named_parameters():
            if name.endswith("weight") and any(
                one in name for one in ("classifier", "qa_outputs", "start.", "end.", "match")
            ):
                weight *= 10 if "match" in name else 50
    model.save_pretrained(folder)
    load_tokenizer(family).save_pretrained(folder)
    return folder


def between(values, share=0.5):
    """Minus a number in the widest gap around a quantile: a bias that makes no near ties."""
    ranked = np.sort(values)
    at = int(share * len(ranked))
    some = ranked[max(at - len(ranked) // 10, 0) : at + len(ranked) // 10]
    widest = int(np.diff(some).argmax())
    return -float(some[widest : widest + 2].mean())


def rule_for(problem, scores, **more):
    """A rule that turns about half of what a model says of some texts."""
    rows = np.concatenate(scores).astype(float)
    if problem.kind == "answer":
        biases = {"null": float(np.median(rows[:, 0]) - np.median(rows[rows[:, 3] == -1, 0]))}
    elif problem.kind == "entities":
        heads = zip(("start", "end", "match"), rows[:, 3:].T, strict=True)
        biases = {name: between(logits, 0.3) for name, logits in heads}
    else:
        odds = rows - np.log1p(-np.exp(np.minimum(rows, -1e-9))) if problem.independent else rows
        biases = {name: between(odd) for name, odd in zip(problem.labels, odds.T, strict=True)}
    return DecisionRule(problem.kind, biases, "f1", problem.labels, **more)


def margins(problem, deciding):
    """How far each unit of scores is from another decision, by its closest item."""
    if problem.kind == "answer":
        return np.full(len(deciding), np.inf)
    if problem.kind == "label_set":
        return np.array([np.abs(one - np.log(0.5)).min() for one in deciding])
    if problem.kind == "entities":
        return np.array([np.abs(one[:, 3:]).min(initial=9.0) for one in deciding])
    ranked = [np.sort(one, axis=1) for one in deciding]
    return np.array([(one[:, -1] - one[:, -2]).min() for one in ranked])
