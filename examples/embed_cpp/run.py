"""Train, export, compile, run: FOLDER is where everything is written."""

import shutil
import subprocess
import sys
from pathlib import Path

import fastnet as fn

HERE = Path(__file__).resolve().parent


def library_flags(*options):
    """What pkg-config says of an installed libfastnet; None if there is none that it finds."""
    if not shutil.which("pkg-config"):
        return None
    done = subprocess.run(["pkg-config", *options, "fastnet"], capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else None


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    digits = fn.datasets.digits()
    net = fn.Network([64, 30, 10], dtype="float32", seed=0)
    net.fit(digits.x_train, digits.y_train, epochs=10, batch_size=10, learning_rate=3.0, seed=0)
    net.export_c(folder / "digits_net.cpp", header=folder / "digits_net.h")
    subprocess.run(["c++", "-std=c++17", "-O3", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-I.",
                    HERE / "main.cpp", "digits_net.cpp", "-o", "main"], cwd=folder, check=True)
    subprocess.run(["./main"], cwd=folder, check=True)

    library = library_flags("--cflags", "--libs")
    if library is None:
        print("pkg-config finds no libfastnet (make -C src_c install PREFIX=...; PKG_CONFIG_PATH): left out")
        return
    net.save(folder / "digits.safetensors")
    path = "-Wl,-rpath," + library_flags("--variable=libdir")[0]
    subprocess.run(["c++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", HERE / "library.cpp",
                    "-o", "library", *library, path], cwd=folder, check=True)
    subprocess.run(["./library"], cwd=folder, check=True)


main(Path(sys.argv[1] if len(sys.argv) > 1 else "build"))
