"""Answer scores against plain loops that follow the official scripts step by step."""

import collections
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError
from dicetune.metrics import question_scores
from dicetune.metrics.cmrc import cmrc_exact, cmrc_f1, cmrc_pieces
from dicetune.metrics.null_threshold import best_threshold
from dicetune.metrics.squad import answer_exact, answer_f1, normalize_answer


def official_normal(text):
    kept = []
    for character in text.lower():
        if character not in string.punctuation:
            kept.append(character)
    words = re.sub(r"\b(a|an|the)\b", " ", "".join(kept)).split()
    return " ".join(words)


def official_f1(gold, own, version):
    gold_words, own_words = official_normal(gold).split(), official_normal(own).split()
    if version == 2 and (not gold_words or not own_words):
        return float(gold_words == own_words)
    left, same = collections.Counter(gold_words), 0
    for word in own_words:
        if left[word] > 0:
            left[word] -= 1
            same += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(own_words), same / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def official(gold, predicted):
    """Exact match and F1 of each question; 2.0 where any question has no gold."""
    version = 1 if all(gold) else 2
    exact, f1 = [], []
    for answers, own in zip(gold, predicted, strict=True):
        if version == 2:
            answers = [text for text in answers if official_normal(text)] or [""]
        exact.append(max(float(official_normal(text) == official_normal(own)) for text in answers))
        f1.append(max(official_f1(text, own, version) for text in answers))
    return exact, f1


def at_threshold(scores, gold, predicted, odds, threshold):
    """All questions whose odds are above the threshold stay unanswered."""
    total = 0.0
    for score, answers, own, odd in zip(scores, gold, predicted, odds, strict=True):
        if odd > threshold:
            total += not answers
        else:
            total += score if answers else not own
    return total / len(scores)


WORDS = st.lists(
    st.sampled_from(
        ["the", "a", "The", "Quay", "quay", "Nine", "9", "pump,", "-", "An", "é", "\u00a0"]
    ),
    max_size=5,
).map(" ".join)
GOLD = st.lists(st.lists(WORDS, max_size=3), min_size=1, max_size=8)


def test_worked_example():
    gold = [["Quay Nine", "at Quay Nine"], ["restarted twice"], []]
    scores = question_scores(gold, ["the quay", "Restarted twice!", "nothing"])
    assert (scores.version, scores.total) == ("2.0", 3)
    assert scores.exact == pytest.approx(1 / 3)
    assert scores.f1 == pytest.approx((2 / 3 + 1 + 0) / 3)  # half of two words, all of one
    assert scores.has_answer.f1 == pytest.approx(5 / 6)
    assert (scores.no_answer.exact, scores.no_answer.total) == (0.0, 1)
    assert scores.to_dict()["has_answer"]["total"] == 2


@given(gold=GOLD, data=st.data())
def test_the_official_scripts_give_the_same(gold, data):
    predicted = data.draw(st.lists(WORDS, min_size=len(gold), max_size=len(gold)))
    exact, f1 = official(gold, predicted)
    scores = question_scores(gold, predicted)
    assert scores.exact == pytest.approx(sum(exact) / len(gold))
    assert scores.f1 == pytest.approx(sum(f1) / len(gold))
    for part, has in ((scores.has_answer, True), (scores.no_answer, False)):
        kept = [score for score, answers in zip(f1, gold, strict=True) if bool(answers) == has]
        if part is not None:
            assert part.total == len(kept)
            assert part.f1 == pytest.approx(sum(kept) / max(len(kept), 1))


@given(gold=GOLD, data=st.data())
def test_the_best_threshold_is_the_best_of_all(gold, data):
    count = len(gold)
    spans = data.draw(st.lists(WORDS.filter(bool), min_size=count, max_size=count))
    odds = data.draw(st.lists(st.floats(-5, 5), min_size=count, max_size=count, unique=True))
    scores = question_scores(gold, spans, spans=spans, null_odds=odds)
    if all(gold):
        assert scores.best_exact is None
        return
    exact, f1 = official(gold, spans)
    for best, raw in ((scores.best_exact, exact), (scores.best_f1, f1)):
        tried = [at_threshold(raw, gold, spans, odds, t) for t in (float("-inf"), *odds)]
        assert best.score == pytest.approx(max(tried))
        # where answering none is best the threshold is 0, as in the official script
        if best.score > sum(not answers for answers in gold) / count:
            reached = at_threshold(raw, gold, spans, odds, best.threshold)
            assert reached == pytest.approx(best.score)


def test_where_nothing_is_best_answered_the_threshold_is_the_official_zero():
    found = best_threshold([0.0, 0.0], [True, False], [True, True], [-4.0, 2.0])
    assert (found.score, found.threshold) == (0.5, 0.0)


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
    assert question_scores([["the"]], ["a"]).f1 == 0.0  # 1.1
    assert question_scores([["the"], []], ["a", ""]).f1 == 1.0  # 2.0


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


@given(own=CHINESE, gold=CHINESE)
def test_chinese_scores_against_a_loop(own, gold):
    first, second = official_pieces(own), official_pieces(gold)
    assert cmrc_pieces(own) == first
    run = longest_run(first, second)
    if run:
        precision, recall = run / len(first), run / len(second)
        assert cmrc_f1(own, gold) == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert cmrc_f1(own, gold) == float(own == gold == "")


def test_chinese_worked_example():
    # of 战 国 无 双 3 the longest run shared with 国 无 3 战 is 国 无
    assert cmrc_f1("战国无双3", "国无3战") == pytest.approx(2 * 2 / 9)
    assert cmrc_exact("《战国无双3》。", " 战国无双3") == 1.0
    scores = question_scores([["战国无双"], []], ["《战国无双》", ""], language="zh")
    assert (scores.version, scores.f1, scores.no_answer.exact) == ("cmrc2018", 1.0, 1.0)


def test_refused():
    with pytest.raises(InputError, match="expected 1 predictions, one a question, got 2"):
        question_scores([["a"]], ["a", "b"])
    with pytest.raises(InputError, match="expected 1 null odds"):
        question_scores([[]], ["a"], spans=["a"], null_odds=[])
    with pytest.raises(InputError, match="at least one question"):
        question_scores([], [])
    with pytest.raises(InputError, match="unknown language of answers 'de'"):
        question_scores([["a"]], ["a"], language="de")


@pytest.mark.real_data
def test_never_answering_squad20_gives_the_published_number(real_data):
    from dicetune.data import read_questions

    corpus = read_questions(real_data("squad20/dev-v2.0.rebuilt.json"))
    gold = [[answer.text for answer in question.answers] for question in corpus]
    scores = question_scores(gold, [""] * len(gold))
    assert round(100 * scores.exact, 2) == round(100 * scores.f1, 2) == 50.07
    assert scores.has_answer.f1 == 0.0
    # the first gold answer is right by itself, and official loops agree on all of them
    first = [answers[0] if answers else "" for answers in gold]
    assert question_scores(gold, first).exact == 1.0
    last = [answers[-1][:20] if answers else "x" for answers in gold]
    exact, f1 = official(gold, last)
    scores = question_scores(gold, last)
    assert scores.exact == pytest.approx(sum(exact) / len(gold))
    assert scores.f1 == pytest.approx(sum(f1) / len(gold))
