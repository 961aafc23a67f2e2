"""The stubs tell the truth: the same names, arguments, defaults and fields as at run time."""

import ast
import inspect
from pathlib import Path

import pytest

import fastnet as fn

TREE = ast.parse(Path(fn.__file__).with_name("__init__.pyi").read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
BASES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef) and node.name.startswith("_")}
FUNCTIONS = {node.name: node for node in TREE.body if isinstance(node, ast.FunctionDef)}
SLOTS = {"__call__"}              # slots of compiled classes tell no signature: called below instead


def is_property(node):
    return any(getattr(decorator, "id", None) == "property" for decorator in node.decorator_list)


METHODS = [(name, node.name) for name, stub in CLASSES.items() for node in stub.body
           if isinstance(node, ast.FunctionDef) and not is_property(node) and node.name not in SLOTS]


def stub_signature(function):
    arguments = function.args
    positional = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    named = [(argument.arg, keyword_only, *(() if default is None else (ast.literal_eval(default),)))
             for group, defaults, keyword_only in ((arguments.args, positional, False),
                                                   (arguments.kwonlyargs, arguments.kw_defaults, True))
             for argument, default in zip(group, defaults)]
    return named + ([("**" + arguments.kwarg.arg,)] if arguments.kwarg else [])


def runtime_signature(function):
    return [("**" + p.name,) if p.kind is p.VAR_KEYWORD else
            (p.name, p.kind is p.KEYWORD_ONLY, *(() if p.default is p.empty else (p.default,)))
            for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("owner, name", METHODS, ids=map(".".join, METHODS))
def test_a_method_takes_what_its_stub_says(owner, name):
    stub = next(node for node in CLASSES[owner].body if isinstance(node, ast.FunctionDef) and node.name == name)
    assert stub_signature(stub) == runtime_signature(getattr(getattr(fn, owner), name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_what_its_stub_says(name):
    assert stub_signature(FUNCTIONS[name]) == runtime_signature(getattr(fn, name))


def test_calls_take_what_their_stubs_say():
    call = {name: next(node for node in CLASSES[name].body if getattr(node, "name", "") == "__call__")
            for name in ("Network", "FrozenNetwork")}
    assert [entry[0] for entry in stub_signature(call["Network"])] == ["self", "X"]
    assert [entry[0] for entry in stub_signature(call["FrozenNetwork"])] == ["self", "X", "out"]
    net = fn.Network([2, 3, 1], seed=0)
    assert net(X=[0, 1]).shape == net.freeze()(X=[0, 1], out=None).shape == (1,)
    with pytest.raises(TypeError):
        net([0, 1], None)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_fields_of_its_stub_and_no_public_method_more(name):
    kind, stub = getattr(fn, name), CLASSES[name]
    fields = [node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)]
    stubbed = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)} | set(fields)
    public = {key for key, value in vars(kind).items() if not key.startswith("_") and callable(value)}
    assert public <= stubbed
    if hasattr(kind, "_fields"):
        assert list(kind._fields) == fields
    elif name == "History":
        assert set(fields) <= vars(kind()).keys()
    elif name == "Profile":
        found = fn.profile()
        assert set(fields) <= vars(found).keys() and stubbed - set(fields) <= {*public, "accounted", "__enter__", "__exit__"}
    elif [base.id for base in stub.bases] == ["_Optimizer"]:
        assert list(kind.__slots__) == fields
        assert all(hasattr(kind(), node.name) for node in BASES["_Optimizer"].body)
    elif name in ("Fit", "Fits", "CrossValidation"):
        X, Y = [[0, 1], [1, 0], [1, 1]], [1, 0, 1]
        fits = fn.fit_many([{"sizes": [2, 1]}], X, Y, epochs=1)
        made = {"Fit": fits[0], "Fits": fits, "CrossValidation": fn.cross_validate({"sizes": [2, 1]}, X, Y, folds=2, epochs=1)}
        assert all(hasattr(made[name], member) for member in stubbed)
    else:
        net = fn.Network([2, 3, 1], seed=0)
        made = {"Network": lambda: net, "FrozenNetwork": net.freeze, "TrainingModel": lambda: fn.TrainingModel(net), "Scaling": fn.Scaling}
        example = made[name]()
        assert all(hasattr(example, member) for member in stubbed)


def test_the_stubs_name_everything_public():
    names = CLASSES.keys() | FUNCTIONS.keys()
    names |= {alias.asname for node in TREE.body if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname}
    names |= {node.target.id for node in TREE.body if isinstance(node, ast.AnnAssign)}
    assert names == {*fn.__all__, "sklearn"}      # which needs scikit-learn: `from fastnet import *` does without
    assert all(hasattr(fn, name) for name in fn.__all__)
