"""Making texture out of texture: seamless tiles."""
