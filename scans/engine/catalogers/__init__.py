"""The package databases that are read. A new cataloger is a module here and a line in `CATALOGERS`."""

from scans.engine.catalogers.base import Cataloger

CATALOGERS: tuple[Cataloger, ...] = ()
