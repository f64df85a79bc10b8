"""@contexts a broker stores: hosted for clients, made for its answers, and cached (§5.13)."""
