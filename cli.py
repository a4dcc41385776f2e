"""The command ``nnmath``: arguments in, calls out, exit codes. No mathematics; nothing is imported before its use."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from . import __version__, accuracy_command, bench_command
from .derivations import MalformedEntry, ParameterError, UnknownEntry, catalogue, find, problems, topics
from .output import UnwritableOutput, write
from .usage import WrongUsage

FINE, FAILED, USAGE, MISSING = 0, 1, 2, 3
FORMATS = ("terminal", "text", "latex", "markdown", "json")
DEVICES = ("cpu", "cuda", "auto")
TARGETS = ("numpy", "c", "torch", "jax")
#: Those whose code a cross-check can run.
RUNNABLE = ("numpy", "c", "torch", "jax")
DTYPES = ("float64", "float32", "bfloat16", "float16")

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
    from . import listing

    write(listing.as_json(chosen) if arguments.json else listing.as_text(chosen), None)
    for problem in problems():
        _say(problem)
    return FAILED if problems() else FINE


def _page(arguments: argparse.Namespace) -> Any:
    """The page of an id, with --given of a formula, or of FILE.py:FUNCTION."""
    parameters = _parameters(arguments.set)
    if not _is_own(arguments.id, arguments):
        find(arguments.id).at(**parameters)
    elif parameters:
        raise WrongUsage("--set is for entries of the catalogue; a formula has no parameters")
    from .page import derive

    wrt = [name.strip() for text in arguments.wrt for name in text.split(",") if name.strip()]
    return derive(arguments.id, given=arguments.given, wrt=wrt, order=arguments.order, **parameters)  # type: ignore[arg-type]


def _is_own(id: str, arguments: argparse.Namespace) -> bool:
    """Whether a formula or a function of the person's own is meant, and no entry of the catalogue."""
    if arguments.given is not None or ".py:" in id:
        return True
    if id.endswith(".py"):
        raise WrongUsage(f"{id} is a file; which function in it? Write {id}:FUNCTION")
    for option, used in {"--wrt": arguments.wrt, "--order": arguments.order != 1}.items():
        if used:
            raise WrongUsage(f'{option} goes with a formula of your own. Add its arrays: --given "X: n d, w: d"')
    return False


def _derive(arguments: argparse.Namespace) -> int:
    to_file = arguments.output not in (None, "-")
    plain = "latex" if arguments.document else "text" if to_file or not sys.stdout.isatty() else "terminal"
    format = arguments.format or plain
    if arguments.document and format != "latex":
        raise WrongUsage(f"--document makes a LaTeX file, but --format says {format}. Leave --format out")
    page = _page(arguments)
    options = {"brief": arguments.brief, "detail": arguments.detail, "width": None if to_file else _width()}
    if format == "latex":
        options["document"] = arguments.document
    write(page.render(format, **options), arguments.output)
    if not page.proved:
        _say(f"{page.entry.id}: {page.verdict}: {page.verdict.counterexample or page.verdict.basis}")
    return FINE if page.proved else FAILED


def _code(arguments: argparse.Namespace) -> int:
    write(_page(arguments).source(arguments.target, joint=arguments.joint), arguments.output)
    return FINE


def _check(arguments: argparse.Namespace) -> int:
    if arguments.all == bool(arguments.ids):
        raise WrongUsage("check takes ids, or --all for the whole catalogue: nnmath check softmax-ce")
    if arguments.jobs is not None and arguments.jobs < 1:
        raise WrongUsage(f"--jobs {arguments.jobs} leaves no process to check with. Give 1 or more: --jobs 2")
    ids = list(catalogue()) if arguments.all else list(dict.fromkeys(arguments.ids))
    parameters = _parameters(arguments.set)
    arguments.id = ids[0] if ids else ""
    own = not arguments.all and [id for id in ids if _is_own(id, arguments)]
    if own and len(ids) > 1:
        raise WrongUsage(
            f"check takes one formula of your own at a time, and {len(ids)} names were given: {' '.join(ids)}"
        )
    for id in ids if not own else ():
        find(id).at(**parameters)
    dtypes = tuple(dict.fromkeys(d for text in arguments.dtype or ["float64,float32"] for d in text.split(",")))
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise WrongUsage(f"{dtype!r} is not a dtype that can be checked. Known: {', '.join(DTYPES)}")
    from . import check_table, checks

    device, target = arguments.device, arguments.target
    rows = (
        [checks.check_page(lambda: _page(arguments), device, dtypes, target=target)]
        if own
        else checks.run(ids, parameters, device, dtypes, arguments.jobs, partial(checks.check_one, target=target))
    )
    write(check_table.as_json(rows) if arguments.json else check_table.as_table(rows, dtypes, _width()), None)
    sys.stdout.flush()
    refused = problems() if arguments.all else ()
    for message in dict.fromkeys((*refused, *(m for row in rows for m in row.messages))):
        _say(message)
    if refused or any(row.failed for row in rows):
        return FAILED
    return MISSING if any(row.missing for row in rows) else FINE


