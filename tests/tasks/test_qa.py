"""QaTask: from a question and its context to logits and back."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import GoldAnswer, Question, QuestionCorpus, read_questions
from dicetune.errors import DataError, InputError
from dicetune.loss_input import item_count
from dicetune.tasks.qa import QaOptions, QaTask
from families import TOKENIZERS
from tiny import squad, wordpiece_tokenizer

SURE = 30.0
WORDPIECE = TOKENIZERS["wordpiece"]


def question(context, answer=None, name="q1", asked="where ?", impossible=False):
    """A question whose answer is a text of its context, or a pair of characters."""
    gold = ()
    if isinstance(answer, str):
        answer = (context.index(answer), context.index(answer) + len(answer))
    if answer is not None:
        gold = (GoldAnswer(context[slice(*answer)], *answer),)
    return Question(name, asked, context, gold, impossible)


def corpus(*questions, gold=True):
    return QuestionCorpus(tuple(questions), "a.json", gold=gold)


def gold_outputs(encoded):
    """Logits that are sure of each target, as the model's two outputs."""
    longest = max(len(f["input_ids"]) for f in encoded.features)
    noise = np.random.default_rng(0).random((2, len(encoded.features), longest))
    start, end = 1e-3 * noise - SURE  # scores that are all equal take long to sort
    for window, feature in enumerate(encoded.features):
        if feature["start_positions"] >= 0:
            start[window, feature["start_positions"]] = SURE
            end[window, feature["end_positions"]] = SURE
    return start, end


def batch_of(encoded, keys):
    longest = max(len(f["input_ids"]) for f in encoded.features)
    return {
        key: torch.tensor(
            [
                f[key] + [0] * (longest - len(f[key])) if isinstance(f[key], list) else f[key]
                for f in encoded.features
            ]
        )
        for key in keys
    }


def encoded_of(data, max_length, training=False, **options):
    """A task of the data, and the data as it encodes them."""
    task = QaTask.of(data, QaOptions(**options))
    return task, task.encode(data, WORDPIECE, max_length, training=training)


CONTEXT = "pump down at Quay nine"
WORKED = corpus(question(CONTEXT, "Quay nine"))


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
def test_worked_example(form):
    task = QaTask.of(WORKED, QaOptions(form=form))
    assert (task.labels, task.null) == (("start", "end"), False)
    encoded = task.encode(WORKED, WORDPIECE, 24)
    (feature,) = encoded.features
    words = WORDPIECE.convert_ids_to_tokens(feature["input_ids"])
    first, last = feature["start_positions"], feature["end_positions"]
    assert words[0] == "[CLS]"
    assert (words[first], words[last]) == ("quay", "nine")
    inside = words.index("[SEP]") + 1
    assert feature["answer_mask"] == [1] + [0] * (inside - 1) + [1] * 5 + [0]
    labels = batch_of(encoded, task.targets)
    outputs = {f"{side}_logits": torch.zeros(1, len(words)) for side in ("start", "end")}
    start, end = task.loss_inputs(outputs, labels)
    assert (start.name, end.name, start.coefficient + end.coefficient) == ("start", "end", 1.0)
    counts = task.item_counts(labels)
    assert {i.name: int(item_count(i)) for i in (start, end)} == {
        k: int(v) for k, v in counts.items()
    }
    if form == "softmax":
        assert (start.kind, start.target.tolist(), counts["start"]) == ("positions", [first], 1)
        assert start.class_mask.tolist() == [[bool(m) for m in feature["answer_mask"]]]
    else:
        assert (end.kind, end.target[0, :, 0].nonzero().tolist()) == ("labels", [[last]])
        assert end.logits.shape == end.target.shape == (1, len(words), 1)
        assert counts["end"] == 6  # five words of the context and CLS
    (scores,) = task.decode(gold_outputs(encoded), encoded)
    assert scores.shape == (6, 5)
    assert scores[0, 2:].tolist() == [0, -1, -1]
    (found,) = task.predict([scores], WORKED)
    assert (found.text, found.start, found.end) == ("Quay nine", 13, 22)
    assert task.score(WORKED, [found])["exact"] == 1.0
    assert next(iter(task.rows(WORKED, [found])))["gold"] == ["Quay nine"]


