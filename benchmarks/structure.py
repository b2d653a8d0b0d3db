"""The structure of the code in figures: folders, files, import cycles, untyped dictionaries, the README, vague words.

python -m benchmarks.structure

Prints each figure with its limit. Exit code 1 if one is exceeded. tests/test_architecture.py holds the same limits.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

#: The packages of kotune: each may import those before it.
PACKAGES = ["foundation", "search_spaces", "corpora", "trainables", "tuning", "delivery", "cli"]

MAX_FILES, MAX_LINES, MAX_DICTS, MAX_README = 20, 300, 40, 200

#: Words that say nothing as the name of a value.
VAGUE_WORDS = ("found", "known", "told")


def sources(package: str) -> list[Path]:
    """Returns the Python files of a package; `cli` is a single file."""
    return [ROOT / "cli.py"] if package == "cli" else sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    """Returns the dotted name of a file's module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules() -> dict[str, Path]:
    """Returns every module of kotune with its file."""
    return {module_of(path): path for package in PACKAGES for path in sources(package)}


def imported(path: Path, names: set[str]) -> set[str]:
    """Returns the modules that a file imports, at the top or in a function.

    `from package import name` counts as the module `package.name` if that is one of `names`, else as `package`.
    """
    imports = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            imports |= {name if name in names else str(node.module) for name in whole}
    return imports


def import_cycles(imports: Mapping[str, set[str]]) -> list[str]:
    """Returns the modules that take part in an import cycle, or that depend on one."""
    done: set[str] = set()
    while ready := {name for name, needs in imports.items() if name not in done and needs - {name} <= done}:
        done |= ready
    return sorted(set(imports) - done)


def all_imports() -> dict[str, set[str]]:
    """Returns for every module of kotune the modules of kotune that it imports."""
    files = modules()
    return {name: imported(path, set(files)) & set(files) for name, path in files.items()}


def project_files() -> list[Path]:
    """Returns the files of the packages, benchmarks and tests, and cli.py."""
    folders = [*PACKAGES[:-1], "benchmarks", "tests"]
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    return [*(path for path in paths if path.is_file() and "__pycache__" not in path.parts), ROOT / "cli.py"]


def files_per_folder() -> Counter[str]:
    """Returns the number of files directly in each folder, without the root."""
    return Counter(str(path.parent.relative_to(ROOT)) for path in project_files() if path.parent != ROOT)


def lines_per_file() -> Counter[str]:
    """Returns the number of lines of each Python file."""
    files = [path for path in project_files() if path.suffix == ".py"]
    return Counter({str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files})


def dicts_in_signatures() -> Counter[str]:
    """Returns how often `dict[str, Any]` occurs in the signatures of each module's functions, also as an alias."""
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules().items()}
    scopes = {name: Scope(name, trees) for name in trees}
    return Counter({name: sum(map(scopes[name].dicts, annotations(tree))) for name, tree in trees.items()})


class Scope:
    """The names of one module, as far as they stand for types: its own aliases, and what it imports."""

    def __init__(self, module: str, trees: Mapping[str, ast.Module]) -> None:
        self.trees = trees
        self.aliases = dict(type_aliases(trees[module]))
        self.imports: dict[str, tuple[str, str]] = {}  # name here -> module, name there ("" for the module itself)
        for node in ast.walk(trees[module]):
            if isinstance(node, ast.Import):
                self.imports |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    target = (whole, "") if whole in trees else (str(node.module), alias.name)
                    self.imports[alias.asname or alias.name] = target

    def dicts(self, expression: ast.AST, open_names: frozenset[str] = frozenset()) -> int:
        """Returns how often `dict[str, Any]` occurs in a type, with each alias replaced by what it stands for.

        An alias that contains itself (one of `open_names`) counts once.
        """
        text = ast.unparse(expression)
        if text.replace("typing.", "") in ("dict[str, Any]", "Dict[str, Any]"):
            return 1
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            return self._quoted(expression.value, open_names)
        if isinstance(expression, ast.Name | ast.Attribute):
            return self._named(text, open_names)
        return sum(self.dicts(child, open_names) for child in ast.iter_child_nodes(expression))

    def _quoted(self, text: str, open_names: frozenset[str]) -> int:
        try:
            return self.dicts(ast.parse(text, mode="eval").body, open_names)
        except SyntaxError:
            return 0  # the text of a Literal or of an option's help

    def _named(self, text: str, open_names: frozenset[str]) -> int:
        if text in self.aliases:
            return 0 if text in open_names else self.dicts(self.aliases[text], open_names | {text})
        prefix, _, last = text.rpartition(".")
        module, name = self.imports.get(text) or (self.imports.get(prefix, ("", ""))[0], last)
        return Scope(module, self.trees)._named(name, frozenset()) if module in self.trees and name else 0


def type_aliases(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yields the aliases of a module: `A = …`, `A: TypeAlias = …` and `type A = …`."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            if ast.unparse(node.annotation).endswith("TypeAlias"):
                yield node.target.id, node.value
        elif type(node).__name__ == "TypeAlias":  # ast.TypeAlias, from Python 3.12
            yield node.name.id, node.value


def annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """Yields the annotations of all arguments and return values of all functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            groups = [node.args.posonlyargs, node.args.args, node.args.kwonlyargs, [node.args.vararg, node.args.kwarg]]
            yield from (arg.annotation for group in groups for arg in group if arg and arg.annotation)
            if node.returns:
                yield node.returns


def vague_words() -> Counter[str]:
    """Returns how often each vague word occurs in the packages: as a name, or in prose."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in modules().values())
    return Counter({word: len(re.findall(rf"\b{word}\b", text)) for word in VAGUE_WORDS})


def readme_lines() -> int:
    """Returns the number of lines of README.md."""
    return len(README.read_text(encoding="utf-8").splitlines())


def main() -> int:
    """Prints the figures; returns 1 if a limit is exceeded."""
    (folder, files), (file, lines) = files_per_folder().most_common(1)[0], lines_per_file().most_common(1)[0]
    dicts, cycles = dicts_in_signatures(), import_cycles(all_imports())
    figures = [
        ("files in a folder", files, MAX_FILES, folder),
        ("lines in a file", lines, MAX_LINES, file),
        ("modules in import cycles", len(cycles), 0, ", ".join(cycles)),
        ("dict[str, Any] in signatures", dicts.total(), MAX_DICTS, f"most in {dicts.most_common(1)[0][0]}"),
        ("lines of README.md", readme_lines(), MAX_README, ""),
    ]
    for name, value, limit, where in figures:
        print(f"{name:<30}{value:>5}  at most {limit:<5}{'' if value <= limit else 'TOO MANY  '}{where}")
    for word, count in vague_words().items():
        print(f"{f'the word {word}':<30}{count:>5}")
    return int(any(value > limit for _, value, limit, _ in figures))


if __name__ == "__main__":
    sys.exit(main())
