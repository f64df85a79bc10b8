"""Policies as data: `DataUsePolicy` documents, the rules in them, and what one sees by them."""
