"""Scores of answers against plain loops that follow the official scripts step by step."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.problems import Answer, problem_of
from dicetune.problems.answer_text import (
    answer_exact,
    answer_f1,
    best_threshold,
    cmrc_exact,
    cmrc_f1,
    cmrc_pieces,
    normalize_answer,
    score_answer,
)
from referees import official_answers, official_normal


def scores(gold, predicted, language="en", **more):
    return Answer({"language": language}).scores(gold, predicted, **more)


def at_threshold(values, gold, predicted, odds, threshold):
    """All questions whose odds are above the threshold stay unanswered."""
    total = 0.0
    for value, answers, text, odd in zip(values, gold, predicted, odds, strict=True):
        if odd > threshold:
            total += not answers
        else:
            total += value if answers else not text
    return total / len(values)


WORDS = st.lists(
    st.sampled_from(
        ["the", "a", "The", "Quay", "quay", "Nine", "9", "pump,", "-", "An", "é", "\u00a0"]
    ),
    max_size=5,
).map(" ".join)
GOLD = st.lists(st.lists(WORDS, max_size=3), min_size=1, max_size=8)


def test_worked_example():
    gold = [["Quay Nine", "at Quay Nine"], ["restarted twice"], []]
    assert scores(gold, ["the quay", "Restarted twice!", "nothing"]) == {
        "exact": pytest.approx(1 / 3),
        "f1": pytest.approx((2 / 3 + 1 + 0) / 3),  # half of two words, all of one
        "total": 3, "version": "2.0", "language": "en",
        "has_answer": {"exact": 0.5, "f1": pytest.approx(5 / 6), "total": 2},
        "no_answer": {"exact": 0.0, "f1": 0.0, "total": 1},
    }  # fmt: skip


def test_a_question_without_a_prediction_is_wrong_whatever_the_gold():
    found = scores([["a"], []], [None, None])
    assert (found["exact"], found["no_answer"]["f1"]) == (0.0, 0.0)
    # nor does a threshold make it right
    found = scores([["a"], []], [None, None], spans=[None, None], null_odds=[1.0, 2.0])
    assert found["best_exact"] == found["best_f1"] == {"score": 0.0, "threshold": 0.0}


@given(gold=GOLD, data=st.data())
def test_the_official_scripts_give_the_same(gold, data):
    predicted = data.draw(st.lists(WORDS, min_size=len(gold), max_size=len(gold)))
    exact, f1 = official_answers(gold, predicted)
    found = scores(gold, predicted)
    assert found["exact"] == pytest.approx(sum(exact) / len(gold))
    assert found["f1"] == pytest.approx(sum(f1) / len(gold))
    assert ("has_answer" in found) == ("no_answer" in found) == (not all(gold))
    for name, has in (("has_answer", True), ("no_answer", False)):
        chosen = [value for value, answers in zip(f1, gold, strict=True) if bool(answers) == has]
        if name in found:
            assert found[name]["total"] == len(chosen)
            assert found[name]["f1"] == pytest.approx(sum(chosen) / max(len(chosen), 1))


@given(gold=GOLD, data=st.data())
def test_the_best_threshold_is_the_best_of_all(gold, data):
    count = len(gold)
    spans = data.draw(st.lists(WORDS.filter(bool), min_size=count, max_size=count))
    odds = data.draw(st.lists(st.floats(-5, 5), min_size=count, max_size=count, unique=True))
    found = scores(gold, spans, spans=spans, null_odds=odds)
    if all(gold):
        assert "best_exact" not in found
        return
    exact, f1 = official_answers(gold, spans)
    for best, raw in ((found["best_exact"], exact), (found["best_f1"], f1)):
        tried = [at_threshold(raw, gold, spans, odds, t) for t in (float("-inf"), *odds)]
        assert best["score"] == pytest.approx(max(tried))
        # where answering none is best the threshold is 0, as in the official script
        if best["score"] > sum(not answers for answers in gold) / count:
            reached = at_threshold(raw, gold, spans, odds, best["threshold"])
            assert reached == pytest.approx(best["score"])


def test_where_nothing_is_best_answered_the_threshold_is_the_official_zero():
    found = best_threshold([0.0, 0.0], [True, False], [True, True], [-4.0, 2.0])
    assert found == {"score": 0.5, "threshold": 0.0}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  pump (at Quay-Nine).", "pump at quaynine"),
        ("an apple a day", "apple day"),
        ("theatre and Anna", "theatre and anna"),
        ("«a» ’the’ …", "« » ’ ’ …"),  # only ASCII punctuation goes
        ("a.m.", "am"),
        ("the", ""),
        ("x\u2003y\u00a0z", "x y z"),
    ],
)
def test_levelling(text, normal):
    assert normalize_answer(text) == official_normal(text) == normal


def test_the_versions_differ_where_nothing_is_left():
    assert answer_f1("the", "a") == 0.0
    assert answer_exact("the", "a") == 1.0
    assert scores([["the"]], ["a"])["f1"] == 0.0  # 1.1
    assert scores([["the"], []], ["a", ""])["f1"] == 1.0  # 2.0


def official_pieces(text):
    """Chinese characters one by one, marks gone, what stands between split as words."""
    pieces, rest = [], ""
    for character in text.lower().strip():
        if character in "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』":
            continue
        if "\u4e00" <= character <= "\u9fa5":
            pieces += [*re.findall(r"\w+", rest), character]
            rest = ""
        else:
            rest += character
    return pieces + re.findall(r"\w+", rest)


def longest_run(first, second):
    best = 0
    for a in range(len(first)):
        for b in range(len(second)):
            length = 0
            while (
                a + length < len(first)
                and b + length < len(second)
                and first[a + length] == second[b + length]
            ):
                length += 1
            best = max(best, length)
    return best


CHINESE = st.text(alphabet="战国无双3Wii 。《》·-", max_size=10)


@given(predicted=CHINESE, gold=CHINESE)
def test_chinese_scores_against_a_loop(predicted, gold):
    first, second = official_pieces(predicted), official_pieces(gold)
    assert cmrc_pieces(predicted) == first
    run = longest_run(first, second)
    if run:
        precision, recall = run / len(first), run / len(second)
        f1 = 2 * precision * recall / (precision + recall)
        assert cmrc_f1(predicted, gold) == pytest.approx(f1)
    else:
        assert cmrc_f1(predicted, gold) == float(predicted == gold == "")


def test_chinese_worked_example():
    # of 战 国 无 双 3 the longest run shared with 国 无 3 战 is 国 无
    assert cmrc_f1("战国无双3", "国无3战") == pytest.approx(2 * 2 / 9)
    assert cmrc_exact("《战国无双3》。", " 战国无双3") == 1.0
    found = scores([["战国无双"], []], ["《战国无双》", ""], language="zh")
    assert (found["version"], found["f1"], found["no_answer"]["exact"]) == ("cmrc2018", 1.0, 1.0)


def test_the_gold_shows_its_language():
    gold, predicted = [["战国无双3"], ["光荣"]], ["《无双3》", "光荣"]
    problem = problem_of({"kind": "answer", "language": "auto"}, gold)
    assert problem.version == "cmrc2018"
    f1 = scores(gold, predicted, language="zh")["f1"]
    assert problem.score(problem.counts(gold, predicted).sum(0), "f1") == pytest.approx(f1)
    assert problem_of({"kind": "answer", "language": "en"}, gold).version == "1.1"
    kana = problem_of({"kind": "answer"}, [["ポンプ"]])
    assert kana.version == "characters"
    assert kana.counts([["ポンプ"]], ["「ポンプ」"]).tolist() == [[1, 1, 1]]


def test_refused():
    with pytest.raises(InputError, match="expected 1 predictions, one a question, got 2"):
        scores([["a"]], ["a", "b"])
    with pytest.raises(InputError, match="expected 1 null odds"):
        scores([[]], ["a"], spans=["a"], null_odds=[])
    with pytest.raises(InputError, match="at least one question"):
        scores([], [])
    with pytest.raises(InputError, match="unknown language of answers 'de'"):
        scores([["a"]], ["a"], language="de")


@pytest.mark.real_data
def test_never_answering_squad20_gives_the_published_number(real_data):
    from dicetune.data import read_questions

    corpus = read_questions(real_data("squad20/dev-v2.0.rebuilt.json"))
    gold = [[answer.text for answer in question.answers] for question in corpus]
    found = scores(gold, [""] * len(gold))
    assert round(100 * found["exact"], 2) == round(100 * found["f1"], 2) == 50.07
    assert found["has_answer"]["f1"] == 0.0
    # the first gold answer is right by itself, and official loops agree on all of them
    first = [answers[0] if answers else "" for answers in gold]
    assert scores(gold, first)["exact"] == 1.0
    last = [answers[-1][:20] if answers else "x" for answers in gold]
    exact, f1 = official_answers(gold, last)
    found = scores(gold, last)
    assert found["exact"] == pytest.approx(sum(exact) / len(gold))
    assert found["f1"] == pytest.approx(sum(f1) / len(gold))


def test_cmrc_counts_a_run_of_characters_and_other_languages_a_bag():
    assert score_answer("3战国", ["战国3"], "cmrc2018") == (0.0, pytest.approx(2 / 3))
    assert score_answer("3战国", ["战国3"], "characters") == (0.0, 1.0)
