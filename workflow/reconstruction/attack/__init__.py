"""The attack: what it may search, and how; it sees the model alone."""
