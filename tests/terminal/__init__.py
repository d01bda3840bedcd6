"""The installed command in a pseudo-terminal, judged by what an emulated terminal shows.

Nothing here asks the program what it meant to draw.
"""
