"""The candidates of all shards, merged and ranked without the training set."""
