"""The entry point: `--version` is answered before anything heavy is imported."""

import sys

from celeryize import __version__


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"celeryize {__version__}\n")
        return
    from celeryize.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
