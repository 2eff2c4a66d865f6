"""The verbs evaluate, predict and inspect: models, files of predictions, and data.

Flags of the commands are keyword arguments; ``-o`` is the mapping ``options``. The lines that a
command prints on the error stream go to the log ``dicetune``.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicetune import numbers, terminal
from dicetune.errors import InputError, listed, quoted, unknown_name
from dicetune.records import RUN_FILE, TUNED, RunRecord
from dicetune.terminal import Finding, Printed

if TYPE_CHECKING:
    from dicetune.predictor import Predictor

_SPLITS = ("train", "dev", "test")
_MOST_LINES = 20
_LONGEST_TEXT = 120
_log = logging.getLogger(__name__)


class Evaluation(dict[str, Any], Printed):
    """Scores of one file as fractions in [0, 1], with a table for each type or label."""

    def __init__(self, scores: Mapping[str, Any], name: str, rule: str = TUNED) -> None:
        super().__init__(scores)
        self.name, self.rule = name, rule

    def parts(self) -> list[Any]:
        """Headline scores and tables."""
        return terminal.evaluation_tables(self, self.name, self.rule)

    __repr__ = Printed.__str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dict(self)


class Answers(list[Any], Printed):
    """The answer to each text; ``text`` holds them in the output format."""

    def __init__(self, answers: Iterable[Any], text: str) -> None:
        super().__init__(answers)
        self.text = text

    def parts(self) -> list[Any]:
        """The first lines of the output."""
        lines = self.text.splitlines()
        more = [f"… and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
        return [*map(terminal.escape, lines[:_MOST_LINES]), *more]

    __repr__ = Printed.__str__


def evaluate(
    target: str | Path,
    data: str | Path | None = None,
    *,
    task: str | None = None,
    format: str = "auto",
    gold_format: str | None = None,
    split: str | None = None,
    decision: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Score a model on data with gold, or the predictions of any tool.

    Args:
        target: folder of a model, or a file of predictions in a format that the task knows
            (columns word, gold, predicted; the official SQuAD format; JSON lines).
        data: file with gold, where ``target`` is a model or predictions without gold.
        task: task of a file of predictions (default: ``DEFAULT_TASK``), or of a model that
            dicetune did not train; the folder of a run names its task.
        format: format of the predictions, or of a model's ``data``; "auto" tells by the content.
        gold_format: format of ``data`` beside a file of predictions; by default "auto".
        split: the split to score, where a file of predictions names several.
        decision: decision of a model: "auto" (the default rule of the folder, if there is one;
            "argmax" then holds the scores without it), "argmax", the name of a rule, or a file.
        options: options of the task, such as the column of the words or the scheme of the tags.

    Raises:
        InputError: for a model without data, predictions of several splits, or an argument that
            means nothing here.

    Example:
        ``dicetune.evaluate("runs/a", "test.conll")["f1"]``
    """
    from dicetune.tasks import Use, build_options, task_reading

    given = {name: value for name, value in (options or {}).items() if value is not None}
    name = str(data or target)
    if Path(target).is_dir():
        for flag, value in (("gold_format", gold_format), ("split", split)):
            if value is not None:
                raise InputError(
                    f"expected no {flag} for the model {quoted(Path(target))}, got "
                    f"{quoted(value)}: it is for a file of predictions"
                )
        if data is None:
            raise InputError(
                f"expected a file with gold to score the model {quoted(Path(target))} on, got "
                "none: dicetune evaluate MODEL FILE"
            )
        from dicetune.predictor import load

        decision = decision or "auto"
        predictor = load(target, options=given, task=task, use="evaluate", decision=decision)
        examples = predictor.read(data, format=format)
        _tell_rule(predictor)
        rule = TUNED if predictor.decision is None else predictor.decision.name
        return Evaluation(predictor.evaluate(examples), name, rule)
    if gold_format is not None and data is None:
        raise InputError(
            f"expected a file of gold beside {quoted(Path(target))} for "
            f"gold_format={quoted(gold_format)}, got none: give the file, or leave it out"
        )
    if decision is not None:
        raise InputError(
            f"expected no decision for a file of predictions, got {quoted(decision)}: "
            "predictions are decided; `dicetune tune --scores` takes scores"
        )
    use: Use = "score" if data is None else "compare"
    with task_reading(task) as task_class:
        scores = task_class.score_file(
            target,
            data,
            build_options(task_class.Options, given, use=use),
            format=format,
            gold_format=gold_format or "auto",
            split=split,
        )
    if line := _no_common_label(scores):
        _log.warning(line)
    return Evaluation(scores, name)


