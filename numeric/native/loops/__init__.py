"""The loops of a kernel, and their C text."""
