"""The nine images of `real-images build DIR full`, against what the tools inside them list.

Needs `PORTWARDEN_REAL_IMAGES=DIR` (the folder with `layout`), root and umoci; skipped without, since building the
images takes minutes. Each image is unpacked; its own dpkg-query, pip, npm, gem and jars are asked and compared.
"""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Platform
from integrations.oci.source import image_resolve
from scans.engine.formats.executable import MAGICS
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import layer_read

FOLDER = os.environ.get("PORTWARDEN_REAL_IMAGES", "")
IMAGES = ("base", "py", "node", "java", "go", "ruby", "web", "rust", "pyapp")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

pytestmark = pytest.mark.skipif(
    not FOLDER or not shutil.which("umoci") or os.geteuid() != 0,
    reason="set PORTWARDEN_REAL_IMAGES to the folder of `real-images build DIR full`; needs root and umoci",
)


@pytest.fixture(scope="module", params=IMAGES)
def image(request, tmp_path_factory):
    """(name, root file system, inventory) of one image."""
    layout, name = Path(FOLDER) / "layout", request.param
    bundle = tmp_path_factory.mktemp(name) / "bundle"
    run = ["umoci", "unpack", "--image", f"{layout}:{name}", str(bundle)]
    subprocess.run(run, check=True, capture_output=True)
    with closing(OciLayout(layout)) as source:
        resolved = image_resolve(source, name, Platform.parse("linux/amd64"))
        slots = [
            LayerSlot(layer.digest, layer_read(source.blob(layer), reopen=lambda layer=layer: source.blob(layer)))
            for layer in resolved.manifest.layers
        ]
    yield name, bundle / "rootfs", inventory_assemble(slots)
    shutil.rmtree(bundle)


def _inside(root: Path, *command: str) -> str:
    environment = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["chroot", str(root), *command], capture_output=True, env=environment, check=False, text=True)
    return done.stdout


def _ours(inventory, kind: str, *, below: str = "", without: str = "\0") -> Counter:
    """(name, version) → how often. Wheels that wait to be installed (`without`) are no distributions yet."""
    return Counter(
        (item.package.name, item.package.version)
        for item in inventory.packages
        if item.package.type == kind and item.package.path.startswith(below) and not item.package.path.endswith(without)
    )


def test_nothing_is_unread(image):
    assert image[2].unread == ()


def test_os_packages_are_those_of_dpkg_query(image):
    _, root, inventory = image
    listed = _inside(
        root,
        "dpkg-query",
        "-W",
        "-f",
        "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n",
    )

    ours = sorted(
        (p.name, p.version, p.arch, p.source_name, p.source_version)
        for p in (item.package for item in inventory.packages)
        if p.type == "deb"
    )

    assert ours == sorted(tuple(line.split("\t")) for line in listed.splitlines())


def test_python_packages_are_those_of_pip(image):
    _, root, inventory = image
    for python, below in (("/opt/app/bin/python", "opt/app/"), ("/usr/bin/python3", "usr/")):
        if not (root / python.lstrip("/")).is_symlink() and not (root / python.lstrip("/")).exists():
            continue
        script = (
            "import importlib.metadata as m, json;"
            "print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
        )
        text = _inside(root, python, "-c", script)
        theirs = Counter(map(tuple, json.loads(text))) if text else Counter()
        assert _ours(inventory, "pypi", below=below, without=".whl") == theirs


def test_node_packages_are_those_of_npm(image):
    _, root, inventory = image
    if not (root / "srv/app/package-lock.json").exists():
        pytest.skip("no npm application in this image")
    lock = json.loads((root / "srv/app/package-lock.json").read_text())["packages"]
    theirs = Counter(
        (row.get("name") or path.rpartition("node_modules/")[2], row["version"])
        for path, row in lock.items()
        if path and (root / "srv/app" / path / "package.json").exists()
    )

    ours = Counter(
        {key: count for key, count in _ours(inventory, "npm", below="srv/app/").items() if key != ("app", "1.0.0")}
    )

    assert ours == theirs


def test_gems_are_those_of_gem_list(image):
    _, root, inventory = image
    if not (root / "usr/bin/gem").exists():
        pytest.skip("no Ruby in this image")
    theirs = set()
    for line in _inside(root, "gem", "list", "--local").splitlines():
        name, _, versions = line.partition(" (")
        for version in versions.rstrip(")").split(", ") if versions else ():
            theirs.add((name, version.removeprefix("default: ").split()[0]))

    assert set(_ours(inventory, "gem")) == theirs


def test_go_programs_are_those_of_go_version(image):
    _, root, inventory = image
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go compiler: Debian's package golang-go brings it")
    theirs = {}
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size > 4096:
            with path.open("rb") as file:
                if file.read(4) not in MAGICS:
                    continue
            said = subprocess.run([go, "version", str(path)], capture_output=True, check=False, text=True).stdout
            if match := re.search(r": go(\d[\d.]*)", said):
                theirs[str(path.relative_to(root))] = match.group(1)

    ours = {item.package.path: item.package.version for item in inventory.packages if item.package.name == "stdlib"}

    assert ours == theirs


def test_jars_are_those_of_their_own_metadata(image):
    _, root, inventory = image
    ours = {}
    for item in inventory.packages:
        if item.package.type == "maven":
            ours.setdefault(item.package.path, set()).add((item.package.name, item.package.version))
    for path in root.rglob("*.jar"):
        if path.is_symlink():
            continue
        with zipfile.ZipFile(path) as archive:
            poms = [archive.read(name).decode() for name in archive.namelist() if name.endswith("pom.properties")]
        theirs = set()
        for text in poms:
            fields = dict(re.findall(r"^(\w+)=(\S+)\s*$", text, re.MULTILINE))
            theirs.add((f"{fields['groupId']}:{fields['artifactId']}", fields["version"]))
        assert theirs <= ours.get(str(path.relative_to(root)), set())


def test_every_package_knows_its_layer(image):
    _, _, inventory = image

    assert all(item.layer.startswith("sha256:") for item in inventory.packages)
