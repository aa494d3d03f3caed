"""Many settings of one lattice: tables and grids of them, tracked by the chunk, to a table of results."""

from __future__ import annotations

from .outputs import DEFAULT, QUANTITIES
from .scans import Scan, scan
from .settings import grid
from .tables import read_table
from .work import Chunk, Work

__all__ = ["DEFAULT", "QUANTITIES", "Chunk", "Scan", "Work", "grid", "read_table", "scan"]
