"""What computes: devices, processes, signals, progress."""
