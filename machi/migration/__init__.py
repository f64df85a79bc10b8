"""All that a store has, copied to another engine, and compared."""
