"""Generated text: names in the spellings that code and sentences need, and its imports."""

from __future__ import annotations

import ast
import re


def sentence_case(function: str) -> str:
    """`send_mail` as `Send mail`, for a docstring."""
    return function.replace("_", " ").strip().capitalize() or function


def snake_case(name: str) -> str:
    """`WelcomeMail` as `welcome_mail`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel_case(name: str) -> str:
    """`welcome_mail` as `WelcomeMail`."""
    return "".join(part.capitalize() for part in name.split("_"))


def split_imports(text: str) -> tuple[str, list[str]]:
    """Python whose first statements are imports, as the rest of its text and those imports."""
    imports: list[str] = []
    for index, node in enumerate(ast.parse(text).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(ast.unparse(node))
            continue
        if not index:
            return text, imports
        # a decorator is above the line of its function
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(d.lineno for d in decorators)])
        return "\n".join(text.split("\n")[first - 1 :]), imports
    raise AssertionError("only imports")
