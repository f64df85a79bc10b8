"""What `machi doctor` looks for: the commonest mistakes, each with what to do about it."""
