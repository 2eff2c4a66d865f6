"""The rules of the house: what a reader may rely on anywhere in ``src``, read from the syntax."""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import dicetune
from dicetune.problems import PROBLEMS
from dicetune.tasks import TASKS

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src"
FILES = sorted(SRC.rglob("*.py"))
NAMES = {path: ".".join(path.relative_to(SRC).with_suffix("").parts) for path in FILES}
MOST_LINES = 450
FEWEST_LINES = 60
MOST_FILES = 199
MOST_LINES_OF_ALL = 46_720
# files of a folder that a registry lists: one file each, however small
LISTED = ("dicetune.problems", "dicetune.tasks", "dicetune.losses", "dicetune.data")
# what an extra installs for another library: torch.onnx exports by onnxscript, pandas reads Excel
BY_OTHERS = {"onnx", "onnxscript", "onnxruntime", "openpyxl", "fastapi", "uvicorn"}
# whose modules a registry names, and which therefore never import it
REGISTRIES = ("dicetune.problems", "dicetune.tasks", "dicetune.losses")


def module_name(path):
    return NAMES[path].removesuffix(".__init__")


MODULES = {module_name(path): path for path in FILES}


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported(node, inside):
    """The modules that import statements below a node name; ``inside`` functions too."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                full = f"{child.module}.{alias.name}"
                yield full if full in MODULES else child.module
        elif inside or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imported(child, inside)


@cache
def graph(inside=False):
    """Which modules of the package each module imports."""
    return {
        name: {found for found in imported(tree(path), inside) if found in MODULES} - {name}
        for name, path in MODULES.items()
    }


def test_no_file_is_too_long():
    assert {module_name(p): lines(p) for p in FILES if lines(p) > MOST_LINES} == {}


def test_a_short_file_serves_several():
    importers = defaultdict(set)
    for name, found in graph(inside=True).items():
        for other in found:
            importers[other].add(name)
    short = {
        module_name(path): lines(path)
        for path in FILES
        if path.name not in ("__init__.py", "__main__.py")
        and lines(path) < FEWEST_LINES
        and len(importers[module_name(path)]) < 2
        and not module_name(path).startswith(LISTED)
    }
    assert short == {}


def test_the_whole_can_be_held_in_the_head():
    assert len(FILES) <= MOST_FILES
    assert sum(map(lines, FILES)) <= MOST_LINES_OF_ALL


def test_no_module_imports_itself_by_others():
    """Strongly connected components, by Tarjan's algorithm."""
    edges, number, low, stack, circles = graph(), {}, {}, [], []

    def visit(name):
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in sorted(edges[name]):
            if other not in number:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == number[name]:
            found = stack[stack.index(name) :]
            del stack[-len(found) :]
            if len(found) > 1:
                circles.append(found)

    for name in sorted(edges):
        if name not in number:
            visit(name)
    assert circles == []


@pytest.mark.parametrize("registry", REGISTRIES)
def test_what_a_registry_lists_does_not_import_it(registry):
    inside = graph(inside=True)
    backwards = {
        name for name in inside[registry] if name.startswith(registry) and registry in inside[name]
    }
    assert backwards == set()


def operands(node):
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return []


def constants(node):
    return {
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def comparisons_with(names, subject):
    """Places where something that is called ``subject`` is compared with one of ``names``."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            sides = operands(node)
            told = " ".join(ast.unparse(side) for side in sides if not constants(side) & names)
            told += " ".join(
                ast.unparse(side.value) for side in sides if isinstance(side, ast.Subscript)
            )
            if any(constants(side) & names for side in sides) and re.search(subject, told):
                yield module_name(path), node.lineno
            if isinstance(node, ast.Match) and re.search(subject, ast.unparse(node.subject)):
                yield module_name(path), node.lineno


def tables_of(names):
    """Dictionaries that are keyed by two or more of ``names`` and by nothing else."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Dict):
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                if len(keys & names) >= 2 and keys <= names and len(node.keys) == len(keys):
                    yield module_name(path), node.lineno


def outside(found, package):
    return sorted({place for place in found if not place[0].startswith(package)})


def test_only_problems_name_the_types_of_predictions():
    names = set(PROBLEMS)
    found = [*comparisons_with(names, r"\bkind\b|problem|'kind'"), *tables_of(names - {"label"})]
    assert outside(found, "dicetune.problems") == []


def test_only_tasks_name_tasks():
    names = set(TASKS)
    found = [*comparisons_with(names, r"\btask\b|'task'"), *tables_of(names)]
    assert outside(found, "dicetune.tasks") == []


def test_no_class_has_the_name_of_another():
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module_name(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_function_has_the_name_of_another():
    """A verb is a function of the door, and of the command line and the package behind it."""
    places = defaultdict(list)
    for path in FILES:
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                places[node.name].append(module_name(path))
    known = {"main", *dicetune._PUBLIC}
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice.keys() <= known, twice


def test_what_is_declared_is_imported_and_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = {"pyyaml": "yaml", "scikit-learn": "sklearn"}

    def names(lines):
        found = {re.match(r"[\w-]+", line)[0] for line in lines}
        return {modules.get(name, name.replace("-", "_")) for name in found}

    needed, extras = names(project["dependencies"]), project["optional-dependencies"]
    users = {extra for extra in extras if extra not in ("minilm", "test", "dev", "docs")}
    offered = names(line for extra in users for line in extras[extra])
    found = {name.split(".")[0] for path in FILES for name in imported(tree(path), inside=True)} - {
        "dicetune",
        "__future__",
        *sys.stdlib_module_names,
    }
    assert needed <= found <= needed | offered
    assert offered - found <= BY_OTHERS


WALKS = re.findall(
    r"^\*\*(.+?)\*\* \(at most (\d+) files\): (.+?)\.\n\n",
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)


def test_there_are_five_walks():
    assert len(WALKS) == 5


@pytest.mark.parametrize(("title", "most", "text"), WALKS, ids=[title for title, *_ in WALKS])
def test_a_walk_is_connected_and_short(title, most, text):
    """Each file is imported by a file of the walk, or imports one (its methods are called)."""
    files = re.findall(r"`([\w/]+\.py)`", text)
    modules = (re.sub(r"(/__init__)?\.py$", "", file).replace("/", ".") for file in files)
    names = [f"dicetune.{module}" for module in modules]
    assert len(set(names)) == len(names) <= int(most)
    assert set(names) <= MODULES.keys()
    # `dicetune` imports its public names on first use
    edges = {**graph(inside=True), "dicetune": set(dicetune._PUBLIC.values())}
    reached = {names[0]}
    packages = {name.rpartition(".")[0] for name in names}
    through = {
        name: edges[name] | {m for p in edges[name] & packages for m in edges[p]} for name in names
    }
    for _ in names:
        reached |= {n for n in names if through[n] & reached}
        reached |= {n for name in reached for n in names if n in through[name]}
    assert reached == set(names)
