"""Room 4 as one HTML file: what every head does, and what an answer is made of."""
