"""What is installed: stubs that tell the truth, declarations for other compiled code, no sources."""

import ast
import inspect
from pathlib import Path

import fastnet as fn

PACKAGE = Path(fn.__file__).parent
STUB = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))


def stub_signature(function):
    arguments = function.args
    names = [argument.arg for argument in arguments.args + arguments.kwonlyargs]
    defaults = [ast.literal_eval(default) for default in arguments.defaults + arguments.kw_defaults if default is not None]
    return names, defaults, len(arguments.kwonlyargs)


def runtime_signature(function):
    parameters = list(inspect.signature(function).parameters.values())
    defaults = [parameter.default for parameter in parameters if parameter.default is not parameter.empty]
    return [parameter.name for parameter in parameters], defaults, sum(p.kind == p.KEYWORD_ONLY for p in parameters)


def test_the_stubs_are_the_signatures_of_network():
    network = next(node for node in STUB.body if isinstance(node, ast.ClassDef) and node.name == "Network")
    methods = {node.name: node for node in network.body if isinstance(node, ast.FunctionDef)}
    compiled = {"__call__", "predict"}                   # Cython functions that tell no signature
    for name in methods.keys() - compiled - {"dtype", "n_parameters"}:
        assert stub_signature(methods[name]) == runtime_signature(getattr(fn.Network, name)), name
    public = {name for name, value in vars(fn.Network).items() if callable(value) and not name.startswith("_")}
    assert public <= methods.keys()


def test_the_stubs_name_everything_public():
    names = {node.name for node in STUB.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    names |= {alias.asname for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname}
    names |= {node.target.id for node in STUB.body if isinstance(node, ast.AnnAssign)}
    assert names == set(fn.__all__)
    assert all(hasattr(fn, name) for name in fn.__all__)


def test_declarations_are_installed():
    for name in ("py.typed", "__init__.pyi", "_core/kernels.pxd", "_core/backprop.pxd", "datasets/digits.npz",
                 "datasets/README.md"):
        assert (PACKAGE / name).is_file(), name


def test_a_wheel_holds_the_header_and_no_sources_of_compiled_modules():
    if (PACKAGE.parent / "setup.py").exists():           # a build in place
        return
    assert not [*PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.c")]
    assert (PACKAGE / "include" / "fastnet_kernels.h").is_file()
