"""Print the figures of style that the project watches, for src/: `python tests/docs/style_figures.py [FOLDER]`.

Nothing calls this but people: a figure is a hint where to look, and no aim in itself.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main(folder: Path) -> None:
    """Read every Python file below `folder`, and print a line per figure."""
    texts = {path: path.read_text() for path in sorted(folder.rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    lines = [line for text in texts.values() for line in text.splitlines()]
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, Function)]
    names = [f.name.strip("_") for f in functions if not f.name.startswith("__")]
    thousand = len(lines) / 1000
    comments = sum(count_comments(text) for text in texts.values())
    conditional = sum(isinstance(node, ast.IfExp) for node in nodes)
    comprehensions = sum(
        isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        for node in nodes
    )
    one_word = sum("_" not in name for name in names)

    print(f"lines                                    {len(lines):>7,}")
    print(f"comment lines per 100 lines              {100 * comments / len(lines):>7.1f}")
    print(f"lines over 88 columns, percent           {percent_longer(lines, 88):>7.1f}")
    print(f"lines over 100 columns                   {sum(len(line) > 100 for line in lines):>7}")
    print(f"conditional expressions per 1,000 lines  {conditional / thousand:>7.1f}")
    print(f"comprehensions per 1,000 lines           {comprehensions / thousand:>7.1f}")
    print(f"function names of one word, percent      {100 * one_word / len(names):>7.1f}")
    most, where = max(most_parameters(trees))
    print(f"most parameters of a function            {most:>7}  {where}")
    size, where = max(longest_class(trees))
    print(f"lines of the longest class               {size:>7}  {where}")


def count_comments(text: str) -> int:
    """How many lines of a source hold a comment."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def percent_longer(lines: list[str], columns: int) -> float:
    """The share of lines that are longer than that, in percent."""
    return 100 * sum(len(line) > columns for line in lines) / len(lines)


def most_parameters(trees: dict[Path, ast.Module]) -> Iterator[tuple[int, str]]:
    """The number of parameters of each function outside of cli, where each option is one."""
    for path, tree in trees.items():
        if "cli" in path.parts:
            continue
        for node in ast.walk(tree):
            if isinstance(node, Function):
                arguments = node.args
                named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                yield len(named), f"{path}:{node.lineno} {node.name}"


def longest_class(trees: dict[Path, ast.Module]) -> Iterator[tuple[int, str]]:
    """The lines of each class, outside of ui and of the two scripts that have to be one file."""
    for path, tree in trees.items():
        if "ui" in path.parts or path.name == "inside.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield (node.end_lineno or 0) - node.lineno + 1, f"{path}:{node.lineno} {node.name}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "src"))
