"""Train, export, compile, run: FOLDER is where everything is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import fastnet as fn

HERE = Path(__file__).resolve().parent


def trained():
    """x, y -> V = (x^2 + 2 y^2) / 4."""
    X = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    net = fn.Network([2, 20, 1], activation="tanh", output="identity", seed=0)
    net.fit(X, (X**2 @ [[1.0], [2.0]]) / 4, epochs=60, batch_size=20, learning_rate=0.1, seed=0)
    return net


def library_flags(*options):
    """What pkg-config says of an installed libfastnet; None if there is none that it finds."""
    if not shutil.which("pkg-config"):
        return None
    done = subprocess.run(["pkg-config", *options, "fastnet"], capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else None


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    net = trained()
    net.freeze().export_fortran(folder / "potential.f90", selftest=folder / "potential_selftest.f90")
    flags = ["-std=f2008", "-O2", "-Wall", "-Werror"]
    for command in (["gfortran", *flags, "potential.f90", "potential_selftest.f90", "-o", "selftest"],
                    ["./selftest"],
                    ["gfortran", *flags, "potential.f90", HERE / "main.f90", "-o", "main"],
                    ["./main"]):
        subprocess.run(command, cwd=folder, check=True)

    library = library_flags("--libs")
    if library is None:
        print("pkg-config finds no libfastnet (make -C src_c install PREFIX=...; PKG_CONFIG_PATH): left out")
        return
    net.save(folder / "potential.safetensors")
    module = library_flags("--variable=includedir")[0] + "/fastnet.f90"
    path = "-Wl,-rpath," + library_flags("--variable=libdir")[0]
    subprocess.run(["gfortran", *flags, module, HERE / "library.f90", "-o", "library", *library, path], cwd=folder, check=True)
    subprocess.run(["./library"], cwd=folder, check=True)


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
