"""``python -m fastnet`` is the command ``fastnet``."""

from fastnet.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