def _accuracy(arguments: argparse.Namespace) -> int:
    found, text = accuracy_command.run(arguments, _page, _width())
    write(text, None)
    failed = [a for a in found if a.failed]
    return FINE if not failed else MISSING if all(a.missing for a in failed) else FAILED


def _bench(arguments: argparse.Namespace) -> int:
    right, text = bench_command.run(arguments, _width())
    write(text, None)
    return FINE if right else FAILED


def _verify(arguments: argparse.Namespace) -> int:
    for dtype in (dtypes := [d for text in arguments.dtype for d in text.split(",")]):
        if dtype not in DTYPES:
            raise WrongUsage(f"{dtype!r} is not a dtype that can be checked. Known: {', '.join(DTYPES)}")
    from .verification.probing.stated import parse_sizes
    from .verifying import verify

    report = verify(
        arguments.subject,
        against=arguments.against,
        inputs=arguments.inputs,
        device=arguments.device,
        dtypes=tuple(dict.fromkeys(dtypes)) or None,
        sizes=[parse_sizes(text) for text in arguments.sizes],
        seconds=arguments.time_limit,
    )
    if arguments.json:
        write(report.as_json(), None)
    elif sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(report)
    else:
        write(str(report), None)
    return FINE if report.passed else FAILED


def _parameters(texts: Sequence[str]) -> dict[str, str]:
    """``depth=4`` as a mapping; the entry reads the value."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise WrongUsage(f"--set {text} is not a parameter with a value. Write --set depth=4")
        found[name] = value
    return found


def _width() -> int:
    import shutil

    return max(40, shutil.get_terminal_size((120, 24)).columns)


# -- arguments -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        flag = re.search(r"unrecognized arguments: --(\w+)", message)
        meant = f" Did you mean --format {flag[1]}?" if flag and flag[1] in FORMATS else ""
        _say(f"{message}.{meant} For help: {self.prog} --help")
        raise SystemExit(USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="nnmath",
        description="Derives the mathematics of neural networks, proves every step, generates and checks code.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nnmath {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help, epilog=EPILOG)
        sub.formatter_class = argparse.RawDescriptionHelpFormatter
        sub.set_defaults(run=run)
        return sub

    listing = command("list", _list, "list the catalogue")
    listing.add_argument("--topic", metavar="T", help="only this topic")
    listing.add_argument("--json", action="store_true", help="as JSON")

    derive = command("derive", _derive, "derive a formula: every step with its reason and verdict")
    derive.epilog = f"""examples:
  nnmath derive softmax-ce
  nnmath derive softmax-ce --document -o softmax-ce.tex
  nnmath derive "mean((X @ w - y)**2)" --given "X: n d, w: d, y: n" --wrt w --order 2
  nnmath derive mymodel.py:loss --inputs "X: n d, w: d, y: n" --wrt w

The code of FILE.py runs in this process.

{EPILOG}"""
    derive.add_argument(
        "--format", choices=FORMATS, help="default: terminal on a terminal, else text; latex: a fragment"
    )
    derive.add_argument("--document", action="store_true", help="a whole LaTeX file, ready for pdflatex")
    derive.add_argument("--brief", action="store_true", help="results without the steps")
    derive.add_argument("--detail", action="store_true", help="also the single rewritings behind each step")

    code = command("code", _code, "print the code of a formula")
    code.epilog = f"""examples:
  nnmath code softmax-ce -o softmax_ce.py
  nnmath code softmax-ce --joint
  nnmath code softmax-ce --target torch -o softmax_ce_torch.py
  nnmath code "mean((X @ w - y)**2)" --given "X: n d, w: d, y: n" --wrt w
  nnmath code softmax-ce --target c -o softmax_ce.c
  nnmath code mymodel.py:loss --inputs "X: n d, w: d, y: n" --wrt w