@st.composite
def asked(draw):
    """Questions on contexts of any characters, with spans of whole words, some of no words."""
    words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
    questions = []
    for number in range(draw(st.integers(1, 3))):
        parts = draw(st.lists(words, min_size=1, max_size=50))
        context = " ".join(["pump", *parts])
        first = draw(st.integers(0, len(parts)))
        last = draw(st.integers(first, min(first + 5, len(parts))))
        start = len(" ".join(["pump", *parts][:first])) + (first > 0)
        end = len(" ".join(["pump", *parts][: last + 1]))
        text = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
        impossible = draw(st.booleans())
        answer = None if impossible else (start, end)
        questions.append(question(context, answer, str(number), text, impossible))
    return corpus(*questions)


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(data=asked(), max_length=st.integers(20, 60), form=st.sampled_from(["softmax", "sigmoid"]))
def test_decoding_gold_outputs_gives_the_gold(kind, data, max_length, form):
    tokenizer = TOKENIZERS[kind]
    task = QaTask(QaOptions(form=form, max_question=8, max_answer=60), null=True)
    encoded = task.encode(data, tokenizer, max_length)
    assert max(len(f["input_ids"]) for f in encoded.features) <= max_length
    predictions = task.predict(task.decode(gold_outputs(encoded), encoded), data)
    shown = 0
    for asked_for, found in zip(data, predictions, strict=True):
        if asked_for.impossible:
            assert found.text == ""
            shown += 1
            continue
        (gold,) = asked_for.answers
        visible = visible_part(tokenizer, asked_for.context, gold)
        shown += visible is not None and (found.start, found.end) == visible
    # the others are dropped by the tokenizer, or cut by every window: each is counted
    assert shown + encoded.facts["cut_answers"] >= len(data)


def visible_part(tokenizer, context, gold):
    """First and last character of the sub-words that touch the answer, blanks trimmed."""
    pieces = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    found = []
    for a, b in pieces["offset_mapping"]:
        while a < b and context[a].isspace():
            a += 1
        while a < b and context[b - 1].isspace():
            b -= 1
        if a < b and a < gold.end and b > gold.start:
            found.append((a, b))
    return (found[0][0], found[-1][1]) if found else None


LONG = "the pump at Quay Nine is fine ; the scanner at gate 2 is not . " * 3


def test_windows_label_the_answer_where_they_show_it_whole_and_else_the_null_row():
    data = corpus(question(LONG + "Northgate is down", "Northgate"))
    task = QaTask.of(data, QaOptions(stride=8))
    encoded = task.encode(data, TOKENIZERS["byte-level"], 40)
    shown = [f for f in encoded.features if f["start_positions"] != 0]
    assert 1 <= len(shown) < len(encoded.features)
    assert encoded.facts["windows_without_answer"] == len(encoded.features) - len(shown)
    assert encoded.facts["cut_answers"] == 0
    for feature in shown:
        ids = feature["input_ids"][feature["start_positions"] : feature["end_positions"] + 1]
        pieces = TOKENIZERS["byte-level"].convert_ids_to_tokens(ids)
        assert "".join(pieces) == "ĠNorthgate"  # the space is the sub-word's and not the answer's


def test_an_answer_that_no_window_shows_whole_teaches_nothing_and_is_counted():
    data = corpus(question(LONG, (4, 120)), question(LONG, "pump", "q2"))
    task, encoded = encoded_of(data, 24)
    assert encoded.facts["cut_answers"] == 1
    ignored = [f["start_positions"] == f["end_positions"] == -100 for f in encoded.features]
    assert 0 < sum(ignored) < len(ignored)
    assert encoded.notes == (
        "1 answers are shown whole by no window of 24 sub-words: not trained on, scored by their "
        "text",
    )
    labels = batch_of(encoded, task.targets)
    kept = len(ignored) - sum(ignored)
    for form, count in (("softmax", kept), ("sigmoid", None)):
        asking = QaTask.of(data, QaOptions(form=form))
        outputs = {
            f"{side}_logits": torch.zeros(labels["answer_mask"].shape) for side in ("start", "end")
        }
        for item in asking.loss_inputs(outputs, labels):
            assert item_count(item) == asking.item_counts(labels)[item.name]
            assert count is None or item_count(item) == count
    trained = task.encode(data, WORDPIECE, 24, training=True)
    assert trained.facts["windows_left_out"] == sum(ignored)
    assert len(trained.features) == kept


