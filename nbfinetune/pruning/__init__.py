"""Making a model smaller: which weights go."""
