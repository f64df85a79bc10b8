"""The commands of `machi`, one module for each or for a few that belong together."""
