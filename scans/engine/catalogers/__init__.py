"""The package databases that are read. A new cataloger is a module here and a line in `CATALOGERS`."""

from scans.engine.catalogers.apk import ApkCataloger
from scans.engine.catalogers.base import Cataloger, FileCataloger
from scans.engine.catalogers.beam import BeamCataloger
from scans.engine.catalogers.bitnami import BitnamiCataloger
from scans.engine.catalogers.conda import CondaCataloger
from scans.engine.catalogers.dotnet import DotnetCataloger
from scans.engine.catalogers.dpkg import DpkgCataloger
from scans.engine.catalogers.dpkg_files import DpkgFilesCataloger
from scans.engine.catalogers.go import GoCataloger
from scans.engine.catalogers.java import JavaCataloger
from scans.engine.catalogers.jdk import JdkCataloger
from scans.engine.catalogers.npm import NpmCataloger
from scans.engine.catalogers.os_release import OsReleaseCataloger
from scans.engine.catalogers.php import PhpCataloger
from scans.engine.catalogers.python import PythonCataloger
from scans.engine.catalogers.r import RCataloger
from scans.engine.catalogers.rpm import RpmCataloger
from scans.engine.catalogers.rpm_manifest import RpmManifestCataloger
from scans.engine.catalogers.ruby import RubyCataloger
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
    RubyCataloger(),
    RCataloger(),
    PhpCataloger(),
    JdkCataloger(),
    DotnetCataloger(),
    BitnamiCataloger(),
    BeamCataloger(),
    NpmCataloger(),
)

FILE_CATALOGERS: tuple[FileCataloger, ...] = (
    RpmCataloger(),
    JavaCataloger(),
    WheelCataloger(),
    GoCataloger(),
    RustCataloger(),
)
