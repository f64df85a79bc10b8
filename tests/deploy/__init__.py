"""The shape in which a town runs in production."""
