"""Networks trained to stationarity, and what they make of their training images."""
