"""Keep the records of a finished comparison: python experiments/collect_comparison.py DIR.

Copies plan, summary and the record of each run into experiments/comparisons/NAME. The texts of the
data stay where they are: the summary is kept without its items.
"""

import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Copy one folder."""
    source = Path(sys.argv[1])
    target = HERE / "comparisons" / source.name.removeprefix("compare-")
    shutil.rmtree(target, ignore_errors=True)
    (target / "records").mkdir(parents=True)
    for name in ("comparison.json", "summary.md"):
        shutil.copy(source / name, target / name)
    summary = json.loads((source / "summary.json").read_text(encoding="utf-8"))
    summary["items"] = []
    text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    (target / "summary.json").write_text(text, encoding="utf-8")
    for record in sorted(source.glob("cells/*/run.json")):
        shutil.copy(record, target / "records" / f"{record.parent.name}.json")


if __name__ == "__main__":
    main()
