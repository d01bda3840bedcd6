"""`python -m nomad_tui`."""

from nomad_tui.cli.main import main

if __name__ == "__main__":
    main(prog_name="nomad-tui")
