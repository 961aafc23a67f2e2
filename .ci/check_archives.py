"""What the sdist and the wheel hold, and how large the wheel may be: DIRECTORY-OF-BOTH SOURCE-TREE."""

import re
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

MOST_BYTES = 3_000_000
GENERATED = r"\.(so|pyc|html)$|(_core|embed)/\w+\.c$"
IN_SDIST = ("*.c", "*.h", "*.inc", "*.f90", "*.cpp", "*.pyx", "*.pxd", "*.py", "*.pyi", "*.md", "*.npz", "*.toml", "*.json", "*.txt", "*.in",
            "LICENSE", "Makefile", "py.typed")
IN_WHEEL = ("fastnet/py.typed", "fastnet/__init__.pyi", "fastnet/_core/kernels.pxd", "fastnet/include/fastnet_kernels.h",
            "fastnet/embed/include/fastnet.h", "fastnet/embed/include/fastnet_python.h", "fastnet/embed/include/fastnet.f90",
            "fastnet/embed/capi.pxd",
            "fastnet/datasets/digits.npz", "fastnet/datasets/README.md", "*.dist-info/licenses/LICENSE")
NOT_IN_WHEEL = ("*.c", "*.pyx", "*.inc", "tests/*", "bench/*", "docs/*", "examples/*", "src_c/*", "*.safetensors", "*.html")


def main(directory, source):
    (sdist,), (wheel,) = Path(directory).glob("*.tar.gz"), Path(directory).glob("*.whl")
    with tarfile.open(sdist) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {str(path.relative_to(source)) for path in Path(source).rglob("*") if path.is_file()}
    wanted = {name for name in tracked if any(fnmatch(Path(name).name, pattern) for pattern in IN_SDIST)
              and not name.startswith((".ci/", "build/")) and not re.search(GENERATED, name)}
    complain("the sdist lacks", wanted - found)
    complain("the sdist should not hold", {name for name in found if re.search(GENERATED, name)})

    with zipfile.ZipFile(wheel) as archive:
        found = set(archive.namelist())
    modules = {name.removesuffix(".pyx") for name in tracked if fnmatch(name, "fastnet/*.pyx")}
    complain("the wheel lacks", [pattern for pattern in IN_WHEEL if not any(fnmatch(name, pattern) for name in found)])
    complain("the wheel lacks", [name for name in tracked if fnmatch(name, "fastnet/*.pxd") and name not in found])
    compiled = {name.split(".")[0] for name in found if name.endswith((".so", ".pyd"))}
    complain("the wheel lacks the compiled", modules - compiled)
    complain("the wheel should not hold", [name for name in found if any(fnmatch(name, pattern) for pattern in NOT_IN_WHEEL)])
    size = wheel.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"the wheel holds {size:,} bytes; {MOST_BYTES:,} are allowed")
    print(f"{wheel.name}: {size:,} bytes, {len(found)} files, {len(modules)} compiled modules")


def complain(what, names):
    if names:
        raise SystemExit(f"{what}: {', '.join(sorted(names))}")


main(*sys.argv[1:])
