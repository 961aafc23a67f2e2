"""The command ``fastnet``: train, use and check networks from a shell.

Results go to stdout, progress, warnings and errors to stderr. The exit code is 0 if all went well, 1 if a run or a
check failed, 2 if the arguments or the input are wrong, 130 after Ctrl-C.
"""

import argparse
import os
import sys
import warnings

from fastnet import _cli_check, _cli_export, _cli_profile, _cli_train, _cli_use
from fastnet._cli_common import BAD_INPUT, FAILED, INTERRUPTED, CommandError

EXAMPLES = """\
examples:
  fastnet train digits --out net.safetensors        30 epochs on 1,437 images of 8x8 pixels: under a second
  fastnet train iris.csv --label-column species     hidden layer and output sized to the data
  fastnet predict net.safetensors new.csv --classes
  fastnet info net.safetensors
  fastnet export net.safetensors --c net.c          one C file that needs libm only
  fastnet profile --sizes 784 30 10 --batch 10      where the time of a step goes, and what to change
  fastnet bench                                     standard nets beside the peers that are installed
  fastnet check                                     compiled kernels against pure Python: about a second

exit codes: 0 ok, 1 a run or a check failed, 2 wrong arguments or input, 130 interrupted"""


class Parser(argparse.ArgumentParser):
    """Errors begin with ``fastnet: error:`` whichever subcommand they come from, and end with the help to see."""

    def error(self, message):
        self.exit(BAD_INPUT, f"fastnet: error: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args=None, namespace=None):
        """All must be known, here already: argparse hands what a subcommand doesn't know up to `fastnet`, whose help lacks it."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self.meant(unknown)}")
        return namespace, unknown

    def meant(self, unknown):
        """A question that names the nearest of this command's options for each that isn't one, where there is a near one."""
        import difflib
        options = [option for action in self._actions for option in action.option_strings]
        near = [match for text in unknown if text.startswith("-")
                for match in difflib.get_close_matches(text.partition("=")[0], options, n=1)]
        return f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else ""


def build_parser():
    parser = Parser(prog="fastnet", description="Small dense neural networks on the CPU.", epilog=EXAMPLES,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    _cli_train.add_train(commands)
    _cli_use.add_predict(commands)
    _cli_use.add_info(commands)
    _cli_export.add_export(commands)
    _cli_check.add_check(commands)
    _cli_profile.add_profile(commands)
    _cli_profile.add_bench(commands)
    _cli_use.add_config(commands)
    return parser


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments after the name of the program; None: those of this process.

    Returns
    -------
    code : int
        0 ok, 1 a run or a check failed, 2 wrong arguments or input, 130 interrupted.

    Examples
    --------
    >>> from fastnet.cli import main
    >>> main(["train", "digits", "--epochs", "1", "--no-compare-reference", "--json"])    # doctest: +SKIP
    {"source": "digits", ...}
    0
    """
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as stop:    # --help, or wrong arguments, which argparse has reported
        return stop.code
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", DeprecationWarning)    # for programmers, not for who types a command
            code = args.run(args)
        sys.stdout.flush()
        return code
    except CommandError as error:
        return _fail(error, error.code)
    except (ValueError, ImportError) as error:
        return _fail(error, BAD_INPUT)
    except BrokenPipeError:    # whoever read stdout has left: nothing more to say, and nobody to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _fail(error if error.filename is None else f"{error.filename}: {error.strerror}", FAILED)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}", FAILED)
    except KeyboardInterrupt:
        print("fastnet: interrupted", file=sys.stderr)
        return INTERRUPTED


def _fail(message, code):
    print(f"fastnet: error: {message}", file=sys.stderr)
    return code


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"fastnet: warning: {message}", file=sys.stderr)
