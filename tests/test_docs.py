"""Every example in the documentation runs: docstrings, README.md and docs/."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import fastnet

ROOT = Path(__file__).resolve().parent.parent
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if path.exists()]
NUMBA = importlib.util.find_spec("numba") is not None        # examples with it are left out where it is not installed
MODULES = sorted(module.name for module in pkgutil.walk_packages(fastnet.__path__, "fastnet.")
                 if "._core" not in module.name and not module.name.endswith("__main__")
                 and (NUMBA or module.name != "fastnet.embed.numba_calls"))


def needs(name):
    """Skip what an optional package is needed for."""
    if "sklearn" in name:
        pytest.importorskip("sklearn", minversion="1.6")


@pytest.mark.parametrize("name", ["fastnet", *MODULES])
def test_docstrings(name, tmp_path, monkeypatch):
    needs(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))      # roof keeps what it measures
    module, runner = importlib.import_module(name), doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(module):
        if NUMBA or "import fastnet as fn, numba" not in (test.docstring or ""):
            runner.run(test)
    assert runner.failures == 0


def test_docstrings_of_compiled_methods():
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    frozen = fastnet.FrozenNetwork
    source = "\n".join(method.__doc__ for method in (fastnet.Network.predict, frozen.__call__, frozen.jacobian,
                                                     frozen.value_and_jacobian, frozen.jvp, frozen.vjp))
    runner.run(doctest.DocTestParser().get_doctest(source, {}, "compiled methods", None, 0))
    assert finder and runner.failures == 0 and runner.tries >= 12


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page, tmp_path, monkeypatch):
    needs(page.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = page.read_text(encoding="utf-8")
    if not NUMBA:
        text = re.sub(r"^```python\n>>> import numba.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    runner = doctest.DocTestRunner()
    result = runner.run(doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0))
    assert result.failed == 0 and (result.attempted > 0 or page.name not in ("README.md", "theory.md"))


def test_the_pages_are_there():
    assert {"README.md", "theory.md"} <= {page.name for page in PAGES}


@pytest.mark.skipif(not (ROOT / "src_c").is_dir(), reason="the sources are not beside the tests")
def test_files_named_in_the_sources_and_pages_exist():
    tops = ("src_c", "fastnet", "tests", "bench", ".")
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "bench").glob("*.md"), *(path for path in (ROOT / "src_c").rglob("*") if path.suffix in (".c", ".h", ".inc"))]
    missing = {f"{text.name}: {name}" for text in texts
               for name in re.findall(r"\b(?:src_c|fastnet|tests|bench|_core|docs)/[\w/]+\.(?:pyx|pxd|pyi|py|inc|md|c|h)\b",
                                      text.read_text(encoding="utf-8"))
               if not name.endswith("/NAME.py") and not any((ROOT / top / name).exists() for top in tops)}
    assert not missing
