"""What gives the processes of a deployment their broker: it wins over what the settings have now.

A line of a deployment file is a manual step; what a platform keeps for itself is a next step.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.brokers import find_broker, url_of_broker, url_of_result_backend
from celeryize.commands.init.answers import Answers
from celeryize.commands.init.env_example import NAMES
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch
from celeryize.model import NextStep, Todo
from celeryize.patch.nodes import walk
from celeryize.reading import readable_text
from celeryize.urls import holds_password, redacted

BROKER, BACKEND = "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"
FILES = (
    *("*compose*.y*ml", ".env*", "*.env", ".envs/**/*", "Procfile*", "deploy/**/*"),
    *("deployment/**/*", "k8s/**/*.y*ml", "kubernetes/**/*.y*ml", "*.service", "supervisor*.conf"),
    *("fly.toml", "render.yaml", "app.json"),
)
LARGEST = 200_000
# A lone CR ends a line, too, for those who read a .env file.
NEWLINE = re.compile(r"\r\n|\r|\n")
# `${NAME:-redis://...}` is a value with a default.
VALUE = r"[\"']?\s*[:=]\s*[\"']?(?:\$\{\w+:?-)?([\w+]+)://"
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
URL = re.compile(r"[\w+]+://[^\s\"'}]*")
LOCAL = re.compile(r"(?:@|://)(?:localhost|127\.0\.0\.1)\b")
# How many names an expression is followed through: CELERY_BROKER_URL = REDIS_URL.
DEPTH = 3


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file that gives a variable a URL, which begins `at` there. `setting` is what
    reads the variable."""

    path: PurePosixPath
    number: int
    variable: str
    setting: str
    scheme: str
    text: str
    at: int


def follow_deployment(setup: Setup, before: Answers | None = None) -> None:
    """A manual step for each deployment file whose URLs are others than the settings' now. In an
    example of an environment, a URL that the answers `before` had put there is changed."""
    answers = setup.answers
    broker = find_broker(answers.broker)
    in_folder = broker is not None and broker.in_folder
    wanted = _urls_of(answers)
    if in_folder:
        # a folder of one machine is no server for containers
        wanted[BROKER] = ""
    former = _urls_of(before) if before is not None else {}
    # one step for each file, and in it one line for the services that have the same one
    steps: dict[tuple[PurePosixPath, str], dict[tuple[str, str, str], list[_Line]]] = {}
    examples: dict[PurePosixPath, list[tuple[_Line, str, str]]] = {}
    for line in _lines_with_urls(setup):
        url = wanted[line.setting]
        if line.scheme == url.partition(":")[0]:
            continue
        verb, text = "remove", line.text
        if "://" in url:
            if _is_our_example(setup, line, former.get(line.setting, "")):
                examples.setdefault(line.path, []).append((line, former[line.setting], url))
                continue
            service = broker.name if broker is not None and url == wanted[BROKER] else ""
            verb, text = "change", _with_url(line, url, service)
        key = (line.variable, line.setting, redacted(text))
        steps.setdefault((line.path, verb), {}).setdefault(key, []).append(line)
    for path, replaced in examples.items():
        _replace_in_example(setup, path, replaced)
    chosen = {BROKER: answers.broker, BACKEND: answers.result_backend}
    for (path, verb), changed in steps.items():
        names = {setting: redacted(chosen[setting]) for _, setting, _ in changed}
        why = f"The settings have {' and '.join(dict.fromkeys(names.values()))} now, and a variable"
        why = f"{why} wins over them."
        if verb == "change" and broker is not None and BROKER in names:
            why += " `celeryize add-worker` then adds the service of the broker."
        places = [
            f"{variable} in {_numbers_of(each)}" for (variable, _, _), each in changed.items()
        ]
        text = "".join(f"{line}\n" for _, _, line in changed)
        setup.draft.add_todo(Todo(f"{verb} {', and '.join(places)}", why, text, path))


def _urls_of(answers: Answers) -> dict[str, str]:
    """The URLs of the broker and the result backend, as they are written into settings."""
    url = url_of_broker(answers.broker)
    return {BROKER: url, BACKEND: url_of_result_backend(answers.result_backend, url)}


def _is_our_example(setup: Setup, line: _Line, former: str) -> bool:
    """Whether a line is one of an example, as it was written for the answers of before: that
    variable and that URL alone, or with a comment behind them. A variable of another name may have
    more readers than Celery."""
    if NAMES.fullmatch(line.path.name) is None or not line.variable.endswith(line.setting):
        return False
    if not former or (setup.project.root / line.path).is_symlink():
        return False
    ours = rf"(?:export\s+)?{line.variable}\s*=\s*([\"']?){re.escape(former)}\1(?:\s+#.*)?"
    return re.fullmatch(ours, line.text) is not None


def _replace_in_example(
    setup: Setup, path: PurePosixPath, replaced: list[tuple[_Line, str, str]]
) -> None:
    """Plan other URLs in an example: a line, its URL, the new one. A password is no example."""
    data = setup.draft.read(path) or b""
    starts = [0, *(found.end() for found in re.finditer(NEWLINE.pattern.encode(), data))]
    for line, former, url in reversed(replaced):
        start = data.index(b"://", starts[line.number - 1]) - len(line.scheme)
        new = b"" if holds_password(url) else url.encode()
        data = data[:start] + new + data[start + len(former) :]
    setup.draft.write(path, data, "the URLs of the new answers")


