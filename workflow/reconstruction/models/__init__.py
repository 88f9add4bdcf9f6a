"""Networks, the input they take, and the family that they belong to."""
