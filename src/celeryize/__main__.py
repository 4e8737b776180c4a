"""The entry point: `--version` is answered before anything heavy is imported."""

import gc
import os
import sys

from celeryize import __version__

INTERRUPTED = 130
# 128 and the number of SIGPIPE, as a shell shows it
CLOSED_PIPE = 141

# `python -m` looks into the current folder first; a json.py there is the project's, and must
# not be run.
if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _run_command_line()
    except KeyboardInterrupt:
        # while our own modules are loaded: nothing has begun yet
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # `celeryize verify --list | head -1`: nobody reads on, and that is not an error. Python
        # flushes at exit once more, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED_PIPE)


def _run_command_line() -> None:
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"celeryize {__version__}\n")
        return
    # a shell asks at each key
    if instruction := os.environ.get("_CELERYIZE_COMPLETE"):
        from celeryize.cli.complete import answer_completion

        sys.exit(answer_completion(instruction))
    # Modules and syntax trees live to the end of a short run: collecting garbage among them costs
    # up to 8 % of it.
    gc.set_threshold(1_000_000)
    from celeryize.cli.main import run

    code = run()
    if _is_free_to_end() and _is_flushed():
        # Everything is closed and every child has ended. The interpreter would spend more time on
        # freeing the syntax trees of a large project than on reading them.
        os._exit(code)
    sys.exit(code)


def _is_flushed() -> bool:
    """Write what is still to be written; a reader that has gone is left to the ordinary end."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def _is_free_to_end() -> bool:
    """Whether nothing waits for an ordinary end: no measurement, no thread, no handler."""
    return "coverage" not in sys.modules and sys.gettrace() is None and sys.getprofile() is None


if __name__ == "__main__":
    main()
