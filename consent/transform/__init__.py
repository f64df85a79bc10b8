"""What is shown instead of the exact truth (pure).

`coarsen` times and places, `pseudonyms` for each purpose and recipient, `counts` and `amounts`
that tell of no group smaller than k.
"""
