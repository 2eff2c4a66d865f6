"""Scores as other programs have them: seqeval, scikit-learn, and plain loops for the rest."""

import collections
import re
import string
import warnings

import numpy as np
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as default_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2, IOBES, Tokens
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from sklearn.metrics import precision_recall_fscore_support as class_scores

SCHEMES = {"iob2": IOB2, "iobes": IOBES}
COLUMNS = ("precision", "recall", "f1", "support")


def referee(settings, gold, predicted):
    """The metrics of all units by name, and the table of the classes that occur."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both libraries warn of classes that nothing has
        return REFEREES[settings["kind"]](settings, gold, predicted)


def score(settings, gold, predicted, metric):
    """One metric of all units."""
    return referee(settings, gold, predicted)[0][metric]


def plain_types(*sides):
    """The tags of several lists of sentences under types without dashes, which seqeval strips."""
    names = sorted({tag[2:] for rows in sides for row in rows for tag in row if tag != "O"})
    stand_in = {name: f"t{number:04}" for number, name in enumerate(names)}
    plain = [
        [[tag if tag == "O" else f"{tag[0]}-{stand_in[tag[2:]]}" for tag in row] for row in rows]
        for rows in sides
    ]
    return {short: name for name, short in stand_in.items()}, plain


def tag_spans(tags, scheme, convention):
    """Type, first word and one past the last of each span of one sentence, by seqeval."""
    names, [[plain]] = plain_types([tags])
    if convention == "strict":
        return {(names[s.tag], s.start, s.end) for s in Tokens(plain, SCHEMES[scheme]).entities}
    return {(names[name], start, last + 1) for name, start, last in get_entities(plain)}


def spans(settings, gold, predicted):
    _, plain = plain_types(gold, predicted)
    scheme = settings.get("scheme", "iob2")
    found = {}
    for average in ("micro", None):
        if settings.get("convention") == "conlleval":
            found[average] = default_scores(*plain, average=average, zero_division=0)
        else:
            found[average] = strict_scores(
                *plain, average=average, zero_division=0, scheme=SCHEMES[scheme]
            )
    metrics = dict(zip(COLUMNS[:3], map(float, found["micro"]), strict=False))
    flat = [[tag for row in rows for tag in row] for rows in (gold, predicted)]
    metrics["token_accuracy"] = accuracy_score(*flat) if flat[0] else 0.0
    convention = settings.get("convention", "strict")
    occurring = {
        span[0] for row in (*gold, *predicted) for span in tag_spans(row, scheme, convention)
    }
    table = zip(sorted(occurring), *found[None], strict=True)
    return metrics, {name: dict(zip(COLUMNS, row, strict=True)) for name, *row in table}


def one_label(gold, predicted):
    names = sorted({*gold, *predicted})
    found = class_scores(gold, predicted, labels=names, zero_division=0) if names else ()
    table = {
        name: dict(zip(COLUMNS, row, strict=True)) for name, *row in zip(names, *found, strict=True)
    }
    metrics = {
        "accuracy": accuracy_score(gold, predicted) if names else 0.0,
        "macro_f1": f1_score(gold, predicted, average="macro", zero_division=0) if names else 0.0,
        "micro_f1": f1_score(gold, predicted, average="micro", zero_division=0) if names else 0.0,
        "mcc": matthews_corrcoef(gold, predicted) if names else 0.0,
    }
    return metrics, table


def label(settings, gold, predicted):
    metrics, table = one_label(gold, predicted)
    if (positive := settings.get("positive")) is not None:
        nothing = dict.fromkeys(COLUMNS, 0.0)
        metrics |= {name: table.get(positive, nothing)[name] for name in COLUMNS[:3]}
        others = [name for name in settings["labels"] if name != positive]
        metrics["f1_other"] = table.get(others[0], nothing)["f1"]
    return metrics, table


def tags(settings, gold, predicted):
    return one_label(*([tag for row in rows for tag in row] for rows in (gold, predicted)))


def label_set(settings, gold, predicted):
    names = sorted({*settings["labels"], *(name for row in (*gold, *predicted) for name in row)})
    truth, made = (
        np.array([[name in row for name in names] for row in rows], dtype=int)
        for rows in (gold, predicted)
    )
    table = {
        name: dict(zip(COLUMNS, row, strict=True))
        for number, (name, *row) in enumerate(
            zip(names, *class_scores(truth, made, zero_division=0), strict=True)
        )
        if truth[:, number].any() or made[:, number].any()
    }
    micro = class_scores(truth, made, average="micro", zero_division=0)
    metrics = dict(zip(("precision", "recall", "micro_f1"), micro, strict=False))
    metrics["exact_match"] = accuracy_score(truth, made)
    metrics["macro_f1"] = np.mean([row["f1"] for row in table.values()]) if table else 0.0
    return metrics, table


def ratios(right, found, gold):
    """Precision, recall and F1 of counts."""
    pairs = ((right, found), (right, gold), (2 * right, found + gold))
    return [part / whole if whole else 0.0 for part, whole in pairs]


def items(gold, predicted):
    """Micro scores and the table of sets of items, each with its class last."""
    metrics = dict(
        zip(COLUMNS, ratios(len(gold & predicted), len(predicted), len(gold)), strict=False)
    )
    table = {}
    for name in {item[-1] for item in gold | predicted}:
        mine = [{item for item in side if item[-1] == name} for side in (gold, predicted)]
        row = ratios(len(mine[0] & mine[1]), len(mine[1]), len(mine[0]))
        table[name] = dict(zip(COLUMNS, (*row, len(mine[0])), strict=True))
    return metrics, table


def entities(settings, gold, predicted):
    return items(
        *(
            {
                (unit, entity["start"], entity["end"], entity["type"])
                for unit, row in enumerate(rows)
                for entity in row
            }
            for rows in (gold, predicted)
        )
    )


def words_of_labels(labels):
    """First character, one past the last, and tag of each word, by the letters B, I, E and S."""
    begins = [
        place
        for place, tag in enumerate(labels)
        if place == 0
        or tag[0] in "BS"
        or labels[place - 1][0] in "ES"
        or tag[2:] != labels[place - 1][2:]
    ]
    ends = [*begins[1:], len(labels)]
    return [(start, end, labels[start][2:]) for start, end in zip(begins, ends, strict=True)]


def words(settings, gold, predicted):
    sides = [
        {(unit, *word) for unit, row in enumerate(rows) for word in words_of_labels(row)}
        for rows in (gold, predicted)
    ]
    metrics, table = items(*sides)
    cut = [{word[:-1] for word in side} for side in sides]
    alone = ratios(len(cut[0] & cut[1]), len(cut[1]), len(cut[0]))
    metrics |= dict(zip(("word_precision", "word_recall", "word_f1"), alone, strict=True))
    metrics["tag_accuracy"] = ratios(len(sides[0] & sides[1]), len(cut[0] & cut[1]), 0)[0]
    return metrics, table


def official_normal(text):
    """Lower case, no ASCII punctuation, no English articles, single blanks."""
    left = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", left).split())


def official_f1(gold, predicted, version):
    gold_words, words = official_normal(gold).split(), official_normal(predicted).split()
    if version == 2 and (not gold_words or not words):
        return float(gold_words == words)
    left, same = collections.Counter(gold_words), 0
    for word in words:
        if left[word] > 0:
            left[word] -= 1
            same += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(words), same / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def official_answers(gold, predicted):
    """Exact match and F1 of each question; SQuAD 2.0 where any question has no gold."""
    version = 1 if all(gold) else 2
    exact, f1 = [], []
    for answers, text in zip(gold, predicted, strict=True):
        if version == 2:
            answers = [answer for answer in answers if official_normal(answer)] or [""]
        exact.append(max(float(official_normal(a) == official_normal(text)) for a in answers))
        f1.append(max(official_f1(a, text, version) for a in answers))
    return exact, f1


def answer(settings, gold, predicted):
    exact, f1 = official_answers(gold, predicted)
    return {"exact": np.mean(exact), "f1": np.mean(f1)}, {}


REFEREES = {
    "spans": spans,
    "words": words,
    "tags": tags,
    "label": label,
    "label_set": label_set,
    "answer": answer,
    "entities": entities,
}
