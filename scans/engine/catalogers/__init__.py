"""The package databases that are read. A new cataloger is a module here and a line in `CATALOGERS`."""

from scans.engine.catalogers.apk import ApkCataloger
from scans.engine.catalogers.base import Cataloger, FileCataloger
from scans.engine.catalogers.conda import CondaCataloger
from scans.engine.catalogers.dpkg import DpkgCataloger
from scans.engine.catalogers.dpkg_files import DpkgFilesCataloger
from scans.engine.catalogers.go import GoCataloger
from scans.engine.catalogers.java import JavaCataloger
from scans.engine.catalogers.npm import NpmCataloger
from scans.engine.catalogers.os_release import OsReleaseCataloger
from scans.engine.catalogers.python import PythonCataloger
from scans.engine.catalogers.rpm import RpmCataloger
from scans.engine.catalogers.rpm_manifest import RpmManifestCataloger
from scans.engine.catalogers.rust import RustCataloger
from scans.engine.catalogers.wheel import WheelCataloger

CATALOGERS: tuple[Cataloger, ...] = (
    OsReleaseCataloger(),
    DpkgCataloger(),
    DpkgFilesCataloger(),
    ApkCataloger(),
    RpmManifestCataloger(),
    PythonCataloger(),
    CondaCataloger(),
    NpmCataloger(),
)

FILE_CATALOGERS: tuple[FileCataloger, ...] = (
    RpmCataloger(),
    JavaCataloger(),
    WheelCataloger(),
    GoCataloger(),
    RustCataloger(),
)
