"""The house: who may import whom, and what `import fastnet` may cost."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastnet

PACKAGE = Path(fastnet.__file__).parent

# Each module, and the modules of fastnet that it may import (lazily or not).
ALLOWED = {
    "reference": set(),
    "_version": set(),
    "_files": set(),
    "initializers": set(),
    "activations": {"_core", "_checks", "custom_activations"},
    "custom_activations": {"_core", "_checks"},
    "_vectors": set(),
    "_checks": {"_core", "_checks_data", "_threads"},
    "_predict": {"_checks", "_core", "_threads"},
    "_checks_callables": {"_checks"},
    "_checks_embed": {"_checks", "network"},
    "_checks_data": {"_core", "_pages"},
    "_pages": set(),
    "_pools": {"_core"},
    "costs": {"_core", "_checks"},
    "gradient_check": {"_checks"},
    "_checks_scaling": {"_checks"},
    "_checks_labels": {"_checks"},
    "scaling": {"_checks", "_checks_data", "_checks_scaling", "_core", "_predict", "_vectors"},
    "_core": {"_core"},
    "_config": {"_core", "_version"},
    "_threads": {"_core"},
    "explain": {"_advice", "_checks", "_core", "_measure", "_model", "_roof", "tables"},
    "_rates": set(),
    "profiling": {"_checks", "_core", "_files", "_rates", "_roof", "plotting", "tables"},
    "_roof": {"_core", "_files", "_version"},
    "history": {"_checks", "_files", "plotting"},
    "plotting": {"_roof"},
    "callbacks": {"_checks", "_files", "plotting"},
    "_options": {"_checks", "_core", "full_batch", "optimizers", "schedules"},
    "stopping": {"_checks", "_checks_data", "_checks_labels", "_checks_scaling", "_core", "_options", "_predict"},
    "whole_fit": {"_vectors", "full_batch"},
    "training": {"_checks_data", "_checks_labels", "_checks_scaling", "scaling", "_core", "_checks", "_files", "_options", "_pools", "callbacks",
                 "checkpoints", "history", "optimizers", "stopping",
                 "whole_fit"},
    "_batches": {"_checks", "_checks_data", "_checks_labels", "_checks_scaling", "scaling", "_core", "_options", "stopping", "training"},
    "tables": set(),
    "_checks_many": {"_checks", "network"},
    "many": {"_checks", "_checks_data", "_core", "_checks_many", "callbacks", "network", "tables", "training"},
    "cross_validation": {"_checks", "_checks_many", "history", "many", "network", "stopping", "tables"},
    "checkpoints": {"_batches", "scaling", "_checks", "_core", "_files", "_options", "costs", "custom_activations", "history", "network", "optimizers",
                    "persistence", "schedules",
                    "stopping", "training"},
    "frozen": {"_core", "_checks", "_predict", "custom_activations", "derivatives", "embed"},
    "embed": {"_checks_callables", "_checks_embed", "_core", "_files", "_version", "activations", "network"},
    "derivatives": {"scaling", "_core", "_checks", "custom_activations"},
    "network": {"_batches", "_checks_labels", "_predict", "scaling", "_core", "_checks", "custom_activations", "derivatives", "explain", "_vectors",
                "costs", "gradient_check", "initializers", "training",
                "frozen", "persistence", "checkpoints"},
    "persistence": {"scaling", "_core", "_files", "costs", "custom_activations", "network", "__init__"},
    "_optimizer": {"_checks", "_core", "optimizers"},
    "full_batch": {"_checks", "_optimizer", "_vectors"},
    "optimizers": {"_checks", "_optimizer", "full_batch"},
    "schedules": {"_checks"},
    "datasets": {"datasets"},
    "sklearn": {"_checks", "_checks_data", "_core", "_optimizer", "_options", "_threads", "_vectors", "callbacks", "costs", "custom_activations",
                "history", "network", "optimizers", "schedules", "stopping", "training"},
    "_measure": {"profiling"},
    "_model": {"_core", "_files", "_measure", "_roof", "network"},
    "_advice": {"_core", "_measure", "_threads"},
    "_cli_profile": {"_cli_bench", "_cli_common", "_measure", "network", "persistence", "profiling", "__init__"},
    "_cli_bench": {"_cli_common", "_config", "_core", "network", "__init__"},
    "cli": {"_cli_common", "_cli_profile", "_cli_train", "_cli_use", "_cli_export", "_cli_check", "__init__"},
    "_cli_common": {"datasets", "_files", "tables", "__init__"},
    "_cli_train": {"_cli_common", "costs", "datasets", "network", "reference", "schedules", "training"},
    "_cli_use": {"_cli_common", "datasets", "network", "persistence", "__init__"},
    "_cli_export": {"_cli_common", "persistence"},
    "_cli_check": {"_cli_common", "network", "reference", "_core", "__init__"},
    "__main__": {"cli"},
}


# Inside _core: each module, and the modules that it may take from (layout and kernels share their structs).
CORE = {
    "types": set(), "affine": {"types"}, "plan": {"kernels"}, "single": set(), "capsule": set(), "layout": {"kernels", "laps"},
    "laps": set(), "profile": {"laps", "layout"}, "users": {"types", "kernels", "layout"},
    "kernels": {"types", "laps", "layout"}, "blas": {"types"},
    "costs": {"types", "kernels", "layout"}, "roof": {"kernels"},
    "backprop": {"types", "kernels", "laps", "layout", "blas", "costs", "users"},
    "descent": {"types", "kernels", "layout"}, "recipe": {"optimizers"},
    "epoch": {"types", "kernels", "laps", "layout", "backprop", "costs", "descent", "users"},
    "epochs": {"types", "kernels", "layout", "epoch", "packed", "plan", "random", "samples", "trainer"},
    "samples": {"types", "kernels", "rows"}, "barrier": {"kernels"}, "rows": {"types", "kernels", "plan"},
    "window": {"types", "kernels", "rows", "samples"},
    "packed": {"types", "kernels", "laps", "layout", "plan"},
    "trainer": {"types", "kernels", "layout", "plan"},
    "run": {"types", "profile", "kernels", "laps", "layout", "blas", "backprop", "costs", "descent", "epoch", "epochs", "optimizers",
            "samples", "barrier", "single", "trainer", "plan", "window"},
    "optimizers": {"types", "kernels"}, "random": {"kernels"},
    "frozen": {"types", "profile", "kernels", "laps", "layout", "packed", "capsule", "single", "plan"},
    "model": {"kernels", "costs", "capsule"}, "callbacks": {"types", "kernels", "layout", "packed", "capsule", "single"},
    "first_order": {"types", "kernels", "layout", "blas"}, "curvature": {"types", "kernels", "layout"},
    "second_order": {"types", "kernels", "layout", "backprop", "curvature", "first_order"},
    "derivatives": {"types", "profile", "kernels", "laps", "layout", "blas", "backprop", "costs", "first_order", "packed", "samples", "second_order",
                    "single", "users", "plan"},
    "engine": {"types", "profile", "affine", "kernels", "laps", "layout", "blas", "backprop", "costs", "epoch", "packed", "rows",
               "samples", "single", "plan", "users", "window"},
}


def absolute(path, node):
    """The module that a `from` statement names, dots in front resolved."""
    if not node.level:
        return node.module
    package = ["fastnet", *path.relative_to(PACKAGE).parts[:-1]]
    return ".".join(package[:len(package) - node.level + 1] + [node.module or ""]).rstrip(".")


def core_modules_used(path):
    """Modules of _core that a compiled one takes from."""
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"fastnet\._core\.(\w+)", text))
    for line in re.findall(r"^\s*from fastnet\._core c?import (.+)$", text, re.MULTILINE):
        names |= {name.split(" as ")[0].strip() for name in line.split(",")}
    return names


def imported(path):
    """First parts below `fastnet` of what a module imports; "__init__" for the package itself."""
    text = path.read_text(encoding="utf-8")
    names = set()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "fastnet":
                names |= {f"fastnet.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(absolute(path, node))
    else:
        names |= set(re.findall(r"^\s*(?:from|import|cimport)\s+([\w.]+)", text, re.MULTILINE))
    parts = [name.split(".") for name in names if name.split(".")[0] == "fastnet"]
    found = {part[1] if len(part) > 1 else "__init__" for part in parts}
    return {name if (PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists() else "__init__" for name in found}


def modules():
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in (".py", ".pxd", ".pyx") and path != PACKAGE / "__init__.py":
            yield path


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert imported(path) <= ALLOWED[room] | {room}


@pytest.mark.parametrize("path", sorted((PACKAGE / "_core").glob("[!_]*.p[yx]*")), ids=lambda path: path.name)
def test_the_engine_room_goes_one_way_too(path):
    assert core_modules_used(path) <= CORE[path.stem] | {path.stem}


def test_kernels_are_plain_c():
    sources = [file for file in (Path(__file__).resolve().parent.parent / "src_c").glob("*") if file.suffix in (".c", ".h", ".inc")]
    if not sources:                                          # not beside the tests: the one header that is installed
        sources = list((PACKAGE / "include").glob("*.h"))
    assert sources
    for source in sources:
        text = re.sub(r"/\*.*?\*/", "", source.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"Python\.h|\b(malloc|calloc|realloc|free|printf)\s*\(|#\s*pragma\s+omp", text), source.name


def test_nothing_imports_an_integration():
    assert not [path for path in modules() if "integrations" in imported(path)]


def test_only_blas_knows_scipy():
    source = [path for path in modules() if "_core" in path.parts and path.suffix == ".py"]
    assert not [path for path in source if "scipy" in path.read_text(encoding="utf-8")]


def test_import_fastnet_stays_light():
    code = ("import sys, numpy; before = set(sys.modules); import fastnet; "
            "print(*sorted(set(sys.modules) - before))")
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"scipy", "scipy.linalg", "json", "csv", "argparse", "difflib", "gzip", "matplotlib", "hypothesis"}
    assert not heavy & set(new)
    assert not [name for name in new if name.startswith(("fastnet.datasets", "fastnet.cli", "fastnet.persistence", "fastnet.embed"))]


def test_training_on_the_fast_paths_needs_no_scipy():
    code = ("import sys, fastnet as fn; net = fn.Network([2, 3, 2], seed=0); "
            "net.fit([[0, 1], [1, 0]], [0, 1], epochs=1); net([0, 1]); print('scipy' in sys.modules)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
