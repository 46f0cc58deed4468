"""How good a model is, and what it says about new images.

Nothing is imported here: `metrics`, `report` and `stored` are free of torch, `inference` is not.
"""
