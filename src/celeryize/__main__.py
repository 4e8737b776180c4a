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
    # Modules and syntax trees live to the end of a short run: collecting garbage among them costs
    # up to 8 % of it.
    gc.set_threshold(200_000)
    from celeryize.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
