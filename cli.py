"""The command ``nnmath``: arguments in, calls out, exit codes. No mathematics; nothing is imported before its use."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from . import __version__
from .commands import accuracy, bench, check, derive, verify
from .commands.derive import FORMATS
from .commands.options import TARGETS, width
from .commands.output import UnwritableOutput, write
from .commands.usage import WrongUsage
from .derivations import MalformedEntry, ParameterError, UnknownEntry, catalogue, problems, topics

FINE, FAILED, USAGE, MISSING = 0, 1, 2, 3

EPILOG = """exit codes: 0 fine; 1 the mathematics or a check failed; 2 wrong usage; 3 something is not installed.
Data goes to stdout, messages to stderr. A pipe closed early ends the command quietly with 0."""


#: Exit codes of our own errors, by name of the class: the rooms that define them are not imported for this.
EXIT_CODES = {
    "WrongUsage": USAGE,
    "UnknownEntry": USAGE,
    "ParameterError": USAGE,
    "UnwritableOutput": USAGE,
    "MalformedEntry": FAILED,
    "ParseError": USAGE,
    "EntryError": USAGE,
    "MissingTorch": MISSING,
    "NoCuda": MISSING,
    "NoCompiler": MISSING,
    "NoCode": USAGE,
    "UnknownTarget": USAGE,
    "Unsupported": FAILED,
    "SubjectError": USAGE,
    "Untraceable": USAGE,
    "NotMeasurable": USAGE,
    "Unavailable": USAGE,
    "ReferenceError": USAGE,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. Never raises."""
    try:
        arguments = _parser().parse_args(_with_formulas(sys.argv[1:] if argv is None else argv))
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: --help, --version, wrong usage
        return stop.code if isinstance(stop.code, int) else USAGE
    except BrokenPipeError:
        _silence(sys.stdout)
        return FINE
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except Exception as error:
        return _report(error)


def _with_formulas(argv: Sequence[str]) -> list[str]:
    """The arguments, with a space before a formula that begins with a minus sign: else it would be read as options."""
    formula = re.compile(r"-(?![-o]).*[(*@]")
    return [f" {a}" if formula.match(a) else a for a in argv]


def _report(error: Exception) -> int:
    """One clear line for an error, and its exit code."""
    if os.environ.get("NNMATH_DEBUG"):
        raise error
    for kind in type(error).__mro__:
        if kind.__name__ in EXIT_CODES and kind.__module__.split(".")[0] == __name__.split(".")[0]:
            _say(str(error))
            return EXIT_CODES[kind.__name__]
    missing = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing not in ("", __name__.split(".")[0]):
        package = {"flint": "python-flint"}.get(missing, missing)
        _say(f"{package} is not installed. Type: pip install {package}")
        return MISSING
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        _say(f"cannot write to standard output: {error.strerror or error}")
        _silence(sys.stdout)
        return USAGE
    _say(f"this is a bug in nnmath: {type(error).__name__}: {error}. For the traceback set NNMATH_DEBUG=1")
    return FAILED


