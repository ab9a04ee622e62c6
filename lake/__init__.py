"""The lake: its schema, landing, reading back, and the object store or folder under it."""
