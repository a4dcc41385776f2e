"""The commands of ``nnmath``, one file each, and what they share. A command imports what it needs when it runs."""