def predict(
    model: str | Path,
    source: str | None = None,
    *,
    task: str | None = None,
    format: str = "auto",
    out_format: str | None = None,
    decision: str | None = None,
    options: Mapping[str, Any] | None = None,
    out: str | None = None,
    progress: bool = False,
    keep: bool = True,
    **texts: Sequence[str],
) -> Answers:
    """Predict for texts, a file or the input stream.

    ``dicetune.load`` loads a model once, to predict several times.

    Args:
        model: folder of a model.
        source: a file, or "-" for the input stream.
        task: task of a model that dicetune did not train, where its head fits several.
        format: format of ``source``; "auto" tells by the content.
        out_format: an output format of the task; by default the first format of the task.
        decision: as ``evaluate`` takes it.
        options: options of the task, such as the column of the words.
        out: file to write, "-" for the output stream; by default nothing is written. From the
            input stream to the output stream, lines are answered as they come, and none returned.
        progress: show a progress bar.
        keep: return the answers. Without, they are written to ``out`` as they are decoded and the
            list is empty: a file of any length takes little memory, unless it becomes a table.
        texts: texts in place of ``source``, by the names of the task's inputs: ``text``,
            ``text_b``, ``question``, ``context``.

    Raises:
        InputError: for neither a source nor texts, or both; where ``out`` cannot be written.

    Example:
        ``dicetune.predict("runs/a", text=["The pump at Quay Nine is down."])[0].entities``
    """
    from dicetune.data import check_target, write_parts, write_text

    if (source is None) == (not texts):
        raise InputError(
            f"expected a file or --text, got {'neither' if source is None else 'both'}: "
            "dicetune predict MODEL FILE ('-' for the input stream)"
        )
    if source is None and format != "auto":
        raise InputError(
            f"expected no format beside texts, got {quoted(format)}: a format says how a file is "
            "read; leave it out"
        )
    if out is not None:
        check_target(out)
    from dicetune.live import BY_LINE, LiveLines, follow, line_format
    from dicetune.predictor import load  # loads torch: after the checks
    from dicetune.tasks import Use

    live = LiveLines.of_stdin() if source == out == "-" else None  # reads while the model loads
    use: Use = "ask" if source is None else "predict"
    predictor = load(model, options=options, task=task, use=use, decision=decision or "auto")
    known = predictor.task.out_formats
    if out_format not in (None, *known):
        raise unknown_name("output format", str(out_format), list(known))
    shape = out_format or known[0]
    if live is not None:
        by_line = line_format(live, predictor, format, shape)
        if by_line is not None and not live.ended:
            _tell_rule(predictor)
            for part in follow(live, predictor, by_line, shape):
                write_text("-", part)
                sys.stdout.flush()
            return Answers([], "")
        source, format = live.whole(), by_line or format
    if source is None:
        examples = predictor.ask(**texts)
    else:
        examples = predictor.read(source, format=format, gold=False)
    _tell_rule(predictor)
    if progress:
        predictor.track = terminal.tracked
    render, rule = predictor.task.render, predictor.decision
    if out is not None and not keep and shape in BY_LINE:
        write_parts(out, (render(*part, shape, rule) for part in predictor.answered(examples)))
        return Answers([], "")
    answers = predictor.answer(examples)
    text = render(examples, answers, shape, rule)
    if out is not None:
        write_text(out, text)
    return Answers(answers, text)


def inspect(
    files: str | Path | Sequence[str | Path],
    *,
    task: str | None = None,
    model: str = "minilm",
    format: str = "auto",
    options: Mapping[str, Any] | None = None,
    suspicious: int | None = None,
    estimate_annotation: bool = False,
) -> Finding:
    """Describe files with gold as a model reads them, or what a run says of their annotation.

    Args:
        files: one file or several; up to three are called train, dev and test, more by name. With
            ``suspicious`` or ``estimate_annotation``, the folder of a run.
        task: name of the task; default: ``DEFAULT_TASK``.
        model: the encoder whose sub-words are counted: "minilm", a folder, or a Hub id. With the
            folder of a run, files are read like its training data.
        format: data format of the files.
        options: options of the task, such as the column of the words.
        suspicious: list this number of labels that the model of a run finds least likely: of the
            whole file of a run with ``folds``, else of dev and test.
        estimate_annotation: estimate how many marks are missing and how many are wrong, by a run
            with ``folds``; see ``decide.annotation``.

    Raises:
        InputError: files that cannot be read, or files of the same name.

    Example:
        ``dicetune.inspect(["train.conll", "dev.conll"]).splits[0].facts``
    """
    if suspicious is not None and estimate_annotation:
        raise InputError(
            "expected --suspicious or --estimate-annotation, got both: ask for them one by one"
        )
    if suspicious is not None or estimate_annotation:
        beside = {"task": task, "options": options, "format": format != "auto"}
        beside["model"] = model != "minilm"
        if any(beside.values()):
            got = listed(name for name, is_given in beside.items() if is_given)
            raise InputError(f"expected the folder of a run alone, got {got} beside it")
        return _annotation(files) if suspicious is None else _suspicious(files, suspicious)
    from dicetune.models import load_tokenizer, resolve_encoder, subword_counter
    from dicetune.tasks import Trained, build_options, task_reading

    paths = [str(file) for file in ([files] if isinstance(files, (str, Path)) else files)]
    given = {name: value for name, value in (options or {}).items() if value is not None}
    trained = None
    if (Path(model) / RUN_FILE).is_file():
        record = RunRecord.load(model)
        trained = Trained(record.config["options"], tuple(record.labels))
    with task_reading(task) as task_class:
        chosen = build_options(task_class.Options, given, use="inspect")
        splits = [task_class.read(path, chosen, format=format, trained=trained) for path in paths]
    names = [Path(path).name for path in paths]
    if len(paths) <= len(_SPLITS):
        names = list(_SPLITS[: len(paths)])
    if len(set(names)) < len(names):
        raise InputError(f"expected files with different names, got {listed(names)}")
    tokenizer = load_tokenizer(resolve_encoder(model), aligns=task_class.aligns)
    counter = subword_counter(tokenizer)
    found = task_class.inspect(dict(zip(names, splits, strict=True)), counter)
    return Finding(found, terminal.inspection_tables)


