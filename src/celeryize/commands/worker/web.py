"""Which process of the deployment files is the web process: its command says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from celeryize.commands.worker.front import CELERY, SERVER, SERVERS, Front, front_in, front_of
from celeryize.detect.processes.images import instructions_of
from celeryize.detect.processes.process import Process, split_command, unwrapped
from celeryize.detect.processes.scripts import STARTS, copied_files, entry_words, reached_text
from celeryize.reading import readable_text

WEB = re.compile(rf"(?<![\w-]){SERVERS}(?![\w-])|\brun(?:server(?:_plus)?|sslserver)\b")
CHDIR = re.compile(r"(?<!\S)(?:--chdir|--pythonpath|--app-dir|--workdir)[\s=](\S+)")
CD = re.compile(r"\bcd\s+(\S+)\s*(?:&&|;)")
# `python backend/manage.py`: what it imports is beside it.
MANAGE = re.compile(r"\bpython[\d.]*\s+(?!-)(\S+)/manage\.py\s+run")
WORKER = re.compile(r"(?<![\w./-])(?:\S*/)?celery\s[^\n;&|#]*\bworker\b")
PROGRAM = re.compile(rf"(?:\S*/)?(?:{SERVERS}|celery|python[\d.]*|\S*manage\.py)$")
# What finds the programs of an environment that is not on PATH, with options that have no value.
ENVIRONMENT = re.compile(
    r"(?<![\w-])(?:uv|poetry|pipenv|pdm|hatch) run"
    r"(?:\s+--(?:no-sync|frozen|locked|no-dev|offline))*(?=\s)"
)
SYSTEM = frozenset({"/bin", "/usr/bin", "/usr/local/bin"})
NAMES = ("web", "django", "app", "backend", "server", "api", "site", "webserver", "wsgi")
PASSES_ON = re.compile(r"\$\{?[@*]")


@dataclass(frozen=True, slots=True)
class Web:
    """A web process. `why` is what showed it; `by_name`: nothing but its name did."""

    process: Process
    why: str
    by_name: bool = False


def find_web(root: Path, processes: list[Process]) -> list[Web]:
    """The web processes of a file, those whose command shows it first; by name if none does."""
    found = []
    for process in processes:
        if process.subcommand:
            continue
        why = _shown_by(root, process)
        if why:
            found.append(Web(process, why))
    if found:
        return found
    named = [p for p in processes if p.name in NAMES and not p.words and not p.subcommand]
    # what a ready-made image starts is not known: it may have a worker inside
    own = [p for p in named if p.kind != "compose" or (_is_built(p) and _is_python(root, p))]
    return [Web(process, "its name", by_name=True) for process in own]


def _is_python(root: Path, process: Process) -> bool:
    """Whether the Dockerfile of a service, where there is one, makes an image with Python."""
    text = dockerfile_of(root, process)
    return not text or bool(re.search(r"python|manage\.py|\bpip3?\b|\buv\b|poetry", text))


def starts_worker(root: Path, process: Process) -> bool:
    """Whether the start script of a web process starts a worker, too."""
    texts = [" ".join(process.words), _run_by(root, process, _line_of(root, process))]
    if process.kind == "compose" and not process.words:
        for text in STARTS.findall(dockerfile_of(root, process)):
            texts += [
                text,
                _run_by(root, process, text, whole=bool(entry_words(dockerfile_of(root, process)))),
            ]
    return any(WORKER.search(text) for text in texts)


def starts_server_too(root: Path, process: Process) -> bool:
    """Whether the script that makes a process a worker may start a web server, too."""
    if process.script is None or process.subcommand != process.script.command.subcommand:
        return False
    return bool(WEB.search(_run_by(root, process, _line_of(root, process))))


def kept_front(root: Path, model: Process) -> Front:
    """What is in front of the server, or Celery, of a process, as far as another program can be
    started behind it: a script of the project may run nothing but what it knows."""
    front = front_of(model)
    words = unwrapped(front.words)
    if not words or not _is_script(words[0]):
        return front
    text = _run_by(root, model, f"{words[0]} celery -A")
    if PASSES_ON.search(text):
        return front
    lost = front.lost
    if not _script_in(root, model, words[0]):
        lost = (*lost, " ".join(front.words))
    return replace(front, words=(), lost=lost)


def _is_script(word: str) -> bool:
    """Whether a word is the path of a script, and not that of an installed program."""
    return word.endswith((".sh", ".bash")) or ("/" in word and "/bin/" not in f"/{word[2:]}")


def bin_of(web: Process) -> str:
    """The folder of the program, with its slash: that of an environment, else empty."""
    for word in (*web.words, *web.shell_text.split()):
        if PROGRAM.match(word) and word.startswith(("/", "venv/", ".venv/", "env/", "$", "%")):
            folder = word.rpartition("/")[0]
            if folder.endswith("/bin") and folder not in {"/bin", "/usr/bin"}:
                return f"{folder}/"
    return ""


def program_words(root: Path, model: Process) -> tuple[str, ...]:
    """The words up to `celery` of a process like the model, which is where it has its programs."""
    for word in () if model.shell else model.words:
        if CELERY.fullmatch(word):
            return (*front_of(model).words, word)
    return server_program(root, model)


def server_program(root: Path, model: Process) -> tuple[str, ...]:
    """`celery` in the environment of a server: by its command line, else by its script or image."""
    front = kept_front(root, model)
    folder = bin_of(model) or front.folder
    if not front.words and not folder:
        return _program_in_script(root, model)
    return (*front.words, f"{folder}celery")


def _program_in_script(root: Path, process: Process) -> tuple[str, ...]:
    """What `celery` is in the environment whose server, or worker, a script or the image starts:
    `uv run celery`, `/venv/bin/celery`; as it is where nothing says so."""
    for line in _lines_that_start(root, process):
        match = WEB.search(line) or WORKER.search(line)
        if match is None:
            continue
        runners = [found for found in ENVIRONMENT.finditer(line) if found.start() < match.end()]
        if runners:
            return (*_runner_in(line[runners[-1].start() :], runners[-1][0]), "celery")
        # the path in front of the server's name, or the interpreter's in front of manage.py
        for word in line[: match.end()].split():
            folder = word.rpartition("/")[0]
            if PROGRAM.match(word) and folder.endswith("/bin") and folder not in SYSTEM:
                return (f"{folder}/celery",)
    return ("celery",)


def _runner_in(line: str, runner: str) -> tuple[str, ...]:
    """`uv run --env-file .env` of a line that starts with it; without its options where they are
    values of the script."""
    words = split_command(line)
    front = front_in(words, SERVER) or front_in(words, CELERY)
    if front is None or any("$" in word for word in front.words):
        return tuple(runner.split())
    return front.words


def _lines_that_start(root: Path, process: Process) -> Iterator[str]:
    """The lines of the script that a process runs or, without a command, of the image's."""
    texts = [_run_by(root, process, _line_of(root, process))]
    if process.kind == "compose" and not process.words:
        dockerfile = dockerfile_of(root, process)
        for text in STARTS.findall(dockerfile):
            texts += [text, _run_by(root, process, text, whole=bool(entry_words(dockerfile)))]
    for text in texts:
        for line in text.split("\n"):
            yield re.sub(r"[\[\]\",]+", " ", line).strip()


