"""What the chosen engine cannot do, and what can."""
