"""The files that stages exchange, and where they lie."""
