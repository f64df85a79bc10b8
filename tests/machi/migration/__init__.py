"""Copying stores."""
