"""History: the follower that writes it, its retention, and the temporal API's reading of it."""
