"""Errors about the data folder. They end the program's start, so the operator reads them."""

from __future__ import annotations


class DataFolderError(Exception):
    """Base of what can be wrong with a data folder; the text says what to do."""


class DataFolderInUse(DataFolderError):
    """Another process owns the folder."""


class UnusableFolder(DataFolderError):
    """The folder cannot be made or written."""


class NewerDataFile(DataFolderError):
    """The file was written by a newer Machi."""


class NotADataFile(DataFolderError):
    """The file is not a data file of Machi."""


class DamagedBackup(DataFolderError):
    """A backup does not pass the check."""


class TargetExists(DataFolderError):
    """The target of a backup or restore is there already."""
