"""Runs the README's two commands as they stand there: README.md DIRECTORY-TO-RUN-IN.

They are the first two ```sh blocks after the heading "Try it".
"""

import re
import subprocess
import sys


def main(readme, directory):
    with open(readme, encoding="utf-8") as file:
        section = file.read().split("## Try it", 1)[1]
    commands = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:2]
    if len(commands) != 2:
        raise SystemExit("README.md: two sh blocks were expected under 'Try it'")
    for command in commands:
        print("$", command.strip(), flush=True)
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=directory, stdin=subprocess.DEVNULL)
        if result.returncode:
            raise SystemExit(f"the command failed with exit code {result.returncode}")


main(*sys.argv[1:])
