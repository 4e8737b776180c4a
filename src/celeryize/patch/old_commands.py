"""Command lines of Celery 3 as Celery 5 takes them.

celery worker -A blog --maxtasksperchild=50    ->    celery -A blog worker --max-tasks-per-child=50
python manage.py celerybeat                    ->    celery -A blog beat
"""

from __future__ import annotations

import re

_COMMAND = re.compile(
    r"""(?<![\w./:-])(?P<at>[\w./~${}-]*/)?(?P<how>(?:python[\d.]*\s+)?(?:\./)?manage\.py\s+)?"""
    r"""(?P<program>celeryd|celerybeat|celeryev|celery)(?P<rest>(?:[ \t][^|&;\n"']*)?)"""
    r"""(?=$|["'|&;\r])"""
)
# What a line has in front of a command: a key, an option of a unit, a Procfile's name, a shell's.
_BEFORE = re.compile(
    r"(?:\b(?:command|cmd|exec|ExecStart|ExecStartPre|run|test)\b\s*[:=]?|^[\w-]+\s*:|&&|;)\s*"
    r"[\"'>|-]*\s*$"
)
SUBCOMMANDS = {"celeryd": "worker", "celerybeat": "beat", "celeryev": "events"}
_APP_OF = re.compile(r"(?:(?<=\s)-A|--app)(?:=|\s+)([\w.:]+)")
RENAMED = (
    (re.compile(r"--maxtasksperchild\b"), "--max-tasks-per-child"),
    (re.compile(r"--maxmemperchild\b"), "--max-memory-per-child"),
    (re.compile(r"--soft-timelimit\b"), "--soft-time-limit"),
    (re.compile(r"\s--(?:autoreload|no-execv)\b"), ""),
)


def modern_command(line: str, app: str) -> str:
    """A line of a file with its commands as Celery 5 takes them; any other line as it is. `app` is
    what a command without -A starts.
    """
    if line.lstrip().startswith(("#", "//")):
        return line
    return _COMMAND.sub(lambda found: _rewritten(line, found, app), line)


def _rewritten(line: str, found: re.Match[str], app: str) -> str:
    subcommand = _subcommand_of(line, found)
    if not subcommand:
        return found[0]
    options = f" {found['rest'].strip()}".rstrip()
    if found["program"] == "celery":
        options = re.sub(rf"\s{subcommand}(?=\s|$)", "", options, count=1)
    named = _APP_OF.search(options)
    if named is not None:
        app = named[1]
        options = options[: named.start()].rstrip() + options[named.end() :]
    for old, new in RENAMED:
        options = old.sub(new, options)
    rest = found["rest"]
    blank = rest[len(rest.rstrip()) :]
    return f"{found['at'] or ''}celery -A {app} {subcommand}{options.rstrip()}{blank}"


def _subcommand_of(line: str, found: re.Match[str]) -> str:
    """worker, beat or events, where the line is a command that Celery 5 does not take; else empty.

    The name of a service, of a program or of a container is no command.
    """
    words = found["rest"].split()
    # manage.py in another folder: the command would need that folder, too
    if found["how"] and found["at"]:
        return ""
    if found["program"] != "celery":
        before = line[: found.start()]
        is_command = found["how"] or _BEFORE.search(before) or (words and not before.strip())
        if is_command and (not words or words[0].startswith("-")):
            return SUBCOMMANDS[found["program"]]
        return ""
    subcommand = next((word for word in words if word in SUBCOMMANDS.values()), "")
    if not subcommand:
        return ""
    ahead = words[: words.index(subcommand)]
    behind = words[words.index(subcommand) + 1 :]
    old = any(pattern.search(f" {' '.join(words)}") for pattern, _ in RENAMED)
    late = any(word.startswith(("-A", "--app")) for word in behind)
    if ahead and not ahead[0].startswith("-"):
        return ""
    return subcommand if found["how"] or old or late else ""
