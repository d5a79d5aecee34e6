"""The one typed place of configuration: tagger.yaml, read and checked for every stage."""

from settings.loader import SettingsError, load_settings
from settings.measuring import BenchSettings, LoadtestSettings, PerfSettings
from settings.options import add_settings_options
from settings.schema import (
    CatalogSettings,
    ExportSettings,
    ServingSettings,
    Settings,
    TensorRTSettings,
    TrainingSettings,
)

__all__ = [
    "BenchSettings",
    "CatalogSettings",
    "ExportSettings",
    "LoadtestSettings",
    "PerfSettings",
    "ServingSettings",
    "Settings",
    "SettingsError",
    "TensorRTSettings",
    "TrainingSettings",
    "add_settings_options",
    "load_settings",
]
