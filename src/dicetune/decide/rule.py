"""DecisionRule: biases that are added to the scores of a model before the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dicetune.decide.costs import costs_in_words
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.problems import PROBLEMS, Problem
from dicetune.problems.reliability import Calibration
from dicetune.records import DECISION_FILE, TUNED, check_shape, read_json, write_json

RULE_VERSION = 1
_NUMBER = int | float
_MORE: Mapping[str, Any] = {
    "calibration": {"slope": _NUMBER, "shifts": {...: _NUMBER}},
    "costs": {...: {...: _NUMBER}},
    "abstain": _NUMBER,
}
_SHAPE = {
    "kind": str,
    "biases": {...: int | float},
    "objective": str,
    "labels": [str],
    "evidence": dict,
}


@dataclass(frozen=True)
class DecisionRule:
    """How scores become predictions: biases on some scores, then the default decision.

    Args:
        kind: type of the predictions (a key of ``problems.PROBLEMS``).
        biases: by label; "null" for answers; "start", "end" and "match" for candidate spans. A
            missing bias is 0.
        objective: the goal of the fit.
        labels: of the model, in the order of its outputs.
        evidence: the units of the fit and the gain there; see ``fit``.
        name: of the rule among the rules of a folder; not part of the decision.
        calibration: of the probabilities, before everything else.
        costs: of each predicted label, by gold label; the label of the least expected cost is then
            chosen, and there are no biases.
        abstain: the highest risk at which the rule answers: the expected cost, else one minus the
            probability after the biases. A rule for a cost of silence has no biases.

    Example:
        >>> rule = DecisionRule("label", {"spam": 1.0}, "f1", ("ham", "spam"))
        >>> [scores] = rule.apply([np.log([[0.6, 0.4]])])
        >>> ["ham", "spam"][scores[0].argmax()]
        'spam'
    """

    kind: str
    biases: dict[str, float]
    objective: str
    labels: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    name: str = field(default=TUNED, compare=False)
    calibration: Calibration | None = None
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    abstain: float | None = None

    @property
    def is_default(self) -> bool:
        """Whether the rule changes nothing."""
        return not any(self.biases.values()) and self.is_plain

    @property
    def is_plain(self) -> bool:
        """Whether the rule is its biases alone."""
        return self.calibration is None and not self.costs and self.abstain is None

    @property
    def words(self) -> tuple[str, ...]:
        """The rule as a user knows it, such as "spam if p > 0.011"; one sentence a label."""
        said = list(PROBLEMS[self.kind].rule_words(self.biases, self.labels).values())
        if self.costs:
            said = [costs_in_words(self.cost_matrix, self.labels)]
        if self.abstain is not None:
            said.append(f"nothing if the risk is over {self.abstain:.3g}")
        if self.calibration is not None:
            said.append(f"p is calibrated ({self.calibration})")
        if self.is_default:
            return ("the default decision",)
        return tuple(said) or ("the default decision but for near ties",)

    def told(self, names: Iterable[object] = (), most: int = 4) -> str:
        """The name of the rule, and its words on some labels; by default on all.

        Example:
            >>> rule = DecisionRule("label", {"spam": 4.5}, "f1", ("ham", "spam"))
            >>> rule.told()
            'tuned: spam if p > 0.011'
        """
        said = PROBLEMS[self.kind].rule_words(self.biases, self.labels)
        chosen = [said[str(name)] for name in names if str(name) in said]
        if self.is_plain and chosen:
            return f"{self.name}: {'; '.join(_shortened(chosen, most))}"
        return f"{self.name}: {'; '.join(_shortened(self.words, most))}"

    def apply(self, scores: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The scores that decide: calibrated, then with biases or as costs; silent units at -inf.

        Args:
            scores: of each example, as the task's ``decode`` gives them; they are not changed.

        Returns:
            float64 arrays of the same shapes, for ``Task.predict(scores, data, biased)``.
        """
        found = self.calibrated(scores)
        if self.costs:
            found = PROBLEMS[self.kind].least_cost(found, self.cost_matrix, self.labels)
        else:
            found = PROBLEMS[self.kind].move(found, self.biases, self.labels)
        if self.abstain is None:
            return found
        return [
            table if self.risk(table) <= self.abstain else np.full_like(table, -np.inf)
            for table in found
        ]

    def calibrated(self, scores: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The log-probabilities that are reported."""
        if self.calibration is None:
            return list(scores)
        alone = bool(PROBLEMS[self.kind].independent)
        return [self.calibration.apply(table, self.labels, alone) for table in scores]

    def output_biases(self) -> list[np.ndarray]:
        r"""What the rule adds to the biases of a model's heads, so that it decides by default.

        With the slope :math:`a` and the shifts :math:`s` of a calibration,
        :math:`\arg\max_c (a \log p_c + s_c + b_c) = \arg\max_c (\log p_c + (s_c + b_c) / a)`, and
        likewise for the sign of a logit.

        Raises:
            InputError: a rule that no biases express.

        Example:
            >>> rule = DecisionRule("label", {"spam": 1.0}, "f1", ("ham", "spam"))
            >>> [added] = rule.output_biases()
            >>> added.tolist()
            [0.0, 1.0]
        """
        instead = "give --decision with a rule of biases, or export with --to onnx"
        if self.costs:
            raise InputError(
                "expected a rule that biases of a head express, got costs, which weigh the "
                f"probabilities of all labels: {instead}"
            )
        if self.abstain is not None:
            raise InputError(
                "expected a rule that biases of a head express, got one that may say nothing, "
                f"for which a head has no output: {instead}"
            )
        moved, slope = dict(self.biases), 1.0
        if self.calibration is not None:
            slope = self.calibration.slope
            for name, shift in self.calibration.shifts.items():
                moved[name] = moved.get(name, 0.0) + shift
        moved = {name: bias / slope for name, bias in moved.items()}
        return PROBLEMS[self.kind].output_biases(moved, self.labels)

    def risk(self, deciding: np.ndarray) -> float:
        """The risk of the decision on one unit, from its scores after biases or costs."""
        best = deciding.max()
        return float(-best if self.costs else -np.expm1(best - np.logaddexp.reduce(deciding[0])))

    @property
    def cost_matrix(self) -> np.ndarray:
        """Costs of (gold, predicted) labels."""
        return np.array([[self.costs[a][b] for b in self.labels] for a in self.labels])

    def check(self, problem: Problem) -> None:
        """Refuse a model that the rule was not fitted for.

        Raises:
            InputError: another type of prediction, or other labels.
        """
        anew = "fit the rule anew with `dicetune tune`, or ignore the rule with --decision argmax"
        if self.kind != problem.kind:
            raise InputError(
                f"expected a decision rule for {problem.kind}, got one for {self.kind}: {anew}"
            )
        if self.labels != problem.labels:
            raise InputError(
                f"expected a decision rule for the labels {listed(problem.labels, most=6)}, got "
                f"one for {listed(self.labels, most=6)}: the model was changed since; {anew}"
            )

    def check_place(self, path: str | Path) -> None:
        """Refuse to replace another rule, or a file without a rule.

        Args:
            path: as ``save`` takes it.

        Raises:
            InputError: another rule, or another file.
        """
        file = _file(path, self.name)
        if not file.exists():
            return
        try:
            other = DecisionRule.load(file)
        except InputError as error:
            raise InputError(
                f"expected no file, or the same rule, in {quoted(file)}, got another file "
                f"({error}): name a new one, or replace it with --overwrite"
            ) from None
        if other is None or self._decision() != other._decision():
            told = "" if other is None else f", which was fitted for {quoted(other.objective)}"
            raise InputError(
                f"expected no file, or the same rule, in {quoted(file)}, got another rule{told}: "
                "replace it with --overwrite, or keep both: give the new one a --name"
            )

    def _decision(self) -> tuple[object, ...]:
        """The rule without its evidence."""
        more = (self.calibration, self.costs, self.abstain)
        return self.kind, self.biases, self.objective, self.labels, *more

    def save(self, path: str | Path, metrics: Mapping[str, Any] | None = None) -> None:
        """Write ``decision.json`` into a folder, or a file of another name.

        Args:
            path: the folder, where the name of the rule names its file, or a file.
            metrics: scores of the tuned decision on each split, written beside the rule.
        """
        values = {"version": RULE_VERSION, **asdict(self), "words": self.words}
        del values["name"]  # the name of the file says it
        if self.is_plain:
            for name in _MORE:
                del values[name]
        else:
            values["version"] = RULE_VERSION + 1  # earlier versions cannot read it
        write_json(_file(path, self.name), {**values, "metrics": dict(metrics or {})})

    @classmethod
    def load(cls, path: str | Path, name: str = TUNED) -> DecisionRule | None:
        """The rule of a folder, or of a file.

        Args:
            path: the folder, or the file.
            name: of the rule in the folder.

        Returns:
            ``None`` where the folder has no such rule.

        Raises:
            InputError: a missing file, or a file without a rule.
        """
        file = _file(path, name)
        if not file.is_file():
            if Path(path).is_dir():
                return None
            raise InputError(
                f"expected a decision rule, got {quoted(Path(path))}, which does not exist"
            )
        values = read_json(file)
        if values.get("version") not in (RULE_VERSION, RULE_VERSION + 1):
            raise DataError(
                file,
                f"expected a decision rule of version {RULE_VERSION}, got "
                f"{quoted(values.get('version'))}: fit it anew with `dicetune tune`",
            )
        return cls._from(values, file)

    @classmethod
    def _from(cls, values: Mapping[str, Any], file: Path) -> DecisionRule:
        values = {"evidence": {}, **values}
        check_shape(file, values, _SHAPE, heals="fit it anew with `dicetune tune`")
        biases, labels = values["biases"], values["labels"]
        if values["kind"] not in PROBLEMS:
            raise DataError(
                file,
                f"expected one of the kinds {listed(PROBLEMS)}, got {quoted(values['kind'])}: "
                "fit it anew with `dicetune tune`",
            )
        # an integer of hundreds of digits has no float
        if not all(
            isinstance(bias, float) or abs(bias) < 10**9 for bias in biases.values()
        ) or not (np.isfinite([float(bias) for bias in biases.values()]).all()):
            raise DataError(file, f"expected finite biases by name, got {quoted(biases)}")
        return cls(
            values["kind"],
            {name: float(bias) for name, bias in biases.items()},
            values["objective"],
            tuple(labels),
            values["evidence"],
            rule_name(file),
            **_more(values, file),
        )


def _more(values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Calibration, costs and abstention of a rule, where it has them."""
    found: dict[str, Any] = {name: values[name] for name in _MORE if values.get(name)}
    if values.get("abstain") is not None:
        found["abstain"] = values["abstain"]
    heals = "fit it anew with `dicetune tune`"
    check_shape(file, found, {name: _MORE[name] for name in found}, heals=heals)
    numbers = [found.get("abstain", 0.0)]
    if "calibration" in found:
        numbers += [found["calibration"]["slope"], *found["calibration"]["shifts"].values()]
        found["calibration"] = Calibration(**found["calibration"])
    for row in found.get("costs", {}).values():
        numbers += row.values()
    labels = set(values["labels"])
    if any({*row, *found["costs"]} != labels for row in found.get("costs", {}).values()):
        raise DataError(file, f"expected costs for each pair of its labels: {heals}")
    if not np.isfinite(np.array(numbers, dtype=np.float64)).all():
        raise DataError(
            file, f"expected finite numbers in the rule, got {quoted(numbers)}: {heals}"
        )
    return found


def _shortened(phrases: Sequence[str], most: int) -> list[str]:
    more = len(phrases) - most
    return [*phrases[:most], *([f"{more} more"] if more > 0 else [])]


def rule_name(file: Path) -> str:
    """The name of the rule in a file.

    Example:
        >>> [rule_name(Path(name)) for name in ("decision.json", "decision.r95.json", "rule.json")]
        ['tuned', 'r95', 'rule']
    """
    if file.name == DECISION_FILE:
        return TUNED
    return file.name.removesuffix(".json").removeprefix("decision.")


def _file(path: str | Path, name: str) -> Path:
    """The file of a rule: ``decision.json``, ``decision.NAME.json``, or a file itself."""
    if not Path(path).is_dir():
        return Path(path)
    return named_file(Path(path) / DECISION_FILE, name)


def named_file(file: Path, name: str) -> Path:
    """The file of a named rule beside the file of the rule "tuned".

    Example:
        >>> named_file(Path("tuned.jsonl"), "r95").name, named_file(Path("tuned.jsonl"), TUNED).name
        ('tuned.r95.jsonl', 'tuned.jsonl')
    """
    return file if name == TUNED else file.with_name(f"{file.stem}.{name}{file.suffix}")
