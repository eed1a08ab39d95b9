"""The house stands: imports run one way, few modules know the browser, files stay readable."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "weblayers"
FILES = sorted(SOURCE.rglob("*.py"))

# Who may import whom: a part imports parts further up only.
ORDER = [
    {"bound", "custom", "elsewhere", "naming", "random_seed", "recent", "sizes", "tree", "unwinding"},
    {"mixed_precision"},
    {"graph"},
    {"compiler"},
    {"runtime"},
    {"ops"},
    {"activations", "constraints", "initializers", "losses", "metrics", "optimizers", "regularizers"},
    {"layers"},
    {"io"},
    {"callbacks", "data"},
    {"models"},
    {"serialization", "util", "utils"},
    {"page"},
    {"vis"},
    {"hosting"},
    {"__init__", "__main__"},
]
RANK = {part: i for i, parts in enumerate(ORDER) for part in parts}
BROWSER_MODULES = {
    *(f"runtime/{name}.py" for name in ("border", "glue", "page", "glue_device")),
    "io/browser.py",
    "io/keras/h5wasm.py",
    "data/devices.py",
    "page/hosts.py",
    "page/program.py",
}


def part_of(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_parts(path):
    """The parts of the package that a file imports, each with its line."""
    package = path.relative_to(SOURCE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module.split(".") if node.module else ()))
            names = [target[0]] if target else [a.name for a in node.names]
            yield from ((name, node.lineno) for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_one_way(path):
    mine = RANK[part_of(path)]
    for name, line in imported_parts(path):
        assert RANK.get(name, mine) <= mine, f"{path.name}:{line} imports {name}, which is further down the house"
        if name in RANK and RANK[name] == mine and name != part_of(path):
            # neighbours may know each other where it is no circle: metrics build on losses, and begin with values
            assert (part_of(path), name) in (("metrics", "losses"), ("metrics", "initializers")) or mine == 0


def module_of(path):
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imported_modules(path):
    """The modules that a file imports, those inside functions too, but not those that only types need."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    package = path.relative_to(SOURCE).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else ()))
            for name in node.names:
                found = [".".join(parts) for parts in ((*base, name.name), base)]
                yield next(m for m in found if m in MODULES or m == "")


def circles():
    """The groups of modules each of which reaches all others of its group."""
    reached = {}
    imports = {module: set(imported_modules(path)) for module, path in MODULES.items()}
    for module in MODULES:
        found, waiting = set(), [module]
        while waiting:
            for other in imports.get(waiting.pop(), ()):
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        reached[module] = found
    groups = {frozenset(m for m in found if module in reached.get(m, ())) for module, found in reached.items()}
    return [set(group) for group in groups if group]


def test_no_modules_import_each_other():
    assert circles() == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_runtime_knows_the_browser(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if any(n.split(".")[0] in ("js", "pyodide", "pyodide_js") for n in names):
            assert path.relative_to(SOURCE).as_posix() in BROWSER_MODULES


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_fit_in_the_head(path):
    assert len(path.read_text().splitlines()) <= 450
