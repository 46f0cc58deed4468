"""How good a model is, and what it says about new images.

Nothing is imported here: `metrics` and `report` are free of torch, `inference` is not.
"""