def folder_of(web: Process) -> str:
    """The folder that the program changes to, or takes its modules from; empty without one."""
    text = web.shell_text or " ".join(web.words)
    match = CHDIR.search(text) or CD.search(text) or MANAGE.search(text)
    return match[1] if match else ""


def passes_arguments_on(root: Path, process: Process) -> bool:
    """Whether the image's entry point runs the command that it is given."""
    if "entrypoint" in process.options:
        texts = [process.options["entrypoint"].text]
    else:
        texts = re.findall(r"^\s*ENTRYPOINT\s+(.*)$", dockerfile_of(root, process), re.M | re.I)[
            -1:
        ]
    for text in texts:
        script = _script_in(root, process, text)
        # in a branch for other words, nothing is passed on
        reached = _run_by(root, process, f"{text} celery -A")
        if script and not PASSES_ON.search(reached):
            return False
        if not script and WEB.search(text):
            return False
    return True


def dockerfile_of(root: Path, process: Process) -> str:
    """The text of the Dockerfile that a service is built from; empty where there is none."""
    beside = (root / process.where.path).parent
    context = process.options.get("context") or process.options.get("build")
    folder = beside / (context.text if context else ".")
    named = process.options.get("dockerfile")
    name = named.text if named else "Dockerfile"
    for place in (folder / name, root / name):
        text = readable_text(place)
        if text:
            return instructions_of(text)
    return ""


