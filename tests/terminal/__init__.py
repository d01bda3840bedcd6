"""The installed command in a pseudo-terminal, judged only by what an emulated terminal shows."""
