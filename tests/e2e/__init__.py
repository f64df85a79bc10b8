"""Whole processes, used as their users do."""
