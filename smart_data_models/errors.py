"""What may be wrong with data models that are asked for."""


class NoRegistry(Exception):
    """There is no registry where it should be, or one of another format."""


class UnknownType(ValueError):
    """A type to be checked that no model is known of."""
