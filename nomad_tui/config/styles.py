"""The style sheets of the dashboard."""

from pathlib import Path


def styles_folder(package: Path = Path(__file__).parent.parent) -> Path:
    """The folder of the style sheets: in `package` once it is installed, or next to it in a checkout.

    Raises `ConfigurationError` when neither folder holds `app.tcss`.
    """
    folders = (package / "styles", package.parent / "styles")
    for folder in folders:
        if (folder / "app.tcss").is_file():
            return folder
    from nomad_tui.config.setting import ConfigurationError

    raise ConfigurationError(f"The style sheets are in neither {folders[0]} nor {folders[1]}: install nomad-tui again.")
