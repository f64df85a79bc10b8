"""History brought in from files with the data's own times, and taken out as tables."""