def test_an_answer_without_a_place_is_kept_to_be_scored_and_not_trained_on():
    lost = Question("q1", "where ?", CONTEXT, (GoldAnswer("Quay Ten"),))
    data = corpus(lost, question(CONTEXT, "pump", "q2"))
    task, encoded = encoded_of(data, 40)
    assert not task.null
    assert encoded.facts["not_aligned"] == 1
    assert len(task.encode(data, WORDPIECE, 40, training=True).features) == 1
    scores = task.score(data, task.predict(task.decode(gold_outputs(encoded), encoded), data))
    assert (scores["total"], scores["exact"]) == (2, 0.5)
    with pytest.raises(DataError, match="expected answers that are in their contexts"):
        QaTask.of(corpus(lost), QaOptions())


def test_of_several_gold_answers_the_most_common_teaches():
    answers = [GoldAnswer("pump", 0, 4), GoldAnswer("Quay", 13, 17), GoldAnswer("Quay", 13, 17)]
    data = corpus(Question("q1", "where ?", CONTEXT, tuple(answers)))
    (feature,) = encoded_of(data, 40)[1].features
    word = WORDPIECE.convert_ids_to_tokens(feature["input_ids"])
    assert word[feature["start_positions"]] == "quay"
    data = corpus(Question("q1", "where ?", CONTEXT, tuple(answers[:2])))
    (feature,) = encoded_of(data, 40)[1].features
    assert word[feature["start_positions"]] == "pump"


def test_sampled_negatives_are_the_same_each_time_and_spare_the_answers():
    rows = [question(LONG * 2, "pump", f"q{n}") for n in range(8)]
    data = corpus(*rows, question(LONG, None, "none", impossible=True))
    encode = lambda share: encoded_of(data, 40, True, negative_windows=share)[1]  # noqa: E731
    full, half, none = encode(1.0), encode(0.5), encode(0.0)
    assert half.features == encode(0.5).features
    assert len(none.features) < len(half.features) < len(full.features)
    alone = QaTask(QaOptions(), True).encode(corpus(data.questions[-1]), WORDPIECE, 40)
    of_none = len(alone.features)
    shown = sum(f["start_positions"] != 0 for f in full.features)
    assert len(none.features) == shown + of_none
    assert half.facts["windows_left_out"] == len(full.features) - len(half.features)


def test_a_long_question_is_cut_and_counted_and_one_without_room_is_refused():
    data = corpus(question(CONTEXT, "pump", asked="the pump is down " * 20))
    encoded = encoded_of(data, 40, max_question=6)[1]
    words = WORDPIECE.convert_ids_to_tokens(encoded.features[0]["input_ids"])
    assert words.index("[SEP]") == 7
    assert encoded.facts["truncated_questions"] == 1
    assert encoded.notes == ("1 questions are longer than max_question and were cut",)
    with pytest.raises(InputError, match=r"a.json: expected room .* takes 38 and special tokens 3"):
        encoded_of(data, 40, max_question=38)


def test_padding_and_batch_order_change_nothing():
    rows = [question(LONG, "gate 2", "a"), question(CONTEXT, "Quay nine", "b")]
    task = QaTask(QaOptions(), null=True)
    rng = np.random.default_rng(0)
    encoded = task.encode(corpus(*rows), WORDPIECE, 32)
    width = max(len(f["input_ids"]) for f in encoded.features)
    outputs = tuple(rng.normal(size=(2, len(encoded.features), width)))
    padded = tuple(np.pad(o, ((0, 0), (0, 5)), constant_values=-100.0) for o in outputs)
    plain = task.decode(outputs, encoded)
    for scores, other in zip(plain, task.decode(padded, encoded), strict=True):
        assert (scores == other).all()
    single = task.encode(corpus(rows[1]), WORDPIECE, 32)
    place = encoded.features.index(single.features[0])
    (alone,) = task.decode(tuple(o[place : place + 1] for o in outputs), single)
    assert (alone == plain[1]).all()
    turned = task.encode(corpus(*rows[::-1]), WORDPIECE, 32)
    order = [encoded.features.index(feature) for feature in turned.features]
    other = task.decode(tuple(o[order] for o in outputs), turned)[::-1]
    assert task.predict(other, corpus(*rows)) == task.predict(plain, corpus(*rows))


def test_only_a_model_that_was_taught_to_leaves_questions_unanswered():
    rows = np.array([[3, 3, 0, -1, -1], [2, 2, 0, 0, 4]], dtype=np.float32)
    ask = corpus(question(CONTEXT, "pump"))
    always, may = (QaTask(QaOptions(), null=null) for null in (False, True))
    assert always.predict([rows], ask)[0].text == "pump"
    (found,) = may.predict([rows], ask)
    assert (found.text, found.start, found.span, found.null_odds) == ("", None, "pump", 2.0)
    careful = QaTask(QaOptions(null_threshold=2.0), null=True)
    assert careful.predict([rows], ask)[0].text == "pump"  # not above it
    (nothing,) = may.predict([rows[:1]], ask)
    assert (nothing.text, nothing.n_best) == ("", ())


