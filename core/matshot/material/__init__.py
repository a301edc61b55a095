"""Materials: maps of one surface, and the folders that they live in."""