def _suspicious(files: Any, most: int) -> Finding:
    """The suspicious labels of a run, with their places in its files where these are unchanged."""
    from dicetune.tasks.suspects import located_suspects

    given = [files] if isinstance(files, (str, Path)) else list(files)
    if len(given) != 1 or not (Path(given[0]) / RUN_FILE).is_file():
        raise InputError(
            f"expected the folder of a run for --suspicious, got {listed(given)}: a model that was "
            "not trained on the texts doubts labels (train --folds, or dev and test of a run)"
        )
    return Finding(located_suspects(given[0], most), _suspicious_tables)


def _annotation(files: Any) -> Finding:
    """How complete and how wrong the annotation of a run with folds is."""
    from dicetune.decide.annotation import annotation_of

    given = [files] if isinstance(files, (str, Path)) else list(files)
    if len(given) != 1 or "folds" not in RunRecord.load(given[0]).training:
        raise InputError(
            f"expected the folder of one run with folds, got {listed(given)}: make it with "
            "`dicetune train TASK --data FILE --folds 5`, so that every text is scored by a model "
            "that has not seen it"
        )
    return Finding(annotation_of(given[0]), _annotation_tables)


def _suspicious_tables(found: Any) -> list[Any]:
    """The suspicious labels with their places, and how many confident learning counts."""
    rows = [
        {
            "place": one.place,
            "given": one.given,
            "p": f"{one.chance:.3f}",
            "usual p": f"{one.usual:.3f}",
            "likely": one.likely or "",
            "text": one.text if len(one.text) <= _LONGEST_TEXT else f"{one.text[:_LONGEST_TEXT]}…",
        }
        for one in found.suspects
    ]
    lines = [
        f"{found.doubted:,} of {found.units:,} texts or sentences have a label that confident "
        "learning counts as an error; the lowest p below the usual p of its label comes first.",
        *found.notes,
    ]
    table = terminal.plain_table(rows, "Suspicious labels") if rows else "No labels."
    return [table, *map(terminal.escape, lines)]


def _annotation_tables(found: Any) -> list[Any]:
    """The three shares with their intervals, and what they mean and ask for."""
    rows = [
        {
            "share": name,
            "estimate": numbers.points(one.value),
            "95%": numbers.interval([one.low, one.high]),
        }
        for name, one in (
            ("marked where the models are surest", found.surest),
            ("mean chance of a mark (Elkan and Noto)", found.elkan_noto),
            ("marks that the models would not make", found.rejected),
        )
    ]
    title = f"Annotation: {found.marked:,} marks of {found.items:,} words or texts"
    return [
        terminal.plain_table(rows, title),
        "If marks are left out at random, and the models are sure of some items, the first share "
        "is the share of all positives that is marked; hard items make the second share lower. The "
        "third share are marks that are wrong or hard: at most about as many are wrong. Marks that "
        "are always left out, or always wrong in the same way, are learnt and not found.",
    ]


def _tell_rule(predictor: Predictor) -> None:
    """The rule in words, for the formats that have no place for it."""
    rule = predictor.decision
    if rule is not None and not rule.is_default:
        _log.info("decided by the rule %s (--decision argmax: without it)", rule.told())


def _no_common_label(scores: Mapping[str, Any]) -> str | None:
    """The warning for gold and predictions that have no label in common."""
    rows = scores.get("per_type") or scores.get("per_label") or {}
    gold, predicted = (
        sorted(name for name, row in rows.items() if row[what]) for what in ("support", "predicted")
    )
    if not gold or not predicted or set(gold) & set(predicted):
        return None
    return (
        f"no label in common: gold has {listed(gold, most=5)}, the predictions have "
        f"{listed(predicted, most=5)}; every prediction is wrong, so check that both files use the "
        "same names"
    )


def _earlier_load(*args: Any, **options: Any) -> Predictor:
    """``dicetune.predict.load`` of version 0.1."""
    warnings.warn(
        "dicetune.predict.load is called dicetune.load: use that name", DeprecationWarning, 2
    )
    from dicetune.predictor import load

    return load(*args, **options)


predict.load = _earlier_load  # type: ignore[attr-defined]