def test_thresholds_are_found_where_questions_have_no_answer():
    data = corpus(question(CONTEXT, "pump"), question(CONTEXT, None, "q2", impossible=True))
    task = QaTask.of(data, QaOptions())
    assert task.null
    rows = [
        np.array([[1, 1, 0, -1, -1], [0, 0, 0, 0, 4]], dtype=np.float32),  # odds 2, answerable
        np.array([[3, 3, 0, -1, -1], [0, 0, 0, 0, 4]], dtype=np.float32),  # odds 6, not
    ]
    scores = task.score(data, task.predict(rows, data))
    assert (scores["exact"], scores["no_answer"]["exact"]) == (0.5, 1.0)
    assert scores["best_f1"] == {"score": 1.0, "threshold": 2.0}


def test_a_model_and_the_file_of_its_predictions_are_scored_in_one_language(file, log):
    """Kana and Hangul as well, also where the answers alone look otherwise."""
    texts = {"ポンプは Quay Nine で停止した": "Quay Nine", "부두 9의 펌프가": "9의 펌프"}
    for context, answer in texts.items():
        data = corpus(question(context, answer))
        task = QaTask.of(data, QaOptions())
        start = context.index(answer)
        row = [2, 2, 0, start, start + len(answer) - 1]
        found = task.predict([np.array([[0, 0, 0, -1, -1], row], dtype=np.float32)], data)
        scores = task.score(data, found)
        assert (scores["language"], scores["exact"]) == ("characters", 0.0)
        assert 0.8 < scores["f1"] < 1
        assert task.problem(data).settings["language"] == "characters"
        lines = file(list(task.rows(data, found)), "predictions.jsonl")
        log.clear()
        assert QaTask.score_file(lines, None, QaOptions()) == scores
        told = "compared by characters, as KorQuAD does, told by the file of predictions"
        assert told in log.messages[0]
        assert QaTask.score_file(lines, None, QaOptions(language="en"))["language"] == "en"


def test_a_reader_says_how_answers_are_compared(file):
    answers = {"text": ["ポンプ"], "answer_start": [0]}
    row = {"question": "何?", "context": "ポンプが停止", "answers": answers}
    path = file(row, "a.jsonl")
    (note,) = QaTask.read(path, QaOptions()).notes
    assert "by characters, as KorQuAD does, told by the contexts" in note.rule
    assert not QaTask.read(path, QaOptions(language="zh")).notes


def test_chinese_contexts_are_scored_as_cmrc_does():
    data = corpus(question("泵站在九号码头停了", "九号码头"))
    task = QaTask.of(data, QaOptions())
    found = task.predict([np.array([[0, 0, 0, -1, -1], [1, 1, 0, 3, 5]], dtype=np.float32)], data)
    scores = task.score(data, found)
    assert (scores["language"], scores["f1"]) == ("zh", pytest.approx(2 * 2 / 6))
    assert QaTask.of(data, QaOptions(language="en")).score(data, found)["f1"] == 0.0


def test_a_saved_task_comes_back_and_a_foreign_one_has_defaults():
    data = corpus(question(CONTEXT, "pump"), question(CONTEXT, None, "q2", impossible=True))
    task = QaTask.of(data, QaOptions(form="sigmoid", max_answer=7))
    again = QaTask.restore(task.labels, json.loads(json.dumps(task.settings())))
    assert (again.options, again.null) == (task.options, True)
    foreign = QaTask.restore(["LABEL_0", "LABEL_1"], {})
    assert (foreign.options, foreign.null) == (QaOptions(), False)
    with pytest.raises(InputError, match="two outputs, start and end, got 3"):
        QaTask.restore(["O", "B", "I"], {})


