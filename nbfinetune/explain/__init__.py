"""Where in an image a model finds its class: heat maps of a run's model.

Nothing is imported here: `heat_map` is free of torch, `explaining` is not.
"""
