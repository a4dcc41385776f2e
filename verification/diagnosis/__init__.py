"""From what was proved and observed to named findings, with the smallest example and the fix."""
