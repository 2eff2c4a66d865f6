"""Execute the tutorials and store their outputs, of which the site is built: `make docs`.

Usage: python docs/tutorials/execute.py [NAME...]     (default: all)

Each runs in a folder of its own. What differs from run to run without meaning (times of cells,
messages of libraries on the error stream, cleared progress bars) is left out.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def says(output: Any) -> bool:
    """Whether an output is one: not the error stream, and not a progress bar that is cleared."""
    html = output.get("data", {}).get("text/html")
    return output.get("name") != "stderr" and (html is None or bool("".join(html).strip()))


def execute(path: Path) -> None:
    """Run a notebook and write it with its outputs."""
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": folder}})
        client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if says(one)]
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, path)


def main() -> None:
    """Execute the named tutorials."""
    for name in sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.ipynb")):
        sys.stdout.write(f"{name}\n")
        execute(HERE / f"{name}.ipynb")


if __name__ == "__main__":
    main()
