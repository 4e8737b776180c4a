"""Whatever is typed, or stands in the project's files, is data: never code, never a crash.

Each place is filled with a harmless word first. What a hostile text makes there has to be the same, node for node,
but for that word: then the text is a literal and nothing else. Or the command refuses, and writes nothing.
"""

from __future__ import annotations

import ast
import json
import random
import shlex
import shutil
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import SETTINGS, Tree, make_tree
from tests.trust.failures import ENTRY, INIT, TASK
from tests.trust.ground import SEED, Ran, Tally, celeryize, made, place, small_project, snapshot

WORD = "harmless"
CALL = "__import__('os').system('touch canary')"
TEXTS = (
    *("'", '"', "'\"", '"""', "'''", "\\", "\\\\", "\\'", '\\"', "\\N{DASH}", "\\u0041", "a\\\nb"),
    *(
        "\n",
        "a\nb",
        "a\r\nb",
        "\r",
        "\t",
        " ",
        "",
        "\x0b",
        "\x0c",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
    ),
    *("\0", "a\0b", "\ud800", "a\udc80", "é😀", "\u202ee", "𝒽", "ﬁ", "ⅷ", "[/admin]", "[red]x"),
    *(
        "{{ 7 * 7 }}",
        "{% raw %}",
        "{# x #}",
        "{{ cycler.__init__.__globals__.os }}",
        "{0}",
        "{x}",
        "%s",
        "%(x)s",
    ),
    *(
        "$(touch canary)",
        "`touch canary`",
        "; touch canary",
        "&& touch canary",
        "${HOME}",
        "~",
        "!x",
        "*",
        "-n",
        "--",
    ),
    *(
        "#",
        "# x",
        ": x",
        "a: b",
        "- a",
        "&x",
        "*x",
        "|",
        ">",
        "null",
        "true",
        "1e5",
        "[a",
        "{a",
        "!!python/none",
    ),
    *(
        "a.b",
        "..",
        ".",
        "a..b",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "C:\\x",
        "None",
        "lambda: 1",
        "1/0",
        "class",
    ),
    *(
        "a" * 70_000,
        CALL,
        f"'] + [{CALL}] + ['",
        f'"); {CALL}; ("',
        f"x\n{CALL}\n",
        f"\\\n{CALL}",
        f"'''\n{CALL}\n'''",
    ),
    *(
        '"]\n[tool.x]\na = 1',
        "x = 1\ny",
        "a" * 300,
        "-" * 50_000 + "1",
        "[" * 300,
        "(" * 90_000,
        "é" * 200,
    ),
)

WIRED = (INIT, TASK)
DATABASE = SETTINGS.replace('"doctors"', '"doctors", "django_celery_beat"') + (
    'CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"\n'
)


@dataclass(frozen=True)
class Place:
    """Where a text goes: the command line, and what stands in the project's files, made of the text."""

    name: str
    command: Callable[[str], tuple[str, ...]]
    files: Callable[[str], Tree] = lambda text: {}
    before: tuple[tuple[str, ...], ...] = WIRED
    word: str = WORD


def _typed(*before: str, after: tuple[str, ...] = (), form: str = "{}", word: str = WORD) -> Place:
    """A place on the command line."""
    command = (*before[:1], *before[1:])

    def filled(text: str) -> tuple[str, ...]:
        return (*command, form.replace("{}", text), *after, "--yes", "--no-verify", "--json")

    first = INIT if before[0] != "init" else ()
    return Place(
        " ".join([*before, form]), filled, before=(first, TASK) if first else (), word=word
    )


def _entry(option: str, form: str = "{}", word: str = WORD) -> Place:
    return _typed(
        "add-schedule",
        "nightly",
        "doctors.tasks.greet",
        "--every",
        "1h",
        option,
        form=form,
        word=word,
    )


def _task(option: str, form: str = "{}", word: str = WORD) -> Place:
    return _typed("add-task", "doctors.work", option, form=form, word=word)


def _read(
    name: str,
    command: tuple[str, ...],
    path: str,
    form: str,
    quoted: Callable[[str], str] = ascii,
    *,
    before: tuple[tuple[str, ...], ...] = (INIT,),
    word: str = WORD,
) -> Place:
    """A place in a file of the project, quoted there as its author would."""

    def files(text: str) -> Tree:
        return {path: form.replace("{}", quoted(text)).encode("utf-8", "replace")}

    return Place(name, lambda text: (*command, "--json"), files, before, word)


def _folder(text: str) -> Tree:
    """An app in a folder of that name, as far as a file system takes it."""
    name = (
        text.replace("/", "_")
        .replace("\0", "_")
        .encode("utf-8", "replace")
        .decode()[:60]
        .strip(".")
        or "_"
    )
    return {f"{name}/__init__.py": "", f"{name}/apps.py": ""}


