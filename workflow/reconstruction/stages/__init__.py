"""One file a rule: read, call a room, write."""
