"""``fastnet export``: a saved net as C or Fortran source."""

import argparse

from fastnet._cli_common import OK, CommandError, check_apart, reading

EXPORT_EXAMPLES = """\
examples:
  fastnet export net.safetensors --c net.c --header net.h
  cc -O3 -DFASTNET_SELFTEST net.c -o check -lm && ./check      the file checks itself
  fastnet export net.safetensors --fortran net.f90 --name surrogate"""


def add_export(commands):
    parser = commands.add_parser("export", help="a saved net as one C or Fortran file", epilog=EXPORT_EXAMPLES,
                                 description="Write a saved net as one source file that depends on nothing of fastnet.",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a net written by `fastnet train --out` or net.save")
    parser.add_argument("--c", metavar="FILE", help="write C99")
    parser.add_argument("--header", metavar="FILE", help="with --c: write the declarations too")
    parser.add_argument("--fortran", metavar="FILE", help="write a Fortran 2008 module")
    parser.add_argument("--selftest", metavar="FILE", help="with --fortran: write a program that checks the module")
    parser.add_argument("--name", metavar="NAME", help="prefix of the C functions, name of the module (default: the file's name)")
    parser.set_defaults(run=export)


def export(args):
    from fastnet import persistence

    if args.c is None and args.fortran is None:
        raise CommandError("nothing to write: give --c FILE, --fortran FILE or both")
    for option, value, needed, other in (("--header", args.header, "--c", args.c),
                                         ("--selftest", args.selftest, "--fortran", args.fortran)):
        if value is not None and other is None:
            raise CommandError(f"{option} goes with {needed}")
    check_apart([args.model], [args.c, args.header, args.fortran, args.selftest])
    with reading(args.model):
        frozen = persistence.load(args.model).freeze()
    if args.c is not None:
        frozen.export_c(args.c, args.name, args.header)
    if args.fortran is not None:
        frozen.export_fortran(args.fortran, args.name, args.selftest)
    return OK
