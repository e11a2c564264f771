"""The error of this package. Every refusal names the value, where it stands and the remedy."""


class TopologyError(ValueError):
    """A topology, or a reference into one, that cannot be used."""
