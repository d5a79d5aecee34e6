"""The one typed place of configuration: tagger.yaml, read and checked for every stage."""

from settings.loader import SettingsError, load_settings
from settings.options import add_settings_options
from settings.schema import (
    CatalogSettings,
    ExportSettings,
    GatewaySettings,
    ServingSettings,
    Settings,
    TensorRTSettings,
    TrainingSettings,
)

__all__ = [
    "CatalogSettings",
    "ExportSettings",
    "GatewaySettings",
    "ServingSettings",
    "Settings",
    "SettingsError",
    "TensorRTSettings",
    "TrainingSettings",
    "add_settings_options",
    "load_settings",
]
