"""The stages and tools as commands on files: python -m reconstruction COMMAND --help."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap

from . import __version__
from .commands import stages, tools
from .errors import UserError
from .machine.signals import Interrupted

DESCRIPTION = """\
Reconstruct training data from trained neural networks (Haim et al., NeurIPS
2022). Each stage reads the files of the stages before it; the Snakefile runs
them in order."""
GROUPS = {"stages, in the order of the data": stages.COMMANDS, "tools": tools.COMMANDS}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status: 1 after a sentence on what the user can mend, 128 + a signal's number."""
    given = sys.argv[1:] if arguments is None else arguments
    parsed = _parser().parse_args(given)
    try:
        for word in given:
            if any("\udc80" <= character <= "\udcff" for character in word):  # so Python keeps bytes of no encoding
                raise UserError(f"{word!r} is not in UTF-8", "rename the file or the folder")
        return parsed.run(parsed) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        try:
            print(interruption, flush=True)
        except BrokenPipeError:
            _discard_output()
        return interruption.exit_status
    except BrokenPipeError:  # whoever read the output has seen enough
        _discard_output()
        return 1


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    prog = "python -m reconstruction"
    parser = argparse.ArgumentParser(
        prog=prog,
        usage="%(prog)s [-h] [--version] COMMAND ...",
        description=DESCRIPTION,
        epilog="\n\n".join(
            "\n".join([f"{title}:", *(_line(command.name, command.summary) for command in group)])
            for title, group in GROUPS.items()
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(prog=prog, required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    for group in GROUPS.values():
        for command in group:
            command.add_to(commands)
    return parser


def _line(name: str, summary: str) -> str:
    return textwrap.fill(summary, width=78, initial_indent=f"  {name:13}", subsequent_indent=" " * 15)


if __name__ == "__main__":
    sys.exit(main())
