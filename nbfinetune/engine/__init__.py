"""What trains a model: one step after the other, the same each time."""
