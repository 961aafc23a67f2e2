"""Build the extension and call nets through it: FOLDER is where everything is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import fastnet as fn

HERE = Path(__file__).resolve().parent


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("setup.py", "ensemble.c"):
        shutil.copy(HERE / name, folder)
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder, check=True)
    sys.path.insert(0, str(folder))
    import ensemble

    f = fn.Network([4, 24, 24, 2], activation="tanh", output="identity", seed=0).freeze()
    X, Y = np.random.default_rng(0).uniform(-1, 1, (100, 4)), np.empty((100, 2))
    ensemble.apply(f, X, Y)
    if not np.allclose(Y, f(X), rtol=1e-12):
        raise SystemExit("the extension and Python disagree")
    for wrong, arguments in {"too short": (f, X, Y[:50]), "overlapping": (f, X, X.ravel()[:200]),
                             "float32": (fn.Network([4, 2], dtype="float32").freeze(), X, Y), "no net": (None, X, Y)}.items():
        try:
            ensemble.apply(*arguments)
        except (TypeError, ValueError) as error:
            print(f"{wrong}: {type(error).__name__}: {error}")
        else:
            raise SystemExit(f"{wrong} was not refused")

    alone, together = ensemble.mean(f, 1000, 1), ensemble.mean(f, 1000, 8)
    print("mean outputs over 64,000 inputs:", alone)
    if alone != together:
        raise SystemExit("eight threads find other bits than one")
    capsule = f.capsule                # keeps the net when f is gone
    del f
    if ensemble.mean(capsule, 1000, 3) != alone:
        raise SystemExit("the capsule has lost its net")


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
