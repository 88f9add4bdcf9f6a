"""The command line: every stage and every tool with its options."""
