"""From photographs to materials."""
