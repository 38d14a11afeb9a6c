"""Feeds broken bytes to what reads layers. Guided by coverage where atheris is installed, else by mutation alone.

Whatever raises an error that may not leave, hangs, or takes too much memory is saved and printed.
"""

import argparse
import importlib
import importlib.util
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / ".data" / "fuzz"
_MAX_ADDRESS_SPACE = 8 << 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "target", help="its name, `all`, `list`, or the module of a cataloger that is not registered yet"
    )
    parser.add_argument("--seconds", type=int, default=60, help="of `all` together")
    parser.add_argument("--engine", choices=("atheris", "mutation"), help="the one that is there, by default")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this one input and say what happens")
    parser.add_argument("--findings", type=Path, default=_FOLDER / "findings", metavar="DIR")
    parser.add_argument("--seed", default=str(time.time_ns()), help="of the mutations")
    options = parser.parse_args()
    engine = options.engine or ("atheris" if importlib.util.find_spec("atheris") else "mutation")
    if options.target == "all":
        return _all(options, engine)
    if engine == "atheris" and not options.replay:
        import atheris

        with atheris.instrument_imports(include=["scans.engine"], enable_loader_override=False):
            importlib.import_module("scans.engine.layers")
    from tests.fuzz import runs, targets
    from tests.fuzz.judge import judge

    table = targets.targets()
    if options.target == "list":
        print("\n".join(table))
        return 0
    target = targets.module_target(options.target) if "." in options.target else table[options.target]
    if options.replay:
        finding = judge(target, options.replay.read_bytes())
        print(f"{finding.key}\n{finding.text}" if finding else "Nothing is wrong.")
        return int(finding is not None)
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_ADDRESS_SPACE, _MAX_ADDRESS_SPACE))
    findings = runs.Findings(target, options.findings)
    if engine == "atheris":
        started = time.time()
        child = os.fork()  # libFuzzer ends its process, with the same code whatever was found
        if not child:
            runs.run_guided(target, options.seconds, findings, _FOLDER / "corpus" / target.name)
        os.waitpid(child, 0)
        return int(any(path.stat().st_mtime >= started for path in options.findings.glob(f"{target.name}-*.bin")))
    count = runs.run_for(target, options.seconds, findings, f"{target.name}:{options.seed}")
    print(f"{target.name}: {count} inputs in {options.seconds} s, {len(findings.sizes)} findings", flush=True)
    return int(bool(findings.sizes))


def _all(options: argparse.Namespace, engine: str) -> int:
    """Each target in a process of its own, with its share of the time."""
    command = [sys.executable, "-m", "tests.fuzz"]
    names = subprocess.run([*command, "list"], check=True, text=True, capture_output=True).stdout.split()
    share = max(options.seconds // len(names), 1)
    words = ["--seconds", str(share), "--engine", engine, "--seed", options.seed, "--findings", str(options.findings)]
    return max(subprocess.run([*command, name, *words], check=False).returncode for name in names)


if __name__ == "__main__":
    sys.exit(main())
