"""What an operator keeps between runs: settings, saved filters, and the filters of other days."""
