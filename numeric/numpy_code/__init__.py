"""NumPy source from array programs: the writer, the helpers that a module carries, buffers used again."""