def _say(message: str) -> None:
    prefix = "nnmath: "
    message = message.replace("\n", "\n" + " " * len(prefix))  # a caret stays under what it points at
    try:
        print(f"{prefix}{message}", file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def _silence(stream: Any) -> None:
    """Point a broken stream at nothing, so that Python's own flush at exit has no reason to complain."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# -- commands --------------------------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> int:
    titles = topics()
    if arguments.topic is not None and arguments.topic not in titles:
        raise WrongUsage(f"no topic is called {arguments.topic!r}. Topics: {', '.join(titles)}")
    chosen = [e for e in catalogue().values() if arguments.topic in (None, e.topic)]
    from .commands import listing

    write(listing.as_json(chosen) if arguments.json else listing.as_text(chosen), None)
    for problem in problems():
        _say(problem)
    return FAILED if problems() else FINE


def _derive(arguments: argparse.Namespace) -> int:
    page = derive.run(arguments)
    if not page.proved:
        _say(f"{page.entry.id}: {page.verdict}: {page.verdict.counterexample or page.verdict.basis}")
    return FINE if page.proved else FAILED


def _code(arguments: argparse.Namespace) -> int:
    derive.run_code(arguments)
    return FINE


def _check(arguments: argparse.Namespace) -> int:
    rows, text = check.run(arguments, width())
    write(text, None)
    sys.stdout.flush()
    refused = problems() if arguments.all else ()
    for message in dict.fromkeys((*refused, *(m for row in rows for m in row.messages))):
        _say(message)
    if refused or any(row.failed for row in rows):
        return FAILED
    return MISSING if any(row.missing for row in rows) else FINE


def _accuracy(arguments: argparse.Namespace) -> int:
    found, text = accuracy.run(arguments, width())
    write(text, None)
    failed = [a for a in found if a.failed]
    return FINE if not failed else MISSING if all(a.missing for a in failed) else FAILED


def _bench(arguments: argparse.Namespace) -> int:
    right, text = bench.run(arguments, width())
    write(text, None)
    return FINE if right else FAILED


def _verify(arguments: argparse.Namespace) -> int:
    report = verify.run(arguments)
    if arguments.json:
        write(report.as_json(), None)
    elif sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(report)
    else:
        write(str(report), None)
    return FINE if report.passed else FAILED


# -- arguments -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    #: The option that one argument too many was meant for.
    one_more = ""

    def parse_known_args(self, *args: Any, **named: Any) -> Any:
        """Each command speaks for itself of what it does not know."""
        found, unknown = super().parse_known_args(*args, **named)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> Any:
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        meant = f" Did you mean {self._meant(unknown[1])}?" if unknown and self._meant(unknown[1]) else ""
        _say(f"{message}.{meant} For help: {self.prog} --help")
        raise SystemExit(USAGE)

    def _meant(self, argument: str) -> str:
        """The option that an argument which is not known was to be, if that can be told."""
        from difflib import get_close_matches

        known = [o for o in self._option_string_actions if o.startswith("--")]
        if argument.removeprefix("--") in FORMATS and "--format" in known:
            return f"--format {argument.removeprefix('--')}"
        if not argument.startswith("-"):
            return f"{self.one_more} {argument}" if self.one_more else ""
        return "".join(get_close_matches(argument.partition("=")[0], known, 1))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="nnmath",
        description="Derives the mathematics of neural networks, proves every step, generates and checks code.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nnmath {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str, examples: str = "") -> _Parser:
        epilog = f"{examples}\n\n{EPILOG}".lstrip()
        sub: _Parser = commands.add_parser(name, help=help, description=help, epilog=epilog)
        sub.formatter_class = argparse.RawDescriptionHelpFormatter
        sub.set_defaults(run=run)
        return sub

    listing = command("list", _list, "list the catalogue")
    listing.add_argument("--topic", metavar="T", help="only this topic")
    listing.add_argument("--json", action="store_true", help="as JSON")

    text = "derive a formula: every step with its reason and verdict"
    derive.add_options(command("derive", _derive, text, derive.EPILOG))

    derive.add_code_options(command("code", _code, "print the code of a formula", derive.CODE_EPILOG))

    text = "prove every step and cross-check the generated code against PyTorch"
    check.add_options(command("check", _check, text, check.EPILOG))

    text = "measure the errors of the generated code in units of the last place"
    accuracy.add_options(command("accuracy", _accuracy, text, accuracy.EPILOG))

    text = "time the generated code beside torch, JAX and NumPy by hand"
    bench.add_options(command("bench", _bench, text, bench.EPILOG))

    text = "judge a gradient that was written by hand"
    judge = command("verify", _verify, text, verify.EPILOG)
    verify.add_options(judge)
    judge.one_more = "--against"
    return parser


__all__ = ["TARGETS", "MalformedEntry", "ParameterError", "UnknownEntry", "UnwritableOutput", "main"]
