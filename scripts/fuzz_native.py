"""Executes random bytecode, valid and invalid, with the native machine under AddressSanitizer and UBSan.

    python scripts/fuzz_native.py [--programs N] [--seed N]

The first fault ends it, with the sanitizer's report. Needs a C++ compiler with its sanitizers (g++ or clang++).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dsl.vm.native.build import FLAGS, find_compiler

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_GLIBCXX_SANITIZE_VECTOR", "-O1", "-g")
NATIVE = Path(__file__).parents[1] / "dsl" / "vm" / "native"


def main() -> None:
    """Builds the fuzzer and runs it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the programs (default: %(default)s)")
    arguments = parser.parse_args()
    flags = [flag for flag in FLAGS if flag not in ("-O3", "-shared")]
    with tempfile.TemporaryDirectory() as directory:
        fuzzer = f"{directory}/fuzz"
        sources = [str(Path(__file__).with_suffix(".cc")), str(NATIVE / "machine.cc")]
        command = [*find_compiler()[0], *flags, *SANITIZERS, f"-I{NATIVE}", *sources, "-o", fuzzer, "-lm", "-pthread"]
        subprocess.run(command, check=True)
        sys.exit(subprocess.run([fuzzer, str(arguments.programs), str(arguments.seed)]).returncode)


if __name__ == "__main__":
    main()
