"""``python -m caraval.cli``, where the ``caraval`` command is not on the path."""

from __future__ import annotations

from . import app

app(prog_name="caraval")
