"""The rules in the folder of a run: each has a name, and one of them decides by default.

``decision.json`` is the rule "tuned", ``decision.NAME.json`` another rule, and ``tuned.NAME.jsonl``
its predictions. ``decisions.json`` names the default; without this file it is "tuned" where there
is such a rule, else "argmax", the decision without a rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicetune.decide.rule import DecisionRule, rule_name
from dicetune.errors import DataError, InputError, listed, quoted
from dicetune.records import DECISION_FILE, DEFAULT, TUNED, read_json, write_json

AUTO = "auto"
DEFAULT_FILE = "decisions.json"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def check_name(name: str) -> str:
    """A name for a rule, which becomes part of the name of a file.

    Raises:
        InputError: other characters, or a name with a meaning of its own.
    """
    if not _NAME.fullmatch(name) or name in (AUTO, DEFAULT):
        raise InputError(
            f"expected a name of letters, digits, - and _ (not {AUTO} or {DEFAULT}), such as "
            f"recall95, got {quoted(name)}"
        )
    return name


@dataclass(frozen=True)
class FolderRules:
    """The rules of a folder.

    Args:
        folder: of a run.
        rules: by name.
        default: the name of the rule that decides where none is asked for, or "argmax".
    """

    folder: Path
    rules: dict[str, DecisionRule]
    default: str

    @classmethod
    def of(cls, folder: str | Path) -> FolderRules:
        """Read the rules of a folder.

        Raises:
            InputError: a file without a rule, or a default that is no rule of the folder.
        """
        folder = Path(folder)
        found = {name: DecisionRule.load(folder, name) for name in names_of(folder)}
        rules = {name: rule for name, rule in found.items() if rule is not None}
        return cls(folder, rules, default_name(folder))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {"default": self.default, "rules": self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """Name, objective and words of each rule; "default" marks the one that decides."""
        return [
            {
                "name": name,
                "default": "yes" if name == self.default else "",
                "objective": rule.objective,
                "rule": rule.told()[len(name) + 2 :],
            }
            for name, rule in self.rules.items()
        ]


def names_of(folder: str | Path) -> list[str]:
    """The names of the rules of a folder, "tuned" first."""
    paths = [Path(folder) / DECISION_FILE, *sorted(Path(folder).glob("decision.*.json"))]
    return [rule_name(path) for path in paths if path.is_file()]


def default_name(folder: str | Path) -> str:
    """The name of the rule that decides where none is asked for, or "argmax".

    Raises:
        DataError: a default that is no rule of the folder.
    """
    file, names = Path(folder) / DEFAULT_FILE, names_of(folder)
    if not file.is_file():
        return TUNED if TUNED in names else DEFAULT
    default = str(read_json(file).get("default"))
    if default not in (*names, DEFAULT):
        raise DataError(
            file,
            f"expected the name of a rule of the folder ({listed([*names, DEFAULT])}), got "
            f"{quoted(default)}: choose one with `dicetune tune {folder} --default NAME`",
        )
    return default


def set_default(folder: str | Path, name: str) -> FolderRules:
    """Let a rule of the folder decide where none is asked for; "argmax" lets none.

    Raises:
        InputError: a name that the folder has no rule of.
    """
    names = [*names_of(folder), DEFAULT]
    if name not in names:
        raise InputError(
            f"expected the name of a rule in {quoted(Path(folder))} ({listed(names)}), got "
            f"{quoted(name)}: fit it first with `dicetune tune {folder} --name {name}`"
        )
    write_json(Path(folder) / DEFAULT_FILE, {"default": name})
    return FolderRules.of(folder)


def chosen_rule(folder: str | Path, decision: str | Path) -> DecisionRule | None:
    """The rule that ``decision`` asks for; ``None`` where no rule decides.

    Args:
        folder: of a model.
        decision: "auto" (the default of the folder), "argmax", the name of a rule of the folder,
            or a file.

    Raises:
        InputError: no such rule.
    """
    if decision == DEFAULT:
        return None
    if decision == AUTO:
        decision = default_name(folder)
        return None if decision == DEFAULT else DecisionRule.load(folder, decision)
    name = str(decision)
    if _NAME.fullmatch(name) and (rule := DecisionRule.load(folder, name)) is not None:
        return rule
    if decision == TUNED or (_NAME.fullmatch(name) and not Path(decision).exists()):
        known = names_of(folder)
        raise InputError(
            f"expected a decision rule {quoted(name)} in {quoted(Path(folder))}, got none"
            f"{f' (there is {listed(known)})' if known else ''}: fit one with `dicetune tune`"
        )
    rule = DecisionRule.load(decision)
    if rule is None:
        raise InputError(
            f"expected a decision rule in {quoted(Path(decision))}, got none: fit one with "
            "`dicetune tune`"
        )
    return rule
