"""Query languages: text → AST → (SQL | predicate). Pure: no I/O."""
