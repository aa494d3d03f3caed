"""Caraval against the reference data: records of single elements, real lattices, benchmark cases of other codes.

``make validate`` compares on every backend and writes ``docs/validation.md``.
"""
