"""What stands between an operator and the events: checked one after the other, each with a verdict and a remedy."""