def platform_steps(
    project: Project, before: Answers | None, answers: Answers, wiring: Wiring
) -> list[NextStep]:
    """The step that changes the variables of a platform, where no file shows them: those of the
    URLs that have changed."""
    root, home = project.root, project.root / project.base
    if before is None or not any((folder / "Procfile").is_file() for folder in (root, home)):
        return []
    pairs = (
        (BROKER, before.broker, answers.broker),
        (BACKEND, before.result_backend, answers.result_backend),
    )
    changed = {setting for setting, old, new in pairs if old != new}
    names = [
        variable for value in wiring.values if value.name in changed for variable in value.variables
    ]
    if not names:
        return []
    # what reads start lines is loaded where there is a Procfile alone
    from celeryize.commands.worker.procfile import is_heroku

    shown = " and ".join(dict.fromkeys(names))
    title = f"Change {shown} where the platform of the Procfile sets them: they win over the"
    title = f"{title} settings"
    lines = tuple(f"{name}=URL" for name in dict.fromkeys(names))
    if is_heroku(root, project.dependencies.declared):
        lines = (f"heroku config:set {' '.join(lines)}",)
    return [NextStep(title, lines)]


def _numbers_of(lines: list[_Line]) -> str:
    *first, last = [str(line.number) for line in lines]
    if not first:
        return f"line {last}"
    return f"lines {', '.join(first)} and {last}"


def _with_url(line: _Line, url: str, service: str) -> str:
    """A line with another URL: on the broker's service, where the old one was on a service."""
    found = URL.match(line.text, line.at)
    if found is None:
        return line.text
    if not LOCAL.search(found[0]) and service:
        url = url.replace("localhost", service)
    return line.text[: line.at] + url + line.text[found.end() :]


def _lines_with_urls(setup: Setup) -> Iterator[_Line]:
    """The lines of the deployment files that give a variable of the broker or the result backend
    a URL."""
    project = setup.project
    read_by = _variables_read(setup)
    names = "|".join(map(re.escape, read_by))
    line_of = re.compile(rf"(?<![\w$])({names}){VALUE}")
    # Kubernetes has the name and the value on two lines
    name_of = re.compile(rf"^\s*-?\s*name:\s*[\"']?({names})[\"']?\s*$")
    value_of = re.compile(rf"^\s*value{VALUE}")
    for file in _deployment_files(project):
        path = PurePosixPath(file.relative_to(project.root).as_posix())
        named = ""
        # a file with secrets may be another user's
        for number, whole in enumerate(NEWLINE.split(readable_text(file)), start=1):
            text = whole.strip()
            if text.startswith("#"):
                continue
            found = line_of.search(text)
            if found is not None:
                variable, scheme, at = found[1], found[2], found.start(2)
            elif named and (found := value_of.search(text)) is not None:
                variable, scheme, at = named, found[1], found.start(1)
            else:
                match = name_of.search(text)
                named = match[1] if match else ""
                continue
            yield _Line(path, number, variable, read_by[variable], scheme, text, at)


def _deployment_files(project: Project) -> Iterator[Path]:
    seen: set[Path] = set()
    for folder in dict.fromkeys((project.root, project.root / project.base)):
        for pattern in FILES:
            # a link behind what it leads to
            for file in sorted(folder.glob(pattern), key=lambda file: (file.is_symlink(), file)):
                if not file.is_file() or file.stat().st_size > LARGEST:
                    continue
                real = file.resolve()
                if real in seen:
                    continue
                seen.add(real)
                yield file


def _variables_read(setup: Setup) -> dict[str, str]:
    """The variables from which the planned settings read the two URLs, each with its setting."""
    found = {BROKER: BROKER, BACKEND: BACKEND}
    settings = setup.project.settings
    paths = {*settings.reachable, settings.file, *(edit.path for edit in setup.draft.edits())}
    values: dict[str, list[ast.expr]] = {}
    for path in sorted(path for path in paths if path.suffix == ".py"):
        try:
            tree = setup.draft.source(path).tree
        except CannotPatch:
            continue
        for node in walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                values.setdefault(node.targets[0].id, []).append(node.value)
    for setting in (BROKER, BACKEND):
        for variable in _read_in(setting, values, DEPTH):
            found.setdefault(variable, setting)
    return found


def _read_in(name: str, values: dict[str, list[ast.expr]], depth: int) -> Iterator[str]:
    """The variables of the environment that the value of a name is made of."""
    for value in values.get(name, []) if depth else []:
        for node in walk(value):
            match node:
                case (
                    ast.Call(args=[ast.Constant(value=str(key)), *_])
                    | ast.Subscript(slice=ast.Constant(value=str(key)))
                ) if VARIABLE.fullmatch(key):
                    yield key
                case ast.Name(id=other):
                    yield from _read_in(other, values, depth - 1)
