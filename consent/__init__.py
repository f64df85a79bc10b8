"""Who may see and do what: identities, policies, and the guard that decides by them."""
