"""Counts of people that a town releases: what policies offer, and tables that were given out."""
