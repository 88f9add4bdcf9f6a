"""How candidates match images, and what may be concluded from that."""