CONFIG = "config/settings.py"
TEMPLATE = "celeryize/templates/task/plain.py.jinja"
TABLE = "[tool.celeryize]\n"
NAMED = "@shared_task(name={})\ndef f(): ...\n"
SCHEDULED = SETTINGS + "CELERY_BEAT_SCHEDULE = {{}: {'task': {}, 'schedule': 1}}\n"
QUEUES = SETTINGS + "CELERY_TASK_QUEUES = [{}]\n"
APPS = SETTINGS + "INSTALLED_APPS += [{}]\n"
MANAGED = "import os, django\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', {})\n"
STORED = "broker: {}\nresult_backend: {}\n"
ZONE = SETTINGS.replace('"Europe/Paris"', "{}")
IN_DATABASE = ("--cron", "0 3 * * *", "--yes", "--no-verify", "--json")

QUICK = (
    _typed("add-schedule", after=("doctors.tasks.greet", "--cron", "0 3 * * *")),
    _typed("add-schedule", "nightly", after=("--cron", "0 3 * * *")),
    _typed("add-schedule", "nightly", "doctors.tasks.greet", "--cron", word="1 2 * * *"),
    _typed("add-schedule", "nightly", "doctors.tasks.greet", "--cron", form="{} 1 * * *", word="2"),
    _typed("add-schedule", "nightly", "doctors.tasks.greet", "--every", word="5m"),
    _typed("add-schedule", "nightly", "doctors.tasks.greet", "--at", word="07:30"),
    _typed("add-schedule", "nightly", "doctors.tasks.greet", "--at", "07:30", "--on", word="mon"),
    _typed(
        "add-schedule",
        "nightly",
        "doctors.tasks.greet",
        "--lat",
        "1",
        "--lon",
        "2",
        "--solar",
        word="sunset",
    ),
    *(_entry("--queue"), _entry("--expires", word="5m"), _entry("--args", word='["x"]')),
    *(_entry("--kwargs", word='{"a": 1}'), _entry("--create")),
    _typed("add-task", word="doctors.work"),
    _typed("add-task", form="doctors.{}", word="work"),
    _typed("add-task", form="{}.work", word="doctors"),
    *(
        _task("--queue"),
        _task("--name"),
        _task("--retry-on", word="OSError"),
        _task("--rate-limit", word="1/s"),
    ),
    *(_task("--kind", word="http"), _task("--decorator", word="app.task")),
    *(_task("--model", word="doctors.Doctor"), _task("--model", "doctors.{}", word="Doctor")),
    *(
        _task("--trigger", word="post_save:doctors.Doctor"),
        _task("--trigger", "post_save:{}", word="Doctor"),
    ),
    _typed("add-task", "doctors.work", form="{}", word="x:str"),
    _typed("add-task", "doctors.work", form="{}:str", word="x"),
    _typed("add-task", "doctors.work", form="x:{}", word="str"),
    _typed("add-task", "doctors.work", form="x:str={}"),
    _typed("add-task", "doctors.work", form="x:int={}", word="1"),
    _typed("add-task", "doctors.work", form="x:Any={}", word="1"),
    _typed("remove-schedule"),
    _typed("remove-task", form="doctors.{}"),
    Place(
        "a template to copy",
        lambda text: ("templates", "--copy", text, "--yes", "--json"),
        word="task/plain",
    ),
    Place(
        "an entry in the database",
        lambda text: ("add-schedule", text, text, "--queue", text, *IN_DATABASE),
        lambda text: {CONFIG: DATABASE},
        (INIT,),
    ),
    _read("a time zone in the database", ENTRY, CONFIG, DATABASE.replace('"Europe/Paris"', "{}")),
    _read("an entry that is there", ENTRY, CONFIG, SCHEDULED),
    _read("a queue that is declared", (*TASK, "--queue", WORD), CONFIG, QUEUES, before=WIRED),
    _read("a task that is named", TASK, "doctors/tasks.py", NAMED),
    _read("an app that is installed", TASK, CONFIG, APPS),
    _read("a template of the project", TASK, TEMPLATE, "{}", str),
    _read("templates elsewhere", TASK, "pyproject.toml", f"{TABLE}templates = {{}}\n", json.dumps),
)
SLOW = (
    *(
        _typed("init", "--broker"),
        _typed("init", "--broker", form="redis://{}"),
        _typed("init", "--package"),
    ),
    _typed(
        "init",
        "--broker",
        "redis://localhost/0",
        "--profile",
        "production",
        "--broker",
        form="redis://h/{}",
    ),
    *(_typed("init", "--result-backend"), _typed("init", "--result-backend", form="redis://{}")),
    *(_typed("init", "--module-name", word="name"), _typed("init", "--profile", word="minimal")),
    _typed("init", "--settings", word="config.settings"),
    _read("manage.py", INIT, "manage.py", MANAGED, before=()),
    _read("the answers", INIT, ".celeryize.yml", STORED, json.dumps, before=()),
    _read(
        "the answers, raw", INIT, ".celeryize.yml", "broker: redis://{}\n", str, before=(), word="h"
    ),
    _read("the table", INIT, "pyproject.toml", f"{TABLE}broker = {{}}\n", json.dumps, before=()),
    _read("the table's keys", INIT, "pyproject.toml", f"{TABLE}{{}} = 1\n", json.dumps, before=()),
    _read(
        "the requirements", INIT, "requirements.txt", "django\n{}\n", str, before=(), word="asgiref"
    ),
    _read("the time zone", (*INIT, "--profile", "production"), CONFIG, ZONE, before=()),
    _read("an app", INIT, CONFIG, APPS, before=()),
    Place("a folder", lambda text: (*INIT, "--json"), _folder, ()),
)


