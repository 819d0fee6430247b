"""Exporters, one file per format, and the list of all of them."""

from curation.exporters.base import CuratedSet, Exporter
from curation.exporters.folder import Folder
from curation.exporters.npy import Npy
from curation.exporters.parquet import Parquet
from curation.plugin import Registry

EXPORTERS: Registry[Exporter] = Registry("exporter", (Npy, Folder, Parquet))

__all__ = ["EXPORTERS", "CuratedSet", "Exporter"]
