"""One shard of a sweep: its batches, its checkpoint, what it keeps."""
