"""Architectures, their weights and their layer groups.

Nothing is imported here: every module of this package but the catalogue needs torch and timm,
and the notebook's kernel must draw its first screen without them.
"""
