"""scikit-learn's own tests on fastnet's estimators: its checks of any estimator, and the tests of its MLPs with ours in their place."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.6")

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnet.sklearn import MLPClassifier, MLPRegressor

THEIR_TESTS = Path(find_spec("sklearn").origin).parent / "neural_network" / "tests" / "test_mlp.py"
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"

# Tests of theirs that can't run on other classes, and why.
PRIVATE = {
    "test_gradient": "calls _loss_grad_lbfgs, which works on their packed parameters; fastnet.Network.check_gradient does the same",
}

CONFTEST = """
import pytest

@pytest.fixture(params=[0, 1, 42])
def global_random_seed(request):
    return request.param
"""


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_every_check_of_an_estimator_passes(estimator, check):
    check(estimator)


@pytest.mark.skipif(not THEIR_TESTS.exists(), reason="this scikit-learn comes without its tests")
def test_their_tests_of_mlps_pass_with_our_classes(tmp_path):
    source = THEIR_TESTS.read_text(encoding="utf-8")
    assert source.count(IMPORT) == 1
    assert all(f"def {name}(" in source for name in PRIVATE)
    (tmp_path / "test_mlp.py").write_text(source.replace(IMPORT, IMPORT.replace("sklearn.neural_network", "fastnet.sklearn")), encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    options = [part for name in PRIVATE for part in ("--deselect", f"test_mlp.py::{name}")]
    paths = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "test_mlp.py", *options],
                            cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-6000:]
    passed = int(result.stdout.rsplit(" passed", 1)[0].split()[-1])
    assert passed >= source.count("\ndef test_") - len(PRIVATE)
