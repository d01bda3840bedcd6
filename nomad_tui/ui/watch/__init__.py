"""Watch rules on the screen: what they do when they fire, and their page."""
