"""The entry point: `--version` is answered before anything heavy is imported."""

import gc
import sys

from celeryize import __version__

# `python -m` looks into the current folder first; a json.py there is the project's, and must
# not be run.
if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]


def main() -> None:
    """Run the command line and exit with its code."""
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
