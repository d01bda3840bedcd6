"""The terminal and other programs: clipboard, pager, browser, signals."""
