"""Inspection of questions: sizes, the paper's ratio, leaks, conflicts."""

import pytest

from dicetune.data import GoldAnswer, Question, QuestionCorpus, inspect_questions, read_questions

CONTEXT = "The pump at Quay Nine is down ."


def corpus(*rows, name="a.json"):
    questions = []
    for number, (question, context, answer) in enumerate(rows):
        start = None if answer is None else context.index(answer)
        gold = () if answer is None else (GoldAnswer(answer, start, start + len(answer)),)
        questions.append(
            Question(str(number), question, context, gold, answer is None, "Port", number + 1)
        )
    return QuestionCorpus(tuple(questions), name, format="squad")


def test_sizes_and_the_ratio_by_hand():
    train = corpus(
        ("Where?", CONTEXT, "Quay Nine"),
        ("Who?", CONTEXT, None),
        ("Where?", "Gate 2 . 泵站", "Gate 2"),
    )
    found = inspect_questions({"train": train}, lambda text: (len(text), text.count("?")))
    (report,) = found.splits
    assert report.labels == {"answerable": 2, "unanswerable": 1}
    facts = report.facts
    assert (facts["questions"], facts["articles"], facts["contexts"]) == (3, 1, 2)
    assert facts["words of contexts"] == 8 + 5  # each Chinese character is a word
    assert facts["longest in sub-words"] == len(f"Where? {CONTEXT}")
    # words of the context of each question to a start and an end of each with an answer
    assert (report.ratio.many, report.ratio.few) == (8 + 8 + 5, 4)
    assert found.paper_ratios["SQuAD2.0"] == 82.0


def test_leaks_of_contexts_and_of_questions_and_conflicts():
    train = corpus(("Where?", CONTEXT, "Quay Nine"), ("Where?", CONTEXT, "Quay"))
    test = corpus(
        ("Where?", CONTEXT, None), ("What?", CONTEXT, "pump"), ("Where?", "no", None), name="b.json"
    )
    found = inspect_questions({"train": train, "test": test})
    leaks = {leak.unit: leak for leak in found.leaks}
    assert (leaks["contexts"].count, leaks["contexts"].share) == (1, 0.5)
    assert (leaks["questions"].count, leaks["questions"].places) == (1, ("b.json:1",))
    assert found.splits[0].facts["duplicates inside"] == 1
    (conflict,) = found.conflict_examples
    assert conflict.differences == "'Quay Nine' / 'Quay'"
    assert conflict.places == ("a.json:1", "a.json:2", "b.json:1")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "ratio"),
    [
        ("squad11/train-v1.1.first-articles.json", 61.0),
        ("squad20/cs224n-dev-v2.0.json", 140.1),
        ("squad20/dev-v2.0.rebuilt.json", 128.2),
        ("covidqa/200423_covidQA.json", 2209.1),
        ("cmrc2018/cmrc2018_trial.json", 230.2),
        ("cmrc2018/cmrc2018_dev.json", 228.4),
    ],
)
def test_the_published_ratios(real_data, file, ratio):
    (report,) = inspect_questions({"train": read_questions(real_data(file))}).splits
    assert round(report.ratio.value, 1) == ratio
