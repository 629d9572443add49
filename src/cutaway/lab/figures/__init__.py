"""What the rooms' pages draw: a trace, the lines that made it, and why each number is what it is."""
