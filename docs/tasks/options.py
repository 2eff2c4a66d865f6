"""Write the table of options of each task into its page, from the declarations in the code.

Usage: python docs/tasks/options.py

A table stands between the lines ``BEGIN`` and ``END``; the rest of a page is written by hand.
"""

import sys
from pathlib import Path

from dicetune.commands.task_help import USES
from dicetune.tasks import TASKS, describe_tasks

HERE = Path(__file__).resolve().parent
BEGIN = "<!-- options: written by docs/tasks/options.py -->"
END = "<!-- end of options -->"
_VALUES = {"TEXT": "a text", "N": "a whole number", "NUMBER": "a number"}


def table(name: str) -> str:
    """The options of a task as a Markdown table, for the commands that use them."""
    (task,) = describe_tasks(name)
    lines = ["| `-o` | values | default | commands | meaning |", "|---|---|---|---|---|"]
    for row in task["options"]:
        values = " or ".join(_VALUES.get(one, f"`{one}`") for one in row["values"].split("|"))
        uses = set(row["for"].split(", "))
        commands = [one for one, own in USES.items() if row["for"] == "all" or uses & {*own}]
        commands = [one for one in commands if one != "compare"]
        default = f"`{row['default']}`" if row["default"] else ""
        meaning = row["meaning"].replace("|", r"\|").replace("{", r"\{")
        cells = (f"`{row['option']}`", values, default, ", ".join(commands), meaning)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def page(name: str) -> Path:
    """The page of a task."""
    return HERE / f"{name}.md"


def written(name: str) -> str:
    """The page of a task with its table."""
    head, begin, rest = page(name).read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"expected the lines {BEGIN} and {END} in {page(name)}, got none")
    return f"{head}{BEGIN}\n\n{table(name)}\n\n{END}{tail}"


def main() -> None:
    """Write the tables of all tasks."""
    for name in TASKS:
        page(name).write_text(written(name), encoding="utf-8")
        sys.stdout.write(f"{page(name).name}\n")


if __name__ == "__main__":
    main()
