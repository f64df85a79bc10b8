"""Takes away one call of the guard after another: a test must fail for each."""
