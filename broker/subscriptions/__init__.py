"""Who is told of changes: live streams from the change feed, and what they match."""