def run(*, most: int | None, mixed: int) -> Tally:
    """All texts at all places; with `most`, so many at each; `mixed` more that are made of two of them."""
    tally = Tally("hostile", "hostile inputs tried")
    chosen = random.Random(SEED)
    for there in (*QUICK, *SLOW):
        texts = chosen.sample(TEXTS, most) if most else list(TEXTS)
        texts += ["".join(chosen.sample(TEXTS[:-6], 2)) for _ in range(mixed)]
        if there in SLOW and most:
            texts = texts[: most // 4 + 1]
        with place() as folder:
            project = made(folder / "wired", small_project(), *there.before)
            make_tree(project, {".git/HEAD": "ref: x\n"})
            harmless = _attempt(folder, there, there.word)
            for text in texts:
                tally.tried += 1
                attempt = _attempt(folder, there, text)
                tally.refused += attempt[0].code != 0
                for wrong in (
                    *_crashed(folder, attempt[0]),
                    *_wrong(there, text, attempt, harmless),
                ):
                    tally.losses.append(f"{there.name}: {text[:80]!r}: {wrong[:1500]}")
    return tally


Attempt = tuple[Ran, dict[str, Any], dict[str, Any]]


def _attempt(folder: Path, there: Place, text: str) -> Attempt:
    """Run the command with the text in its place, on a copy; the trees before and after it."""
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(folder / "wired", project)
    make_tree(project, there.files(text))
    before = snapshot(project)
    return celeryize(project, *there.command(text)), before, snapshot(project)


def _crashed(folder: Path, ran: Ran) -> Iterator[str]:
    if ran.code not in (0, 2, 3) or "Traceback" in ran.said:
        yield f"exit {ran.code}: {ran.said[-1200:]}"
    if list(folder.rglob("canary")) or Path("canary").exists():
        yield "code ran"


def _wrong(there: Place, text: str, attempt: Attempt, harmless: Attempt) -> Iterator[str]:
    ran, before, after = attempt
    if ran.code:
        if before != after:
            yield f"exit {ran.code}, but something was written"
        return
    of_text, of_word = _meaning(attempt), _meaning(harmless)
    if there.word != WORD or harmless[0].code:
        # The word chooses what is written, so another one may choose otherwise: no name comes from elsewhere.
        strange = (
            _names(of_text)
            - _names(of_word)
            - {part for form in _forms(text) for part in (form, *form.split("."))}
        )
        if strange and harmless[0].code == 0 and len(of_text) == len(of_word):
            yield f"names that nobody asked for: {strange}"
    elif attempt[2] != before and _filled(of_text, WORD) not in [
        _filled(of_word, form) for form in _forms(text)
    ]:
        yield f"it is more than a literal: {_filled(of_text, WORD)}\nbeside {_filled(of_word, WORD)}"


def _forms(text: str) -> list[str]:
    """The ways in which a text may stand in a literal or in a name."""
    found = [text, text.strip(), unicodedata.normalize("NFKC", text)]
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return found
    return [*found, value] if isinstance(value, str) else found


def _meaning(attempt: Attempt) -> list[object]:
    """What the changed files say, and the lines for a shell."""
    ran, before, after = attempt
    found: list[object] = [
        _parsed(path, after[path][2]) for path in sorted(after) if after[path] != before.get(path)
    ]
    if ran.document.get("command") in ("init", "add-schedule"):
        lines = [*ran.document.get("next_steps", ()), ran.document.get("command_line", "")]
        found += [shlex.split(line) for line in lines]
    return found


def _parsed(path: str, data: bytes) -> object:
    if path.endswith(".py"):
        return ast.parse(data)
    text = data.decode("utf-8", "surrogateescape")
    return (
        yaml.safe_load(text)
        if path.endswith(".yml")
        else tomllib.loads(text)
        if path.endswith(".toml")
        else text
    )


def _names(meaning: list[object]) -> set[str]:
    nodes = [node for tree in meaning if isinstance(tree, ast.AST) for node in ast.walk(tree)]
    return {
        str(getattr(n, key))
        for n in nodes
        for key in ("id", "attr", "name", "module")
        if hasattr(n, key)
    }


def _filled(value: object, form: str) -> object:
    """A meaning with the form in the place of the harmless word; trees as plain values, to compare them."""
    if isinstance(value, ast.AST):
        return [type(value).__name__, *(_filled(part, form) for _, part in ast.iter_fields(value))]
    if isinstance(value, str):
        return value.replace(WORD, form)
    if isinstance(value, dict):
        return {_filled(k, form): _filled(v, form) for k, v in value.items()}
    return [_filled(part, form) for part in value] if isinstance(value, list) else value
