"""What a set of questions holds: sizes, answers, imbalance, leaks, conflicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dicetune.data.inspect import (
    Fact,
    Inspection,
    Ratio,
    SplitReport,
    SubwordCounter,
    duplicates,
    find_conflicts,
    find_leaks,
    subword_facts,
)
from dicetune.data.questions.corpus import QuestionCorpus
from dicetune.data.questions.offsets import ELSEWHERE, NOWHERE, OTHER_RULES, RESPELLED
from dicetune.writing import words

QA_PAPER_RATIOS = {"SQuAD1.1": 55.9, "SQuAD2.0": 82.0, "QuoRef": 169.0}
"""Negatives to positives, machine reading rows of Table 1 of the paper (Li et al., ACL 2020)."""


def inspect_questions(
    splits: Mapping[str, QuestionCorpus], count_subwords: SubwordCounter | None = None
) -> Inspection:
    """Describe one or more splits of a question answering set.

    The ratio is the paper's: words of the context, summed over questions, to the two positions,
    start and end, of each answerable question. A letter of a script without spaces between words,
    such as a Chinese or Japanese one, is a word.

    Args:
        splits: name to questions, the training split first.
        count_subwords: see ``SubwordCounter``; without it, sub-words are not counted.

    Example:
        >>> from dicetune.data.questions.corpus import Question
        >>> asked = Question("q1", "Where?", "The pump at Quay Nine", impossible=True)
        >>> found = inspect_questions({"train": QuestionCorpus((asked,), "a.json")})
        >>> found.splits[0].labels["unanswerable"], found.splits[0].ratio
        (1, None)
    """
    reports = [_report(name, corpus, count_subwords) for name, corpus in splits.items()]
    contexts = {
        name: list({q.context: (q.context, corpus.place_of(q)) for q in corpus}.values())
        for name, corpus in splits.items()
    }
    asked = {
        name: [((q.question, q.context), corpus.place_of(q)) for q in corpus]
        for name, corpus in splits.items()
    }
    return Inspection.of(
        reports,
        leaks=(*find_leaks(contexts, "contexts"), *find_leaks(asked, "questions")),
        conflicts=find_conflicts(_golds(splits), _difference),
        paper_ratios=QA_PAPER_RATIOS,
        labels_title="Questions",
    )


def _report(name: str, corpus: QuestionCorpus, count: SubwordCounter | None) -> SplitReport:
    contexts = list(dict.fromkeys(question.context for question in corpus))
    sizes = {text: len(words(text)) for text in contexts}
    answerable = sum(not question.impossible for question in corpus)
    answers = [answer for question in corpus for answer in question.answers]
    rules = {note.rule: note.count for note in corpus.notes}
    misses = (ELSEWHERE, RESPELLED, NOWHERE, *(rule.note for rule in OTHER_RULES))
    facts: dict[str, Fact] = {
        "questions": len(corpus),
        "articles": len({question.title for question in corpus if question.title is not None}),
        "contexts": len(contexts),
        "words of contexts": sum(sizes.values()),
        "answers": len(answers),
        "offsets that do not fit": sum(rules.get(rule, 0) for rule in misses),
        "answers not in the context": sum(answer.start is None for answer in answers),
        "duplicates inside": duplicates((q.question, q.context) for q in corpus),
        **subword_facts((f"{q.question} {q.context}" for q in corpus), count),
    }
    ratio = Ratio.of(
        sum(sizes[question.context] for question in corpus),
        2 * answerable,
        "words of the context, of each question : start and end of each answerable question",
    )
    labels = {"answerable": answerable, "unanswerable": len(corpus) - answerable}
    return SplitReport(name, corpus.source, facts, labels, ratio, corpus.notes)


def _golds(
    splits: Mapping[str, QuestionCorpus],
) -> Iterator[tuple[tuple[str, str], frozenset[str], str]]:
    for corpus in splits.values():
        for question in corpus if corpus.gold else ():
            gold = frozenset(answer.text for answer in question.answers)
            yield (question.question, question.context), gold, corpus.place_of(question)


def _difference(key: Any, first: frozenset[str], second: frozenset[str]) -> tuple[str, str]:
    def shown(gold: frozenset[str]) -> str:
        return ", ".join(map(repr, sorted(gold))) or "unanswerable"

    return key[0], f"{shown(first)} / {shown(second)}"