def test_a_threshold_lets_any_model_leave_questions_unanswered():
    task = QaTask.of(corpus(question(CONTEXT, "pump")), QaOptions(null_threshold=2.0))
    place = CONTEXT.index("pump")
    rows = [np.array([[1, 1, 0, -1, -1], [0, 0, 0, place, place + 4]], dtype=np.float32)]
    asked = task.ask({"question": ["Who?"], "context": [CONTEXT]})
    for saved in (json.loads(json.dumps(task.settings())), {}):
        (answer,) = QaTask.restore(task.labels, saved).predict(rows, asked)
        assert answer.text == "pump"
        (answer,) = QaTask.restore(task.labels, {**saved, "null_threshold": 1.0}).predict(
            rows, asked
        )
        assert (answer.text, answer.span) == ("", "pump")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "sofmax"}, "did you mean 'softmax'"),
        ({"null_threshold": float("nan")}, "expected a number as null_threshold, got nan"),
        ({"language": "de"}, "unknown language 'de'"),
        ({"stride": -1}, "expected stride of at least 0"),
        ({"max_answer": 0}, "expected max_answer of at least 1"),
        ({"negative_windows": 1.5}, "expected negative_windows from 0 to 1, got 1.5"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        QaOptions(**options)


def test_plain_values():
    task = QaTask(QaOptions(n_best=2), null=True)
    data = task.ask({"question": ["where ?", "what ?"], "context": [CONTEXT, CONTEXT]})
    encoded = task.encode(data, WORDPIECE, 40)
    assert not set(task.targets) & set(encoded.features[0])
    rows = np.array([[0, 0, 0, -1, -1], [2, 2, 0, 0, 4], [1, 1, 0, 5, 9]], dtype=np.float32)
    answers = task.answers(data, task.predict([rows, rows], data), [rows, rows])
    first = json.loads(task.render(data, answers, "jsonl").split("\n")[0])
    assert (first["id"], first["answer"], len(first["n_best"])) == ("1", "pump", 2)
    assert task.render(data, answers, "text") == "pump\npump\n"
    assert json.loads(task.render(data, answers, "squad")) == {"1": "pump", "2": "pump"}
    odds = json.loads(task.render(data, answers, "squad-null-odds"))
    assert odds == {"1": -4.0, "2": -4.0}
    with pytest.raises(InputError, match="unknown output format 'xml'"):
        task.render(data, answers, "xml")
    with pytest.raises(InputError, match="expected context 2 to be a text, got ' '"):
        task.ask({"question": ["a", "b"], "context": ["c", " "]})
    with pytest.raises(InputError, match="got 1 questions and 2 contexts"):
        task.ask({"question": ["a"], "context": ["c", "d"]})
    with pytest.raises(DataError, match="expected questions with gold"):
        task.check(data)


def test_prediction_files_of_any_tool(file):
    gold = file(squad(CONTEXT, ("q1", "?", "Quay nine"), ("q2", "?", None)), "gold.json")
    official = file({"q2": "", "q1": "the quay"}, "p.json")
    scores = QaTask.score_file(official, gold, QaOptions())
    assert (scores["exact"], scores["f1"]) == (0.5, pytest.approx((2 / 3 + 1) / 2))
    assert "best_f1" not in scores
    data = read_questions(gold)
    task = QaTask.of(data, QaOptions())
    rows = [np.array([[2, 2, 0, -1, -1], [0, 0, 0, 13, 22]], dtype=np.float32)] * 2
    found = task.predict(rows, data)
    lines = file(list(task.rows(data, found)), "predictions.jsonl")
    # what a run writes is scored alike with its own gold and with the file's
    assert QaTask.score_file(lines, None, QaOptions()) == task.score(data, found)
    assert QaTask.score_file(lines, gold, QaOptions()) == task.score(data, found)
    answers = file(task.render(data, task.answers(data, found, rows), "jsonl"), "answers.jsonl")
    assert QaTask.score_file(answers, gold, QaOptions()) == task.score(data, found)
    with pytest.raises(DataError, match="expected gold answers, got none in 2 of 2 rows"):
        QaTask.score_file(answers, None, QaOptions())
    official = file({"q1": "Quay nine"}, "p.json")
    assert QaTask.score_file(official, gold, QaOptions())["exact"] == 0.5


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("squad20/cs224n-dev-v2.0.json", 0.98),
        ("squad11/train-v1.1.first-articles.json", 0.97),
        ("covidqa/200423_covidQA.json", 0.9),
    ],
)
def test_real_questions_survive_windows(real_data, file, least):
    data = read_questions(real_data(file)).first(40)
    task = QaTask.of(data, QaOptions(max_answer=300))
    encoded = task.encode(data, wordpiece_tokenizer([q.context for q in data]), 300)
    found = task.predict(task.decode(gold_outputs(encoded), encoded), data)
    whole = len(data) - encoded.facts["cut_answers"] - encoded.facts["not_aligned"]
    assert task.score(data, found)["f1"] * len(data) >= least * whole
