"""The terminal and the programs beside it: clipboard, pager, browser, signals."""