def _shown_by(root: Path, process: Process) -> str:
    """What shows that a process is the web process; empty where nothing does."""
    line = " ".join(process.words)
    match = WEB.search(line)
    if match:
        return match[0]
    match = WEB.search(_run_by(root, process, _line_of(root, process)))
    if match:
        return f"{match[0]} in its script"
    # what the image starts by itself
    own = _is_built(process) or process.name in NAMES
    if process.kind == "compose" and not process.words and own and _has_base(process):
        dockerfile = dockerfile_of(root, process)
        for text in STARTS.findall(dockerfile):
            match = WEB.search(text) or WEB.search(
                _run_by(root, process, text, whole=bool(entry_words(dockerfile_of(root, process))))
            )
            if match:
                return f"{match[0]} in its Dockerfile"
    return ""


def _is_built(process: Process) -> bool:
    return bool({"build", "context"} & set(process.options))


def _has_base(process: Process) -> bool:
    return bool({"build", "context", "image", "extends"} & set(process.options))


def _line_of(root: Path, process: Process) -> str:
    """What a process runs; its command may be the arguments of the image's entry point."""
    line = " ".join(process.words)
    if process.kind != "compose" or not process.words or "entrypoint" in process.options:
        return line
    if _script_in(root, process, line):
        return line
    return " ".join((*entry_words(dockerfile_of(root, process)), line))


def _run_by(root: Path, process: Process, line: str, *, whole: bool = False) -> str:
    """The commands that a line starts by a script of the project, in the branches that it takes.

    `whole`: those of all branches, where the arguments are given elsewhere.
    """
    text, arguments = _script_and_arguments(root, process, line)
    environment = {name: item.text for name, item in process.environment.items()}
    if whole:
        return reached_text(text, None, environment)
    return reached_text(text, arguments, environment)


def _script_in(root: Path, process: Process, line: str) -> str:
    """The text of the script of the project that a line starts; empty where it is none."""
    return _script_and_arguments(root, process, line)[0]


def _script_and_arguments(root: Path, process: Process, line: str) -> tuple[str, list[str]]:
    """The script of the project that a line starts, and the words behind its name."""
    words = [word for word in re.split(r"[\s\[\]\",']+", line) if word]
    copies = copied_files(dockerfile_of(root, process))
    beside = (root / process.where.path).parent
    words = [*unwrapped(words)]
    for index, word in enumerate(words[:3]):
        source = copies.get(word, word)
        tail = PurePosixPath(source.lstrip("./")).as_posix()
        places = [beside / tail, root / tail]
        if source.startswith("/"):
            name = PurePosixPath(source).name
            places = [root / name, beside / name, *_below(root, PurePosixPath(source))]
        for place in places:
            if place.is_file():
                text = readable_text(place)
                if text.startswith("#!") or place.suffix == ".sh":
                    return text, [one.rstrip(";") for one in words[index + 1 :]]
    return "", []


def _below(root: Path, source: PurePosixPath) -> list[Path]:
    """`/code/docker/start.sh` as a file of the repository: the longest end that is one."""
    parts = source.parts[1:]
    return [root.joinpath(*parts[index:]) for index in range(len(parts))]
