"""The vault: a folder of Markdown files as the app's notes."""

from tickwright.plugins.vault.plugin import VaultError, VaultPlugin
from tickwright.plugins.vault.store import DiskStore

__all__ = ["DiskStore", "VaultError", "VaultPlugin"]