{EPILOG}"""
    for sub in (derive, code):
        sub.add_argument("id", metavar="ID", help="an id of the catalogue, FILE.py:FUNCTION, or with --given a formula")
        sub.add_argument("-o", "--output", metavar="FILE", help="write to a file, all of it or nothing")

    code.add_argument("--target", choices=TARGETS, default="numpy", help="the language of the code; default: numpy")

    code.add_argument("--joint", action="store_true", help="one function that returns the value and all gradients")

    check = command("check", _check, "prove every step and cross-check the generated code against PyTorch")
    check.description = """prove every step and cross-check the generated code against PyTorch

The code runs on families of inputs, and as it computes long arrays (in blocks, in threads,
by forms for moderate entries), against exact values and an independent forward in PyTorch."""
    check.epilog = f"""examples:
  nnmath check softmax-ce layernorm
  nnmath check --all
  nnmath check softmax-ce --target torch
  nnmath check softmax-ce --target c
  nnmath check "mean((X @ w - y)**2)" --given "X: n d, w: d, y: n" --wrt w
  nnmath check mymodel.py:loss --inputs "X: n d, w: d, y: n" --wrt w

{EPILOG}"""
    check.add_argument("ids", metavar="ID", nargs="*", help="ids of the catalogue, a formula, or FILE.py:FUNCTION")
    accuracy = command("accuracy", _accuracy, "measure the errors of the generated code in units of the last place")
    accuracy.epilog = f"{accuracy_command.EPILOG}\n\n{EPILOG}"
    accuracy_command.add_options(accuracy)
    for sub in (derive, code, check, accuracy):
        sub.add_argument(
            "--given", "--inputs", metavar="ARRAYS", help='arrays of a formula or function: "X: n d, w: d, y: n int<C"'
        )
        sub.add_argument("--wrt", action="append", default=[], metavar="NAME", help="differentiate by it; else by all")
        sub.add_argument("--order", type=int, choices=(1, 2), default=1, help="1: gradients, 2: also Hessians")
    check.add_argument("--all", action="store_true", help="the whole catalogue")
    check.add_argument("--jobs", type=int, metavar="N", help="processes; default: one for each core")
    check.add_argument("--device", choices=DEVICES, default="cpu", help="default: cpu")
    check.add_argument("--dtype", action="append", metavar="D", help=f"one of {', '.join(DTYPES)}; may be repeated")
    check.add_argument("--target", choices=RUNNABLE, default="numpy", help="the language of the code; default: numpy")
    check.add_argument("--json", action="store_true", help="as JSON")
    bench = command("bench", _bench, "time the generated code beside torch, JAX and NumPy by hand")
    bench.epilog = f"{bench_command.EPILOG}\n\n{EPILOG}"
    bench_command.add_options(bench)
    verify = command("verify", _verify, "judge a gradient that was written by hand")
    verify.epilog = f"""examples:
  nnmath verify mylayer.py:backward --against layernorm
  nnmath verify net.py:Network --against mlp-softmax --json
  nnmath verify loss.py:grad --against "mean((X @ w - y)**2)" --inputs "X: n d, w: d, y: n"

The code of FILE.py runs in this process.

{EPILOG}"""
    verify.add_argument("subject", metavar="FILE.py:OBJECT", help="a function, a class, or a torch Function")
    verify.add_argument("--against", metavar="REF", help="an id, a formula, or FILE.py:FUNCTION; else its own forward")
    verify.add_argument("--inputs", metavar="ARRAYS", help='its arrays: "z: n C, y: n int<C"')
    verify.add_argument("--device", choices=DEVICES, default="cpu", help="for torch code; default: cpu")
    verify.add_argument("--dtype", action="append", default=[], metavar="D", help="default: float64,float32; or half")
    verify.add_argument("--sizes", action="append", default=[], metavar="S", help='also try these: "n=512, C=1000"')
    limit = verify.add_argument("--time-limit", metavar="SECONDS", type=float, default=60.0)
    limit.help = "for running the code, all in all; default: 60"
    verify.add_argument("--json", action="store_true", help="as JSON")
    for sub in (derive, code, check, accuracy):
        text = "a parameter, such as depth=4 or reduction=sum"
        sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)
    return parser


__all__ = ["MalformedEntry", "ParameterError", "UnknownEntry", "UnwritableOutput", "main"]
