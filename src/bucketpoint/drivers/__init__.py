"""What performs effects: for callers that block, and for those that await."""
